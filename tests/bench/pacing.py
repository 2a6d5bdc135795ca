"""Wakes an event loop at a fixed rate, to the microsecond: loops round their timers to milliseconds.

A rate of thousands a second would otherwise come in bursts, and what is measured would be the bursts' queue. The
kernel's timerfd(2) does it; Python has a name for it only since 3.13, so the C library is asked.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import time
from collections.abc import Callable
from types import TracebackType
from typing import Final

_NANOSECONDS: Final = 1_000_000_000


class _TimeSpec(ctypes.Structure):
    _fields_ = (("seconds", ctypes.c_long), ("nanoseconds", ctypes.c_long))


class _TimerSpec(ctypes.Structure):
    _fields_ = (("interval", _TimeSpec), ("value", _TimeSpec))


class Pace:
    """Calls `tick` every `1 / rate` seconds while entered; a loop that came late calls it once for several."""

    def __init__(self, rate: float, tick: Callable[[], None]) -> None:
        self._period = _TimeSpec(*divmod(int(_NANOSECONDS / rate), _NANOSECONDS))
        self._tick = tick
        self._descriptor = -1

    def __enter__(self) -> Pace:
        library = ctypes.CDLL(None, use_errno=True)
        self._descriptor = library.timerfd_create(time.CLOCK_MONOTONIC, os.O_NONBLOCK | os.O_CLOEXEC)
        spec = _TimerSpec(self._period, self._period)
        if self._descriptor < 0 or library.timerfd_settime(self._descriptor, 0, ctypes.byref(spec), None):
            raise OSError(ctypes.get_errno(), "no timer of the kernel's")
        asyncio.get_running_loop().add_reader(self._descriptor, self._on_time)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        asyncio.get_running_loop().remove_reader(self._descriptor)
        os.close(self._descriptor)

    def _on_time(self) -> None:
        os.read(self._descriptor, 8)  # how often it went off; whoever counts looks at the clock
        self._tick()
