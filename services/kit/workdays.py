"""Working days and hours in WIB, and a promise's clock that pauses and never restarts.

Pure arithmetic over a calendar that is data (`holidays.yaml`); whoever shows a due date can ask whether the
calendar behind it was verified.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

from services.kit.clock import WIB
from services.kit.yaml_file import read_yaml

DEFAULT_CALENDAR = Path(__file__).with_name("holidays.yaml")

_ONE_DAY = timedelta(days=1)


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: str
    source: str
    verified: Literal["yes", "no"]


class _Yearly(_Entry):
    month_day: str


class _Dated(_Entry):
    date: date


class _Hours(BaseModel):
    model_config = ConfigDict(extra="forbid")
    start: time
    end: time
    source: str
    verified: Literal["yes", "no"]


class _CalendarFile(BaseModel):
    model_config = ConfigDict(extra="forbid")
    version: Literal[1]
    working_hours: _Hours
    yearly: list[_Yearly]
    dated: list[_Dated]


@dataclass(frozen=True, slots=True)
class Holiday:
    """A day the offices are closed, and where that is written."""

    name: str
    source: str
    verified: bool


@dataclass(frozen=True, slots=True)
class Calendar:
    """When the city's offices work. Days are dates in WIB; `opens` and `closes` are WIB times."""

    opens: time
    closes: time
    yearly: dict[tuple[int, int], Holiday]
    dated: dict[date, Holiday]
    verified: bool

    @property
    def day_length(self) -> timedelta:
        """Return the working time of one full day."""
        return _at(date.min + _ONE_DAY, self.closes) - _at(date.min + _ONE_DAY, self.opens)

    def holiday(self, day: date) -> Holiday | None:
        """Return the holiday on this day, if there is one."""
        return self.dated.get(day) or self.yearly.get((day.month, day.day))

    def is_workday(self, day: date) -> bool:
        """Tell whether offices open: Monday to Friday and no holiday."""
        return day.weekday() < 5 and self.holiday(day) is None

    def add_workdays(self, day: date, count: int) -> date:
        """Return the count-th workday after `day`, which itself does not count."""
        for _ in range(count):
            day = self._next_workday(day)
        return day

    def workdays_between(self, start: date, end: date) -> int:
        """Count workdays after `start` up to and including `end`; 0 when `end` is not later."""
        days = (end - start).days
        return sum(self.is_workday(start + timedelta(days=n)) for n in range(1, days + 1))

    def working_time_between(self, start: datetime, end: datetime) -> timedelta:
        """Measure the office hours between two instants; zero when `end` is not later."""
        spent = timedelta()
        for opens, closes in self._sessions(start):
            if opens >= end:
                break
            spent += max(timedelta(), min(closes, end) - max(opens, start))
        return spent

    def add_working_time(self, start: datetime, amount: timedelta) -> datetime:
        """Return the instant by which this much office time has passed since `start`."""
        left = amount
        for opens, closes in self._sessions(start):
            begin = max(opens, start.astimezone(WIB))
            if closes - begin >= left:
                return begin + left
            left -= max(timedelta(), closes - begin)
        raise AssertionError("sessions never end")

    def _next_workday(self, day: date) -> date:
        day += _ONE_DAY
        while not self.is_workday(day):
            day += _ONE_DAY
        return day

    def _sessions(self, start: datetime) -> Iterator[tuple[datetime, datetime]]:
        """Yield opening and closing of each workday, from the first that closes after `start`."""
        day = start.astimezone(WIB).date() - _ONE_DAY
        while True:
            day = self._next_workday(day)
            if _at(day, self.closes) > start:
                yield _at(day, self.opens), _at(day, self.closes)


def _at(day: date, clock: time) -> datetime:
    return datetime.combine(day, clock, tzinfo=WIB)


def load_calendar(path: Path = DEFAULT_CALENDAR) -> Calendar:
    """Read a calendar file; a fault in it is a ValidationError at start, never a wrong due date."""
    # BaseLoader keeps every scalar a text: no `no` that becomes False before the model reads it.
    parsed = _CalendarFile.model_validate(_with_version(read_yaml(path)))
    hours, entries = parsed.working_hours, [*parsed.yearly, *parsed.dated]
    return Calendar(
        opens=hours.start,
        closes=hours.end,
        yearly={_month_day(entry.month_day): _holiday(entry) for entry in parsed.yearly},
        dated={entry.date: _holiday(entry) for entry in parsed.dated},
        verified=hours.verified == "yes" and all(entry.verified == "yes" for entry in entries),
    )


def _with_version(document: dict[str, object]) -> dict[str, object]:
    return {**document, "version": int(str(document.get("version")))}


def _month_day(text: str) -> tuple[int, int]:
    day = date.fromisoformat(f"2024-{text}")  # a leap year, so that 29 February may be written
    return day.month, day.day


def _holiday(entry: _Entry) -> Holiday:
    return Holiday(entry.name, entry.source, entry.verified == "yes")


@dataclass(frozen=True, slots=True)
class Mark:
    """At this instant the promise's clock was started, paused, resumed or stopped."""

    at: datetime
    runs: bool


@dataclass(frozen=True, slots=True)
class Reading:
    """What a promise's clock shows. `due` is None while it is paused: it depends on when it resumes."""

    spent: timedelta
    remaining: timedelta
    due: datetime | None
    runs: bool

    @property
    def is_late(self) -> bool:
        return self.remaining < timedelta()


def read_promise(calendar: Calendar, marks: Sequence[Mark], *, promised: timedelta, now: datetime) -> Reading:
    """Read the clock of a promise of this much office time (`days * calendar.day_length`).

    Marks are in order of time. Time spent is only ever added, so a pause can never give time back.
    """
    spent = timedelta()
    used_up: datetime | None = None  # when the promise was, perhaps in a stretch before the last pause
    for mark, until in zip(marks, [*(mark.at for mark in marks[1:]), now], strict=False):
        if not mark.runs:
            continue
        stretch = calendar.working_time_between(mark.at, until)
        if used_up is None and promised - spent <= stretch:
            used_up = calendar.add_working_time(mark.at, promised - spent)
        spent += stretch
    runs = bool(marks) and marks[-1].runs
    remaining = promised - spent
    due = used_up if runs else None
    if runs and used_up is None:
        due = calendar.add_working_time(now, remaining)
    return Reading(spent, remaining, due, runs)
