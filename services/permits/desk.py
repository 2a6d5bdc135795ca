"""The officers' side: the next case, asking for corrections, approving, the retribution, signing, refusing.

Each endpoint is one event of the machine; who may cause it is said in `desk_access`.
"""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from services.kit.database import in_thread
from services.kit.etag import json_response
from services.kit.idempotency import Answer
from services.kit.inputs import parse_json, read_json_bytes
from services.kit.paging import Listing, one_of
from services.permits.applications import document_response
from services.permits.case import fold
from services.permits.catalogue import Catalogue
from services.permits.desk_access import DeskAccess, Officer, officer_of
from services.permits.desk_requests import (
    CorrectionRequest,
    LevyOrder,
    PaymentCheck,
    Refusal,
    check_items,
    order_detail,
)
from services.permits.issuing import Press, Reserved, reserve
from services.permits.machine import EventKind, State
from services.permits.office import Office, read_nothing
from services.permits.store import Opened, events_of, open_case, record
from services.permits.tables import Application


def desk_listing(catalogue: Catalogue) -> Listing:
    """Say how officers list cases: the order of submission is the order of work."""
    return Listing(
        sorts={"queued_at": Application.queued_at, "updated_at": Application.updated_at},
        tie=Application.id,
        default_sort="queued_at",
        filters={
            "state": one_of(Application.state, [state.value for state in State if state is not State.DRAF]),
            "type": one_of(Application.kind, catalogue.kinds),
        },
    )


