"""No sequence of events leaves the table, loses an incident, or turns its clock back."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, precondition, rule

from services.emergency.machine import (
    OPEN,
    STATUS_OF_STAGE,
    TRANSITIONS,
    UNIT_MOVES,
    Actor,
    Event,
    Happening,
    Impossible,
    IncidentState,
    Stage,
    Status,
    apply,
    fold,
    possible,
)
from services.emergency.texts import state_text
from services.kit.testing import START

UNITS = ("damkar-1", "ambulans-1", "patroli-1")


def detail_for(kind: Happening, pick: int) -> dict[str, Any]:
    """Write what an event of this kind must carry."""
    if kind in UNIT_MOVES:
        return {"unit": UNITS[pick % 3]}
    details: dict[Happening, dict[str, Any]] = {
        Happening.REPORTED: {"kind": "fire"},
        Happening.ASSESSED: {"priority": 1 + pick % 3},
        Happening.MERGED: {"into": 1},
    }
    return details.get(kind, {})


_MOST_AT_ONCE = 3  # more would each have too short a life
# Said here anew and not taken from the machine: only an operator's word takes an incident off the board.
OVER = {Status.CLOSED, Status.MERGED, Status.UNTRUE, Status.HANDED_OVER}


class Room(RuleBasedStateMachine):
    """Many incidents under one moving clock, acted on in any order by anybody."""

    incidents = Bundle("incidents")

    @initialize()
    def begin(self) -> None:
        self.now: datetime = START
        self.events: list[list[Event]] = []

    @precondition(lambda self: len(self.events) < _MOST_AT_ONCE)
    @rule(target=incidents)
    def report(self) -> int:
        event = Event(Happening.REPORTED, Actor.REPORTER, self.now, detail_for(Happening.REPORTED, 0))
        self.events.append([event])
        return len(self.events) - 1

    @rule(seconds=st.integers(0, 3600))
    def time_passes(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)

    @rule(incident=incidents, kind=st.sampled_from(Happening), actor=st.sampled_from(Actor), pick=st.integers(0, 2))
    def anything_is_tried(self, incident: int, kind: Happening, actor: Actor, pick: int) -> None:
        state = fold(self.events[incident])
        event = Event(kind, actor, self.now, detail_for(kind, pick))
        try:
            after = apply(state, event)
        except Impossible:
            assert kind in UNIT_MOVES or kind not in possible(state, actor)
            return
        assert kind in possible(state, actor)
        assert after.status in TRANSITIONS[state.status][kind]
        self.events[incident].append(event)

    @rule(incident=incidents, pick=st.integers(0, 40))
    def something_possible_is_done(self, incident: int, pick: int) -> None:
        state = fold(self.events[incident])
        self._do_one(incident, [(actor, kind) for actor in Actor for kind in possible(state, actor)], pick)

    @rule(incident=incidents, pick=st.integers(0, 40))
    def it_goes_on(self, incident: int, pick: int) -> None:
        """Do what changes the state: left to chance alone, few incidents would ever see a unit."""
        state = fold(self.events[incident])
        moves = TRANSITIONS[state.status]
        choices = [
            (actor, kind)
            for actor in Actor
            for kind in possible(state, actor)
            if any(after is not state.status for after in moves[kind])
        ]
        self._do_one(incident, choices, pick)

    def _do_one(self, incident: int, choices: list[tuple[Actor, Happening]], pick: int) -> None:
        state = fold(self.events[incident])
        actor, kind = choices[pick % len(choices)]
        after = None
        for unit in range(3):
            try:
                event = Event(kind, actor, self.now, detail_for(kind, pick + unit))
                after = apply(state, event)
            except Impossible:
                continue
            self.events[incident].append(event)
            break
        assert after is not None, "what is called possible is possible for some unit"

    @rule(incident=incidents, earlier=st.integers(1, 100))
    def the_clock_cannot_be_turned_back(self, incident: int, earlier: int) -> None:
        state = fold(self.events[incident])
        assert state.last_at is not None
        event = Event(Happening.REPORTER_WROTE, Actor.REPORTER, state.last_at - timedelta(seconds=earlier))
        with pytest.raises(Impossible):
            apply(state, event)

    @invariant()
    def every_incident_is_in_a_state_that_citizens_can_read(self) -> None:
        for events in self.events:
            state = fold(events)
            assert state_text(state.status)
            assert state.received_at == events[0].at

    @invariant()
    def nothing_open_is_missing_from_the_board(self) -> None:
        for events in self.events:
            state = fold(events)
            assert state.is_on_board or state.status in OVER
            if events[-1].kind is Happening.REPORTER_WROTE:
                assert state.is_on_board

    @invariant()
    def help_is_said_to_come_only_when_a_unit_is_coming(self) -> None:
        for events in self.events:
            state = fold(events)
            stages = set(state.units.values())
            if state.status is Status.ON_THE_WAY:
                assert Stage.ON_THE_WAY in stages
            if state.status is Status.ON_SCENE:
                assert stages & {Stage.ON_SCENE, Stage.FINISHED}
            if state.status is Status.DISPATCHED:
                assert Stage.ASSIGNED in stages
            if state.status is Status.TRIAGE:
                assert stages <= {Stage.WITHDRAWN}

    @invariant()
    def whoever_was_read_stays_read(self) -> None:
        for events in self.events:
            seen = False
            state = IncidentState()
            for event in events:
                state = apply(state, event)
                assert not seen or state.acknowledged_at is not None
                seen = state.acknowledged_at is not None
            assert seen is (state.status is not Status.RECEIVED)


TestRoom = Room.TestCase
TestRoom.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)


def test_every_state_is_reachable_and_leads_on() -> None:
    reached, waiting = set[Status](), [Status.NEW]
    while waiting:
        status = waiting.pop()
        if status not in reached:
            reached.add(status)
            waiting += [after for possible in TRANSITIONS[status].values() for after in possible]
    assert reached == set(Status)
    assert all(TRANSITIONS[status] for status in Status)


def test_no_event_but_an_operators_takes_an_incident_off_the_board() -> None:
    for status in OPEN:
        for kind, afters in TRANSITIONS[status].items():
            if not set(afters) <= set(OPEN):
                assert kind in possible(IncidentState(status=status), Actor.OPERATOR)


def test_every_stage_of_a_unit_says_where_the_incident_stands() -> None:
    assert set(STATUS_OF_STAGE) == set(Stage)
