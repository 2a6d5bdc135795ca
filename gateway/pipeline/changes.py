"""What was changed or purged while an agency was being asked about it: an answer older than that must not be kept.

Moments are numbers of a sequence, for two things in one tick of a clock still come one after the other.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from typing import Final

from gateway.clock import Clock
from gateway.rules.caching.keys import PrimaryKey

_MAX_CHANGES: Final = 10_000
_MAX_MARKS: Final = 10_000


class Changes:
    """The latest change of each path, of each service, and of everything."""

    __slots__ = ("_floor", "_latest", "_now")

    def __init__(self) -> None:
        self._latest: OrderedDict[tuple[str | None, bytes | None], int] = OrderedDict()
        self._now = 0
        self._floor = 0  # what was forgotten changed no later than this

    def now(self) -> int:
        """Return the present moment."""
        return self._now

    def note(self, service: str | None, path: bytes | None) -> None:
        """Note a change: of all paths without `path`, of all services without `service`."""
        self._now += 1
        self._latest[(service, path)] = self._now
        self._latest.move_to_end((service, path))
        if len(self._latest) > _MAX_CHANGES:
            self._floor = self._latest.popitem(last=False)[1]

    def any_since(self, key: PrimaryKey, moment: int) -> bool:
        """Tell whether what `key` names may have changed after `moment`."""
        if moment == self._now:
            return False
        named = ((key.service, key.path), (key.service, None), (None, None))
        return self._floor > moment or any(self._latest.get(name, 0) > moment for name in named)


class Marks:
    """Keys that something holds of for a while; bounded, the oldest go first."""

    __slots__ = ("_clock", "_seconds", "_until")

    def __init__(self, clock: Clock, seconds: float) -> None:
        self._clock = clock
        self._seconds = seconds
        self._until: OrderedDict[Hashable, float] = OrderedDict()

    def __len__(self) -> int:
        return len(self._until)

    def __contains__(self, key: Hashable) -> bool:
        until = self._until.get(key)
        if until is None:
            return False
        if self._clock.monotonic() < until:
            return True
        del self._until[key]
        return False

    def add(self, key: Hashable) -> None:
        self._until[key] = self._clock.monotonic() + self._seconds
        self._until.move_to_end(key)
        if len(self._until) > _MAX_MARKS:
            self._until.popitem(last=False)

    def discard(self, key: Hashable) -> None:
        self._until.pop(key, None)
