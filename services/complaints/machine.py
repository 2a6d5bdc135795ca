"""A report's life: its state is a pure function of its events, and this table says which may follow which.

Nothing here reads a clock or a database. An event that the table does not allow is refused before it is written, so
whatever the database holds can be folded. There is no event that ends a report's existence: none is ever deleted.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Any


class Status(StrEnum):
    """Where a report stands. NEW is before its first event and is never stored."""

    NEW = "BARU"
    RECEIVED = "DITERIMA"
    VERIFYING = "VERIFIKASI"
    NEEDS_DATA = "PERLU_DATA"
    FORWARDED = "DITERUSKAN"
    HANDED_BACK = "ALIH_OPD"
    IN_PROGRESS = "DIPROSES"
    FOLLOWED_UP = "DITINDAKLANJUTI"
    DONE = "SELESAI"
    REJECTED = "DITOLAK"
    DUPLICATE = "DUPLIKAT"
    REOPENED = "DIBUKA_KEMBALI"


class Happening(StrEnum):
    """What can happen to a report."""

    RECEIVED = "received"
    VERIFICATION_STARTED = "verification-started"
    DATA_REQUESTED = "data-requested"
    DATA_PROVIDED = "data-provided"
    DATA_OVERDUE = "data-overdue"
    FORWARDED = "forwarded"
    HANDED_BACK = "handed-back"
    WORK_STARTED = "work-started"
    PROGRESSED = "progressed"
    FOLLOWED_UP = "followed-up"
    CLOSED_BY_SILENCE = "closed-by-silence"
    RATED = "rated"
    REOPENED = "reopened"
    REJECTED = "rejected"
    LINKED = "duplicate-linked"
    UNLINKED = "duplicate-unlinked"
    PHOTO_ADDED = "photo-added"
    REPLIED = "replied"
    PUBLISHED = "published"
    CLOCK_WARNED = "clock-warned"
    CLOCK_OVERDUE = "clock-overdue"


class Actor(StrEnum):
    """Who makes an event. DESK is Laksa's own verification desk, AGENCY whom the report was forwarded to."""

    REPORTER = "reporter"
    DESK = "desk"
    AGENCY = "agency"
    SYSTEM = "system"


class Place(StrEnum):
    """The one place of the public balance in which a report is."""

    WAITING = "waiting"
    IN_PROCESS = "in_process"
    DONE = "done"
    REJECTED = "rejected"
    DUPLICATE = "duplicate"


OPEN = (
    Status.RECEIVED,
    Status.VERIFYING,
    Status.NEEDS_DATA,
    Status.FORWARDED,
    Status.HANDED_BACK,
    Status.IN_PROGRESS,
    Status.FOLLOWED_UP,
    Status.REOPENED,
)

# status → what moves it → status after it.
_MOVES: Mapping[Status, Mapping[Happening, Status]] = {
    Status.NEW: {Happening.RECEIVED: Status.RECEIVED},
    Status.RECEIVED: {
        Happening.VERIFICATION_STARTED: Status.VERIFYING,
        Happening.LINKED: Status.DUPLICATE,
    },
    Status.VERIFYING: {
        Happening.DATA_REQUESTED: Status.NEEDS_DATA,
        Happening.FORWARDED: Status.FORWARDED,
        Happening.REJECTED: Status.REJECTED,
        Happening.LINKED: Status.DUPLICATE,
    },
    Status.NEEDS_DATA: {
        Happening.DATA_PROVIDED: Status.VERIFYING,
        Happening.DATA_OVERDUE: Status.REJECTED,
        Happening.LINKED: Status.DUPLICATE,
    },
    Status.FORWARDED: {
        Happening.WORK_STARTED: Status.IN_PROGRESS,
        Happening.HANDED_BACK: Status.HANDED_BACK,
    },
    Status.HANDED_BACK: {
        Happening.FORWARDED: Status.FORWARDED,
        Happening.REJECTED: Status.REJECTED,
        Happening.LINKED: Status.DUPLICATE,
    },
    Status.IN_PROGRESS: {
        Happening.PROGRESSED: Status.IN_PROGRESS,
        Happening.FOLLOWED_UP: Status.FOLLOWED_UP,
        Happening.HANDED_BACK: Status.HANDED_BACK,
    },
    Status.FOLLOWED_UP: {
        Happening.RATED: Status.DONE,
        Happening.CLOSED_BY_SILENCE: Status.DONE,
        Happening.REOPENED: Status.REOPENED,
    },
    Status.DONE: {Happening.RATED: Status.DONE, Happening.REOPENED: Status.REOPENED},
    Status.REJECTED: {Happening.REOPENED: Status.REOPENED},
    Status.DUPLICATE: {Happening.UNLINKED: Status.VERIFYING},
    Status.REOPENED: {
        Happening.VERIFICATION_STARTED: Status.VERIFYING,
        Happening.FORWARDED: Status.FORWARDED,
        Happening.WORK_STARTED: Status.IN_PROGRESS,
        Happening.REJECTED: Status.REJECTED,
        Happening.LINKED: Status.DUPLICATE,
    },
}

