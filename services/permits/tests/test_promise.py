"""The promise clock: where it starts, that it pauses and never restarts, and what is said about it."""

from datetime import datetime, timedelta

from services.kit.clock import WIB
from services.kit.workdays import load_calendar
from services.permits.case import Case, Event, PromiseReading, fold, read_case_promise
from services.permits.catalogue import load_catalogue
from services.permits.machine import EventKind
from services.permits.tests.test_machine import DETAILS

CATALOGUE, CALENDAR = load_catalogue(), load_calendar()


def told(*events: tuple[EventKind, str]) -> Case:
    """Build a case from events at times of November 2026 such as `24 09:00`."""
    return fold(
        Event(place, kind, at(moment), "someone", DETAILS.get(kind, {}))
        for place, (kind, moment) in enumerate(events, start=1)
    )


def at(moment: str) -> datetime:
    return datetime.strptime(f"2026-11-{moment}", "%Y-%m-%d %H:%M").replace(tzinfo=WIB)


def read(case: Case, code: str, now: str) -> PromiseReading:
    return read_case_promise(case, CATALOGUE.kinds[code].promise, CALENDAR, at(now))


CREATED = (EventKind.CREATED, "23 10:00")
SUBMITTED = (EventKind.SUBMITTED, "23 15:00")  # a Monday, an hour before closing
TAKEN = (EventKind.TAKEN, "24 09:00")
ASKED = (EventKind.CORRECTION_ASKED, "24 10:00")
CORRECTED = (EventKind.CORRECTED, "26 10:00")


def test_a_correction_pauses_the_clock_and_never_restarts_it() -> None:
    before = read(told(CREATED, SUBMITTED, TAKEN), "reklame", "24 10:00")
    assert before.reading.spent == timedelta(hours=3)  # Monday 15-16, Tuesday 8-10
    paused = read(told(CREATED, SUBMITTED, TAKEN, ASKED), "reklame", "26 10:00")
    assert paused.reading.spent == before.reading.spent
    assert (paused.reading.runs, paused.reading.due) == (False, None)
    resumed = read(told(CREATED, SUBMITTED, TAKEN, ASKED, CORRECTED), "reklame", "26 11:00")
    assert resumed.reading.spent == before.reading.spent + timedelta(hours=1)
    assert before.reading.due is not None
    assert resumed.reading.due == before.reading.due + timedelta(days=2)  # exactly the two days that it stood still


def test_the_clock_of_the_ten_hour_permit_runs_from_the_payment_after_the_levy() -> None:
    to_levy = [
        *(CREATED, SUBMITTED, TAKEN),
        (EventKind.FILE_ACCEPTED, "24 10:00"),
        (EventKind.ASSESSED, "24 11:00"),
        (EventKind.LEVY_SET, "24 13:00"),
    ]
    waiting = read(told(*to_levy), "pbg-prototipe", "24 15:00")
    assert (waiting.started_at, waiting.reading.spent) == (at("24 13:00"), timedelta())
    paid = [*to_levy, (EventKind.PAID, "24 15:00"), (EventKind.PAYMENT_CONFIRMED, "24 15:00")]
    assert read(told(*paid), "pbg-prototipe", "24 15:30").reading.due == at("26 09:00")  # 1 + 8 + 1 hours
    in_time = read(told(*paid, (EventKind.ISSUED, "25 15:00")), "pbg-prototipe", "30 15:00")
    assert in_time.was_kept is True
    late = read(told(*paid, (EventKind.ISSUED, "26 09:01")), "pbg-prototipe", "30 15:00")
    assert (late.was_kept, late.is_late) == (False, True)


def test_a_promise_that_never_started_was_neither_kept_nor_broken() -> None:
    withdrawn = told(CREATED, SUBMITTED, (EventKind.WITHDRAWN, "24 09:00"))
    assert read(withdrawn, "pbg-prototipe", "30 09:00").was_kept is None
    assert read(told(CREATED), "reklame", "30 09:00").started_at is None


def test_an_ended_case_is_measured_at_its_end() -> None:
    refused = told(CREATED, SUBMITTED, TAKEN, (EventKind.REFUSED, "24 10:00"))
    assert read(refused, "reklame", "24 10:00") == read(refused, "reklame", "30 10:00")


def test_what_was_due_at_closing_time_is_late_in_the_evening() -> None:
    submitted = told((EventKind.CREATED, "09 08:00"), (EventKind.SUBMITTED, "09 08:00"))
    due = at("24 16:00")  # twelve full days
    assert read(submitted, "reklame", "24 16:00").reading.due == due
    assert not read(submitted, "reklame", "24 16:00").is_late
    evening = read(submitted, "reklame", "24 16:01")
    assert (evening.is_late, evening.reading.is_late) == (True, False)
