"""The clocks: both readings, in seconds."""

from __future__ import annotations

import time

from gateway.clock import Clock, ManualClock, SystemClock


def test_system_clock_reads_the_machine() -> None:
    clock: Clock = SystemClock()
    before = time.time()
    assert before <= clock.wall() <= time.time()
    assert clock.monotonic() <= clock.monotonic()


def test_manual_clock_moves_only_when_told() -> None:
    clock = ManualClock()
    assert (clock.wall(), clock.monotonic()) == (clock.wall(), clock.monotonic())


def test_manual_clock_advances_both_readings_together() -> None:
    clock = ManualClock(wall=100.0, monotonic=5.0)
    clock.advance(seconds=2.5)
    assert (clock.wall(), clock.monotonic()) == (102.5, 7.5)
