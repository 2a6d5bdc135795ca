"""No sequence of events leaves the table, loses a case, or turns a clock back."""

from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from services.kit.clock import WIB
from services.kit.workdays import load_calendar
from services.permits.case import Case, Event, after, expires_at, fold, promise_marks, read_case_promise
from services.permits.catalogue import load_catalogue
from services.permits.machine import (
    AWAITING_APPLICANT,
    AWAITING_OFFICE,
    ENDS,
    RULES,
    EventKind,
    NotPossible,
    State,
    possible,
    state_after,
    step,
)
from services.permits.texts import EVENT_TEXTS, NEXT_TEXTS, STATE_TEXTS

CATALOGUE, CALENDAR = load_catalogue(), load_calendar()
START = datetime(2026, 11, 24, 9, 0, tzinfo=WIB)
DETAILS: dict[EventKind, dict[str, Any]] = {
    EventKind.CREATED: {"details": {"floor_area_m2": 60}},
    EventKind.DETAILS_CHANGED: {"details": {"floor_area_m2": 70}},
    EventKind.DOCUMENT_ADDED: {"code": "ktp", "sha256": "ab" * 32, "media_type": "image/png", "size_bytes": 9},
    EventKind.CORRECTION_ASKED: {"items": [{"item": "documents.ktp", "note": "buram"}]},
    EventKind.LEVY_SET: {"billing_code": "367100000000014", "amount": 1_500_000, "explanation": "60 x"},
    EventKind.PAID: {"payment_id": "bayar-0001", "amount": 1_500_000},
    EventKind.PAYMENT_SURPLUS: {"payment_id": "bayar-0002", "amount": 1},
    EventKind.REFUSED: {"reason": "di luar peruntukan"},
    EventKind.PAYMENT_REJECTED: {"reason": "kurang"},
    EventKind.ISSUED: {
        "number": "PBG-1",
        "sha256": "cd" * 32,
        "size_bytes": 9,
        "issued_at": START.isoformat(),
        "valid_until": None,
    },
}


def event(position: int, kind: EventKind, at: datetime) -> Event:
    return Event(position, kind, at, "someone", DETAILS.get(kind, {}))


class Life(RuleBasedStateMachine):
    """Any events whatever, in any order, at any intervals, against every kind of promise."""

    def __init__(self) -> None:
        super().__init__()
        self.events: list[Event] = []
        self.now = START
        self.spent: dict[str, timedelta] = {}

    @property
    def case(self) -> Case:
        return fold(self.events)

    @initialize()
    def begin(self) -> None:
        self.events.append(event(1, EventKind.CREATED, self.now))

    @rule(minutes=st.integers(0, 60 * 24 * 20))
    def wait(self, minutes: int) -> None:
        self.now += timedelta(minutes=minutes)

    @rule(kind=st.sampled_from(EventKind))
    def try_anything(self, kind: EventKind) -> None:
        before = self.case
        try:
            changed = after(before, event(before.version + 1, kind, self.now))
        except NotPossible:
            assert kind not in possible(before.state)
            return
        assert kind in possible(before.state)
        assert changed.history[:-1] == before.history
        self.events.append(changed.history[-1].event)

    @precondition(lambda self: self.case.state not in ENDS)
    @rule(choice=st.randoms(use_true_random=False))
    def go_on(self, choice: Any) -> None:
        before = self.case
        self.try_anything(choice.choice(possible(before.state)))
        assert self.case.version == before.version + 1

    @precondition(lambda self: self.case.state not in ENDS)
    @rule(choice=st.randoms(use_true_random=False))
    def go_on_toward_the_permit(self, choice: Any) -> None:
        """Do what changes the state and ends nothing: left to chance alone, few cases would ever be paid for."""
        state = self.case.state
        moves = [kind for kind in possible(state) if step(state, kind) not in (ENDS - {State.TERBIT}) | {state}]
        self.try_anything(choice.choice(moves))

    @invariant()
    def the_state_is_that_of_the_events(self) -> None:
        if self.events:
            assert self.case.state is state_after(one.kind for one in self.events)

    @invariant()
    def what_ended_stays_ended(self) -> None:
        if self.events and self.case.state in ENDS:
            assert {step(self.case.state, kind) for kind in possible(self.case.state)} <= {self.case.state}

    @invariant()
    def somebody_is_always_to_act(self) -> None:
        if self.events:
            state = self.case.state
            assert [state in ENDS, state in AWAITING_APPLICANT, state in AWAITING_OFFICE].count(True) == 1
            assert (expires_at(self.case, CATALOGUE.deadlines) is not None) is (state in AWAITING_APPLICANT)

    @invariant()
    def no_promise_ever_gives_time_back(self) -> None:
        if not self.events:
            return
        for code in ("pbg-prototipe", "pbg", "reklame"):
            read = read_case_promise(self.case, CATALOGUE.kinds[code].promise, CALENDAR, self.now)
            assert read.reading.spent >= self.spent.get(code, timedelta())
            self.spent[code] = read.reading.spent
            if read.reading.due is not None:
                assert read.is_late is (read.reading.due < (read.ended_at or self.now))


TestLife = Life.TestCase
TestLife.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)


def test_every_state_can_be_reached_and_every_open_one_left() -> None:
    reached, frontier = {State.DRAF}, {State.DRAF}
    while frontier:
        frontier = {step(state, kind) for state in frontier for kind in possible(state)} - reached
        reached |= frontier
    assert reached == set(State)
    for state in set(State) - ENDS:
        assert {step(state, kind) for kind in possible(state)} - {state}


def test_a_case_has_one_beginning() -> None:
    assert step(None, EventKind.CREATED) is State.DRAF
    with pytest.raises(NotPossible):
        step(None, EventKind.SUBMITTED)
    with pytest.raises(ValueError, match="at least one event"):
        state_after([])
    with pytest.raises(ValueError, match="at least one event"):
        fold([])


def test_every_state_and_event_has_words_for_citizens() -> None:
    assert set(STATE_TEXTS) == set(State)
    assert set(EVENT_TEXTS) == set(EventKind)
    assert set(NEXT_TEXTS) == ENDS | AWAITING_APPLICANT
    assert {rule.kind for rule in RULES} | {EventKind.CREATED} == set(EventKind)


@given(st.lists(st.tuples(st.sampled_from(EventKind), st.integers(0, 10_000)), max_size=30))
@settings(deadline=None)
def test_marks_of_a_promise_alternate_and_stay_in_order(tries: list[tuple[EventKind, int]]) -> None:
    case = fold([event(1, EventKind.CREATED, START)])
    now = START
    for kind, minutes in tries:
        now += timedelta(minutes=minutes)
        if kind in possible(case.state):
            case = after(case, event(case.version + 1, kind, now))
    marks = promise_marks(case, EventKind.SUBMITTED)
    assert [mark.at for mark in marks] == sorted(mark.at for mark in marks)
    assert all(one.runs is not other.runs for one, other in pairwise(marks))
