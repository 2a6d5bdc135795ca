"""What everybody sees, and following a public report."""

from collections.abc import Sequence

from services.complaints.catalogue import Catalogue
from services.complaints.openapi.examples import BALANCE, CATEGORY, MAP, PUBLIC_REPORT, page
from services.complaints.openapi.parameters import (
    DISTRICT,
    NOT_MODIFIED,
    NUMBER,
    PICTURE_ANSWER,
    STATE,
    TICKET,
    agency,
    category,
)
from services.kit.openapi import SIGNED_IN, Json, json_answer, operation, paging, parameter, problems, ref

_TAGS = ("public",)
_NOBODY: list[Json] = [{}]


def paths(catalogue: Catalogue) -> Json:
    """Return the public paths."""
    filters = [STATE, DISTRICT, category(catalogue), agency(catalogue)]
    listing = [*paging(["received"], "-received"), *filters]
    one_agency = parameter("agency", "query", {"type": "string", "enum": list(catalogue.agencies)})
    categories = [*paging(["code"], "code"), one_agency]
    lists = {
        "/public": ("listPublicReports", "See what was reported", "PublicPage", page(PUBLIC_REPORT), listing),
        "/public/map": ("mapPublicReports", "See it as GeoJSON", "PublicMap", MAP, listing),
        "/categories": ("listCategories", "See what can be reported", "CategoryPage", page(CATEGORY), categories),
        "/balance": ("getBalance", "Add up every report", "Balance", BALANCE, paging(["date"], "-date")),
    }
    return {
        **{path: {"get": _read(*told, 400)} for path, told in lists.items()},
        "/public/{ticket}": {
            "get": _read("getPublicReport", "See one report", "PublicReport", PUBLIC_REPORT, [TICKET], 404)
        },
        "/public/{ticket}/photos/{number}": {"get": _photo()},
        "/reports/{ticket}/following": {
            "put": _following("followReport", "Be told how a public report goes on", is_following=True),
            "delete": _following("unfollowReport", "Be told no more", is_following=False),
        },
    }


def _read(name: str, summary: str, schema: str, example: Json, parameters: Sequence[Json], *statuses: int) -> Json:
    answer = json_answer(summary, ref(schema), example)
    return operation(
        name,
        summary,
        tags=_TAGS,
        security=_NOBODY,
        parameters=parameters,
        responses={"200": answer, **NOT_MODIFIED, **problems(*statuses)},
    )


def _photo() -> Json:
    return operation(
        "getPublicPhoto",
        "See a published photo",
        tags=_TAGS,
        security=_NOBODY,
        parameters=[TICKET, NUMBER],
        responses={**PICTURE_ANSWER, **problems(404)},
    )


def _following(name: str, summary: str, *, is_following: bool) -> Json:
    example = {"ticket": PUBLIC_REPORT["ticket"], "following": is_following, "followers": 3}
    return operation(
        name,
        summary,
        tags=_TAGS,
        security=SIGNED_IN,
        parameters=[TICKET],
        responses={"200": json_answer("Done", ref("Following"), example), **problems(401, 404)},
    )
