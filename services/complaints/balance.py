"""The daily balance, public: every report ever received is in exactly one place, and anybody can add it up.

Counted four times from four independent sources, which must agree: the serial numbers given out, the rows that are
there, the states those rows show, and the events of every day added up from the first.
"""

from collections import Counter as Tally
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from services.complaints.ledger import received_total
from services.complaints.life import PLACES, Place, Status
from services.complaints.service import Service
from services.complaints.tables import Report, ReportEvent
from services.kit.clock import iso
from services.kit.etag import conditional_json
from services.kit.paging import page_of


@dataclass(frozen=True, slots=True)
class Flow:
    """How many reports went from one state to another on a day."""

    day: date
    before: Status
    after: Status
    count: int


def routes(service: Service) -> list[Route]:
    """Return the route of the balance."""

    async def balance(request: Request) -> Response:
        body = await service.database.read(lambda session: _balance(session, request))
        body["as_of"] = iso(service.now().replace(second=0, microsecond=0))
        return conditional_json(request, body, cache_control="public, max-age=30")

    return [Route("/balance", balance)]


def _balance(session: Session, request: Request) -> dict[str, Any]:
    numbered = received_total(session)
    rows = session.scalar(select(func.count()).select_from(Report)) or 0
    states = _states(session)
    days = daily(_flows(session))
    page = page_of(request, days, sorts=("date",), default_sort="-date")
    flows_agree = ({} if not days else days[-1]["states_at_end"]) == states
    return {
        "received": numbered,
        "places": _places(states),
        "states": states,
        "closes": numbered == rows == sum(states.values()) and flows_agree,
        "proof": {
            "serial_numbers_given": numbered,
            "reports_kept": rows,
            "sum_of_states": sum(states.values()),
            "sum_of_daily_events": sum(days[-1]["states_at_end"].values()) if days else 0,
            "states_from_events_agree": flows_agree,
        },
        "days": page["items"],
        "next": page["next"],
    }


def _states(session: Session) -> dict[str, int]:
    rows = session.execute(select(Report.state, func.count()).group_by(Report.state))
    return dict(sorted((state, count) for state, count in rows))


def _flows(session: Session) -> list[Flow]:
    columns = (ReportEvent.day, ReportEvent.state_before, ReportEvent.state_after)
    rows = session.execute(
        select(*columns, func.count())
        # Reopening and its like are told by the states alone; what moves nothing is left out.
        .where(ReportEvent.state_before != ReportEvent.state_after)
        .group_by(*columns)
        .order_by(ReportEvent.day)
    )
    return [Flow(day, Status(before), Status(after), count) for day, before, after, count in rows]


def daily(flows: list[Flow]) -> list[dict[str, Any]]:
    """Add up the flows to one line a day: what was there, what came and went, what is there at its end."""
    states: Tally[Status] = Tally()
    days = list[dict[str, Any]]()
    for day in sorted({flow.day for flow in flows}):
        opening = _places(_plain(states))
        moved = [flow for flow in flows if flow.day == day]
        for flow in moved:
            states[flow.before] -= flow.count
            states[flow.after] += flow.count
        days.append(_line(day, opening, moved, _plain(states)))
    return days


def _line(day: date, opening: dict[str, int], moved: list[Flow], states: dict[str, int]) -> dict[str, Any]:
    received = sum(flow.count for flow in moved if flow.before is Status.NEW)
    return {
        "date": day.isoformat(),
        "places_at_start": opening,
        "received": received,
        "entered": _entered(moved),
        "left": _left(moved),
        "places_at_end": _places(states),
        "states_at_end": states,
        "received_so_far": sum(states.values()),
    }


def _entered(moved: list[Flow]) -> dict[str, int]:
    return _crossings(moved, entering=True)


def _left(moved: list[Flow]) -> dict[str, int]:
    return _crossings(moved, entering=False)


def _crossings(moved: list[Flow], *, entering: bool) -> dict[str, int]:
    counts = {place.value: 0 for place in Place}
    for flow in moved:
        origin = None if flow.before is Status.NEW else PLACES[flow.before]
        target = PLACES[flow.after]
        if origin is not target and (entering or origin is not None):
            counts[target if entering or origin is None else origin] += flow.count
    return counts


def _plain(states: Mapping[Status, int]) -> dict[str, int]:
    return {state.value: states[state] for state in sorted(states) if states[state] and state is not Status.NEW}


def _places(states: Mapping[str, int]) -> dict[str, int]:
    counts = {place.value: 0 for place in Place}
    for state, count in states.items():
        counts[PLACES[Status(state)]] += count
    return counts
