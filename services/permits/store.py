"""Reading and extending cases in the database. Every change is one event added and the projection brought along."""

import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from services.kit.problem import conflict, not_found
from services.permits.case import Case, Event, after, fold
from services.permits.machine import EventKind, NotPossible, State
from services.permits.tables import Application, CaseEvent, Counter
from services.permits.texts import STATE_TEXTS

_ALPHABET = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"  # nothing that is misheard on the phone
_BILLING_PREFIX = "3671"  # the city's area code; fifteen digits in all, so never taken for a NIK


@dataclass(frozen=True, slots=True)
class Opened:
    """A case together with its row, inside the transaction that reads it."""

    row: Application
    case: Case


def open_case(session: Session, application_id: str, *, to_change: bool = False) -> Opened:
    """Return the case with this id; a 404 Problem when there is none. `to_change` makes others wait."""
    row = session.get(Application, application_id, with_for_update=to_change or None)
    if row is None:
        raise not_found("Permohonan tidak ditemukan.", "There is no such application.")
    return Opened(row, fold(events_of(session, [row.id])[row.id]))


def events_of(session: Session, application_ids: Iterable[str]) -> dict[str, list[Event]]:
    """Return the events of several applications, each in order."""
    events: dict[str, list[Event]] = {application_id: [] for application_id in application_ids}
    statement = select(CaseEvent).where(CaseEvent.application_id.in_(events)).order_by(CaseEvent.position)
    for row in session.scalars(statement):
        events[row.application_id].append(
            Event(row.position, EventKind(row.kind), row.at, row.actor, row.detail),
        )
    return events


def create(
    session: Session,
    *,
    owner: str,
    kind: str,
    applicant_name: str,
    details: Mapping[str, Any],  # Any: JSON
    at: datetime,
) -> Opened:
    """Begin an application."""
    event = Event(1, EventKind.CREATED, at, owner, {"details": dict(details)})
    case = fold([event])
    row = Application(
        id=_new_id(),
        owner=owner,
        kind=kind,
        applicant_name=applicant_name,
        created_at=at,
        queued_at=at,
    )
    _project(row, case)
    session.add(row)
    session.flush()
    _add_event(session, row, event)
    return Opened(row, case)


def record(
    session: Session,
    opened: Opened,
    kind: EventKind,
    *,
    at: datetime,
    actor: str,
    detail: Mapping[str, Any] | None = None,  # Any: JSON
) -> Opened:
    """Add an event to a case; a 409 Problem when the machine does not allow it now."""
    # The machine's clock may be set back; a history never runs backwards.
    instant = max(at, opened.case.updated_at)
    event = Event(opened.case.version + 1, kind, instant, actor, dict(detail or {}))
    try:
        case = after(opened.case, event)
    except NotPossible:
        raise not_possible(opened.case.state) from None
    _project(opened.row, case)
    _add_event(session, opened.row, event)
    return Opened(opened.row, case)


def not_possible(state: State) -> Exception:
    """Build the 409 for an act that does not fit the state."""
    text = STATE_TEXTS[state]
    problem = conflict(
        "not-possible-now",
        f"Tidak dapat dilakukan. Status permohonan: {text.id}.",
        f"Not possible. The application's state: {text.en}.",
    )
    problem.extensions["state"] = state.value
    return problem


def _add_event(session: Session, row: Application, event: Event) -> None:
    session.add(
        CaseEvent(
            application_id=row.id,
            position=event.position,
            kind=event.kind.value,
            at=event.at,
            actor=event.actor,
            detail=dict(event.detail),
        )
    )
    session.flush()


def _project(row: Application, case: Case) -> None:
    row.state = case.state.value
    row.state_since = case.since
    row.submitted_at = case.submitted_at
    row.queued_at = case.submitted_at or row.queued_at
    row.updated_at = case.updated_at
    row.version = case.version
    row.assignee = case.assignee
    row.billing_code = case.order.billing_code if case.order else None


def queue_place(session: Session, row: Application) -> tuple[int, int]:
    """Return the application's place among those in the same state, oldest submission first, and their number."""
    in_state = select(func.count(Application.id)).where(Application.state == row.state)
    ahead = in_state.where(
        (Application.queued_at < row.queued_at)
        | ((Application.queued_at == row.queued_at) & (Application.id < row.id)),
    )
    return (session.scalar(ahead) or 0) + 1, session.scalar(in_state) or 0


def next_number(session: Session, kind: str, year: int) -> str:
    """Take the next permit number of this kind and year; its random end keeps numbers from being guessed."""
    name = f"permit:{kind}:{year}"
    counter = session.get(Counter, name, with_for_update=True)
    if counter is None:
        counter = Counter(name=name, value=0)
        session.add(counter)
    counter.value += 1
    return f"{kind.upper()}-{year}-{counter.value:06}-{_random(8)}"


def new_billing_code() -> str:
    """Make a billing code: fifteen digits, the last a Luhn check digit, so that a slip of the finger is noticed."""
    body = _BILLING_PREFIX + "".join(secrets.choice("0123456789") for _ in range(10))
    return body + str(_luhn_digit(body))


def is_billing_code(text: str) -> bool:
    """Tell whether these digits can be a billing code at all."""
    return text.isascii() and text.isdigit() and len(text) == 15 and text[-1] == str(_luhn_digit(text[:-1]))


def _luhn_digit(body: str) -> int:
    doubled = [int(digit) * 2 if place % 2 == 0 else int(digit) for place, digit in enumerate(reversed(body))]
    return -sum(value - 9 if value > 9 else value for value in doubled) % 10


def _new_id() -> str:
    return f"IZN-{_random(5)}-{_random(5)}"


def _random(length: int) -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(length))
