"""One server's calls: those of a tick go out together, each under a budget, behind a breaker.

How a call travels. `submit` queues it and returns a future; a single flusher task takes whatever is queued, writes it
in one go and hands each reply to its future. While it waits for replies the next batch gathers, so the busier it gets
the larger the batches are. A request that is cancelled cancels only its future: the connection is the flusher's alone,
every reply is read, and no one else's answer is ever taken for another's.

When the server fails. Nothing is ever sent twice, for a charge that was lost on the way back has been made. A batch
not answered within the budget, or a server that cannot be reached, opens the breaker at once; a connection that breaks
counts one failure and is replaced for the next batch. While the breaker is open calls fail without waiting, and a
background task probes with jitter: it connects, and writes a key within the same budget that calls have. So a hung
server costs one budget once. A loop that itself stood still past the deadline gets a moment to read what may have
arrived, before the server is blamed.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from redis.exceptions import (
    AskError,
    ClusterDownError,
    NoPermissionError,
    NoScriptError,
    OutOfMemoryError,
    ReadOnlyError,
    ResponseError,
)

from gateway.clock import Clock
from gateway.rules.breaker import Breaker, BreakerPolicy, failed, may_call, probing, succeeded
from gateway.store.deadline import Deadline
from gateway.store.dial import Link
from gateway.store.ports import ComponentHealth, StoreError

Open: TypeAlias = Callable[[], Awaitable[Link]]

_POLICY = BreakerPolicy(failures_to_open=3, first_wait_seconds=0.25, max_wait_seconds=1.2, jitter_share=0.5)
_CONNECT_SECONDS = 1.0  # a probe's connection may take longer than a call: TLS, a sentinel that is asked first

# What a server says of itself; other error replies speak of one call only. Redis 6 wraps the words of a script's error.
_STATES = (ClusterDownError, NoPermissionError, OutOfMemoryError, ReadOnlyError)
_WRAPPED_STATES = ("-READONLY ", "-OOM ", "MISCONF ")


@dataclass(slots=True)
class _Call:
    """A packed command, or several that must follow each other; the last reply is the answer."""

    packed: bytes
    replies: int
    answer: asyncio.Future[object]
    is_patient: bool = False
    has_reloaded: bool = False


class Lane:
    """Calls to one server over one connection. Make it inside the event loop that uses it."""

    def __init__(
        self,
        name: str,
        open_link: Open,
        clock: Clock,
        *,
        probe: bytes,
        preamble: bytes,
        preamble_replies: int,
        budget_seconds: float,
        on_trouble: Callable[[], object] | None = None,
    ) -> None:
        self.name = name
        self._open_link = open_link
        self._clock = clock
        self._probe = probe
        self._preamble = preamble
        self._preamble_replies = preamble_replies
        self._budget = budget_seconds
        self._on_trouble = on_trouble
        self._loop = asyncio.get_running_loop()
        self._link: Link | None = None
        self._breaker = Breaker(since=self._loop.time())
        self._since = clock.wall()
        self._reason = ""
        self._queue: list[_Call] = []
        self._queued_at = 0.0
        self._wake: asyncio.Future[None] | None = None
        self._flusher = self._loop.create_task(self._flush_forever())
        self._recovery: asyncio.Task[None] | None = None

    @property
    def is_idle(self) -> bool:
        """Tell whether no call is queued or on its way."""
        return not self._queue and self._wake is not None and not self._wake.done()

    def submit(self, packed: bytes, *, replies: int = 1, is_patient: bool = False) -> asyncio.Future[object]:
        """Queue a call and return its answer to come: a reply, StoreError, or a cluster's redirection (AskError).

        A patient call allows for a connection that has yet to be made.
        """
        if not may_call(self._breaker):
            raise StoreError(self._reason)
        answer: asyncio.Future[object] = self._loop.create_future()
        if not self._queue:
            self._queued_at = self._loop.time()
        self._queue.append(_Call(packed, replies, answer, is_patient))
        if self._wake is not None and not self._wake.done():
            self._wake.set_result(None)
        return answer

    async def ping(self) -> None:
        """Write the probe's key; raise StoreError, or AskError of a node that no longer has its slot."""
        await self.submit(self._probe, is_patient=True)

    def health(self) -> ComponentHealth:
        if may_call(self._breaker):
            return ComponentHealth("pass", self._since, self.name)
        return ComponentHealth("warn", self._since, self._reason)

    async def aclose(self) -> None:
        """End the tasks and the connection; calls still waiting fail."""
        tasks = [task for task in (self._flusher, self._recovery) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._reject(self._queue, f"{self.name} is no longer used")
        await self._drop_link()

    # --- the flusher ---

    async def _flush_forever(self) -> None:
        while True:
            while not self._queue:
                self._wake = self._loop.create_future()
                await self._wake
            calls, self._queue = self._queue, []
            await self._flush(calls)

    async def _flush(self, calls: list[_Call]) -> None:
        is_patient = all(call.is_patient for call in calls)
        deadline = self._queued_at + self._budget + (_CONNECT_SECONDS if is_patient else 0)
        was_connected = self._link is not None
        try:
            async with asyncio.timeout(None) as scope:
                timer = Deadline(self._loop, scope, deadline)
                try:
                    replies = await self._exchange(calls)
                finally:
                    timer.cancel()
        except asyncio.CancelledError:
            self._reject(calls, f"{self.name} is no longer used")
            raise
        except Exception as error:  # whatever it is, nobody may be left waiting
            await self._drop_link()
            is_grave = isinstance(error, TimeoutError) or not was_connected
            await self._fail(calls, error, weight=_POLICY.failures_to_open if is_grave else 1)
        else:
            await self._note(replies)

    async def _exchange(self, calls: Sequence[_Call]) -> list[object]:
        """Write the calls and resolve each as its reply arrives; return the replies."""
        link = await self._usable_link()
        link.send(b"".join([call.packed for call in calls]))
        replies: list[object] = []
        strangers: list[_Call] = []
        for call in calls:
            for _ in range(call.replies):
                reply = await link.read()
            if isinstance(reply, NoScriptError) and not call.has_reloaded:
                strangers.append(call)
            else:
                self._resolve(call, reply)
                replies.append(reply)
        if strangers:
            replies += await self._exchange_again(link, strangers)
        return replies

    async def _exchange_again(self, link: Link, calls: list[_Call]) -> list[object]:
        """Load the scripts anew (the server forgot them, so nothing has been done) and repeat these calls once."""
        link.send(self._preamble)
        for _ in range(self._preamble_replies):
            await link.read()
        for call in calls:
            call.has_reloaded = True
        return await self._exchange(calls)

    async def _usable_link(self) -> Link:
        # A connection the server closed while idle is known to be dead before anything is entrusted to it.
        if self._link is not None and self._link.is_stale:
            await self._drop_link()
        if self._link is None:
            self._link = await self._open_link()
        return self._link

    async def _drop_link(self) -> None:
        link, self._link = self._link, None
        if link is not None:
            await link.hang_up()

    # --- what happened ---

    async def _note(self, replies: Sequence[object]) -> None:
        trouble = next((reply for reply in replies if _tells_of_trouble(reply)), None)
        if trouble is None:
            self._breaker = succeeded(self._breaker, self._loop.time())
            return
        if isinstance(trouble, ReadOnlyError) or "READONLY" in str(trouble):
            await self._drop_link()  # this server is no longer the primary; the next connection asks who is
        await self._fail([], trouble, weight=1)

    async def _fail(self, calls: Sequence[_Call], error: object, *, weight: int) -> None:
        reason = _describe(self.name, error, self._budget)
        self._breaker = failed(self._breaker, self._loop.time(), _POLICY, jitter=_jitter(), weight=weight)
        self._reject(calls, reason)
        if may_call(self._breaker):
            return
        self._reason = reason
        self._since = self._clock.wall()
        waiting, self._queue = self._queue, []
        self._reject(waiting, reason)
        await self._drop_link()
        self._recovery = self._loop.create_task(self._recover())
        if self._on_trouble is not None:
            self._on_trouble()

    def _reject(self, calls: Sequence[_Call], reason: str) -> None:
        for call in calls:
            if not call.answer.done():
                call.answer.set_exception(StoreError(reason))

    def _resolve(self, call: _Call, reply: object) -> None:
        if call.answer.done():  # its request was cancelled
            return
        if isinstance(reply, AskError):
            call.answer.set_exception(reply)
        elif isinstance(reply, Exception):
            call.answer.set_exception(StoreError(_describe(self.name, reply, self._budget)))
        else:
            call.answer.set_result(reply)

    # --- the way back ---

    async def _recover(self) -> None:
        """Probe until the server answers as calls need it to, then let them through again."""
        while not may_call(self._breaker):
            await asyncio.sleep(max(0.0, self._breaker.retry_at - self._loop.time()))
            self._breaker = probing(self._breaker)
            try:
                self._link = await self._probed_link()
            except Exception as error:  # the search goes on
                self._reason = _describe(self.name, error, self._budget)
                self._breaker = failed(self._breaker, self._loop.time(), _POLICY, jitter=_jitter())
            else:
                self._breaker = succeeded(self._breaker, self._loop.time())
                self._reason = ""
                self._since = self._clock.wall()
        self._recovery = None

    async def _probed_link(self) -> Link:
        async with asyncio.timeout(_CONNECT_SECONDS):
            link = await self._open_link()
        try:
            async with asyncio.timeout(self._budget):
                await link.ask(self._probe)
        except AskError:
            return link  # the answer of a healthy node that no longer has the probe's slot
        except BaseException:
            await link.hang_up()
            raise
        return link


def _jitter() -> float:
    return random.random()  # noqa: S311  # spreads the probes of many workers; no secret


def _tells_of_trouble(reply: object) -> bool:
    if isinstance(reply, _STATES):
        return True
    return isinstance(reply, ResponseError) and any(state in str(reply) for state in _WRAPPED_STATES)


def _describe(name: str, error: object, budget_seconds: float) -> str:
    """Say what is wrong in an operator's words."""
    if isinstance(error, TimeoutError):
        return f"{name} did not answer within {budget_seconds * 1000:.0f} ms"
    return f"{name}: {error}"
