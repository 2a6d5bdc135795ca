"""What anybody may ask without an emergency at hand: the kinds there are, and the nearest posts."""

from collections.abc import Mapping

from pydantic import BaseModel, Field, ValidationError
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from services.emergency.answers import answer, with_call
from services.emergency.catalogue import Catalogue, Kind, Post
from services.emergency.service import Service
from services.emergency.texts import text_json
from services.emergency.views import Json
from services.kit.etag import conditional_json
from services.kit.paging import page_of
from services.kit.places import distance_m
from services.kit.problem import from_validation

POST_KINDS = ("fire", "health", "police")
SEVERITIES = ("1", "2", "3")


def routes(service: Service) -> list[Route]:
    """Return the public routes."""
    catalogue = service.catalogue

    async def types(request: Request) -> Response:
        page = page_of(request, [_kind(kind) for kind in catalogue.kinds.values()], choices={"severity": SEVERITIES})
        return conditional_json(request, with_call(page), cache_control="public, max-age=600")

    async def posts(request: Request) -> Response:
        place = _place(request.query_params)
        items = [_post(catalogue, post, place) for post in catalogue.posts]
        sorts = ("name", "distance_m") if place else ("name",)
        page = page_of(
            request, items, choices={"kind": POST_KINDS}, sorts=sorts, default_sort=sorts[-1], also=("lat", "lon")
        )
        return answer({**page, "source": catalogue.posts_source, "verified": catalogue.posts_verified})

    return [Route("/types", types), Route("/posts", posts)]


def _kind(kind: Kind) -> Json:
    return {
        "code": kind.code,
        "title": text_json(kind.title),
        "advice": text_json(kind.advice),
        "agencies": list(kind.agencies),
        "severity": kind.severity,
        "source": kind.source,
        "verified": kind.verified,
    }


class _Place(BaseModel):
    lat: float = Field(ge=-90, le=90, allow_inf_nan=False)
    lon: float = Field(ge=-180, le=180, allow_inf_nan=False)


def _place(query: Mapping[str, str]) -> _Place | None:
    given = {name: query[name] for name in ("lat", "lon") if name in query}
    try:
        # Half a position is none, yet what is given must be right.
        place = _Place.model_validate_strings({"lat": "0", "lon": "0", **given})
    except ValidationError as exc:
        raise from_validation(exc, status=400) from None
    return place if len(given) == 2 else None


def _post(catalogue: Catalogue, post: Post, place: _Place | None) -> Json:
    distance = None if place is None else round(distance_m(place.lat, place.lon, post.lat, post.lon))
    return {
        "code": post.code,
        "kind": post.kind,
        "name": post.name,
        "phone": f"tel:{post.phone}",
        "lat": post.lat,
        "lon": post.lon,
        "distance_m": distance,
        "verified": catalogue.posts_verified,
    }
