"""Runs a coroutine without a task, and gives it something to wait for. It is no event loop: it never polls or sleeps.

Theory
======

A task costs several microseconds a request: it is made, scheduled for the next turn of the loop, and scheduled again
after each wait. Most requests need none of that. So an `Exchange` steps a coroutine by hand: `start` runs it at once,
as far as it gets; when it awaits a `Signal`, whoever rings the signal runs it on from there, inside `ring`.

    start ──► runs ──► awaits a Signal ◄──── ring ──► runs on ──► …            no turn of the loop in between
                 └───► awaits a future ◄──── done ──► runs on, in the loop's next turn
                 └───► ends ──► on_end(None)

Rules for those who write such coroutines:

-   `asyncio.current_task()` knows nothing of them. What needs a task (asyncio.timeout, TaskGroup, anyio, httpx,
    redis-py) is awaited whole: `await asyncio.create_task(...)`.
-   A ring carries no news; the news lies in the state of whoever rings. Await in a loop: `while not self.pieces: await
    self.arrived`. Then a ring too early, twice or for nothing does no harm.
-   Ring last. The woken coroutine runs inside `ring` and may change everything; whatever a callback still wants to do
    afterwards, it must find out again.
-   Whoever hands something on to many waiters does so in a loop, not from within the woken one: some hundred rings
    inside one another overflow the stack.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Generator
from contextvars import Context, copy_context
from functools import partial
from typing import Any, Protocol, TypeAlias

Ended: TypeAlias = Callable[[BaseException | None], object]


class _Future(Protocol):
    """What an exchange may find itself waiting for besides a Signal: asyncio's futures and what imitates them."""

    _asyncio_future_blocking: bool

    def add_done_callback(self, callback: Callable[[Any], object], /) -> object: ...

    def cancel(self) -> bool: ...


class Signal:
    """Wakes the one coroutine that awaits it: one stepped by hand at once, a task's in the loop's next turn.

    asyncio takes whatever has `_asyncio_future_blocking` for a future (`asyncio.isfuture`); the methods below `ring`
    are those it then calls.
    """

    __slots__ = ("_asyncio_future_blocking", "_cancellation", "_wake")

    def __init__(self) -> None:
        self._asyncio_future_blocking = False
        self._cancellation: asyncio.CancelledError | None = None
        self._wake: Callable[[], object] | None = None

    def __await__(self) -> Generator[Signal, None, None]:
        if self._wake is not None:
            raise RuntimeError("a signal wakes one coroutine; a second one awaits it")
        self._asyncio_future_blocking = True
        yield self

    def call(self, wake: Callable[[], object]) -> None:
        """Have the next ring call `wake`: for who waits and is no coroutine."""
        self._wake = wake

    def ring(self) -> None:
        """Wake whoever waits; when nobody does, nothing happens."""
        wake = self._wake
        if wake is not None:
            self._wake = None
            wake()

    def get_loop(self) -> asyncio.AbstractEventLoop:
        return asyncio.get_running_loop()

    def add_done_callback(self, callback: Callable[[Signal], object], *, context: Context | None = None) -> None:
        self._wake = partial(self.get_loop().call_soon, callback, self, context=context)

    def cancel(self, msg: object = None) -> bool:
        self._cancellation = asyncio.CancelledError() if msg is None else asyncio.CancelledError(msg)
        self.ring()
        return True

    def result(self) -> None:
        cancellation, self._cancellation = self._cancellation, None
        if cancellation is not None:
            raise cancellation


class Exchange:
    """One coroutine stepped by hand.

    Its starter holds it: nothing else does while it waits. It runs in a context of its own, so that what one request
    binds never shows in another. `on_end` is called once, outside that context, with the exception that escaped or
    None. Dropping an exchange that waits leaves its `finally` blocks to the garbage collector: interrupt it instead.
    """

    __slots__ = ("_awaited", "_context", "_coroutine", "_on_end", "_reason")

    def __init__(
        self, coroutine: Coroutine[Any, Any, object], on_end: Ended, *, context: Context | None = None
    ) -> None:
        self._coroutine = coroutine
        self._context = context if context is not None else copy_context()
        self._on_end: Ended | None = on_end
        self._awaited: Signal | _Future | None = None  # None while it runs, and after its end
        self._reason: BaseException | None = None  # to be raised at the next step

    @property
    def is_done(self) -> bool:
        return self._on_end is None

    def start(self) -> None:
        """Run until the first wait, or the end."""
        self._step()

    def interrupt(self, reason: BaseException) -> None:
        """Raise `reason` where the coroutine waits, now; while it runs, at its next wait; after its end, not at all.

        A future it waits for is cancelled, and the coroutine runs on once that has ended: a nested task cleans up
        first. When the coroutine goes on in spite of `reason`, so does the exchange.
        """
        if self._on_end is None:
            return
        self._reason = reason
        awaited = self._awaited
        if isinstance(awaited, Signal):
            awaited.ring()
        elif awaited is not None:
            awaited.cancel()

    def _step(self, _done: object = None) -> None:
        reason, self._reason, self._awaited = self._reason, None, None
        try:
            if reason is None:
                awaited = self._context.run(self._coroutine.send, None)
            else:
                awaited = self._context.run(self._coroutine.throw, reason)
        except StopIteration:
            pass  # told below: what `on_end` starts must not run "during handling of" this
        except BaseException as error:
            self._end(error)
            if isinstance(error, KeyboardInterrupt | SystemExit):
                raise
            # The traceback holds this frame, and this frame the error: a cycle that only the collector would free.
            error.__traceback__ = None
            return
        else:
            self._park(awaited)
            return
        self._end(None)

    def _end(self, error: BaseException | None) -> None:
        on_end, self._on_end, self._reason = self._on_end, None, None
        assert on_end is not None
        on_end(error)

    def _park(self, awaited: Any) -> None:
        """Remember what is waited for, and have it wake us. Anything: it comes out of a foreign coroutine."""
        if isinstance(awaited, Signal):
            awaited._wake = self._step
        else:
            if not asyncio.isfuture(awaited):
                awaited = self._next_turn(awaited)
            awaited._asyncio_future_blocking = False  # else asyncio lets nobody await this future again
            awaited.add_done_callback(self._step)
        self._awaited = awaited
        if self._reason is not None:  # interrupted while it ran
            self.interrupt(self._reason)

    def _next_turn(self, awaited: object) -> asyncio.Future[None]:
        """Return a future for the loop's next turn, which a bare yield (asyncio.sleep(0)) asks for."""
        if awaited is not None:
            self._reason = RuntimeError(f"an exchange cannot await {awaited!r}")
        loop = asyncio.get_running_loop()
        turn: asyncio.Future[None] = loop.create_future()
        loop.call_soon(_settle, turn)
        return turn

    def __repr__(self) -> str:
        """Show where it waits: a line for each coroutine on the way down."""
        places: list[str] = []
        inner: Any = self._coroutine  # frames are no part of Coroutine's type; compiled coroutines have none
        while getattr(inner, "cr_frame", None) is not None:
            places.append(f"{inner.__qualname__}:{inner.cr_frame.f_lineno}")
            inner = inner.cr_await
        state = "done" if self.is_done else f"awaiting {self._awaited!r}"
        return f"<Exchange {' > '.join(places) or 'no frame'}, {state}>"


def _settle(turn: asyncio.Future[None]) -> None:
    if not turn.done():
        turn.set_result(None)
