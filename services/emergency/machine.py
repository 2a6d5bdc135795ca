"""An incident's life: its state is a pure function of its events, and this table says which may follow which.

Nothing here reads a clock or a database. An event that the table does not allow is refused before it is written, so
whatever the database holds can be folded. There is no event that ends an incident's existence, and none by which a
machine alone takes one off the operators' board.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Any


class Status(StrEnum):
    """Where an incident stands. NEW is before its first event and is never stored."""

    NEW = "BARU"
    RECEIVED = "DITERIMA"  # stored, and read by nobody yet
    TRIAGE = "TRIASE"  # an operator has it
    DISPATCHED = "DITERUSKAN"  # a unit was told
    ON_THE_WAY = "BERANGKAT"
    ON_SCENE = "DI_LOKASI"
    CLOSED = "SELESAI"
    MERGED = "GABUNG"
    UNTRUE = "TIDAK_BENAR"
    HANDED_OVER = "LUAR_WILAYAH"  # to another city's centre


class Stage(StrEnum):
    """How far a single unit has come. WITHDRAWN never arrived, FINISHED did and left."""

    ASSIGNED = "assigned"
    ON_THE_WAY = "on_the_way"
    ON_SCENE = "on_scene"
    FINISHED = "finished"
    WITHDRAWN = "withdrawn"


class Happening(StrEnum):
    """What can happen to an incident."""

    REPORTED = "reported"
    ACKNOWLEDGED = "acknowledged"
    ASSESSED = "assessed"
    DISPATCHED = "dispatched"
    DEPARTED = "departed"
    ARRIVED = "arrived"
    RELEASED = "released"
    CLOSED = "closed"
    REOPENED = "reopened"
    MERGED = "merged"
    SEPARATED = "separated"
    FOUND_UNTRUE = "found-untrue"
    REINSTATED = "reinstated"
    HANDED_OVER = "handed-over"
    TAKEN_BACK = "taken-back"
    NOTED = "noted"
    REPORTER_WROTE = "reporter-wrote"
    OPERATOR_WROTE = "operator-wrote"


class Actor(StrEnum):
    """Who makes an event."""

    REPORTER = "reporter"
    OPERATOR = "operator"


OPEN = (Status.RECEIVED, Status.TRIAGE, Status.DISPATCHED, Status.ON_THE_WAY, Status.ON_SCENE)
_ACKNOWLEDGED = tuple(status for status in Status if status not in (Status.NEW, Status.RECEIVED))
_IN_HAND = (Status.TRIAGE, Status.DISPATCHED, Status.ON_THE_WAY, Status.ON_SCENE)

# The furthest unit says where the incident stands; with none left that counts, it is back in triage.
STATUS_OF_STAGE: Mapping[Stage, Status] = MappingProxyType(
    {
        Stage.WITHDRAWN: Status.TRIAGE,
        Stage.ASSIGNED: Status.DISPATCHED,
        Stage.ON_THE_WAY: Status.ON_THE_WAY,
        Stage.ON_SCENE: Status.ON_SCENE,
        Stage.FINISHED: Status.ON_SCENE,
    }
)

# What happens to a unit: stages it may be in before (None: not called yet) → stage after it.
UNIT_MOVES: Mapping[Happening, Mapping[Stage | None, Stage]] = MappingProxyType(
    {
        Happening.DISPATCHED: {
            None: Stage.ASSIGNED,
            Stage.WITHDRAWN: Stage.ASSIGNED,
            Stage.FINISHED: Stage.ASSIGNED,
        },
        Happening.DEPARTED: {Stage.ASSIGNED: Stage.ON_THE_WAY},
        # A unit may report its arrival without having reported its departure.
        Happening.ARRIVED: {Stage.ASSIGNED: Stage.ON_SCENE, Stage.ON_THE_WAY: Stage.ON_SCENE},
        Happening.RELEASED: {
            Stage.ASSIGNED: Stage.WITHDRAWN,
            Stage.ON_THE_WAY: Stage.WITHDRAWN,
            Stage.ON_SCENE: Stage.FINISHED,
        },
    }
)

# status → what moves it → the statuses it may be in afterwards (several where the units decide).
_MOVES: Mapping[Status, Mapping[Happening, tuple[Status, ...]]] = {
    Status.NEW: {Happening.REPORTED: (Status.RECEIVED,)},
    Status.RECEIVED: {
        Happening.ACKNOWLEDGED: (Status.TRIAGE,),
        Happening.MERGED: (Status.MERGED,),
    },
    Status.TRIAGE: {
        Happening.DISPATCHED: (Status.DISPATCHED,),
        Happening.MERGED: (Status.MERGED,),
        Happening.FOUND_UNTRUE: (Status.UNTRUE,),
        Happening.HANDED_OVER: (Status.HANDED_OVER,),
        Happening.CLOSED: (Status.CLOSED,),
    },
    Status.DISPATCHED: {
        Happening.DISPATCHED: (Status.DISPATCHED,),
        Happening.DEPARTED: (Status.ON_THE_WAY,),
        Happening.ARRIVED: (Status.ON_SCENE,),
        Happening.RELEASED: (Status.TRIAGE, Status.DISPATCHED),
    },
    Status.ON_THE_WAY: {
        Happening.DISPATCHED: (Status.ON_THE_WAY,),
        Happening.DEPARTED: (Status.ON_THE_WAY,),
        Happening.ARRIVED: (Status.ON_SCENE,),
        Happening.RELEASED: (Status.TRIAGE, Status.DISPATCHED, Status.ON_THE_WAY),
    },
    Status.ON_SCENE: {
        Happening.DISPATCHED: (Status.ON_SCENE, Status.DISPATCHED, Status.ON_THE_WAY),
        Happening.DEPARTED: (Status.ON_SCENE,),
        Happening.ARRIVED: (Status.ON_SCENE,),
        Happening.RELEASED: (Status.ON_SCENE,),
        Happening.CLOSED: (Status.CLOSED,),
        Happening.FOUND_UNTRUE: (Status.UNTRUE,),
    },
    Status.CLOSED: {Happening.REOPENED: (Status.TRIAGE,)},
    Status.MERGED: {Happening.SEPARATED: (Status.TRIAGE,)},
    Status.UNTRUE: {Happening.REINSTATED: (Status.TRIAGE,)},
    Status.HANDED_OVER: {Happening.TAKEN_BACK: (Status.TRIAGE,)},
}

# What leaves an incident where it is, and in which states it may happen.
_MARKS: Mapping[Happening, tuple[Status, ...]] = {
    Happening.ASSESSED: _IN_HAND,
    Happening.NOTED: _ACKNOWLEDGED,
    Happening.OPERATOR_WROTE: _ACKNOWLEDGED,
    # Whoever reported is heard in every state, also after "closed" and "untrue".
    Happening.REPORTER_WROTE: (Status.RECEIVED, *_ACKNOWLEDGED),
}

TRANSITIONS: Mapping[Status, Mapping[Happening, tuple[Status, ...]]] = MappingProxyType(
    {
        status: {**_MOVES[status], **{mark: (status,) for mark, where in _MARKS.items() if status in where}}
        for status in Status
    }
)

BY_REPORTER = frozenset({Happening.REPORTED, Happening.REPORTER_WROTE})


class Impossible(Exception):
    """This cannot happen to an incident in this state, or is not this actor's to do."""


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened. `detail` is JSON: a unit's code, a message, a priority."""

    kind: Happening
    actor: Actor
    at: datetime
    detail: Mapping[str, Any] = field(default_factory=dict)  # Any: JSON


