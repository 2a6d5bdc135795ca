"""What officers do: Laksa's desk verifies and forwards, the agency in charge works and answers.

An agency sees the reports it was given and no others; nobody sees who reported. Acting needs the version one looked
at (`If-Match`), so that two officers never overwrite each other.
"""

from collections.abc import Callable
from typing import Any

from sqlalchemy import ColumnElement, select, true
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from services.complaints.catalogue import Catalogue
from services.complaints.desk_actions import detail_of, parse_action
from services.complaints.desk_rules import check_action, check_agencies, tell_duplicate_reporter
from services.complaints.ledger import Case, Doer
from services.complaints.life import ACTORS, Actor, Happening, Status
from services.complaints.machine import ReportState
from services.complaints.picturing import attach, photo_named, photos_of, positions_of
from services.complaints.service import DESK_ROLE, Service
from services.complaints.tables import AFTER, Photo, Report
from services.complaints.tickets import normalise_ticket
from services.complaints.views import headline, officer_view
from services.kit.assertion import Caller, require_caller
from services.kit.etag import check_if_match, conditional_json, etag_of
from services.kit.idempotency import Answer, attempt_of
from services.kit.inputs import read_json_bytes
from services.kit.paging import Listing, one_of, since
from services.kit.places import KECAMATAN
from services.kit.problem import bad_request, forbidden, not_found

_OFFICER = "officer:"
_SEES_ALL = (DESK_ROLE, "admin")


def _is_late(value: str) -> ColumnElement[bool]:
    if value not in ("true", "false"):
        raise bad_request("bad-late", "Parameter late harus true atau false.", "late must be true or false.")
    return Report.is_late.is_(value == "true")


def _of_original(value: str) -> ColumnElement[bool]:
    ticket = normalise_ticket(value)
    if ticket is None:
        raise bad_request("bad-duplicate-of", "Nomor tiket tidak sah.", "That is no ticket number.")
    return Report.duplicate_of == ticket


def listing(catalogue: Catalogue) -> Listing:
    """Return what the officers' list offers: first what is due first."""
    return Listing(
        sorts={"due_at": Report.due_at, "received_at": Report.received_at, "updated_at": Report.updated_at},
        tie=Report.serial,
        default_sort="due_at",
        filters={
            "state": one_of(Report.state, [s for s in Status if s is not Status.NEW]),
            "category": one_of(Report.category, catalogue.categories),
            "agency": one_of(Report.agency, catalogue.agencies),
            "district": one_of(Report.district, [place.code for place in KECAMATAN]),
            "duplicate_of": _of_original,
            "late": _is_late,
            "since": since(Report.updated_at),
        },
    )


def routes(service: Service) -> list[Route]:
    """Return the officers' routes."""
    acts = _Acts(service)
    return [
        Route("/desk/reports", acts.listed),
        Route("/desk/reports/{ticket}", acts.shown),
        Route("/desk/reports/{ticket}/actions", acts.act, methods=["POST"]),
        Route("/desk/reports/{ticket}/photos", acts.add_photo, methods=["POST"]),
        Route("/desk/reports/{ticket}/photos/{number}", acts.photo),
    ]


def require_officer(request: Request) -> Caller:
    """Return the caller if they are an officer of any agency or an admin; otherwise 401 or 403."""
    caller = require_caller(request)
    if not (caller.has_role("admin") or _agencies(caller)):
        raise forbidden("Hanya untuk petugas yang ditunjuk.", "Only for the officers in charge.")
    return caller


def actor_for(kind: Happening, caller: Caller, state: ReportState) -> Actor:
    """Return as whom this officer does it, or 403: the desk's work is the desk's, the agency's the agency's."""
    if Actor.DESK in ACTORS[kind] and caller.has_role(DESK_ROLE):
        return Actor.DESK
    if Actor.AGENCY in ACTORS[kind] and state.agency is not None and state.agency in _agencies(caller):
        return Actor.AGENCY
    raise forbidden("Tindakan ini bukan wewenang Anda untuk laporan ini.", "This is not yours to do for this report.")


def _agencies(caller: Caller) -> set[str]:
    return {role.removeprefix(_OFFICER) for role in caller.roles if role.startswith(_OFFICER)}


