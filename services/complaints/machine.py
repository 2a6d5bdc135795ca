"""A report's state is a pure function of its events, and the table in `life.py` says which may follow which.

Nothing here reads a clock or a database. An event that the table does not allow is refused before it is written, so
whatever the database holds can be folded.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from services.complaints.life import ACTORS, TRANSITIONS, Actor, Happening, Status


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
