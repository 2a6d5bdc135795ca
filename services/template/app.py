"""One table, two endpoints, and their description: all there is to a service."""

from pathlib import Path

from pydantic import BaseModel, Field
from sqlalchemy import String, select
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from services.kit import openapi
from services.kit.app import build_app
from services.kit.assertion import AssertionVerifier, require_caller
from services.kit.database import Database, migrate, open_engine
from services.kit.etag import conditional_json
from services.kit.idempotency import Answer, OnceOnly, attempt_of, idempotency_table
from services.kit.inputs import parse_json, read_json_bytes
from services.kit.paging import Listing
from services.kit.settings import Settings

NAME = "template"


class Base(DeclarativeBase):
    """The service's tables."""


class Ticket(Base):
    """A number drawn by a citizen, known by the pseudonym that this service alone sees."""

    __tablename__ = "tickets"
    number: Mapped[int] = mapped_column(primary_key=True)
    owner: Mapped[str] = mapped_column(String(128), index=True)
    counter: Mapped[str] = mapped_column(String(40))

    def shown(self) -> dict[str, object]:
        return {"number": self.number, "counter": self.counter}


class NewTicket(BaseModel):
    counter: str = Field(min_length=1, max_length=40, pattern=r"^\S")


KEYS = idempotency_table(Base.metadata)
OWN = Listing(sorts={"number": Ticket.number}, tie=Ticket.number, default_sort="-number")


def compose(settings: Settings, verifier: AssertionVerifier | None = None) -> Starlette:
    """Build the service; tests bring their own gateway."""
    migrate(settings.database_url, Path(__file__).with_name("migrations"))
    database, once = Database(open_engine(settings.database_url)), OnceOnly(KEYS)

    async def own(request: Request) -> Response:
        page, owner = OWN.read(request), require_caller(request).subject
        statement = page.apply(select(Ticket).where(Ticket.owner == owner))
        rows = await database.read(lambda session: session.scalars(statement).all())
        return conditional_json(request, page.answer(rows, Ticket.shown))

    async def draw(request: Request) -> Response:
        caller, body = require_caller(request), await read_json_bytes(request)
        new = parse_json(body, NewTicket)

        def act(session: Session) -> Answer:
            session.add(ticket := Ticket(owner=caller.subject, counter=new.counter))
            session.flush()  # the database gives the number
            return Answer(201, ticket.shown())

        attempt = attempt_of(request, body, caller=caller.subject)
        return (await once.write(database, attempt, act, on_snapshot=True)).response()  # leans on no other ticket

    return build_app(
        name=NAME,
        routes=[Route("/tickets", own), Route("/tickets", draw, methods=["POST"])],
        verifier=verifier or AssertionVerifier(settings.gateway_jwks_url, settings.gateway_issuer, NAME),
        database=database,
        openapi=document(),
        leftovers=[once.leftovers],
    )


def document() -> openapi.Json:
    """Describe the service to programs."""
    api, ticket, example = openapi, openapi.ref("Ticket"), {"number": 7, "counter": "KTP"}
    page = api.json_answer("A page", api.page_schema(ticket), {"items": [example], "next": None})
    get = {"200": page} | api.problems(400, 401)
    post = {"201": api.json_answer("Drawn", ticket, example)} | api.problems(400, 401, 409, 413, 415, 422)
    new, who = api.json_body(api.ref("NewTicket"), {"counter": "KTP"}), api.SIGNED_IN
    own = api.operation("own", "One's own", responses=get, security=who, parameters=api.paging(["number"], "-number"))
    draw = api.operation("draw", "Draw", responses=post, security=who, parameters=[api.IDEMPOTENCY_KEY], body=new)
    shape = {"type": "object", "properties": {"number": {"type": "integer"}, "counter": {"type": "string"}}}
    shapes = {"Ticket": shape, "NewTicket": NewTicket.model_json_schema()}
    return api.document(title=NAME, description="Queue", paths={"/tickets": {"get": own, "post": draw}}, schemas=shapes)
