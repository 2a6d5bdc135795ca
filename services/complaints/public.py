"""What everybody may see: the catalogue, the list and map of reports without personal data, and following one.

Confidential reports are not here at all. A reporter's own words never are: the desk publishes a summary and chooses
the photos.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from services.complaints.catalogue import Catalogue
from services.complaints.life import Status
from services.complaints.picturing import photo_named, photos_of
from services.complaints.service import Service
from services.complaints.tables import FOLLOWER, REPORTER, Report, VaultEntry
from services.complaints.tickets import normalise_ticket
from services.complaints.views import category_json, public_view
from services.kit.assertion import require_caller
from services.kit.etag import conditional_json, json_response
from services.kit.paging import Listing, PageQuery, one_of, page_of
from services.kit.places import KECAMATAN
from services.kit.problem import bad_request, not_found

_CACHE = "public, max-age=30"


def listing(catalogue: Catalogue) -> Listing:
    """Return what the public list offers; every filter takes known words only."""
    return Listing(
        # Serial numbers stand for the order of reception: a time of day would help to guess who reported.
        sorts={"received": Report.serial},
        tie=Report.serial,
        default_sort="-received",
        filters={
            "state": one_of(Report.state, [s for s in Status if s is not Status.NEW]),
            "category": one_of(Report.category, catalogue.categories),
            "agency": one_of(Report.agency, catalogue.agencies),
            "district": one_of(Report.district, [place.code for place in KECAMATAN]),
        },
    )


def routes(service: Service) -> list[Route]:
    """Return the public routes."""
    acts = _Acts(service)
    return [
        Route("/categories", acts.categories),
        Route("/public", acts.listed),
        Route("/public/map", acts.map),
        Route("/public/{ticket}", acts.shown),
        Route("/public/{ticket}/photos/{number}", acts.photo),
        Route("/reports/{ticket}/following", acts.follow, methods=["PUT"]),
        Route("/reports/{ticket}/following", acts.unfollow, methods=["DELETE"]),
    ]


class _Acts:
    """The endpoints, sharing the service."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._listing = listing(service.catalogue)

    async def categories(self, request: Request) -> Response:
        catalogue = self._service.catalogue
        agency = request.query_params.get("agency")
        if agency is not None and agency not in catalogue.agencies:
            raise bad_request("bad-agency", "OPD tidak dikenal.", "There is no such agency.")
        entries = [category_json(category) for category in catalogue.categories.values()]
        page = page_of(request, entries, filters=("agency",), sorts=("code",))
        return conditional_json(request, page, cache_control="public, max-age=600")

    async def listed(self, request: Request) -> Response:
        return conditional_json(request, await self._page(self._listing.read(request)), cache_control=_CACHE)

    async def map(self, request: Request) -> Response:
        """Show the list as GeoJSON (RFC 7946): only reports whose position may be shown."""
        page = await self._page(self._listing.read(request))
        features = [_feature(item) for item in page["items"] if item["position"] is not None]
        body = {"type": "FeatureCollection", "features": features, "next": page["next"]}
        return conditional_json(request, body, cache_control=_CACHE)

    async def shown(self, request: Request) -> Response:
        def read(session: Session) -> Mapping[str, Any]:
            return self._views(session, [_public_report(session, request)])[0]

        return conditional_json(request, await self._service.database.read(read), cache_control=_CACHE)

    async def photo(self, request: Request) -> Response:
        def find(session: Session) -> Any:  # Any: a row
            report = _public_report(session, request)
            photo = photo_named(session, report, request.path_params["number"])
            if photo.number not in self._service.ledger.case_of(session, report).state.public_photos:
                raise not_found("Foto tidak ditemukan.", "There is no such photo.")
            return photo

        photo = await self._service.database.read(find)
        return self._service.photos.response(request, photo, name="foto-laporan", cache_control=_CACHE)

    async def follow(self, request: Request) -> Response:
        person = self._service.vault.person(require_caller(request).subject)

        def act(session: Session) -> Mapping[str, Any]:
            report = _public_report(session, request)
            add_follower(self._service, session, report, person)
            return {
                "ticket": report.ticket,
                "following": True,
                "followers": _followers(session, [report])[report.serial],
            }

        return json_response(await self._service.database.write(act))

    async def unfollow(self, request: Request) -> Response:
        person = self._service.vault.person(require_caller(request).subject)

        def act(session: Session) -> Mapping[str, Any]:
            report = _public_report(session, request)
            entry = session.get(VaultEntry, (report.serial, person))
            if entry is not None and entry.relation == FOLLOWER:
                session.delete(entry)
                session.flush()
            return _following(session, report, is_following=False)

        return json_response(await self._service.database.write(act))

    async def _page(self, page: PageQuery) -> dict[str, Any]:
        def read(session: Session) -> dict[str, Any]:
            rows = session.scalars(page.apply(_public_reports())).all()
            views = iter(self._views(session, rows[: page.limit]))
            return page.answer(rows, lambda _row: next(views))

        return await self._service.database.read(read)

    def _views(self, session: Session, reports: Sequence[Report]) -> list[Mapping[str, Any]]:
        service = self._service
        followers = _followers(session, reports)
        return [
            public_view(
                report,
                service.ledger.case_of(session, report),
                photos_of(session, report),
                service.catalogue,
                followers=followers[report.serial],
            )
            for report in reports
        ]


def add_follower(service: Service, session: Session, report: Report, person: str) -> None:
    """Let someone follow a report; its reporter is told anyway."""
    if session.get(VaultEntry, (report.serial, person)) is None:
        session.add(VaultEntry(serial=report.serial, person=person, relation=FOLLOWER, since=service.now()))
        session.flush()


def reporter_of(session: Session, report: Report) -> str | None:
    """Return who stands in the vault as the report's reporter; None when anonymous."""
    return session.scalar(
        select(VaultEntry.person).where(VaultEntry.serial == report.serial, VaultEntry.relation == REPORTER)
    )


def _public_reports() -> Select[Any]:
    return select(Report).where(Report.is_confidential.is_(False))


def _public_report(session: Session, request: Request) -> Report:
    ticket = normalise_ticket(request.path_params["ticket"])
    report: Report | None = None
    if ticket is not None:
        report = session.scalar(_public_reports().where(Report.ticket == ticket))
    if report is None:
        raise not_found("Laporan tidak ditemukan.", "There is no such report.")
    return report


def _followers(session: Session, reports: Sequence[Report]) -> dict[int, int]:
    counts = dict.fromkeys((report.serial for report in reports), 0)
    rows = session.execute(
        select(VaultEntry.serial, func.count().label("followers"))
        .where(VaultEntry.serial.in_(counts), VaultEntry.relation == FOLLOWER)
        .group_by(VaultEntry.serial)
    )
    return counts | {row.serial: row.followers for row in rows}


def _following(session: Session, report: Report, *, is_following: bool) -> dict[str, Any]:
    followers = _followers(session, [report])[report.serial]
    return {"ticket": report.ticket, "following": is_following, "followers": followers}


def _feature(item: Mapping[str, Any]) -> dict[str, Any]:
    position = item["position"]
    shown = ("ticket", "state", "colour", "category", "summary", "received_on")
    return {
        "type": "Feature",
        "geometry": {"type": "Point", "coordinates": [position["lon"], position["lat"]]},
        "properties": {name: item[name] for name in shown},
    }
