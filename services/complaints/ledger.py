"""Where reports live: finding one, opening one, and writing down what happens to it.

Every change goes through `Ledger.record`, which asks the machine first, so nothing undefined reaches the database.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from services.complaints.clocks import Clocks, agenda, read_clock
from services.complaints.life import Actor, Happening, Status
from services.complaints.machine import Event, Impossible, ReportState, apply, fold
from services.complaints.tables import REPORTER, Counter, Report, ReportEvent, VaultEntry
from services.complaints.texts import state_text
from services.kit.clock import Now, wib_date
from services.kit.problem import Problem, conflict
from services.kit.workdays import Reading

FAR_AWAY = datetime(9999, 1, 1, tzinfo=UTC)  # lists sort by these columns, so they are never NULL

_SERIALS = "reports"


@dataclass(frozen=True, slots=True)
class Case:
    """A report as one transaction sees it."""

    report: Report
    events: tuple[Event, ...]
    state: ReportState


@dataclass(frozen=True, slots=True)
class Doer:
    """Who makes an event. `officer` is the keyed hash of the human, for an inquiry."""

    actor: Actor
    officer: str | None = None


SYSTEM, BY_REPORTER = Doer(Actor.SYSTEM), Doer(Actor.REPORTER)


@dataclass(frozen=True, slots=True)
class Ledger:
    """Reads and writes reports inside a transaction the caller has."""

    clocks: Clocks
    now: Now

    def open(self, session: Session, report: Report, *, handling: str, person: str | None) -> Case:
        """Take in a new report, number it, and make it `person`'s; None ties it to nobody."""
        report.serial = _next_serial(session)
        self._write_projection(report, (), ReportState())
        session.add(report)
        session.flush()
        case = self.record(
            session, Case(report, (), ReportState()), Happening.RECEIVED, BY_REPORTER, {"handling": handling}
        )
        if person is not None:
            session.add(VaultEntry(serial=report.serial, person=person, relation=REPORTER, since=report.received_at))
        return case

    def find(self, session: Session, ticket: str | None) -> Case | None:
        """Return the report with this ticket."""
        report = None if ticket is None else session.scalar(select(Report).where(Report.ticket == ticket))
        return None if report is None else self.case_of(session, report)

    def case_of(self, session: Session, report: Report) -> Case:
        """Return a report with its events."""
        rows = session.scalars(
            select(ReportEvent).where(ReportEvent.serial == report.serial).order_by(ReportEvent.position)
        )
        events = tuple(Event(Happening(row.kind), Actor(row.actor), row.at, row.detail) for row in rows)
        return Case(report, events, fold(events))

    def record(
        self,
        session: Session,
        case: Case,
        kind: Happening,
        doer: Doer,
        detail: Mapping[str, Any] | None = None,  # Any: JSON
    ) -> Case:
        """Write down one event; a Problem 409 when it is not possible now."""
        # Two machines' clocks may differ; a report's own time never runs backwards.
        at = max([self.now(), *(event.at for event in case.events[-1:])])
        event = Event(kind, doer.actor, at, detail or {})
        try:
            state = apply(case.state, event)
        except Impossible:
            raise not_now(case.state.status) from None
        events = (*case.events, event)
        session.add(_row(case, event, state.status, doer.officer))
        self._write_projection(case.report, events, state)
        session.flush()
        return replace(case, events=events, state=state)

    def catch_up(self, session: Session, case: Case) -> Case:
        """Write down what the clocks made happen until now, before anybody acts on the report."""
        now = self.now()
        while (dues := agenda(self.clocks, case.events, case.state)) and dues[0].at <= now:
            case = self.record(session, case, dues[0].kind, SYSTEM, dues[0].detail)
        return case

    def readings(self, case: Case) -> dict[str, Reading]:
        """Read the clocks of all promises that hold for a report, by their code."""
        return {
            promise.rule.code: read_clock(promise, case.events, self.clocks.calendar, case.events[-1].at)
            for promise in self.clocks.promises_for(case.state)
        }

    def _write_projection(self, report: Report, events: tuple[Event, ...], state: ReportState) -> None:
        report.state = state.status
        report.agency = state.agency
        report.duplicate_of = state.duplicate_of
        report.version = len(events)
        report.updated_at = events[-1].at if events else report.received_at
        running = self.readings(Case(report, events, state)) if events else {}
        dues = {code: reading.due for code, reading in running.items() if reading.runs}
        report.due_at = min([due for due in dues.values() if due is not None], default=FAR_AWAY)
        report.is_late = bool(state.overdue & dues.keys())
        coming = agenda(self.clocks, events, state) if events else []
        report.next_check_at = coming[0].at if coming else FAR_AWAY


def not_now(status: Status) -> Problem:
    """Build the 409 for what a report's state does not allow."""
    text = state_text(status)
    return conflict(
        "not-in-this-state",
        f"Belum atau tidak lagi dapat dilakukan. Laporan berstatus {status}: {text.id}",
        f"Not possible now. The report's state is {status}: {text.en}",
    )


def _row(case: Case, event: Event, after: Status, officer: str | None) -> ReportEvent:
    return ReportEvent(
        serial=case.report.serial,
        position=len(case.events) + 1,
        kind=event.kind,
        actor=event.actor,
        officer=officer,
        at=event.at,
        day=wib_date(event.at),
        state_before=case.state.status,
        state_after=after,
        detail=dict(event.detail),
    )


def _next_serial(session: Session) -> int:
    counter = session.get(Counter, _SERIALS)
    if counter is None:
        counter = Counter(name=_SERIALS, value=0)
        session.add(counter)
    counter.value += 1
    return counter.value


def received_total(session: Session) -> int:
    """Return how many reports were ever numbered."""
    counter = session.get(Counter, _SERIALS)
    return 0 if counter is None else counter.value
