from datetime import date, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from services.kit.clock import WIB, indonesian_date_time, iso, utc_now, wib_date
from services.kit.workdays import Mark, load_calendar, read_promise

CALENDAR = load_calendar()
HOUR = timedelta(hours=1)
INSTANTS = st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 31)).map(lambda naive: naive.replace(tzinfo=WIB))


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=WIB)


def test_times_are_worded_as_citizens_read_them() -> None:
    instant = datetime.fromisoformat("2023-05-23T07:30:00+00:00")
    assert indonesian_date_time(instant) == "23 Mei 2023 pukul 14.30 WIB"
    assert iso(instant) == "2023-05-23T14:30:00+07:00"
    assert wib_date(datetime.fromisoformat("2023-05-23T17:00:00+00:00")) == date(2023, 5, 24)
    assert utc_now().tzinfo is not None


@pytest.mark.parametrize(
    ("day", "works"),
    [
        (date(2026, 11, 24), True),
        (date(2026, 11, 28), False),
        (date(2026, 8, 17), False),
        (date(2027, 8, 17), False),
        (date(2026, 3, 20), False),
    ],
)
def test_weekends_and_holidays_are_no_workdays(day: date, works: bool) -> None:
    assert CALENDAR.is_workday(day) is works


def test_workdays_skip_the_lebaran_week() -> None:
    assert CALENDAR.add_workdays(date(2026, 3, 17), 1) == date(2026, 3, 25)
    assert CALENDAR.workdays_between(date(2026, 3, 17), date(2026, 3, 25)) == 1
    assert CALENDAR.workdays_between(date(2026, 3, 25), date(2026, 3, 17)) == 0


def test_the_calendar_says_that_it_is_example_data() -> None:
    assert not CALENDAR.verified
    independence = CALENDAR.holiday(date(2026, 8, 17))
    assert independence is not None
    assert independence.verified
    assert len(CALENDAR.dated) + len(CALENDAR.yearly) == 25


def test_only_office_hours_are_counted() -> None:
    friday, monday = at("2026-11-27T15:00"), at("2026-11-30T09:00")
    assert CALENDAR.working_time_between(friday, monday) == 2 * HOUR
    assert CALENDAR.add_working_time(friday, 2 * HOUR) == monday
    assert CALENDAR.working_time_between(monday, friday) == timedelta()
    assert CALENDAR.add_working_time(at("2026-11-28T12:00"), timedelta()) == at("2026-11-30T08:00")
    assert CALENDAR.day_length == 8 * HOUR


@given(INSTANTS, st.integers(1, 60 * 400))
def test_adding_working_time_is_the_inverse_of_measuring_it(start: datetime, minutes: int) -> None:
    amount = timedelta(minutes=minutes)
    assert CALENDAR.working_time_between(start, CALENDAR.add_working_time(start, amount)) == amount


def test_a_promise_pauses_and_never_restarts() -> None:
    marks = [
        Mark(at("2026-11-24T08:00"), True),
        Mark(at("2026-11-24T12:00"), False),  # a correction is asked for
        Mark(at("2026-11-26T08:00"), True),
    ]
    promised = 2 * CALENDAR.day_length
    paused = read_promise(CALENDAR, marks[:2], promised=promised, now=at("2026-11-25T10:00"))
    assert (paused.spent, paused.due, paused.runs) == (4 * HOUR, None, False)
    running = read_promise(CALENDAR, marks, promised=promised, now=at("2026-11-26T09:00"))
    assert (running.spent, running.remaining) == (5 * HOUR, 11 * HOUR)
    assert running.due == at("2026-11-27T12:00")
    assert not running.is_late
    late = read_promise(CALENDAR, marks, promised=promised, now=at("2026-11-30T09:00"))
    assert late.is_late
    assert late.due == running.due


def test_a_promise_not_yet_begun_has_spent_nothing() -> None:
    reading = read_promise(CALENDAR, [], promised=HOUR, now=at("2026-11-24T08:00"))
    assert (reading.spent, reading.due, reading.runs) == (timedelta(), None, False)


def test_a_promise_overrun_before_a_pause_was_due_before_it() -> None:
    marks = [
        Mark(at("2026-11-24T08:00"), True),
        Mark(at("2026-11-24T12:00"), False),
        Mark(at("2026-11-25T10:00"), True),
    ]
    reading = read_promise(CALENDAR, marks, promised=HOUR, now=at("2026-11-25T11:00"))
    assert reading.is_late
    assert reading.due == at("2026-11-24T09:00")


@given(st.lists(INSTANTS, min_size=1, max_size=6), INSTANTS, INSTANTS)
def test_a_promises_clock_never_runs_backwards(marked: list[datetime], one: datetime, other: datetime) -> None:
    marks = [Mark(instant, n % 2 == 0) for n, instant in enumerate(sorted(marked))]
    earlier, later = sorted((max(one, marks[-1].at), max(other, marks[-1].at)))
    promised = timedelta(hours=24)
    before = read_promise(CALENDAR, marks, promised=promised, now=earlier)
    after = read_promise(CALENDAR, marks, promised=promised, now=later)
    assert timedelta() <= before.spent <= after.spent
    assert before.due == after.due


@pytest.mark.parametrize("line", ["surplus: 1", "version: 2", "yearly: [{month_day: '13-01'}]"])
def test_a_faulty_calendar_is_refused_at_start(tmp_path: Path, line: str) -> None:
    broken = tmp_path / "holidays.yaml"
    broken.write_text(f"version: 1\nworking_hours: {{}}\ndated: []\nyearly: []\n{line}\n")
    with pytest.raises(ValidationError):
        load_calendar(broken)
