"""Deadlines of many things at the price of one timer: a wheel of coarse ticks, turned while anything is on it.

Theory
======

A timer for each request costs a microsecond, and nearly all are cancelled. Here a deadline is moved and stopped by
writing a number; the wheel looks at it only when the tick comes under which it was booked:

    passed ──► expired()          moved on ──► booked under its new tick          stopped ──► let go

So the deadline of a connection that is used a thousand times a second is looked at once in several seconds. Deadlines
are noticed up to a tick late, never early.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from math import inf
from typing import Final

from gateway.clock import Clock

TICK_SECONDS: Final = 0.05  # how late a deadline may be noticed; a timeout of a second is off by 5 % at most


class Deadline:
    """A moment that can be moved. When it has passed, `expired` is called once, and may start it anew."""

    __slots__ = ("_booked_for", "_booked_tick", "_expired", "_wheel", "at")

    def __init__(self, wheel: Wheel, expired: Callable[[], object]) -> None:
        self._wheel = wheel
        self._expired = expired
        self._booked_tick = 0  # 0: on no wheel
        self._booked_for = inf  # the moment of that tick
        self.at = inf  # monotonic seconds; inf while it is stopped

    def start(self, seconds: float) -> float:
        """Let it pass `seconds` from now, whatever it was before; return what now is."""
        now = self._wheel.monotonic()
        self.at = at = now + seconds
        if self._booked_for > at:
            tick = int(at / TICK_SECONDS) + 1
            if not 0 < self._booked_tick <= tick:
                self._booked_tick = tick
                self._booked_for = tick * TICK_SECONDS
                self._wheel.book(self, tick)
        return now

    def stop(self) -> None:
        """Let it never pass."""
        self.at = inf

    def look(self, tick: int, now: float) -> None:
        """Find out what has become of it, under the tick it was booked for (for the wheel)."""
        if self._booked_tick != tick:
            return  # booked anew for an earlier tick, and looked at then
        self._booked_tick = 0
        self._booked_for = inf
        if self.at <= now:
            self.at = inf
            self._expired()
        elif self.at != inf:
            self.start(self.at - now)


class Wheel:
    """Looks after deadlines. Turns by itself while something is booked; needs a running loop by then."""

    __slots__ = ("_booked", "_timer", "monotonic")

    def __init__(self, clock: Clock) -> None:
        self.monotonic = clock.monotonic
        self._booked: dict[int, list[Deadline]] = {}
        self._timer: asyncio.TimerHandle | None = None

    def book(self, deadline: Deadline, tick: int) -> None:
        """Have `deadline` looked at when `tick` has passed (for deadlines)."""
        booked = self._booked.get(tick)
        if booked is None:
            self._booked[tick] = [deadline]
            self._keep_turning()
        else:
            booked.append(deadline)

    def turn(self) -> None:
        """Look at everything that is due."""
        now = self.monotonic()
        due = [tick for tick in self._booked if tick * TICK_SECONDS <= now]
        for tick in sorted(due):
            for deadline in self._booked.pop(tick):
                deadline.look(tick, now)

    def close(self) -> None:
        """Let go of everything."""
        self._booked.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _keep_turning(self) -> None:
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(TICK_SECONDS, self._tick)

    def _tick(self) -> None:
        self._timer = None
        self.turn()
        if self._booked:
            self._keep_turning()
