"""What a reporter does with their own report: look, add photos, answer, rate, reopen."""

from collections.abc import Callable
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, field_validator
from sqlalchemy import select
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from services.complaints.ledger import BY_REPORTER, Case, not_now
from services.complaints.life import Happening, Status
from services.complaints.picturing import attach, photo_named, photos_of
from services.complaints.service import Claimant, Service, claimant_of, own_case
from services.complaints.tables import BEFORE, REPORTER, Report, VaultEntry
from services.complaints.views import headline, reporter_view
from services.kit.assertion import require_caller
from services.kit.etag import conditional_json
from services.kit.idempotency import Answer, attempt_of
from services.kit.inputs import Model, parse_json, read_json_bytes
from services.kit.paging import Listing, one_of
from services.kit.problem import Problem, Refused, conflict

LISTING = Listing(
    sorts={"received_at": Report.received_at, "updated_at": Report.updated_at, "due_at": Report.due_at},
    tie=Report.serial,
    default_sort="-received_at",
    filters={"state": one_of(Report.state, [s for s in Status if s is not Status.NEW])},
)

_NO_STORE = {"Cache-Control": "no-store"}


class _Words(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    @field_validator("message", "comment", check_fields=False)
    @classmethod
    def _says_something(cls, text: str | None) -> str | None:
        if text is not None and not text.strip():
            raise Refused("Tuliskan dengan kata-kata.", "Put it in words.")
        return text


class Reply(_Words):
    """What a reporter writes to those who handle the report."""

    message: str = Field(min_length=3, max_length=4000)


class Rating(_Words):
    """How the reporter judges what was done, 1 (bad) to 5 (good)."""

    stars: int = Field(ge=1, le=5)
    comment: str | None = Field(default=None, min_length=1, max_length=1000)


def routes(service: Service) -> list[Route]:
    """Return a reporter's routes."""
    acts = _Acts(service)
    return [
        Route("/reports", acts.listed),
        Route("/reports/{ticket}", acts.shown),
        Route("/reports/{ticket}/photos", acts.add_photo, methods=["POST"]),
        Route("/reports/{ticket}/photos/{number}", acts.photo),
        Route("/reports/{ticket}/replies", acts.reply, methods=["POST"]),
        Route("/reports/{ticket}/rating", acts.rate, methods=["POST"]),
        Route("/reports/{ticket}/reopening", acts.reopen, methods=["POST"]),
    ]


class _Acts:
    """The endpoints, sharing the service."""

    def __init__(self, service: Service) -> None:
        self._service = service

    async def listed(self, request: Request) -> Response:
        service, caller = self._service, require_caller(request)
        page = LISTING.read(request)
        mine = (
            select(Report)
            .join(VaultEntry, VaultEntry.serial == Report.serial)
            .where(VaultEntry.person == service.vault.person(caller.subject), VaultEntry.relation == REPORTER)
        )
        rows = await service.database.read(lambda session: session.scalars(page.apply(mine)).all())
        return conditional_json(request, page.answer(rows, lambda row: headline(row, service.catalogue)))

    async def shown(self, request: Request) -> Response:
        claimant = claimant_of(request)
        view = await self._service.database.read(
            lambda session: self._view(session, own_case(self._service, session, claimant))
        )
        # What was shown for a secret is nobody's account: no store may keep it.
        return conditional_json(request, view, cache_control="no-store" if claimant.secret else "private, no-cache")

    async def photo(self, request: Request) -> Response:
        claimant, number = claimant_of(request), request.path_params["number"]

        def find(session: Session) -> Any:  # Any: a row
            return photo_named(session, own_case(self._service, session, claimant).report, number)

        photo = await self._service.database.read(find)
        name = f"{claimant.ticket}-{photo.number}"
        return self._service.photos.response(request, photo, name=name, cache_control="private, no-cache")

    async def add_photo(self, request: Request) -> Response:
        service, claimant = self._service, claimant_of(request)
        # Before a byte of it is stored: a stranger cannot fill the disk.
        await service.database.read(lambda session: own_case(service, session, claimant))
        picture = await service.photos.receive(request)

        def change(session: Session, case: Case) -> Case:
            return attach(service.ledger, session, case, picture, stage=BEFORE, doer=BY_REPORTER)

        return await self._act(request, claimant, picture.copy.sha256.encode(), change)

    async def reply(self, request: Request) -> Response:
        body, said = await _read(request, Reply)

        def change(session: Session, case: Case) -> Case:
            asked = case.state.status is Status.NEEDS_DATA
            kind = Happening.DATA_PROVIDED if asked else Happening.REPLIED
            return self._record(session, case, kind, {"message": said.message})

        return await self._act(request, claimant_of(request), body, change)

    async def rate(self, request: Request) -> Response:
        body, rating = await _read(request, Rating)

        def change(session: Session, case: Case) -> Case:
            if case.state.stars is not None:
                raise conflict("rated-already", "Laporan ini sudah Anda nilai.", "You have rated this report.")
            return self._record(session, case, Happening.RATED, {"stars": rating.stars, "comment": rating.comment})

        return await self._act(request, claimant_of(request), body, change)

    async def reopen(self, request: Request) -> Response:
        body, said = await _read(request, Reply)

        def change(session: Session, case: Case) -> Case:
            self._check_reopening(case)
            return self._record(session, case, Happening.REOPENED, {"message": said.message})

        return await self._act(request, claimant_of(request), body, change)

    def _check_reopening(self, case: Case) -> None:
        clocks, state = self._service.ledger.clocks, case.state
        if state.reopenings >= clocks.reopen_at_most:
            raise _too_often(clocks.reopen_at_most)
        if state.status in (Status.DONE, Status.REJECTED):
            assert state.since is not None
            if self._service.now() > state.since + clocks.reopen_within:
                raise _too_late(clocks.reopen_within.days)
        elif state.status is not Status.FOLLOWED_UP:
            raise not_now(state.status)

    def _record(self, session: Session, case: Case, kind: Happening, detail: dict[str, object]) -> Case:
        return self._service.ledger.record(session, case, kind, BY_REPORTER, detail)

    def _view(self, session: Session, case: Case) -> dict[str, Any]:
        service = self._service
        return reporter_view(case, photos_of(session, case.report), service.catalogue, service.ledger)

    async def _act(
        self, request: Request, claimant: Claimant, told: bytes, change: Callable[[Session, Case], Case]
    ) -> Response:
        """Change the claimant's report in one transaction, once for an Idempotency-Key."""
        service = self._service

        def act(session: Session) -> Answer:
            case = service.ledger.catch_up(session, own_case(service, session, claimant))
            return Answer(201, self._view(session, change(session, case)), _NO_STORE)

        attempt = attempt_of(request, told, caller=claimant.idempotency_name)
        return (await service.once.write(service.database, attempt, act)).response()


async def _read(request: Request, model: type[Model]) -> tuple[bytes, Model]:
    body = await read_json_bytes(request)
    return body, parse_json(body, model)


def _too_often(at_most: int) -> Problem:
    return conflict(
        "reopened-too-often",
        f"Laporan hanya dapat dibuka kembali {at_most} kali. Buatlah laporan baru.",
        f"A report can be reopened {at_most} times at most. Please make a new one.",
    )


def _too_late(days: int) -> Problem:
    return conflict(
        "too-late-to-reopen",
        f"Laporan dapat dibuka kembali dalam {days} hari. Buatlah laporan baru.",
        f"A report can be reopened within {days} days. Please make a new one.",
    )
