"""The inbox of a signed-in reporter: what operators did about their reports, read from the events themselves."""

from sqlalchemy import Row, select
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from services.emergency.answers import answer
from services.emergency.machine import Actor, Happening
from services.emergency.service import Service
from services.emergency.tables import Incident, IncidentEvent
from services.emergency.texts import happening_text, text_json
from services.emergency.views import Json
from services.kit.assertion import require_caller
from services.kit.clock import iso
from services.kit.paging import Listing, since

TOLD = tuple(kind for kind in Happening if happening_text(kind) is not None)
LISTING = Listing(
    sorts={"at": IncidentEvent.at},
    tie=IncidentEvent.id,
    default_sort="-at",
    filters={"since": since(IncidentEvent.at)},
)
_COLUMNS = (
    IncidentEvent.id,
    IncidentEvent.at,
    IncidentEvent.kind,
    IncidentEvent.state_after,
    IncidentEvent.detail,
    Incident.serial,
    Incident.id.label("incident_id"),
)


def routes(service: Service) -> list[Route]:
    """Return the route of the inbox."""

    async def inbox(request: Request) -> Response:
        subject = require_caller(request).subject
        page = LISTING.read(request)
        statement = page.apply(
            select(*_COLUMNS)
            .join(Incident, Incident.serial == IncidentEvent.serial)
            .where(Incident.reporter == subject, IncidentEvent.actor == Actor.OPERATOR, IncidentEvent.kind.in_(TOLD))
        )
        rows = await service.database.read(lambda session: session.execute(statement).all())
        return answer(page.answer(rows, _notification))

    return [Route("/notifications", inbox)]


def _notification(row: Row[tuple[object, ...]]) -> Json:
    text = happening_text(Happening(row.kind))
    assert text is not None, "only what is told was asked for"
    return {
        "id": row.id,
        "at": iso(row.at),
        "incident": row.incident_id,
        "reference": f"112-{row.serial:06d}",
        "kind": row.kind,
        "state": row.state_after,
        "text": text_json(text),
        "message": row.detail.get("text"),
    }
