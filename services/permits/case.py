"""A case is its events: this folds them into what can be asked of it. Pure; the clock is an argument.

`detail` of each event holds exactly what the folding below reads, so the history alone rebuilds everything.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from services.kit.workdays import Calendar, Mark, Reading, read_promise
from services.permits.catalogue import Deadlines, Promise
from services.permits.machine import AWAITING_OFFICE, ENDS, EventKind, State, step


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened. `actor` is a pairwise subject, or `bank` or `system`."""

    position: int
    kind: EventKind
    at: datetime
    actor: str
    detail: Mapping[str, Any] = field(default_factory=dict)  # Any: JSON


@dataclass(frozen=True, slots=True)
class Document:
    """An uploaded document, named by its content."""

    code: str
    sha256: str
    media_type: str
    size_bytes: int
    at: datetime


@dataclass(frozen=True, slots=True)
class Correction:
    """One item an officer wants corrected: `documents.<code>` or `details.<code>`."""

    item: str
    note: str
    is_answered: bool = False


@dataclass(frozen=True, slots=True)
class Order:
    """The order to pay a retribution, in rupiah; the billing code is what a bank asks for."""

    billing_code: str
    amount: int
    explanation: str
    at: datetime
    paid_amount: int | None = None


@dataclass(frozen=True, slots=True)
class Permit:
    """The permit issued. `sha256` is of the signed PDF; `valid_until` None means without end."""

    number: str
    sha256: str
    size_bytes: int
    issued_at: datetime
    valid_until: datetime | None


@dataclass(frozen=True, slots=True)
class Step:
    """One line of the history: an event and the state it led to."""

    event: Event
    state: State


@dataclass(frozen=True, slots=True)
class Case:
    """Everything that follows from a case's events."""

    state: State
    since: datetime
    history: tuple[Step, ...]
    details: Mapping[str, Any] = field(default_factory=dict)  # Any: JSON
    documents: Mapping[str, Document] = field(default_factory=dict)
    corrections: tuple[Correction, ...] = ()
    assignee: str | None = None
    order: Order | None = None
    permit: Permit | None = None
    refusal: str | None = None
    submitted_at: datetime | None = None

    @property
    def version(self) -> int:
        """Return the number of events, which changes with every one."""
        return len(self.history)

    @property
    def updated_at(self) -> datetime:
        """Return when something last happened."""
        return self.history[-1].event.at

    def find_document(self, sha256: str) -> Document | None:
        """Return a document that was ever added to the case, also one since replaced."""
        for passed in reversed(self.history):
            if passed.event.kind is EventKind.DOCUMENT_ADDED and passed.event.detail["sha256"] == sha256:
                return _document(passed.event)
        return None

    def may_change(self, item: str) -> bool:
        """Tell whether the applicant may change this item now: in a correction, only what was asked for."""
        if self.state is State.DRAF:
            return True
        return self.state is State.PERBAIKAN and item in {correction.item for correction in self.corrections}


def fold(events: Iterable[Event]) -> Case:
    """Return the case these events tell; the first is its creation."""
    case: Case | None = None
    for event in events:
        case = after(case, event)
    if case is None:
        raise ValueError("a case has at least one event")
    return case


def after(case: Case | None, event: Event) -> Case:
    """Return the case after one more event; NotPossible when the machine forbids it."""
    state = step(case.state if case else None, event.kind)
    if case is None:
        return Case(state, event.at, (Step(event, state),), details=event.detail["details"])
    moved = state is not case.state
    changed = replace(
        case,
        state=state,
        since=event.at if moved else case.since,
        history=(*case.history, Step(event, state)),
        # A case that moves on lies on nobody's desk until someone takes it.
        assignee=None if moved else case.assignee,
    )
    return _with_detail(changed, event)


