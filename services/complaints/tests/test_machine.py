"""No sequence of events leaves the table, loses a report, or turns a clock back."""

from collections import Counter, deque
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, precondition, rule

from services.complaints.balance import Flow, daily
from services.complaints.clocks import Clocks, agenda, load_clocks, read_clock
from services.complaints.life import ACTORS, OPEN, PLACES, TRANSITIONS, Actor, Happening, Place, Status
from services.complaints.machine import Event, Impossible, ReportState, apply, fold, possible
from services.kit.clock import wib_date
from services.kit.testing import START
from services.kit.workdays import load_calendar

CLOCKS: Clocks = load_clocks(load_calendar())
AGENCIES = ("DPUPR", "DLH", "Dishub")
PEOPLE = tuple(actor for actor in Actor if actor is not Actor.SYSTEM)
GOALS = tuple(status for status in Status if status not in (Status.NEW, Status.RECEIVED))  # neither is returned to


def detail_for(kind: Happening, state: ReportState, pick: int) -> dict[str, Any]:
    """Write what an event of this kind must carry."""
    agency = AGENCIES[pick % 3]
    details: dict[Happening, dict[str, Any]] = {
        Happening.RECEIVED: {"handling": ("normative", "without_supervision", "supervision")[pick % 3]},
        Happening.FORWARDED: {"agency": agency},
        Happening.LINKED: {"of": "LKS-22222-22222"},
        Happening.RATED: {"stars": 1 + pick % 5},
        Happening.PHOTO_ADDED: {"number": len(state.photos) + 1, "stage": ("before", "after")[pick % 2]},
        Happening.PUBLISHED: {"summary": "Lubang.", "photos": list(state.photos)},
    }
    return details.get(kind, {})


def way(state: ReportState, goal: Status) -> list[tuple[Actor, Happening]]:
    """Find the fewest deeds of people that bring a report from its state to another."""
    ways, seen = deque([(state, list[tuple[Actor, Happening]]())]), set[tuple[Status, bool]]()
    while ways:
        here, deeds = ways.popleft()
        if here.status is goal:
            return deeds
        for actor in PEOPLE:
            for kind in possible(here, actor):
                after = replace(here, status=TRANSITIONS[here.status][kind])
                if kind is Happening.FORWARDED:
                    after = replace(after, agency=AGENCIES[0])
                if (mark := (after.status, after.agency is None)) not in seen:
                    seen.add(mark)
                    ways.append((after, [*deeds, (actor, kind)]))
    raise AssertionError(f"no way from {state.status} to {goal}")


_MOST_AT_ONCE = 3  # more would each have too short a life


