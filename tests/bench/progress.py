"""Tells on one line what is being done and how long it has taken; where nobody watches, nothing."""

from __future__ import annotations

import sys
import time
from types import TracebackType

_WIDTH = 100


class Progress:
    """A line that is written over and over, and wiped at the end."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._is_watched = sys.stderr.isatty()

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._write("")

    @property
    def seconds(self) -> float:
        """How long it has taken so far."""
        return time.monotonic() - self._began

    def step(self, doing: str) -> None:
        """Say what is done now."""
        self._write(f"  {self.seconds:4.0f} s  {doing}")

    def say(self, text: str) -> None:
        """Say something that stays."""
        self._write("")
        print(text, flush=True)

    def _write(self, text: str) -> None:
        if self._is_watched:
            print("\r" + text[:_WIDTH].ljust(_WIDTH) + ("" if text else "\r"), end="", file=sys.stderr, flush=True)
