"""When a server has had its time. A loop that stood still past that moment has first to read what may lie there."""

from __future__ import annotations

import asyncio
from typing import Final

_STALL_SECONDS: Final = 0.005  # a deadline that rings this late tells of our loop, not of the server
_TURNS: Final = 3  # of the loop: one brings the bytes, one wakes who reads them, one is for a second read


class Deadline:
    """Ends `scope` at `moment`, in the loop's time; `cancel` it when the server has answered."""

    __slots__ = ("_handle", "_loop", "_moment", "_scope")

    def __init__(self, loop: asyncio.AbstractEventLoop, scope: asyncio.Timeout, moment: float) -> None:
        self._loop = loop
        self._scope = scope
        self._moment = moment
        self._handle: asyncio.Handle = loop.call_at(moment, self._ring)

    def cancel(self) -> None:
        self._handle.cancel()

    def _ring(self) -> None:
        if self._loop.time() - self._moment > _STALL_SECONDS:
            # Turns may be quick again by now, so the server has its moment as well as we have our turns.
            self._handle = self._loop.call_later(_STALL_SECONDS, self._wait, _TURNS)
        else:
            self._scope.reschedule(self._loop.time())

    def _wait(self, turns: int) -> None:
        if turns:
            self._handle = self._loop.call_soon(self._wait, turns - 1)
        else:
            self._scope.reschedule(self._loop.time())
