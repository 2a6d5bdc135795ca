"""Where incidents live: finding one, taking one in, and writing down what happens to it.

Every change goes through `Ledger.record`, which asks the machine first, so nothing undefined reaches the database.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from services.emergency.catalogue import Catalogue
from services.emergency.machine import Actor, Event, Happening, Impossible, IncidentState, Status, apply, fold
from services.emergency.ranking import Standing, Suspicion, base_priority, board_order
from services.emergency.tables import Incident, IncidentEvent
from services.emergency.texts import state_text
from services.kit.clock import Now
from services.kit.problem import Problem, conflict


@dataclass(frozen=True, slots=True)
class Case:
    """An incident as one transaction sees it."""

    incident: Incident
    events: tuple[Event, ...]
    state: IncidentState


@dataclass(frozen=True, slots=True)
class Doer:
    """Who makes an event. `operator` is the human's pseudonym, for an inquiry."""

    actor: Actor
    operator: str | None = None


BY_REPORTER = Doer(Actor.REPORTER)


@dataclass(frozen=True, slots=True)
class Ledger:
    """Reads and writes incidents inside a transaction the caller has."""

    catalogue: Catalogue
    now: Now

    def open(self, session: Session, incident: Incident) -> Case:
        """Take in a report and number it. Without a group it founds its own."""
        reported = Event(Happening.REPORTED, Actor.REPORTER, incident.received_at, {"kind": incident.kind})
        founds_group = incident.group == 0
        case = self._applied(Case(incident, (), IncidentState()), reported)
        session.add(incident)
        session.flush()
        if founds_group:
            incident.group = incident.serial
        session.add(_row(case, BY_REPORTER.operator))
        session.flush()
        return case

    def find(self, session: Session, id: str) -> Case | None:
        """Return the incident that this unguessable id opens."""
        incident = session.scalar(select(Incident).where(Incident.id == id))
        return None if incident is None else self.case_of(session, incident)

    def by_serial(self, session: Session, serial: int) -> Case | None:
        """Return the incident with this number."""
        incident = session.get(Incident, serial)
        return None if incident is None else self.case_of(session, incident)

    def case_of(self, session: Session, incident: Incident) -> Case:
        """Return an incident with its events."""
        rows = session.scalars(
            select(IncidentEvent).where(IncidentEvent.serial == incident.serial).order_by(IncidentEvent.position)
        )
        events = tuple(Event(Happening(row.kind), Actor(row.actor), row.at, row.detail) for row in rows)
        return Case(incident, events, fold(events))

    def main_of(self, session: Session, case: Case) -> Case:
        """Follow merges to the incident that is worked on; an unmerged one is its own."""
        while case.state.merged_into is not None:
            main = self.by_serial(session, case.state.merged_into)
            assert main is not None, "merging names an incident that exists, and none is ever deleted"
            case = main
        return case

    def record(
        self,
        session: Session,
        case: Case,
        kind: Happening,
        doer: Doer,
        detail: Mapping[str, Any] | None = None,  # Any: JSON
    ) -> Case:
        """Write down one event; a Problem 409 when it is not possible now."""
        # Two machines' clocks may differ; an incident's own time never runs backwards.
        at = max([self.now(), *(event.at for event in case.events[-1:])])
        try:
            case = self._applied(case, Event(kind, doer.actor, at, detail or {}))
        except Impossible:
            raise not_now(case.state.status) from None
        session.add(_row(case, doer.operator))
        session.flush()
        return case

    def corroborate(self, incidents: Sequence[Incident]) -> None:
        """Note that several people report the same, which outweighs any sign of a prank."""
        for incident in incidents:
            incident.is_corroborated = True
            incident.board_order = _order(incident)

    def _applied(self, case: Case, event: Event) -> Case:
        case = replace(case, events=(*case.events, event), state=apply(case.state, event))
        self._write_projection(case)
        return case

    def _write_projection(self, case: Case) -> None:
        incident, state = case.incident, case.state
        severity = self.catalogue.kind(state.kind).severity
        incident.kind = state.kind
        incident.state = state.status
        incident.is_on_board = state.is_on_board
        incident.is_assessed = state.priority is not None
        incident.priority = base_priority(severity, assessed=state.priority, is_silent=incident.is_silent)
        incident.acknowledged_at = state.acknowledged_at
        incident.merged_into = state.merged_into
        incident.version = len(case.events)
        incident.updated_at = case.events[-1].at
        incident.board_order = _order(incident)


def _order(incident: Incident) -> int:
    return board_order(
        Standing(
            priority=incident.priority,
            is_assessed=incident.is_assessed,
            suspicion=Suspicion(incident.suspicion),
            is_corroborated=incident.is_corroborated,
            is_acknowledged=incident.acknowledged_at is not None,
            received_at=incident.received_at,
        )
    )


def not_now(status: Status) -> Problem:
    """Build the 409 for what an incident's state does not allow."""
    text = state_text(status)
    return conflict(
        "not-in-this-state",
        f"Tidak dapat dilakukan sekarang. Kejadian berstatus {status}: {text.id}",
        f"Not possible now. The incident's state is {status}: {text.en}",
    )


def _row(case: Case, operator: str | None) -> IncidentEvent:
    event = case.events[-1]
    return IncidentEvent(
        serial=case.incident.serial,
        position=len(case.events),
        kind=event.kind,
        actor=event.actor,
        operator=operator,
        at=event.at,
        state_after=case.state.status,
        detail=dict(event.detail),
    )