@dataclass(frozen=True, slots=True)
class IncidentState:
    """What an incident is now. `units` is in the order in which they were first called."""

    status: Status = Status.NEW
    kind: str = ""
    priority: int | None = None  # an operator's judgement; None: the kind's own counts
    units: Mapping[str, Stage] = field(default_factory=dict)
    merged_into: int | None = None
    received_at: datetime | None = None
    acknowledged_at: datetime | None = None
    last_at: datetime | None = None
    is_unanswered: bool = False  # the reporter wrote, and no operator has done anything since

    @property
    def is_on_board(self) -> bool:
        """Tell whether operators still have something to do here."""
        return self.status in OPEN or self.is_unanswered


def apply(state: IncidentState, event: Event) -> IncidentState:
    """Return the state after the event, or raise Impossible."""
    allowed = TRANSITIONS[state.status].get(event.kind)
    if allowed is None:
        raise Impossible(f"{event.kind} while {state.status}")
    if (event.kind in BY_REPORTER) is not (event.actor is Actor.REPORTER):
        raise Impossible(f"{event.kind} by {event.actor}")
    if state.last_at is not None and state.last_at > event.at:
        raise Impossible("earlier than what happened before it")
    after = _with_detail(replace(state, last_at=event.at), event)
    status = _status_by_units(after) if event.kind in UNIT_MOVES else allowed[0]
    return replace(after, status=status, is_unanswered=event.kind is Happening.REPORTER_WROTE)


def _with_detail(state: IncidentState, event: Event) -> IncidentState:
    detail = event.detail
    match event.kind:
        case Happening.REPORTED:
            return replace(state, kind=detail["kind"], received_at=event.at)
        case Happening.ACKNOWLEDGED:
            return replace(state, acknowledged_at=event.at)
        case Happening.MERGED:
            return replace(state, merged_into=detail["into"], acknowledged_at=state.acknowledged_at or event.at)
        case Happening.SEPARATED:
            return replace(state, merged_into=None)
        case Happening.REOPENED | Happening.REINSTATED:
            # Those who went have gone home; help is counted anew.
            return replace(state, units=dict.fromkeys(state.units, Stage.WITHDRAWN))
        case Happening.ASSESSED:
            return replace(state, priority=detail["priority"], kind=detail.get("kind", state.kind))
        case Happening.DISPATCHED | Happening.DEPARTED | Happening.ARRIVED | Happening.RELEASED:
            return _with_unit(state, event.kind, detail["unit"])
    return state


def _with_unit(state: IncidentState, kind: Happening, unit: str) -> IncidentState:
    stage = UNIT_MOVES[kind].get(state.units.get(unit))
    if stage is None:
        raise Impossible(f"{kind} for a unit that is {state.units.get(unit, 'not called')}")
    return replace(state, units={**state.units, unit: stage})


def _status_by_units(state: IncidentState) -> Status:
    ranked = list(STATUS_OF_STAGE.values())
    return max((STATUS_OF_STAGE[stage] for stage in state.units.values()), key=ranked.index)


def fold(events: Iterable[Event]) -> IncidentState:
    """Return the state after all events in order."""
    state = IncidentState()
    for event in events:
        state = apply(state, event)
    return state


def possible(state: IncidentState, actor: Actor) -> list[Happening]:
    """Return what this actor may do now, in the table's order; a unit's step only if some unit can take it."""
    return [
        kind
        for kind in TRANSITIONS[state.status]
        if (kind in BY_REPORTER) is (actor is Actor.REPORTER) and _some_unit_can(state, kind)
    ]


def _some_unit_can(state: IncidentState, kind: Happening) -> bool:
    moves = UNIT_MOVES.get(kind)
    return moves is None or None in moves or any(stage in moves for stage in state.units.values())
