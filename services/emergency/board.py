"""What operators see and do: every report in the order of urgency, and the steps from triage to closing.

No report is hidden from the board: what looks like a prank or a duplicate stands lower, beside the reason.
"""

import re
from typing import Any

from sqlalchemy import ColumnElement, Select, func, select, true
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from services.emergency.answers import NO_STORE, answer, with_call
from services.emergency.board_actions import (
    Action,
    Assess,
    Dispatch,
    HandOver,
    Merge,
    details_of,
    parse_action,
    wrong_field,
)
from services.emergency.board_views import case_view, line, unit_list
from services.emergency.changes import BOARD
from services.emergency.following import MAX_WAIT_SECONDS
from services.emergency.ledger import Case, Doer
from services.emergency.machine import OPEN, Actor, Happening, Status
from services.emergency.service import Service
from services.emergency.tables import Incident, IncidentEvent
from services.emergency.views import Json
from services.kit.assertion import require_role
from services.kit.etag import check_if_match, conditional_json, etag_of
from services.kit.idempotency import Answer, attempt_of
from services.kit.inputs import read_json_bytes
from services.kit.paging import Listing, PageQuery, equals, one_of, since
from services.kit.problem import bad_request, conflict, not_found

OPERATOR = "operator:112"
_MAX_SERIAL = 2**62
_REFERENCE = re.compile(r"112-([0-9]{6,18})")
_STORED = [status for status in Status if status is not Status.NEW]


def _flag(column: Any, name: str) -> Any:  # Any: a Filter on a boolean column
    def build(value: str) -> ColumnElement[bool]:
        if value not in ("true", "false"):
            raise bad_request(f"bad-{name}", f"{name} harus true atau false.", f"{name} must be true or false.")
        condition: ColumnElement[bool] = column.is_(value == "true")
        return condition

    return build


LISTING = Listing(
    sorts={"urgency": Incident.board_order, "received_at": Incident.received_at, "updated_at": Incident.updated_at},
    tie=Incident.serial,
    default_sort="urgency",
    filters={
        "state": one_of(Incident.state, _STORED),
        "kind": equals(Incident.kind),
        "silent": _flag(Incident.is_silent, "silent"),
        "outside": _flag(Incident.is_outside, "outside"),
        "since": since(Incident.updated_at),
    },
    default_limit=50,
)


