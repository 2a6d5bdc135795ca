"""The promises' clocks: how long a report may take, how long it took, and what is due when.

Pure: amounts are data (`clocks.yaml`), states come from the events, and time is an argument. A promise's clock runs in
some states and pauses in the others; time spent is only ever added, so neither forwarding nor reopening gives any back.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from services.complaints.life import Happening, Status
from services.complaints.machine import Event, ReportState, apply
from services.kit.problem import Text
from services.kit.workdays import Calendar, Mark, Reading, read_promise
from services.kit.yaml_file import read_yaml

DEFAULT_CLOCKS = Path(__file__).with_name("clocks.yaml")

Unit = Literal["workdays", "days"]


class _Title(BaseModel):
    model_config = ConfigDict(extra="forbid")
    id: str
    en: str


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid")
    code: str
    title: _Title
    amount: int = Field(gt=0)
    unit: Unit
    source: str
    verified: Literal["yes", "no"]


class _Promise(_Entry):
    warn_before: int = Field(ge=0)
    runs_in: list[Status]
    handling: str | None = None


class _Silence(_Entry):
    state: Status
    since: list[Happening]
    then: Happening


class _Reopening(BaseModel):
    model_config = ConfigDict(extra="forbid")
    within_days: int = Field(gt=0)
    at_most: int = Field(gt=0)
    source: str
    verified: Literal["yes", "no"]


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")
    version: Literal["1"]
    promises: list[_Promise]
    silences: list[_Silence]
    reopening: _Reopening


@dataclass(frozen=True, slots=True)
class Rule:
    """What a promise and a silence have in common: how long, and where that is written."""

    code: str
    title: Text
    amount: int
    unit: Unit
    source: str
    verified: bool


@dataclass(frozen=True, slots=True)
class Promise:
    """A time the city promises to keep; `handling` limits it to reports handled so."""

    rule: Rule
    warn_before: int
    runs_in: frozenset[Status]
    handling: str | None


@dataclass(frozen=True, slots=True)
class Silence:
    """What happens by itself when nobody does anything for a while."""

    rule: Rule
    state: Status
    since: tuple[Happening, ...]
    then: Happening


@dataclass(frozen=True, slots=True)
class Clocks:
    """All rules about time."""

    promises: tuple[Promise, ...]
    silences: tuple[Silence, ...]
    reopen_within: timedelta
    reopen_at_most: int
    calendar: Calendar

    def promises_for(self, state: ReportState) -> list[Promise]:
        """Return the promises that hold for a report."""
        return [promise for promise in self.promises if promise.handling in (None, state.handling)]


def load_clocks(calendar: Calendar, path: Path = DEFAULT_CLOCKS) -> Clocks:
    """Read the file; a fault in it is a ValidationError at start, never a wrong due date."""
    parsed = _File.model_validate(read_yaml(path))
    return Clocks(
        promises=tuple(
            Promise(_rule(entry), entry.warn_before, frozenset(entry.runs_in), entry.handling)
            for entry in parsed.promises
        ),
        silences=tuple(Silence(_rule(entry), entry.state, tuple(entry.since), entry.then) for entry in parsed.silences),
        reopen_within=timedelta(days=parsed.reopening.within_days),
        reopen_at_most=parsed.reopening.at_most,
        calendar=calendar,
    )


def _rule(entry: _Entry) -> Rule:
    title = Text(entry.title.id, entry.title.en)
    return Rule(entry.code, title, entry.amount, entry.unit, entry.source, entry.verified == "yes")


def read_clock(promise: Promise, events: Sequence[Event], calendar: Calendar, now: datetime) -> Reading:
    """Read one promise's clock at `now`."""
    marks = _marks(promise, events)
    if promise.rule.unit == "workdays":
        return read_promise(calendar, marks, promised=calendar.day_length * promise.rule.amount, now=now)
    return _read_days(marks, timedelta(days=promise.rule.amount), now)


def _marks(promise: Promise, events: Sequence[Event]) -> list[Mark]:
    state, marks = ReportState(), list[Mark]()
    for event in events:
        state = apply(state, event)
        runs = state.status in promise.runs_in
        # Only starts and stops are marks: a due date is counted from the last start and then stands still.
        if not marks or marks[-1].runs is not runs:
            marks.append(Mark(event.at, runs))
    return marks


def _read_days(marks: Sequence[Mark], promised: timedelta, now: datetime) -> Reading:
    """Read a clock of calendar time: like `read_promise`, nights and holidays included."""
    spent = timedelta()
    for mark, until in zip(marks, [*(mark.at for mark in marks[1:]), now], strict=False):
        if mark.runs:
            spent += max(timedelta(), until - mark.at)
    runs = bool(marks) and marks[-1].runs
    before = spent - max(timedelta(), now - marks[-1].at) if runs else spent
    due = marks[-1].at + max(timedelta(), promised - before) if runs else None
    return Reading(spent, promised - spent, due, runs)


def warns_at(promise: Promise, events: Sequence[Event], calendar: Calendar) -> datetime | None:
    """Return when a running clock is to be warned of: when all but `warn_before` is spent, if that is ever."""
    if promise.warn_before >= promise.rule.amount:
        return None
    marks = _marks(promise, events)
    early = promise.rule.amount - promise.warn_before
    if promise.rule.unit == "workdays":
        return read_promise(calendar, marks, promised=calendar.day_length * early, now=marks[-1].at).due
    return _read_days(marks, timedelta(days=early), marks[-1].at).due


def ends_at(silence: Silence, state: ReportState, calendar: Calendar) -> datetime | None:
    """Return when the silence is over, or None while it is not counted."""
    if state.status is not silence.state:
        return None
    heard = max(state.last_at[kind] for kind in silence.since if kind in state.last_at)
    if silence.rule.unit == "workdays":
        return calendar.add_working_time(heard, calendar.day_length * silence.rule.amount)
    return heard + timedelta(days=silence.rule.amount)


@dataclass(frozen=True, slots=True)
class Due:
    """Something the clocks make happen: at this instant, this event."""

    at: datetime
    kind: Happening
    detail: Mapping[str, str]


def agenda(clocks: Clocks, events: Sequence[Event], state: ReportState) -> list[Due]:
    """Return what the clocks will make happen if nobody does anything, earliest first."""
    dues = list[Due]()
    for promise in clocks.promises_for(state):
        dues += _promise_dues(promise, events, state, clocks.calendar)
    for silence in clocks.silences:
        end = ends_at(silence, state, clocks.calendar)
        if end is not None:
            dues.append(Due(end, silence.then, {"clock": silence.rule.code}))
    return sorted(dues, key=lambda due: due.at)


def _promise_dues(promise: Promise, events: Sequence[Event], state: ReportState, calendar: Calendar) -> list[Due]:
    code, dues = promise.rule.code, list[Due]()
    reading = read_clock(promise, events, calendar, events[-1].at)
    if not reading.runs or reading.due is None or code in state.overdue:
        return dues
    warning = warns_at(promise, events, calendar)
    # When too late for a warning, the record alone is made.
    if warning is not None and code not in state.warned and warning < reading.due:
        dues.append(Due(warning, Happening.CLOCK_WARNED, {"clock": code}))
    return [*dues, Due(reading.due, Happening.CLOCK_OVERDUE, {"clock": code})]