def _scope(caller: Caller) -> ColumnElement[bool]:
    return true() if caller.has_role(*_SEES_ALL) else Report.agency.in_(_agencies(caller))


def _tag(case: Case) -> str:
    # All that the view shows follows from the events, so their number identifies it.
    return etag_of("desk", case.report.ticket, case.report.version)


class _Acts:
    """The endpoints, sharing the service."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._listing = listing(service.catalogue)

    async def listed(self, request: Request) -> Response:
        service, caller = self._service, require_officer(request)
        page = self._listing.read(request)
        statement = page.apply(select(Report).where(_scope(caller)))
        rows = await service.database.read(lambda session: session.scalars(statement).all())
        return conditional_json(request, page.answer(rows, lambda row: headline(row, service.catalogue)))

    async def shown(self, request: Request) -> Response:
        caller = require_officer(request)

        def read(session: Session) -> tuple[dict[str, Any], str]:
            case = self._case(session, request, caller)
            return self._view(session, case), _tag(case)

        view, tag = await self._service.database.read(read)
        return conditional_json(request, view, etag=tag)

    async def photo(self, request: Request) -> Response:
        caller = require_officer(request)

        def find(session: Session) -> Photo:
            report = self._case(session, request, caller).report
            return photo_named(session, report, request.path_params["number"])

        photo = await self._service.database.read(find)
        return self._service.photos.response(request, photo, name="foto-laporan", cache_control="private, no-cache")

    async def act(self, request: Request) -> Response:
        service, caller = self._service, require_officer(request)
        body = await read_json_bytes(request)
        action, kind = parse_action(body)
        check_agencies(service, action)

        def change(session: Session, case: Case) -> Case:
            check_if_match(request, _tag(case), required=True)
            case = service.ledger.catch_up(session, case)
            doer = self._doer(kind, caller, case)
            check_action(service, session, case, action)
            case = service.ledger.record(session, case, kind, doer, detail_of(action))
            tell_duplicate_reporter(service, session, case, action)
            return case

        return await self._change(request, caller, body, change)

    async def add_photo(self, request: Request) -> Response:
        service, caller = self._service, require_officer(request)

        def check(session: Session) -> None:
            self._doer(Happening.PHOTO_ADDED, caller, self._case(session, request, caller))

        # Before a byte of it is stored.
        await service.database.read(check)
        picture = await service.photos.receive(request)

        def change(session: Session, case: Case) -> Case:
            case = service.ledger.catch_up(session, case)
            doer = self._doer(Happening.PHOTO_ADDED, caller, case)
            return attach(service.ledger, session, case, picture, stage=AFTER, doer=doer)

        return await self._change(request, caller, picture.copy.sha256.encode(), change)

    async def _change(
        self, request: Request, caller: Caller, told: bytes, change: Callable[[Session, Case], Case]
    ) -> Response:
        """Change a report the officer may see, once for an Idempotency-Key."""

        def act(session: Session) -> Answer:
            case = change(session, self._case(session, request, caller))
            return Answer(200, self._view(session, case), {"ETag": _tag(case), "Cache-Control": "no-store"})

        attempt = attempt_of(request, told, caller=caller.subject)
        return (await self._service.once.write(self._service.database, attempt, act)).response()

    def _doer(self, kind: Happening, caller: Caller, case: Case) -> Doer:
        return Doer(actor_for(kind, caller, case.state), self._service.vault.officer(caller.subject))

    def _case(self, session: Session, request: Request, caller: Caller) -> Case:
        case = self._service.ledger.find(session, normalise_ticket(request.path_params["ticket"]))
        if case is None or not (caller.has_role(*_SEES_ALL) or case.report.agency in _agencies(caller)):
            raise not_found(
                "Laporan tidak ditemukan, atau bukan untuk OPD Anda.",
                "There is no such report, or it is not for your agency.",
            )
        return case

    def _view(self, session: Session, case: Case) -> dict[str, Any]:
        service, report = self._service, case.report
        return officer_view(
            case, photos_of(session, report), positions_of(session, report), service.catalogue, service.ledger
        )
