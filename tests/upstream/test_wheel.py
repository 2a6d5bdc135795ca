"""Deadlines are noticed late by a tick at most, and never early."""

from __future__ import annotations

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from gateway.clock import ManualClock, SystemClock
from gateway.upstream.wheel import TICK_SECONDS, Deadline, Wheel


class Alarm:
    """A deadline that remembers when it expired."""

    def __init__(self, clock: ManualClock, wheel: Wheel) -> None:
        self._clock = clock
        self.expired: list[float] = []
        self.deadline = Deadline(wheel, self._expire)

    def _expire(self) -> None:
        self.expired.append(self._clock.monotonic())


async def test_deadline_is_never_noticed_early_and_late_by_a_tick_at_most() -> None:
    clock = ManualClock()
    wheel = Wheel(clock)
    alarms = [Alarm(clock, wheel) for _ in range(200)]
    for number, alarm in enumerate(alarms):
        alarm.deadline.start(number * 0.013)
    moments = [alarm.deadline.at for alarm in alarms]
    for _ in range(3_000):
        clock.advance(0.001)
        wheel.turn()
    for alarm, moment in zip(alarms, moments, strict=True):
        assert len(alarm.expired) == 1
        assert 0 <= alarm.expired[0] - moment < TICK_SECONDS + 0.002
    wheel.close()


async def test_deadline_that_moves_on_is_kept() -> None:
    clock = ManualClock()
    wheel = Wheel(clock)
    alarm = Alarm(clock, wheel)
    for _ in range(100):
        alarm.deadline.start(1)
        clock.advance(0.5)
        wheel.turn()
    assert alarm.expired == []
    clock.advance(1)
    wheel.turn()
    assert len(alarm.expired) == 1
    wheel.close()


async def test_deadline_that_moves_forward_is_kept_in_time() -> None:
    clock = ManualClock()
    wheel = Wheel(clock)
    alarm = Alarm(clock, wheel)
    alarm.deadline.start(100)
    alarm.deadline.start(1)
    clock.advance(1.1)
    wheel.turn()
    assert len(alarm.expired) == 1
    clock.advance(200)
    wheel.turn()
    assert len(alarm.expired) == 1
    wheel.close()


async def test_stopped_deadline_never_passes_and_can_be_started_again() -> None:
    clock = ManualClock()
    wheel = Wheel(clock)
    alarm = Alarm(clock, wheel)
    alarm.deadline.start(1)
    alarm.deadline.stop()
    clock.advance(2)
    wheel.turn()
    assert alarm.expired == []
    alarm.deadline.start(1)
    clock.advance(2)
    wheel.turn()
    assert len(alarm.expired) == 1
    wheel.close()


async def test_deadline_may_be_started_anew_from_its_own_expiry() -> None:
    clock = ManualClock()
    wheel = Wheel(clock)
    beats: list[float] = []

    def beat() -> None:
        beats.append(clock.monotonic())
        pulse.start(1)

    pulse = Deadline(wheel, beat)
    pulse.start(1)
    for _ in range(50):
        clock.advance(0.1)
        wheel.turn()
    assert len(beats) == 4
    wheel.close()


async def test_wheel_turns_by_itself() -> None:
    wheel = Wheel(SystemClock())
    expired = asyncio.Event()
    Deadline(wheel, expired.set).start(0.0)
    await expired.wait()
    wheel.close()


@given(st.lists(st.tuples(st.floats(0.001, 5), st.floats(0, 1)), max_size=40))
def test_any_history_of_moves_expires_after_the_last_one_and_never_misses(moves: list[tuple[float, float]]) -> None:
    async def play() -> None:
        clock = ManualClock()
        wheel = Wheel(clock)
        alarm = Alarm(clock, wheel)
        for ahead, passing in moves:
            before = len(alarm.expired)
            alarm.deadline.start(ahead)
            moment = alarm.deadline.at
            clock.advance(passing)
            wheel.turn()
            if len(alarm.expired) > before:
                assert clock.monotonic() >= moment
            else:
                assert clock.monotonic() < moment + 2 * TICK_SECONDS
        wheel.close()

    asyncio.run(play())
