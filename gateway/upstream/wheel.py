"""Deadlines of many things at the price of one timer: a wheel of coarse ticks, turned while anything is on it.

Theory
======

A timer for each request costs a microsecond, and nearly all are cancelled. Here a thing has a `deadline` that it moves
as it likes, without telling anyone; the wheel looks at it only when the tick comes under which it was put:

    deadline passed ──► expire()          deadline moved on ──► put under its new tick          no deadline ──► let go

A connection used a thousand times a second is looked at once in several seconds. The one duty left to a thing: after
it has set a deadline, it calls `watch`, which does nothing when a tick in time is already booked.

Deadlines are kept a tick late, never early.
"""

from __future__ import annotations

import asyncio
from math import inf
from typing import Final, Protocol

from gateway.clock import Clock

TICK_SECONDS: Final = 0.05  # how late a deadline may be noticed; a timeout of a second is off by 5 % at most


class Timed(Protocol):
    """Something with a deadline."""

    deadline: float  # monotonic seconds; inf when nothing is waited for
    due_tick: int  # the wheel's own: the tick it is booked under, 0 when it is on no wheel

    def expire(self) -> None:
        """Learn that the deadline has passed. May set a new one and watch it."""
        ...


class Wheel:
    """Looks after deadlines. Turns by itself while something is on it; needs a running loop by then."""

    __slots__ = ("_booked", "_clock", "_timer")

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._booked: dict[int, list[Timed]] = {}
        self._timer: asyncio.TimerHandle | None = None

    def watch(self, thing: Timed) -> None:
        """See to it that `thing` expires once its deadline has passed."""
        deadline = thing.deadline
        if deadline == inf:
            return
        tick = int(deadline / TICK_SECONDS) + 1
        if 0 < thing.due_tick <= tick:
            return
        thing.due_tick = tick
        booked = self._booked.get(tick)
        if booked is None:
            self._booked[tick] = [thing]
            self._keep_turning()
        else:
            booked.append(thing)

    def turn(self) -> None:
        """Look at everything that is due."""
        now = self._clock.monotonic()
        tick = int(now / TICK_SECONDS)
        due = [number for number in self._booked if number <= tick]
        for number in sorted(due):
            for thing in self._booked.pop(number):
                if thing.due_tick == number:  # else it was booked anew for an earlier tick
                    thing.due_tick = 0
                    if thing.deadline <= now:
                        thing.expire()
                    else:
                        self.watch(thing)

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
