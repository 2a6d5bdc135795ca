"""Deadlines are noticed late by a tick at most, and never early."""

from __future__ import annotations

import asyncio
from math import inf

from hypothesis import given
from hypothesis import strategies as st

from gateway.clock import ManualClock, SystemClock
from gateway.upstream.wheel import TICK_SECONDS, Wheel


class Thing:
    """Something with a deadline, which remembers when it expired."""

    def __init__(self, clock: ManualClock, deadline: float = inf) -> None:
        self._clock = clock
        self.deadline = deadline
        self.due_tick = 0
        self.expired: list[float] = []

    def expire(self) -> None:
        self.expired.append(self._clock.monotonic())
        self.deadline = inf


async def test_deadline_is_never_noticed_early_and_late_by_a_tick_at_most() -> None:
    clock = ManualClock()
    wheel = Wheel(clock)
    things = [Thing(clock, clock.monotonic() + number * 0.013) for number in range(200)]
    deadlines = [thing.deadline for thing in things]
    for thing in things:
        wheel.watch(thing)
    for _ in range(3_000):
        clock.advance(0.001)
        wheel.turn()
    for thing, deadline in zip(things, deadlines, strict=True):
        assert len(thing.expired) == 1
        assert 0 <= thing.expired[0] - deadline < TICK_SECONDS + 0.002
    wheel.close()


async def test_deadline_that_moves_on_costs_no_new_booking_and_is_kept() -> None:
    clock = ManualClock()
    wheel = Wheel(clock)
    thing = Thing(clock)
    for _ in range(100):
        thing.deadline = clock.monotonic() + 1
        wheel.watch(thing)
        clock.advance(0.5)
        wheel.turn()
    assert thing.expired == []
    clock.advance(1)
    wheel.turn()
    assert len(thing.expired) == 1
    wheel.close()


async def test_deadline_that_moves_forward_is_kept_in_time() -> None:
    clock = ManualClock()
    wheel = Wheel(clock)
    thing = Thing(clock, clock.monotonic() + 100)
    wheel.watch(thing)
    thing.deadline = clock.monotonic() + 1
    wheel.watch(thing)
    clock.advance(1.1)
    wheel.turn()
    assert len(thing.expired) == 1
    clock.advance(200)
    wheel.turn()
    assert len(thing.expired) == 1
    wheel.close()


async def test_thing_without_a_deadline_is_let_go() -> None:
    clock = ManualClock()
    wheel = Wheel(clock)
    thing = Thing(clock)
    wheel.watch(thing)
    assert thing.due_tick == 0
    thing.deadline = clock.monotonic() + 1
    wheel.watch(thing)
    thing.deadline = inf
    clock.advance(2)
    wheel.turn()
    assert (thing.expired, thing.due_tick) == ([], 0)
    wheel.close()


async def test_wheel_turns_by_itself() -> None:
    clock = SystemClock()
    wheel = Wheel(clock)
    expired = asyncio.Event()

    class Bell:
        deadline = clock.monotonic()
        due_tick = 0

        def expire(self) -> None:
            expired.set()

    wheel.watch(Bell())
    await expired.wait()
    wheel.close()


@given(st.lists(st.tuples(st.floats(0.001, 5), st.floats(0, 1)), max_size=40))
def test_any_history_of_deadlines_expires_at_the_last_one_set(moves: list[tuple[float, float]]) -> None:
    async def play() -> None:
        clock = ManualClock()
        wheel = Wheel(clock)
        thing = Thing(clock)
        for ahead, passing in moves:
            before = len(thing.expired)
            thing.deadline = deadline = clock.monotonic() + ahead
            wheel.watch(thing)
            clock.advance(passing)
            wheel.turn()
            if len(thing.expired) > before:
                assert clock.monotonic() >= deadline
            elif clock.monotonic() >= deadline + TICK_SECONDS:
                raise AssertionError("missed")
        wheel.close()

    asyncio.run(play())
