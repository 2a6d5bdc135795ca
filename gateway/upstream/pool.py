"""The connections to one target: kept, counted, bounded, and handed to whoever waits. It speaks no HTTP.

Theory
======

The newest idle connection goes first: it is the least likely to be closing, and the others grow old and go. A request
that finds none waits in a queue, and a connection is dialled on its behalf while the pool may still grow; it takes
whatever comes first, that one or one that comes free. So a dial is nobody's property: whoever asked for it may have
gone, been served or timed out by the time it ends, and its connection serves the next.

`_supply` is the only place that hands connections over. It works in a loop, and a call from within only asks it to go
round once more: the woken coroutine may give its connection back at once, and so may the next.
"""

from __future__ import annotations

import asyncio
from collections import deque
from functools import partial
from typing import Final

from gateway.errors import Saturated, Unreachable
from gateway.rules.delivery import Target, Timeouts
from gateway.stepping import Signal
from gateway.upstream.connection import Connection
from gateway.upstream.dial import Dialler
from gateway.upstream.wheel import Deadline, Wheel

MAX_WAITING: Final = 1_024  # requests queued for a connection; more would only time out together
MAX_AGE_SECONDS: Final = 300.0  # a busy connection is renewed at times, so that a name that moved is followed


class _Waiter:
    """One request that waits for a connection; it gets one, or a failure, and is over."""

    __slots__ = ("connect_seconds", "connection", "deadline", "failure", "is_over", "signal")

    def __init__(self, pool: Pool, wheel: Wheel, connect_seconds: float) -> None:
        self.connect_seconds = connect_seconds
        self.connection: Connection | None = None
        self.failure: Unreachable | None = None
        self.is_over = False
        self.signal = Signal()
        self.deadline = Deadline(wheel, partial(pool.drop, self))
        self.deadline.start(connect_seconds)

    def end(self, *, connection: Connection | None = None, failure: Unreachable | None = None) -> None:
        """Wake the request with what it gets; it has left the queue."""
        self.is_over = True
        self.deadline.stop()
        self.connection = connection
        self.failure = failure
        self.signal.ring()


class Pool:
    """The connections to one target for one kind of traffic, at most `size` of them."""

    def __init__(self, target: Target, size: int, dialler: Dialler, wheel: Wheel) -> None:
        self.target = target
        self.size = size
        self._dialler = dialler
        self._wheel = wheel
        self._idle: list[Connection] = []  # oldest first
        self._born: dict[Connection, float] = {}  # every open connection, and when it was opened
        self._waiting: deque[_Waiter] = deque()
        self._dials: set[asyncio.Task[None]] = set()
        self._is_retired = False
        self._is_supplying = False
        self._goes_round_again = False

    def __repr__(self) -> str:
        busy = len(self._born) - len(self._idle)
        return (
            f"<Pool {self.target.url}: {len(self._idle)} idle, {busy} busy, {len(self._dials)} dialled, "
            f"{len(self._waiting)} waiting, at most {self.size}>"
        )

    def take(self) -> Connection | None:
        """Return an idle connection, or None."""
        while self._idle:
            connection = self._idle.pop()
            if connection.is_open:
                return connection
        return None

    async def wait(self, timeouts: Timeouts) -> Connection:
        """Return a connection once there is one. Raises Unreachable, or Saturated when all are in use."""
        if len(self._waiting) >= MAX_WAITING:
            raise Saturated(f"{MAX_WAITING} requests wait for a connection already")
        seconds = min(timeouts.connect_seconds, timeouts.total_seconds)
        waiter = _Waiter(self, self._wheel, seconds)
        self._waiting.append(waiter)
        self._supply()
        try:
            while not waiter.is_over:
                await waiter.signal
        except BaseException:
            self._withdraw(waiter)
            raise
        if waiter.failure is not None:
            raise waiter.failure
        assert waiter.connection is not None
        return waiter.connection

    def give_back(self, connection: Connection) -> None:
        """Take a connection that is idle again (connection.Owner)."""
        if not connection.is_open:
            return  # its end is told by `forget`
        now = connection.wait_idle()
        if now - self._born[connection] > MAX_AGE_SECONDS or self._is_retired or len(self._born) > self.size:
            connection.retire()
            return
        self._idle.append(connection)
        if self._waiting:
            self._supply()

    def forget(self, connection: Connection) -> None:
        """Learn that a connection has ended (connection.Owner)."""
        self._born.pop(connection, None)
        if connection in self._idle:
            self._idle.remove(connection)
        if self._waiting:
            self._supply()

    def drop_idle(self) -> None:
        """Close what is idle: an agency that closed one kept connection as we sent has likely closed them all."""
        idle, self._idle = self._idle, []
        for connection in idle:
            connection.retire()

    def drop(self, waiter: _Waiter) -> None:
        """End a wait that took too long."""
        position = self._waiting.index(waiter)
        del self._waiting[position]
        if position < len(self._dials):  # one was dialled on its behalf
            waiter.end(failure=Unreachable(f"no connection within {waiter.connect_seconds:g} s"))
        else:
            waiter.end(failure=Saturated(f"all {self.size} connections are in use"))

    def retire(self) -> None:
        """Keep nothing from now on; exchanges under way, and those that wait, still come to their end."""
        self._is_retired = True
        self.drop_idle()

    def close(self) -> list[asyncio.Task[None]]:
        """End everything now; return the dials that are still ending."""
        self._is_retired = True
        for dial in self._dials:
            dial.cancel()
        while self._waiting:
            self._waiting.popleft().end(failure=Unreachable("the gateway is closing"))
        for connection in list(self._born):
            connection.abort()
        return list(self._dials)

    def _withdraw(self, waiter: _Waiter) -> None:
        if not waiter.is_over:
            self._waiting.remove(waiter)
        elif waiter.connection is not None:
            self.give_back(waiter.connection)  # handed over in the very moment the request was interrupted
        waiter.is_over = True
        waiter.deadline.stop()

    def _supply(self) -> None:
        """Serve the queue from what is idle, and see that enough is dialled for the rest."""
        self._goes_round_again = True
        if self._is_supplying:
            return
        self._is_supplying = True
        try:
            while self._goes_round_again:
                self._goes_round_again = False
                while self._waiting and (connection := self.take()) is not None:
                    self._waiting.popleft().end(connection=connection)
                while len(self._dials) < min(len(self._waiting), self.size - len(self._born)):
                    self._start_dial(self._waiting[len(self._dials)].connect_seconds)
        finally:
            self._is_supplying = False

    def _start_dial(self, seconds: float) -> None:
        dial = asyncio.create_task(self._dial(seconds), name=f"dial {self.target.url}")
        self._dials.add(dial)

    async def _dial(self, seconds: float) -> None:
        dial = asyncio.current_task()
        assert dial is not None
        try:
            connection = await self._dialler.dial(self.target, self._make, seconds)
            if not connection.is_open:
                raise Unreachable("the agency closed the connection as soon as it was open")
        except Unreachable as failure:
            self._dials.discard(dial)
            if self._waiting:
                self._waiting.popleft().end(failure=failure)
            self._supply()
        else:
            self._dials.discard(dial)
            self._born[connection] = self._wheel.monotonic()
            if self._waiting:
                self._waiting.popleft().end(connection=connection)
            else:
                self.give_back(connection)
        finally:
            self._dials.discard(dial)

    def _make(self) -> Connection:
        return Connection(self, self._wheel)