def _with_detail(case: Case, event: Event) -> Case:
    detail = event.detail
    match event.kind:
        case EventKind.DETAILS_CHANGED:
            touched = {f"details.{code}" for code in detail["details"]}
            return replace(
                case, details={**case.details, **detail["details"]}, corrections=_answered(case.corrections, touched)
            )
        case EventKind.DOCUMENT_ADDED:
            document = _document(event)
            return replace(
                case,
                documents={**case.documents, document.code: document},
                corrections=_answered(case.corrections, {f"documents.{document.code}"}),
            )
        case EventKind.SUBMITTED:
            return replace(case, submitted_at=event.at)
        case EventKind.TAKEN:
            return replace(case, assignee=event.actor)
        case EventKind.RELEASED:
            return replace(case, assignee=None)
        case EventKind.CORRECTION_ASKED:
            return replace(case, corrections=tuple(Correction(one["item"], one["note"]) for one in detail["items"]))
        case EventKind.CORRECTED:
            return replace(case, corrections=())
        case EventKind.REFUSED:
            return replace(case, refusal=detail["reason"])
        case EventKind.LEVY_SET:
            order = Order(detail["billing_code"], detail["amount"], detail["explanation"], event.at)
            return replace(case, order=order)
        case EventKind.PAID if case.order:
            return replace(case, order=replace(case.order, paid_amount=detail["amount"]))
        case EventKind.PAYMENT_REJECTED if case.order:
            return replace(case, order=replace(case.order, paid_amount=None))
        case EventKind.ISSUED:
            return replace(case, permit=_permit(event))
        case _:
            return case


def _document(event: Event) -> Document:
    detail = event.detail
    return Document(detail["code"], detail["sha256"], detail["media_type"], detail["size_bytes"], event.at)


def _permit(event: Event) -> Permit:
    detail = event.detail
    until = detail["valid_until"]
    return Permit(
        number=detail["number"],
        sha256=detail["sha256"],
        size_bytes=detail["size_bytes"],
        issued_at=datetime.fromisoformat(detail["issued_at"]),
        valid_until=datetime.fromisoformat(until) if until else None,
    )


def _answered(corrections: Sequence[Correction], items: set[str]) -> tuple[Correction, ...]:
    return tuple(replace(one, is_answered=True) if one.item in items else one for one in corrections)


@dataclass(frozen=True, slots=True)
class PromiseReading:
    """What became of the office's promise in one case; `ended_at` is None while it is open."""

    reading: Reading
    started_at: datetime | None
    ended_at: datetime | None
    is_late: bool

    @property
    def was_kept(self) -> bool | None:
        """Tell whether an ended case kept its promise; None while it is open or never started."""
        if self.ended_at is None or self.started_at is None:
            return None
        return not self.is_late


def promise_marks(case: Case, starts: EventKind) -> list[Mark]:
    """List when the clock started, paused and resumed: it runs only while the office is to act."""
    marks: list[Mark] = []
    has_started = False
    for passed in case.history:
        has_started = has_started or passed.event.kind is starts
        runs = passed.state in AWAITING_OFFICE
        if has_started and (not marks or marks[-1].runs is not runs):
            marks.append(Mark(passed.event.at, runs))
    return marks


def read_case_promise(case: Case, promise: Promise, calendar: Calendar, now: datetime) -> PromiseReading:
    """Read the promise's clock: paused while the applicant is to act, stopped at an end, never restarted."""
    marks = promise_marks(case, EventKind(promise.starts))
    ended_at = case.since if case.state in ENDS else None
    if ended_at and len(marks) > 1 and marks[-1].at == ended_at:
        marks = marks[:-1]  # read as it ran up to the end: whether the due instant had passed is the question
    moment = ended_at or now
    reading = read_promise(calendar, marks, promised=promise.length(calendar), now=moment)
    # After closing time no office time passes any more, yet what was due at closing is late.
    is_late = reading.is_late or (reading.due is not None and reading.due < moment)
    return PromiseReading(reading, marks[0].at if marks else None, ended_at, is_late)


def expires_at(case: Case, deadlines: Deadlines) -> datetime | None:
    """Return when the case expires unless the applicant acts; None while nobody waits for the applicant."""
    match case.state:
        case State.DRAF:
            return case.updated_at + timedelta(days=deadlines.draft_idle.days)
        case State.PERBAIKAN:
            return case.since + timedelta(days=deadlines.correction.days)
        case State.MENUNGGU_BAYAR:
            return case.since + timedelta(days=deadlines.payment.days)
        case _:
            return None
