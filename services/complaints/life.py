"""The table of a report's life: its states, what can happen in each, who may do it, and where each is counted.

This is data. What it means is in `machine.py`, and `docs/state-machines.md` is drawn from it. There is no event that
ends a report's existence: none is ever deleted.
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType


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
