"""The citizen's side: apply, upload, submit, correct, withdraw, follow."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from sqlalchemy import select
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from services.kit.assertion import Caller, require_caller
from services.kit.etag import conditional_json, json_response
from services.kit.idempotency import Answer
from services.kit.inputs import parse_json, read_json_bytes, single_values
from services.kit.paging import Listing, one_of
from services.kit.problem import FieldError, Problem, Text, conflict, not_found, unprocessable
from services.kit.uploads import StoredFile
from services.permits import views
from services.permits.case import Case, fold
from services.permits.catalogue import Catalogue, Kind
from services.permits.form import check_details, missing_items
from services.permits.issuing import Press
from services.permits.machine import EventKind, State
from services.permits.office import Office, read_nothing
from services.permits.store import Opened, create, events_of, not_possible, record
from services.permits.tables import Application

MAX_DOCUMENT_BYTES = 10 * 1024 * 1024
# An application is changed some dozens of times in an honest life; without a bound one could fill the disk.
MAX_EVENTS = 300

Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=160)]
Details = Annotated[dict[str, Any], Field(max_length=50)]  # Any: checked against the kind's fields


class NewApplication(BaseModel):
    """What begins an application. The name defaults to that of the signed-in citizen."""

    model_config = ConfigDict(extra="forbid")
    type: str = Field(min_length=1, max_length=32)
    details: Details = {}
    applicant_name: Name | None = None


class ChangedDetails(BaseModel):
    """Answers to change; those not named stay."""

    model_config = ConfigDict(extra="forbid")
    details: Annotated[Details, Field(min_length=1)]


def applications_listing(catalogue: Catalogue) -> Listing:
    """Say how applications are listed."""
    return Listing(
        sorts={"created_at": Application.created_at, "updated_at": Application.updated_at},
        tie=Application.id,
        default_sort="-updated_at",
        filters={
            "state": one_of(Application.state, [state.value for state in State]),
            "type": one_of(Application.kind, catalogue.kinds),
        },
    )


class Applications:
    """Endpoints for whoever applies."""

    def __init__(self, office: Office, press: Press) -> None:
        self._office = office
        self._press = press
        self._listing = applications_listing(office.catalogue)

    def routes(self) -> list[Route]:
        one = "/applications/{id}"
        return [
            Route("/applications", self.list_own, methods=["GET"]),
            Route("/applications", self.create, methods=["POST"]),
            Route(one, self.show, methods=["GET"]),
            Route(one, self.change, methods=["PATCH"]),
            Route(f"{one}/documents", self.upload, methods=["POST"]),
            Route(f"{one}/documents/{{sha256}}", self.download, methods=["GET"]),
            Route(f"{one}/submit", self.submit, methods=["POST"]),
            Route(f"{one}/withdraw", self.withdraw, methods=["POST"]),
            Route(f"{one}/permit", self.permit, methods=["GET"]),
        ]

    async def list_own(self, request: Request) -> Response:
        caller = require_caller(request)
        page = self._listing.read(request)

        def read(session: Session) -> dict[str, Any]:
            statement = page.apply(select(Application).where(Application.owner == caller.subject))
            rows = session.scalars(statement).all()
            events = events_of(session, [row.id for row in rows])
            return page.answer(
                rows,
                lambda row: views.application_summary(Opened(row, fold(events[row.id])), self._office.kind(row.kind)),
            )

        return json_response(await self._office.database.read(read), headers={"Cache-Control": "private, no-store"})

    async def create(self, request: Request) -> Response:
        caller = require_caller(request)
        body = await read_json_bytes(request)
        wanted = parse_json(body, NewApplication)
        kind = self._office.catalogue.kinds.get(wanted.type)
        if kind is None:
            raise unprocessable(FieldError("type", Text("Jenis izin tidak dikenal.", "Unknown type of permit.")))
        check_details(kind, wanted.details)
        name = wanted.applicant_name or _name_of(caller)

        def act(session: Session) -> Answer:
            opened = create(
                session,
                owner=caller.subject,
                kind=kind.code,
                applicant_name=name,
                details=wanted.details,
                at=self._office.now(),
            )
            answer = self._office.own_answer(session, opened, 201)
            # Relative (RFC 9110 §10.2.2): the gateway's prefix is not ours to know.
            location = f"applications/{opened.row.id}"
            return Answer(201, answer.body, {**answer.headers, "Location": location})

        # A new application leans on no other: all it reads is what it has just written.
        return await self._office.act(request, caller, body, act, on_snapshot=True)

    async def show(self, request: Request) -> Response:
        caller = require_caller(request)

        def read(session: Session) -> tuple[dict[str, Any], str]:
            return self._office.own_view(session, self._office.own_case(session, request, caller))

        body, etag = await self._office.database.read(read)
        return conditional_json(request, body, etag=etag)

    async def change(self, request: Request) -> Response:
        caller = require_caller(request)
        body = await read_json_bytes(request)
        wanted = parse_json(body, ChangedDetails)

        def act(session: Session) -> Answer:
            opened = self._office.own_case(session, request, caller, to_change=True)
            check_details(self._office.kind(opened.row.kind), wanted.details)
            _check_may_change(opened.case, *(f"details.{code}" for code in wanted.details))
            changed = record(
                session,
                opened,
                EventKind.DETAILS_CHANGED,
                at=self._office.now(),
                actor=caller.subject,
                detail={"details": wanted.details},
            )
            return self._office.own_answer(session, changed)

        return await self._office.act(request, caller, body, act)

    async def upload(self, request: Request) -> Response:
        """Take a document: `?document=<code>`, the file as form field `file` or as the raw body."""
        caller = require_caller(request)
        code = single_values(request, allowed=["document"]).get("document", "")
        # Refused before the file travels, and checked again when it is recorded.
        await self._office.database.read(
            lambda session: self._check_document(self._office.own_case(session, request, caller), code)
        )
        stored = await self._office.files.receive(request, max_bytes=MAX_DOCUMENT_BYTES)

        def act(session: Session) -> Answer:
            opened = self._office.own_case(session, request, caller, to_change=True)
            self._check_document(opened, code)
            current = opened.case.documents.get(code)
            if current is not None and current.sha256 == stored.sha256 and not opened.case.corrections:
                return self._office.own_answer(session, opened)  # sent again after a lost answer
            changed = record(
                session,
                opened,
                EventKind.DOCUMENT_ADDED,
                at=self._office.now(),
                actor=caller.subject,
                detail={
                    "code": code,
                    "sha256": stored.sha256,
                    "media_type": stored.media_type,
                    "size_bytes": stored.size_bytes,
                },
            )
            return self._office.own_answer(session, changed, 201)

        return await self._office.act(request, caller, f"{code} {stored.sha256}".encode(), act)

    def _check_document(self, opened: Opened, code: str) -> None:
        known = [document.code for document in self._office.kind(opened.row.kind).documents]
        if code not in known:
            names = ", ".join(known)
            raise unprocessable(FieldError("document", Text(f"Salah satu dari: {names}.", f"One of: {names}.")))
        _check_may_change(opened.case, f"documents.{code}")

    async def download(self, request: Request) -> Response:
        caller = require_caller(request)
        opened = await self._office.database.read(lambda session: self._office.own_case(session, request, caller))
        return document_response(self._office, opened, request.path_params["sha256"])

    async def submit(self, request: Request) -> Response:
        """Submit a complete draft, or a correction in which every item asked for was answered."""
        caller = require_caller(request)
        body = await read_nothing(request)

        def act(session: Session) -> Answer:
            opened = self._office.own_case(session, request, caller, to_change=True)
            kind = EventKind.CORRECTED if opened.case.state is State.PERBAIKAN else EventKind.SUBMITTED
            if opened.case.state in (State.DRAF, State.PERBAIKAN):
                _check_complete(self._office.kind(opened.row.kind), opened.case)
            moved = record(session, opened, kind, at=self._office.now(), actor=caller.subject)
            return self._office.own_answer(session, moved)

        return await self._office.act(request, caller, body, act)

    async def withdraw(self, request: Request) -> Response:
        caller = require_caller(request)
        body = await read_nothing(request)

        def act(session: Session) -> Answer:
            opened = self._office.own_case(session, request, caller, to_change=True)
            ended = record(session, opened, EventKind.WITHDRAWN, at=self._office.now(), actor=caller.subject)
            return self._office.own_answer(session, ended)

        return await self._office.act(request, caller, body, act)

    async def permit(self, request: Request) -> Response:
        """Serve the signed permit to its holder."""
        caller = require_caller(request)
        opened = await self._office.database.read(lambda session: self._office.own_case(session, request, caller))
        stored = self._press.stored(opened)
        if stored is None:
            raise not_found("Izin belum terbit.", "The permit is not issued yet.")
        return self._press.files.response(stored, name=opened.row.number or opened.row.id, inline=True)


def document_response(office: Office, opened: Opened, sha256: str) -> Response:
    """Serve a document of this case; what is no document of it does not exist."""
    document = opened.case.find_document(sha256)
    if document is None:
        raise not_found("Dokumen tidak ditemukan.", "There is no such document.")
    stored = StoredFile(document.sha256, document.media_type, document.size_bytes)
    return office.files.response(stored, name=f"{opened.row.id}-{document.code}")


def _name_of(caller: Caller) -> str:
    name = caller.claims.get("name")
    if isinstance(name, str) and 1 <= len(name.strip()) <= 160:
        return name.strip()
    raise unprocessable(FieldError("applicant_name", Text("Wajib diisi.", "This field is required."), "missing"))


def _check_may_change(case: Case, *items: str) -> None:
    if case.version >= MAX_EVENTS:
        raise conflict(
            "too-many-changes",
            "Permohonan ini sudah terlalu banyak diubah. Buat permohonan baru.",
            "This application was changed too often. Begin a new one.",
        )
    for item in items:
        if not case.may_change(item):
            raise _not_asked(case, item) if case.state is State.PERBAIKAN else not_possible(case.state)


def _not_asked(case: Case, item: str) -> Problem:
    asked = ", ".join(correction.item for correction in case.corrections)
    problem = conflict(
        "not-asked-for",
        f"{item} tidak diminta diperbaiki. Yang diminta: {asked}.",
        f"No correction of {item} was asked for, but of: {asked}.",
    )
    problem.extensions["state"] = case.state.value
    return problem


def _check_complete(kind: Kind, case: Case) -> None:
    errors = [FieldError(item, Text("Belum diisi.", "Still missing."), "missing") for item in missing_items(kind, case)]
    errors += [
        FieldError(one.item, Text(f"Belum diperbaiki: {one.note}", f"Not yet corrected: {one.note}"), "uncorrected")
        for one in case.corrections
        if not one.is_answered
    ]
    if errors:
        raise unprocessable(*errors)
