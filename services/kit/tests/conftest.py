"""A notebook service: the smallest that uses all of the kit."""

import io
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import httpx
import pytest
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import String, func, select
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from services.kit import openapi
from services.kit.app import build_app
from services.kit.assertion import caller_of, require_caller, require_role
from services.kit.clock import iso
from services.kit.database import Database, UtcDateTime, open_engine
from services.kit.etag import check_if_match, conditional_json, etag_of, json_response
from services.kit.idempotency import Answer, OnceOnly, attempt_of, idempotency_table
from services.kit.inputs import parse_json, read_json_bytes
from services.kit.logs import make_logger
from services.kit.paging import Listing, one_of, since
from services.kit.testing import GatewayIssuer, ManualNow, client_of
from services.kit.uploads import FileStore


class Base(DeclarativeBase):
    """The notebook's tables."""


class Note(Base):
    """One note; `written_at` is not unique, on purpose."""

    __tablename__ = "notes"
    id: Mapped[int] = mapped_column(primary_key=True)
    word: Mapped[str] = mapped_column(String(40))
    written_at: Mapped[datetime] = mapped_column(UtcDateTime)


IDEMPOTENCY = idempotency_table(Base.metadata)
LISTING = Listing(
    sorts={"written_at": Note.written_at, "word": Note.word},
    tie=Note.id,
    default_sort="-written_at",
    filters={"word": one_of(Note.word, {"satu", "dua"}), "since": since(Note.written_at)},
)


class NewNote(BaseModel):
    """What a client sends."""

    model_config = ConfigDict(extra="forbid")
    word: str = Field(min_length=1, max_length=40)


@dataclass(frozen=True)
class Notebook:
    """The running service and what a test may want to look at."""

    app: Starlette
    database: Database
    issuer: GatewayIssuer
    client: httpx.AsyncClient
    log: io.StringIO
    files: FileStore

    async def count(self) -> int:
        return await self.database.read(lambda session: session.scalar(select(func.count(Note.id))) or 0)

    async def write(self, *words: str) -> None:
        def act(session: Session) -> None:
            session.add_all([Note(word=word, written_at=self.issuer.now()) for word in words])

        await self.database.write(act)


def routes(database: Database, now: ManualNow, files: FileStore) -> list[Route]:
    once = OnceOnly(IDEMPOTENCY, now=now)

    async def create(request: Request) -> Response:
        body = await read_json_bytes(request)
        new = parse_json(body, NewNote)
        caller = caller_of(request)

        def act(session: Session) -> Answer:
            note = Note(word=new.word, written_at=now())
            session.add(note)
            session.flush()
            if new.word == "gagal":
                raise RuntimeError("word 3671990101900001 of budi@example.test")
            return Answer(201, {"id": note.id, "word": note.word}, {"Location": f"/notes/{note.id}"})

        attempt = attempt_of(request, body, caller=caller.subject if caller else None)
        return (await once.write(database, attempt, act)).response()

    async def listed(request: Request) -> Response:
        page = LISTING.read(request)
        rows = await database.read(lambda session: session.scalars(page.apply(select(Note))).all())
        return json_response(page.answer(rows, lambda n: {"id": n.id, "word": n.word, "at": iso(n.written_at)}))

    async def versioned(request: Request) -> Response:
        tag = etag_of("thing", 7)
        if request.method == "PUT":
            check_if_match(request, tag, required=True)
        return conditional_json(request, {"version": 7}, etag=tag)

    async def upload(request: Request) -> Response:
        stored = await files.receive(request, max_bytes=100_000)
        return json_response({"sha256": stored.sha256, "type": stored.media_type, "size": stored.size_bytes}, 201)

    async def me(request: Request) -> Response:
        caller = require_caller(request)
        return json_response({"sub": caller.subject, "sid": caller.session, "acr": caller.assurance})

    async def desk(request: Request) -> Response:
        return json_response({"officer": require_role(request, "officer:DPMPTSP").subject})

    return [
        Route("/notes", create, methods=["POST"]),
        Route("/notes", listed),
        Route("/thing", versioned, methods=["GET", "PUT"]),
        Route("/files", upload, methods=["POST"]),
        Route("/me", me),
        Route("/desk", desk),
    ]


@pytest.fixture
def issuer() -> GatewayIssuer:
    return GatewayIssuer()


@pytest.fixture
def engine_tables(empty_database_url: str) -> Iterator[None]:
    engine = open_engine(empty_database_url)
    Base.metadata.create_all(engine)
    yield
    engine.dispose()


@pytest.fixture
async def notebook(
    issuer: GatewayIssuer, empty_database_url: str, engine_tables: None, tmp_path: Path
) -> AsyncIterator[Notebook]:
    database = Database(open_engine(empty_database_url))
    log, files = io.StringIO(), FileStore(tmp_path / "files")
    app = build_app(
        name="notes",
        routes=routes(database, issuer.now, files),
        verifier=issuer.verifier("notes"),
        database=database,
        openapi=openapi.document(title="Notes", description="Notes", paths={}, schemas={}),
        log=make_logger("notes", log),
    )
    async with client_of(app) as client:
        yield Notebook(app, database, issuer, client, log, files)