# What leaves a report where it is, and in which states it may happen.
_MARKS: Mapping[Happening, tuple[Status, ...]] = {
    Happening.PHOTO_ADDED: OPEN,
    # While data is awaited, an answer is the data; the two are never confused.
    Happening.REPLIED: tuple(status for status in OPEN if status is not Status.NEEDS_DATA),
    Happening.PUBLISHED: (*OPEN, Status.DONE),
    Happening.CLOCK_WARNED: OPEN,
    Happening.CLOCK_OVERDUE: OPEN,
}

TRANSITIONS: Mapping[Status, Mapping[Happening, Status]] = MappingProxyType(
    {
        status: {**_MOVES[status], **{mark: status for mark, where in _MARKS.items() if status in where}}
        for status in Status
    }
)

ACTORS: Mapping[Happening, frozenset[Actor]] = MappingProxyType(
    {
        Happening.RECEIVED: frozenset({Actor.REPORTER}),
        Happening.VERIFICATION_STARTED: frozenset({Actor.DESK}),
        Happening.DATA_REQUESTED: frozenset({Actor.DESK}),
        Happening.DATA_PROVIDED: frozenset({Actor.REPORTER}),
        Happening.DATA_OVERDUE: frozenset({Actor.SYSTEM}),
        Happening.FORWARDED: frozenset({Actor.DESK}),
        Happening.HANDED_BACK: frozenset({Actor.AGENCY}),
        Happening.WORK_STARTED: frozenset({Actor.AGENCY}),
        Happening.PROGRESSED: frozenset({Actor.AGENCY}),
        Happening.FOLLOWED_UP: frozenset({Actor.AGENCY}),
        Happening.CLOSED_BY_SILENCE: frozenset({Actor.SYSTEM}),
        Happening.RATED: frozenset({Actor.REPORTER}),
        Happening.REOPENED: frozenset({Actor.REPORTER}),
        Happening.REJECTED: frozenset({Actor.DESK}),
        Happening.LINKED: frozenset({Actor.DESK}),
        Happening.UNLINKED: frozenset({Actor.DESK}),
        Happening.PHOTO_ADDED: frozenset({Actor.REPORTER, Actor.AGENCY}),
        Happening.REPLIED: frozenset({Actor.REPORTER}),
        Happening.PUBLISHED: frozenset({Actor.DESK}),
        Happening.CLOCK_WARNED: frozenset({Actor.SYSTEM}),
        Happening.CLOCK_OVERDUE: frozenset({Actor.SYSTEM}),
    }
)

PLACES: Mapping[Status, Place] = MappingProxyType(
    {
        Status.RECEIVED: Place.WAITING,
        Status.VERIFYING: Place.WAITING,
        Status.NEEDS_DATA: Place.WAITING,
        Status.FORWARDED: Place.IN_PROCESS,
        Status.HANDED_BACK: Place.IN_PROCESS,
        Status.IN_PROGRESS: Place.IN_PROCESS,
        Status.FOLLOWED_UP: Place.IN_PROCESS,
        Status.REOPENED: Place.IN_PROCESS,
        Status.DONE: Place.DONE,
        Status.REJECTED: Place.REJECTED,
        Status.DUPLICATE: Place.DUPLICATE,
    }
)