class _Board:
    """The endpoints, sharing the service."""

    def __init__(self, service: Service) -> None:
        self._service = service

    async def listed(self, request: Request) -> Response:
        """List what operators have to do, or with `all=true` everything; `wait` and `seen` wait for a change."""
        require_role(request, OPERATOR, "admin")
        page = LISTING.read(request, also=("all", "wait", "seen"))
        scope = true() if request.query_params.get("all") == "true" else Incident.is_on_board
        statement = page.apply(select(Incident).where(scope))
        wait, seen = _number(request, "wait", MAX_WAIT_SECONDS), _number(request, "seen", _MAX_SERIAL)

        async def read() -> Json:
            return await self._service.database.read(lambda session: self._page(session, page, statement))

        shown = await read()
        if wait:
            seen = shown["version"] if seen is None else seen
            shown = await self._service.changes.wait_for(
                {BOARD}, read, is_news=lambda now: bool(now["version"] != seen), seconds=wait
            )
        return answer(shown)

    async def shown(self, request: Request) -> Response:
        """Show one incident with all that is known of it."""
        require_role(request, OPERATOR, "admin")

        def read(session: Session) -> tuple[Json, str]:
            case = self._case(session, request.path_params["reference"])
            return case_view(self._service, session, case), _tag(case)

        view, tag = await self._service.database.read(read)
        return conditional_json(request, with_call(view), etag=tag, cache_control="no-store")

    async def act(self, request: Request) -> Response:
        """Record what an operator does. `If-Match` is honoured when sent; the state alone decides otherwise."""
        service, operator = self._service, require_role(request, OPERATOR)
        body = await read_json_bytes(request)
        action, kind = parse_action(body)
        touched: list[int] = []

        def change(session: Session) -> Answer:
            case = self._case(session, request.path_params["reference"])
            check_if_match(request, _tag(case))
            case = self._record(session, case, action, kind, Doer(Actor.OPERATOR, operator.subject))
            touched.append(case.incident.serial)
            return Answer(200, with_call(case_view(service, session, case)), {**NO_STORE, "ETag": _tag(case)})

        attempt = attempt_of(request, body, caller=operator.subject)
        stored = await service.once.write(service.database, attempt, change)
        service.changes.announce(touched)
        return stored.response()

    async def units(self, request: Request) -> Response:
        """List the units and where each is busy."""
        require_role(request, OPERATOR, "admin")
        service = self._service
        return answer(await service.database.read(lambda session: unit_list(service, session, request)))

    def _page(self, session: Session, page: PageQuery, statement: Select[Any]) -> Json:
        unread = session.scalar(select(func.count()).where(Incident.state == Status.RECEIVED))
        rows = session.scalars(statement).all()
        return {
            "version": session.scalar(select(func.max(IncidentEvent.id))) or 0,
            "unread": unread or 0,
            **page.answer(rows, lambda incident: line(self._service, incident)),
        }

    def _case(self, session: Session, reference: str) -> Case:
        number = _REFERENCE.fullmatch(reference)
        case = self._service.ledger.by_serial(session, int(number[1])) if number else None
        if case is None:
            raise not_found("Tidak ada kejadian dengan nomor itu.", "There is no incident of this number.")
        return case

    def _record(self, session: Session, case: Case, action: Action, kind: Happening, doer: Doer) -> Case:
        ledger = self._service.ledger
        details = details_of(action)
        self._check(action)
        if isinstance(action, Merge):
            details = [{"into": self._merge_target(session, case, action.into)}]
        # Whoever does anything at all with a report has read it.
        if case.state.status is Status.RECEIVED and kind not in (Happening.ACKNOWLEDGED, Happening.MERGED):
            case = ledger.record(session, case, Happening.ACKNOWLEDGED, doer)
        for detail in details:
            case = ledger.record(session, case, kind, doer, detail)
        return case

    def _check(self, action: Action) -> None:
        """Refuse what names a unit, kind or centre that does not exist."""
        catalogue = self._service.catalogue
        if isinstance(action, Dispatch) and not set(action.units) <= catalogue.units.keys():
            raise wrong_field("units", catalogue.units)
        if isinstance(action, Assess) and action.kind is not None and action.kind not in catalogue.kinds:
            raise wrong_field("kind", catalogue.kinds)
        if isinstance(action, HandOver) and action.centre not in catalogue.neighbours:
            raise wrong_field("centre", catalogue.neighbours)

    def _merge_target(self, session: Session, case: Case, reference: str) -> int:
        main = self._service.ledger.main_of(session, self._case(session, reference))
        if main.incident.serial == case.incident.serial:
            raise conflict(
                "merge-into-itself",
                "Kejadian tidak dapat digabung dengan dirinya sendiri.",
                "An incident cannot be joined to itself.",
            )
        if main.state.status not in OPEN:
            raise conflict("target-not-open", "Kejadian tujuan sudah selesai.", "The other incident is not open.")
        return main.incident.serial


def routes(service: Service) -> list[Route]:
    """Return the operators' routes."""
    board = _Board(service)
    return [
        Route("/board", board.listed),
        Route("/board/{reference}", board.shown),
        Route("/board/{reference}/actions", board.act, methods=["POST"]),
        Route("/units", board.units),
    ]


def _tag(case: Case) -> str:
    return etag_of("board", case.incident.serial, case.incident.version)


def _number(request: Request, name: str, maximum: int) -> int | None:
    text = request.query_params.get(name)
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 20 and int(text) <= maximum):
        raise bad_request(f"bad-{name}", f"Parameter {name} tidak sah.", f"The query parameter {name} is not valid.")
    return int(text)