class Office(RuleBasedStateMachine):
    """Many reports under one moving clock, acted on in any order by anybody."""

    reports = Bundle("reports")

    @initialize()
    def begin(self) -> None:
        self.now: datetime = START
        self.events: list[list[Event]] = []
        self.spent: dict[tuple[int, str], timedelta] = {}
        self.read_at: dict[int, tuple[int, datetime]] = {}

    @precondition(lambda self: len(self.events) < _MOST_AT_ONCE)
    @rule(target=reports, pick=st.integers(0, 2))
    def receive(self, pick: int) -> int:
        event = Event(Happening.RECEIVED, Actor.REPORTER, self.now, detail_for(Happening.RECEIVED, ReportState(), pick))
        self.events.append([event])
        return len(self.events) - 1

    @rule(hours=st.integers(0, 24 * 20))
    def time_passes(self, hours: int) -> None:
        self.now += timedelta(hours=hours)
        for number in range(len(self.events)):
            self._catch_up(number)

    @rule(report=reports, kind=st.sampled_from(Happening), actor=st.sampled_from(Actor), pick=st.integers(0, 4))
    def anything_is_tried(self, report: int, kind: Happening, actor: Actor, pick: int) -> None:
        state = fold(self.events[report])
        detail = detail_for(kind, state, pick)
        if kind in (Happening.CLOCK_WARNED, Happening.CLOCK_OVERDUE):
            detail = {"clock": "law"}
        event = Event(kind, actor, self.now, detail)
        try:
            after = apply(state, event)
        except Impossible:
            assert kind not in possible(state, actor)
            return
        assert kind in possible(state, actor)
        assert after.status is TRANSITIONS[state.status][kind]
        if actor is not Actor.SYSTEM:  # the system's own events come from the agenda alone
            self._happen(report, kind, actor, pick)

    @rule(report=reports, pick=st.integers(0, 20))
    def something_possible_is_done(self, report: int, pick: int) -> None:
        state = fold(self.events[report])
        choices = [(actor, kind) for actor in PEOPLE for kind in possible(state, actor)]
        if choices:
            actor, kind = choices[pick % len(choices)]
            self._happen(report, kind, actor, pick)

    @rule(report=reports, goal=st.sampled_from(GOALS), pick=st.integers(0, 4))
    def it_comes_to(self, report: int, goal: Status, pick: int) -> None:
        """Take the shortest way to a state: left to chance alone, few reports would ever be answered."""
        for actor, kind in way(fold(self.events[report]), goal):
            self._happen(report, kind, actor, pick)

    @rule(report=reports, stars=st.integers(0, 4), is_closed_by_silence=st.booleans())
    def an_answer_is_judged(self, report: int, stars: int, is_closed_by_silence: bool) -> None:
        """Work on it and answer it; then its reporter rates it, before or after silence has closed it."""
        self.it_comes_to(report, Status.IN_PROGRESS, stars)
        self._happen(report, Happening.PROGRESSED, Actor.AGENCY, stars)
        self.it_comes_to(report, Status.FOLLOWED_UP, stars)
        if is_closed_by_silence:
            self.time_passes(24 * 30)
            assert self.events[report][-1].kind is Happening.CLOSED_BY_SILENCE
        self._happen(report, Happening.RATED, Actor.REPORTER, stars)
        assert fold(self.events[report]).status is Status.DONE

    @rule(report=reports, pick=st.integers(0, 4))
    def what_was_done_is_done_again(self, report: int, pick: int) -> None:
        """Close it, and reopen it: only the stars are given back, no time and no promise that was broken."""
        self.it_comes_to(report, Status.DONE, pick)
        before = fold(self.events[report])
        self._happen(report, Happening.REOPENED, Actor.REPORTER, pick)
        after = fold(self.events[report])
        assert (after.status, after.stars, after.reopenings) == (Status.REOPENED, None, before.reopenings + 1)
        assert after.overdue >= before.overdue

    def _happen(self, report: int, kind: Happening, actor: Actor, pick: int) -> None:
        """Let it happen; what it makes the clocks say is on record at once, as the watch sees to."""
        state = fold(self.events[report])
        self.events[report].append(Event(kind, actor, self.now, detail_for(kind, state, pick)))
        self._catch_up(report)

    def _catch_up(self, report: int) -> None:
        events = self.events[report]
        for _ in range(50):
            dues = agenda(CLOCKS, events, fold(events))
            if not dues or dues[0].at > self.now:
                return
            events.append(Event(dues[0].kind, Actor.SYSTEM, self.now, dues[0].detail))
        raise AssertionError("the clocks never come to rest")

    @invariant()
    def every_report_is_in_exactly_one_place(self) -> None:
        states = [fold(events).status for events in self.events]
        assert all(status in PLACES for status in states)
        assert sum(Counter(PLACES[status] for status in states).values()) == len(self.events)

    @invariant()
    def the_balance_closes(self) -> None:
        flows: Counter[tuple[Any, Status, Status]] = Counter()
        for events in self.events:
            state = ReportState()
            for event in events:
                after = apply(state, event)
                if after.status is not state.status:
                    flows[(wib_date(event.at), state.status, after.status)] += 1
                state = after
        days = daily([Flow(*key, count) for key, count in flows.items()])
        final = Counter(fold(events).status.value for events in self.events)
        assert (days[-1]["states_at_end"] if days else {}) == dict(sorted(final.items()))
        for day, following in pairwise(days):
            assert day["places_at_end"] == following["places_at_start"]
        for day in days:
            for place in Place:
                moved = day["entered"][place] - day["left"][place]
                assert day["places_at_start"][place] + moved == day["places_at_end"][place] >= 0

    @invariant()
    def no_clock_runs_backwards_and_what_is_overdue_is_on_record(self) -> None:
        for number, events in enumerate(self.events):
            if self.read_at.get(number) == (seen := (len(events), self.now)):
                continue  # a reading is a function of the events and the time alone
            self.read_at[number] = seen
            state = fold(events)
            for promise in CLOCKS.promises_for(state):
                code, reading = promise.rule.code, read_clock(promise, events, CLOCKS.calendar, self.now)
                assert reading.spent >= self.spent.get((number, code), timedelta())
                self.spent[(number, code)] = reading.spent
                assert not (reading.runs and reading.is_late) or code in state.overdue


