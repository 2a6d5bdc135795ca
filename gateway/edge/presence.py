"""Finds out that a client has left where a transport cannot tell: it sends no more, or is not being read from.

A client that ends its sending side may still wait for its answer (RFC 9112 section 9.6), and one that has closed its
socket looks the same until something is written to it. So a byte is written that changes nothing, and a client that
has left answers it with a reset; the kernel knows of that at once, a transport that does not read learns it too late.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from gateway.edge.peer import is_reset

_PROBE_AFTER_SECONDS: Final = 0.03  # an answer that comes before needs no probe; one who left is noticed within 100 ms
_LOOK_AFTER_SECONDS: Final = 0.01
_LOOK_SECONDS_AT_MOST: Final = 1.0


class Presence:
    """Watches one client from `begin` until it is reset, its transport closes, or `end`."""

    __slots__ = ("_probe", "_timer", "_transport")

    def __init__(self, transport: asyncio.Transport, probe: Callable[[], bool]) -> None:
        """`probe` writes the byte that changes nothing, and tells whether it did."""
        self._transport = transport
        self._probe = probe
        self._timer: asyncio.TimerHandle | None = None

    def begin(self) -> None:
        """Watch from now on."""
        if self._timer is None:
            self._timer = _later(_PROBE_AFTER_SECONDS, self._look, _LOOK_AFTER_SECONDS)

    def end(self) -> None:
        """Watch no longer."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look(self, pause_seconds: float) -> None:
        self._timer = None
        if self._transport.is_closing():
            return
        if is_reset(self._transport):
            self._transport.abort()
            return
        if self._probe():
            pause_seconds = _LOOK_AFTER_SECONDS
        self._timer = _later(pause_seconds, self._look, min(2 * pause_seconds, _LOOK_SECONDS_AT_MOST))


def _later(seconds: float, look: Callable[[float], None], pause_seconds: float) -> asyncio.TimerHandle:
    return asyncio.get_running_loop().call_later(seconds, look, pause_seconds)
