"""How long a worker that ended unasked waits for its replacement."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Final

_FIRST_SECONDS: Final = 0.1
_MOST_SECONDS: Final = 30.0
_SOUND_SECONDS: Final = 60.0  # who lived that long did not die of its start


class Backoff:
    """The pauses of one worker's place: short after a long life, doubled with each short one."""

    def __init__(self, jitter: Callable[[], float] = random.random) -> None:
        self._jitter = jitter
        self._short_lives = 0

    def after(self, lived_seconds: float) -> float:
        """Return the seconds to wait after a worker that lived so long."""
        self._short_lives = 0 if lived_seconds >= _SOUND_SECONDS else self._short_lives + 1
        pause = min(_FIRST_SECONDS * 2.0 ** max(0, self._short_lives - 1), _MOST_SECONDS)
        # Spread, so that workers which died together do not all load the machine at the same moment again.
        return pause * (0.5 + self._jitter() / 2)