TestOffice = Office.TestCase
TestOffice.settings = settings(max_examples=25, stateful_step_count=14, deadline=None)


def test_every_state_is_reachable_and_none_is_a_trap() -> None:
    reached, waiting = set[Status](), [Status.NEW]
    while waiting:
        status = waiting.pop()
        if status not in reached:
            reached.add(status)
            waiting += TRANSITIONS[status].values()
    assert reached == set(Status)
    for status in OPEN:
        assert any(after is not status for after in TRANSITIONS[status].values())


@pytest.mark.parametrize("goal", GOALS)
def test_people_alone_can_bring_a_new_report_to_every_state(goal: Status) -> None:
    events = [received()]
    for actor, kind in way(fold(events), goal):
        events.append(Event(kind, actor, START, detail_for(kind, fold(events), 0)))
    assert fold(events).status is goal


def test_every_event_has_an_actor_and_a_place_in_the_table() -> None:
    used = {kind for moves in TRANSITIONS.values() for kind in moves}
    assert used == set(Happening) == ACTORS.keys()
    assert set(PLACES) == set(Status) - {Status.NEW}


def received(at: datetime = START) -> Event:
    return Event(Happening.RECEIVED, Actor.REPORTER, at, {"handling": "normative"})


@pytest.mark.parametrize(
    "event",
    [
        Event(Happening.VERIFICATION_STARTED, Actor.AGENCY, START),
        Event(Happening.RATED, Actor.REPORTER, START, {"stars": 5}),
        Event(Happening.VERIFICATION_STARTED, Actor.DESK, START - timedelta(seconds=1)),
        Event(Happening.PHOTO_ADDED, Actor.REPORTER, START, {"number": 2, "stage": "before"}),
        Event(Happening.PUBLISHED, Actor.DESK, START, {"summary": "x", "photos": [1]}),
        received(),
    ],
)
def test_what_cannot_be_is_impossible(event: Event) -> None:
    with pytest.raises(Impossible):
        fold([received(), event])


def test_a_report_nobody_was_given_cannot_be_worked_on() -> None:
    events = [
        received(),
        Event(Happening.VERIFICATION_STARTED, Actor.DESK, START),
        Event(Happening.REJECTED, Actor.DESK, START),
        Event(Happening.REOPENED, Actor.REPORTER, START),
    ]
    assert Happening.WORK_STARTED not in possible(fold(events), Actor.AGENCY)
    with pytest.raises(Impossible):
        fold([*events, Event(Happening.WORK_STARTED, Actor.AGENCY, START)])


def test_an_answer_is_rated_once_and_a_new_answer_once_more() -> None:
    answered = [
        received(),
        Event(Happening.VERIFICATION_STARTED, Actor.DESK, START),
        Event(Happening.FORWARDED, Actor.DESK, START, {"agency": "DLH"}),
        Event(Happening.WORK_STARTED, Actor.AGENCY, START),
        Event(Happening.FOLLOWED_UP, Actor.AGENCY, START),
    ]
    rated = Event(Happening.RATED, Actor.REPORTER, START, {"stars": 2})
    assert fold([*answered, rated]).stars == 2
    with pytest.raises(Impossible):
        fold([*answered, rated, rated])
    again = [Event(Happening.REOPENED, Actor.REPORTER, START), *answered[3:], rated]
    assert fold([*answered, rated, *again]).reopenings == 1
