"""Following one's own report: the unguessable id is the key, and waiting for news costs one request.

`?wait=25` answers as soon as something happens, when 30 seconds without an operator have passed, or after the wait.
"""

from collections.abc import Awaitable, Callable

from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from services.emergency.answers import NO_STORE, answer, with_call
from services.emergency.ledger import BY_REPORTER, Case
from services.emergency.lenient import Prose, attempt_if_usable, once_or_anew, read_leniently
from services.emergency.machine import Happening
from services.emergency.service import Service
from services.emergency.views import reporter_view, seconds_until_call, version_of
from services.kit.idempotency import Answer
from services.kit.inputs import parse_json, read_query
from services.kit.problem import not_found

MAX_WAIT_SECONDS = 25


class Waiting(BaseModel):
    """How long to wait for news, and the version already seen (by default the one there is when asking)."""

    model_config = ConfigDict(extra="forbid")
    wait: int = Field(default=0, ge=0, le=MAX_WAIT_SECONDS)
    seen: str | None = Field(default=None, max_length=64)


class NewMessage(BaseModel):
    """What a reporter adds."""

    model_config = ConfigDict(extra="ignore", strict=True)
    text: Prose = Field(min_length=1)


Found = tuple[Case, Case]  # the incident, and the one it was joined to or itself


def routes(service: Service) -> list[Route]:
    """Return the routes of whoever reported."""

    def find(session: Session, request: Request) -> Found:
        case = service.ledger.find(session, request.path_params["id"])
        if case is None:
            raise not_found(
                "Laporan tidak ditemukan. Periksa alamatnya, atau telepon 112.",
                "There is no such report. Check the address, or call 112.",
            )
        return case, service.ledger.main_of(session, case)

    async def show(request: Request) -> Response:
        asked = read_query(request, Waiting)

        async def read() -> Found:
            return await service.database.read(lambda session: find(session, request))

        found = await read()
        if asked.wait:
            found = await _await_news(service, found, asked, read)
        return answer(reporter_view(service, *found))

    async def write(request: Request) -> Response:
        body = await read_leniently(request)
        text = parse_json(body, NewMessage).text

        def act(session: Session) -> Answer:
            case, _main = find(session, request)
            case = service.ledger.record(session, case, Happening.REPORTER_WROTE, BY_REPORTER, {"text": text})
            changed.append(case.incident.serial)
            return Answer(201, with_call(reporter_view(service, case, service.ledger.main_of(session, case))), NO_STORE)

        changed: list[int] = []
        attempt = attempt_if_usable(request, body, caller=request.path_params["id"])
        stored = await service.commits.write(lambda session: once_or_anew(service.once, session, attempt, act))
        service.changes.announce(changed)
        return stored.response()

    return [
        Route("/incidents/{id}", show),
        Route("/incidents/{id}/messages", write, methods=["POST"]),
    ]


async def _await_news(service: Service, found: Found, asked: Waiting, read: Callable[[], Awaitable[Found]]) -> Found:
    """Wait until the version is another one than seen, or time alone changes the advice."""
    case, main = found
    seen = asked.seen if asked.seen is not None else version_of(found)
    was_due = _is_due(service, case)

    def is_news(now: Found) -> bool:
        return version_of(now) != seen or _is_due(service, now[0]) is not was_due

    return await service.changes.wait_for(
        {case.incident.serial, main.incident.serial},
        read,
        is_news=is_news,
        seconds=asked.wait,
        look_again_in=lambda now: None if was_due else seconds_until_call(service, now[0]),
    )


def _is_due(service: Service, case: Case) -> bool:
    left = seconds_until_call(service, case)
    return left is not None and left <= 0