class Impossible(Exception):
    """This cannot happen to a report in this state, or is not this actor's to do."""


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened. `detail` is JSON: messages, an agency's code, a photo's number."""

    kind: Happening
    actor: Actor
    at: datetime
    detail: Mapping[str, Any] = field(default_factory=dict)  # Any: JSON


@dataclass(frozen=True, slots=True)
class ReportState:
    """What a report is now. `since` is when its status last changed."""

    status: Status = Status.NEW
    since: datetime | None = None
    last_at: Mapping[Happening, datetime] = field(default_factory=dict)
    agency: str | None = None
    handling: str | None = None
    duplicate_of: str | None = None
    reopenings: int = 0
    stars: int | None = None
    summary: str | None = None
    public_photos: frozenset[int] = frozenset()
    photos: Mapping[int, str] = field(default_factory=dict)  # number → "before" or "after"
    warned: frozenset[str] = frozenset()
    overdue: frozenset[str] = frozenset()

    @property
    def has_after_photo(self) -> bool:
        return "after" in self.photos.values()


def apply(state: ReportState, event: Event) -> ReportState:
    """Return the state after the event, or raise Impossible."""
    status = TRANSITIONS[state.status].get(event.kind)
    if status is None:
        raise Impossible(f"{event.kind} while {state.status}")
    if event.actor not in ACTORS[event.kind]:
        raise Impossible(f"{event.kind} by {event.actor}")
    last = [*state.last_at.values(), event.at]
    if max(last) > event.at:
        raise Impossible("earlier than what happened before it")
    after = replace(
        state,
        status=status,
        since=event.at if status is not state.status else state.since,
        last_at={**state.last_at, event.kind: event.at},
    )
    return _with_detail(after, event)


def _with_detail(state: ReportState, event: Event) -> ReportState:
    detail = event.detail
    match event.kind:
        case Happening.RECEIVED:
            return replace(state, handling=detail["handling"])
        case Happening.FORWARDED:
            return replace(state, agency=detail["agency"], handling=detail.get("handling", state.handling))
        case Happening.LINKED:
            return replace(state, duplicate_of=detail["of"])
        case Happening.UNLINKED:
            return replace(state, duplicate_of=None)
        case Happening.REOPENED:
            # A new answer deserves a new judgement.
            return replace(state, reopenings=state.reopenings + 1, stars=None)
        case Happening.RATED:
            if state.stars is not None:
                raise Impossible("rated already")
            return replace(state, stars=detail["stars"])
        case Happening.WORK_STARTED if state.agency is None:
            raise Impossible("no agency was given the report")
    return _with_pictures_and_clocks(state, event)


def _with_pictures_and_clocks(state: ReportState, event: Event) -> ReportState:
    detail = event.detail
    match event.kind:
        case Happening.PHOTO_ADDED:
            number = detail["number"]
            if number != len(state.photos) + 1:
                raise Impossible("photos are numbered in order")
            return replace(state, photos={**state.photos, number: detail["stage"]})
        case Happening.PUBLISHED:
            shown = frozenset(detail["photos"])
            if not shown <= state.photos.keys():
                raise Impossible("there is no such photo")
            return replace(state, summary=detail["summary"], public_photos=shown)
        case Happening.CLOCK_WARNED:
            return replace(state, warned=state.warned | {detail["clock"]})
        case Happening.CLOCK_OVERDUE:
            return replace(state, overdue=state.overdue | {detail["clock"]})
    return state


def fold(events: Iterable[Event]) -> ReportState:
    """Return the state after all events in order."""
    state = ReportState()
    for event in events:
        state = apply(state, event)
    return state


def possible(state: ReportState, actor: Actor) -> list[Happening]:
    """Return what this actor may do now, in the table's order."""
    return [kind for kind in TRANSITIONS[state.status] if actor in ACTORS[kind] and not _is_spent(state, kind)]


def _is_spent(state: ReportState, kind: Happening) -> bool:
    return (kind is Happening.RATED and state.stars is not None) or (
        kind is Happening.WORK_STARTED and state.agency is None
    )