class Desk:
    """Endpoints for officers."""

    def __init__(self, office: Office, press: Press) -> None:
        self._office = office
        self._press = press
        self._access = DeskAccess(office)
        self._listing = desk_listing(office.catalogue)

    def routes(self) -> list[Route]:
        one = "/desk/applications/{id}"
        acts = {
            "release": self.release,
            "corrections": self.ask_correction,
            "accept": self.accept,
            "assess": self.assess,
            "levy": self.set_levy,
            "payment": self.check_payment,
            "issue": self.issue,
            "refuse": self.refuse,
        }
        return [
            Route("/desk/applications", self.list_cases, methods=["GET"]),
            Route("/desk/next", self.take_next, methods=["POST"]),
            Route(one, self.show, methods=["GET"]),
            Route(f"{one}/documents/{{sha256}}", self.download, methods=["GET"]),
            *(Route(f"{one}/{name}", act, methods=["POST"]) for name, act in acts.items()),
        ]

    async def list_cases(self, request: Request) -> Response:
        """List the cases of the officer's agencies, drafts excepted."""
        officer = officer_of(request)
        page = self._listing.read(request)

        def read(session: Session) -> dict[str, Any]:
            statement = select(Application).where(self._access.may_see(officer))
            rows = session.scalars(page.apply(statement)).all()
            events = events_of(session, [row.id for row in rows])
            return page.answer(rows, lambda row: self._access.summary(Opened(row, fold(events[row.id])), officer))

        return json_response(await self._office.database.read(read), headers={"Cache-Control": "private, no-store"})

    async def take_next(self, request: Request) -> Response:
        """Take the case that has waited longest for this officer's agencies; 204 when none waits."""
        officer = officer_of(request)
        body = await read_nothing(request)

        def act(session: Session) -> Answer:
            waiting = (
                select(Application.id)
                .where(
                    self._access.is_work_of(officer),
                    Application.assignee.is_(None),
                    Application.owner != officer.subject,
                )
                .order_by(Application.queued_at, Application.id)
                .limit(1)
            )
            found = session.scalar(waiting)
            if found is None:
                return Answer(200, {"application": None})
            opened = open_case(session, found, to_change=True)
            taken = record(session, opened, EventKind.TAKEN, at=self._office.now(), actor=officer.subject)
            view, etag = self._access.view(taken, officer)
            return Answer(200, {"application": view}, {"ETag": etag})

        return await self._office.act(request, officer.caller, body, act)

    async def show(self, request: Request) -> Response:
        officer = officer_of(request)

        def read(session: Session) -> tuple[dict[str, Any], str]:
            return self._access.view(self._access.open(session, request, officer), officer)

        body, etag = await self._office.database.read(read)
        return json_response(body, headers={"ETag": etag, "Cache-Control": "private, no-store"})

    async def download(self, request: Request) -> Response:
        officer = officer_of(request)
        opened = await self._office.database.read(lambda session: self._access.open(session, request, officer))
        return document_response(self._office, opened, request.path_params["sha256"])

    async def release(self, request: Request) -> Response:
        """Put a case back into the queue."""
        return await self._simple(request, EventKind.RELEASED)

    async def accept(self, request: Request) -> Response:
        """Find the file complete and pass it on to the technical assessment."""
        return await self._simple(request, EventKind.FILE_ACCEPTED)

    async def assess(self, request: Request) -> Response:
        """Approve technically; what is free of charge goes straight to the signature."""
        officer = officer_of(request)
        body = await read_nothing(request)

        def act(session: Session) -> Answer:
            opened = self._access.work(session, request, officer)
            gratis = self._office.kind(opened.row.kind).fee.gratis
            return self._recorded(session, opened, officer, EventKind.ASSESSED_FREE if gratis else EventKind.ASSESSED)

        return await self._office.act(request, officer.caller, body, act)

    async def ask_correction(self, request: Request) -> Response:
        officer = officer_of(request)
        body = await read_json_bytes(request)
        wanted = parse_json(body, CorrectionRequest)

        def act(session: Session) -> Answer:
            opened = self._access.work(session, request, officer)
            check_items(wanted, self._office.kind(opened.row.kind))
            detail = {"items": [{"item": one.item, "note": one.note} for one in wanted.items]}
            return self._recorded(session, opened, officer, EventKind.CORRECTION_ASKED, detail)

        return await self._office.act(request, officer.caller, body, act)

    async def set_levy(self, request: Request) -> Response:
        """Order the retribution; from here on a bank can take the money."""
        officer = officer_of(request)
        body = await read_json_bytes(request)
        wanted = parse_json(body, LevyOrder)

        def act(session: Session) -> Answer:
            opened = self._access.work(session, request, officer)
            detail = order_detail(wanted, self._office.kind(opened.row.kind), opened.case.details)
            return self._recorded(session, opened, officer, EventKind.LEVY_SET, detail)

        return await self._office.act(request, officer.caller, body, act)

    async def check_payment(self, request: Request) -> Response:
        officer = officer_of(request)
        body = await read_json_bytes(request)
        wanted = parse_json(body, PaymentCheck)
        kind = EventKind.PAYMENT_CONFIRMED if wanted.accept else EventKind.PAYMENT_REJECTED

        def act(session: Session) -> Answer:
            opened = self._access.work(session, request, officer)
            return self._recorded(session, opened, officer, kind, {"reason": wanted.reason})

        return await self._office.act(request, officer.caller, body, act)

    async def refuse(self, request: Request) -> Response:
        officer = officer_of(request)
        body = await read_json_bytes(request)
        wanted = parse_json(body, Refusal)

        def act(session: Session) -> Answer:
            opened = self._access.work(session, request, officer)
            return self._recorded(session, opened, officer, EventKind.REFUSED, {"reason": wanted.reason})

        return await self._office.act(request, officer.caller, body, act)

    async def issue(self, request: Request) -> Response:
        """Sign and issue the permit."""
        officer = officer_of(request)
        body = await read_nothing(request)
        database = self._office.database
        ready = await database.write(lambda session: self._reserve(session, request, officer))
        detail = None
        if ready is not None:
            kind = self._office.kind(ready.opened.row.kind)
            detail = await in_thread(self._press.print, ready, kind)

        def act(session: Session) -> Answer:
            opened = self._access.work(session, request, officer)
            return self._recorded(session, opened, officer, EventKind.ISSUED, detail)

        return await self._office.act(request, officer.caller, body, act)

    def _reserve(self, session: Session, request: Request, officer: Officer) -> Reserved | None:
        opened = self._access.open(session, request, officer, to_change=True)
        if opened.case.state is not State.PENANDATANGANAN:
            return None  # a repeated request finds its answer, any other its conflict
        opened = self._access.work(session, request, officer)
        return reserve(session, opened, self._office.kind(opened.row.kind), self._office.now())

    async def _simple(self, request: Request, kind: EventKind) -> Response:
        officer = officer_of(request)
        body = await read_nothing(request)

        def act(session: Session) -> Answer:
            return self._recorded(session, self._access.work(session, request, officer), officer, kind)

        return await self._office.act(request, officer.caller, body, act)

    def _recorded(
        self,
        session: Session,
        opened: Opened,
        officer: Officer,
        kind: EventKind,
        detail: Mapping[str, Any] | None = None,
    ) -> Answer:
        moved = record(session, opened, kind, at=self._office.now(), actor=officer.subject, detail=detail)
        view, etag = self._access.view(moved, officer)
        return Answer(200, view, {"ETag": etag})
