"""What every endpoint works with, and the two ways it answers: showing a case, and acting on it once."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import Response

from services.kit.assertion import Caller
from services.kit.clock import Now
from services.kit.database import Database
from services.kit.etag import check_if_match, etag_of
from services.kit.idempotency import Answer, OnceOnly, attempt_of
from services.kit.inputs import media_type as media_type_of
from services.kit.inputs import parse_json, read_bounded, unsupported_type
from services.kit.problem import not_found
from services.kit.uploads import FileStore
from services.kit.workdays import Calendar
from services.permits import views
from services.permits.catalogue import Catalogue, Kind
from services.permits.machine import AWAITING_OFFICE
from services.permits.store import Opened, open_case, queue_place

_MAX_EMPTY_BYTES = 1024


class Nothing(BaseModel):
    """The body of a request that needs none: absent or `{}`."""

    model_config = ConfigDict(extra="forbid")


@dataclass(frozen=True, slots=True)
class Office:
    """The service's parts, put together once in `app`."""

    database: Database
    files: FileStore
    catalogue: Catalogue
    calendar: Calendar
    once: OnceOnly
    now: Now

    def kind(self, code: str) -> Kind:
        """Return the kind with this code; kinds of existing applications are never taken out of the catalogue."""
        return self.catalogue.kinds[code]

    async def act(
        self,
        request: Request,
        caller: Caller,
        body: bytes,
        act: Callable[[Session], Answer],
        *,
        on_snapshot: bool = False,
    ) -> Response:
        """Run a change in one transaction, once per `Idempotency-Key`; `on_snapshot` is as in `Database.write`."""
        attempt = attempt_of(request, body, caller=caller.subject)
        return (await self.once.write(self.database, attempt, act, on_snapshot=on_snapshot)).response()

    def own_case(self, session: Session, request: Request, caller: Caller, *, to_change: bool = False) -> Opened:
        """Return the caller's application named in the path; others' do not exist for them."""
        opened = open_case(session, request.path_params["id"], to_change=to_change)
        if opened.row.owner != caller.subject:
            raise not_found("Permohonan tidak ditemukan.", "There is no such application.")
        if to_change:
            check_if_match(request, self.own_view(session, opened)[1])
        return opened

    def own_view(self, session: Session, opened: Opened) -> tuple[dict[str, Any], str]:  # Any: JSON
        """Return what the applicant sees of a case, and its validator."""
        row, case = opened.row, opened.case
        body = views.application_detail(opened, self.kind(row.kind), self.catalogue, self.calendar, self.now())
        place = queue_place(session, row) if case.state in AWAITING_OFFICE else None
        body["queue"] = {"position": place[0], "of": place[1]} if place else None
        return body, etag_of(row.id, case.version, place, body["promise"]["late"])

    def own_answer(self, session: Session, opened: Opened, status: int = 200) -> Answer:
        """Answer a change with the case as it is now."""
        body, etag = self.own_view(session, opened)
        return Answer(status, body, {"ETag": etag})


async def read_nothing(request: Request) -> bytes:
    """Read the body of a request that needs none; anything but `{}` is refused."""
    body = await read_bounded(request, max_bytes=_MAX_EMPTY_BYTES)
    if body:
        if media_type_of(request) != "application/json":
            raise unsupported_type("application/json")
        parse_json(body, Nothing)
    return body
