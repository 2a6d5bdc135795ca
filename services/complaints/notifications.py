"""The inbox: what happened to one's reports and to those one follows, read from the events themselves.

Nothing is stored for it, so no second place knows who reported what.
"""

from typing import Any

from sqlalchemy import Row, and_, or_, select
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from services.complaints.life import Actor, Happening
from services.complaints.service import Service
from services.complaints.tables import FOLLOWER, REPORTER, Report, ReportEvent, VaultEntry
from services.complaints.texts import happening_text
from services.complaints.views import text_json
from services.kit.assertion import require_caller
from services.kit.clock import iso
from services.kit.etag import conditional_json
from services.kit.paging import Listing, since

# A reporter hears of everything others did; warnings are for the officers.
_FOR_REPORTERS = tuple(
    kind for kind in Happening if kind not in (Happening.RECEIVED, Happening.CLOCK_WARNED, Happening.PHOTO_ADDED)
)
# Followers hear how it goes on, never what was written.
_FOR_FOLLOWERS = (
    Happening.FORWARDED,
    Happening.HANDED_BACK,
    Happening.WORK_STARTED,
    Happening.FOLLOWED_UP,
    Happening.CLOSED_BY_SILENCE,
    Happening.RATED,
    Happening.REOPENED,
    Happening.REJECTED,
    Happening.LINKED,
)
LISTING = Listing(
    sorts={"at": ReportEvent.at},
    tie=ReportEvent.id,
    default_sort="-at",
    filters={"since": since(ReportEvent.at)},
)


def routes(service: Service) -> list[Route]:
    """Return the route of the inbox."""

    async def inbox(request: Request) -> Response:
        person = service.vault.person(require_caller(request).subject)
        page = LISTING.read(request)
        statement = page.apply(_told_to(person))
        rows = await service.database.read(lambda session: session.execute(statement).all())
        return conditional_json(request, page.answer(rows, _notification))

    return [Route("/notifications", inbox)]


def _told_to(person: str) -> Any:  # Any: a Select of these columns
    to_reporter = and_(
        VaultEntry.relation == REPORTER,
        ReportEvent.actor != Actor.REPORTER,
        ReportEvent.kind.in_(_FOR_REPORTERS),
    )
    to_follower = and_(
        VaultEntry.relation == FOLLOWER,
        ReportEvent.kind.in_(_FOR_FOLLOWERS),
        ReportEvent.at >= VaultEntry.since,
    )
    columns = (ReportEvent.id, ReportEvent.at, ReportEvent.kind, ReportEvent.state_after, ReportEvent.detail)
    return (
        select(*columns, Report.ticket, VaultEntry.relation)
        .join(Report, Report.serial == ReportEvent.serial)
        .join(VaultEntry, VaultEntry.serial == ReportEvent.serial)
        .where(VaultEntry.person == person, or_(to_reporter, to_follower))
    )


def _notification(row: Row[Any]) -> dict[str, Any]:
    message = row.detail.get("message") if row.relation == REPORTER else None
    return {
        "id": row.id,
        "at": iso(row.at),
        "ticket": row.ticket,
        "relation": row.relation,
        "kind": row.kind,
        "state": row.state_after,
        "text": text_json(happening_text(Happening(row.kind))),
        "message": message,
    }
