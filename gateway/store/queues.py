"""Which stored answers stay when there is not room for all: S3-FIFO, three queues and no clock.

Theory
======

Most answers of a flood are asked for once, or not for a long time. So a new one waits in the short queue, a tenth of
the room; only one that was used there twice passes on to the long queue, and a scan over many never reaches it. What
leaves the short queue is remembered by its hash alone: when it comes back soon, it goes to the long queue at once. In
the long queue an answer that was used since it was last looked at gets another turn.

A use only counts, nothing is moved, so a hit costs next to nothing; an eviction is O(1), for it gives no more than
`_MAX_TURNS` answers another turn in a row.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Final, Generic, TypeVar

_SHORT_SHARE: Final = 0.1  # of the room
_MAX_USES: Final = 3
_USES_TO_PASS: Final = 2
_MAX_TURNS: Final = 64  # bounds the time one eviction takes when everything is in use
GHOST_BYTES: Final = 160  # what remembering one hash costs


class Queued:
    """Something of a known size in a queue. Whoever uses it calls `used`."""

    __slots__ = ("in_long", "size_bytes", "uses")

    def __init__(self) -> None:
        self.size_bytes = 0
        self.uses = 0
        self.in_long = False

    def used(self) -> None:
        """Count a use; more than a few say nothing new."""
        if self.uses < _MAX_USES:
            self.uses += 1


K = TypeVar("K")
V = TypeVar("V", bound=Queued)


class Queues(Generic[K, V]):
    """The order of eviction, and how many bytes wait in it."""

    __slots__ = ("_ghosts", "_long", "_max_bytes", "_short", "_short_bytes", "size_bytes")

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._short: OrderedDict[K, V] = OrderedDict()
        self._long: OrderedDict[K, V] = OrderedDict()
        self._ghosts: OrderedDict[int, None] = OrderedDict()
        self._short_bytes = 0
        self.size_bytes = 0

    def add(self, key: K, one: V) -> None:
        """Put `one` at the end of its queue."""
        ghost = hash(key)
        one.in_long = ghost in self._ghosts
        if one.in_long:
            del self._ghosts[ghost]
            self._long[key] = one
        else:
            self._short[key] = one
            self._short_bytes += one.size_bytes
        self.size_bytes += one.size_bytes

    def resize(self, one: V, size_bytes: int) -> None:
        """Note that `one`, which is queued, has another size now; it keeps its place."""
        change = size_bytes - one.size_bytes
        one.size_bytes = size_bytes
        self.size_bytes += change
        if not one.in_long:
            self._short_bytes += change

    def remove(self, key: K, one: V) -> None:
        """Take `one` out; it is not remembered."""
        if one.in_long:
            del self._long[key]
        else:
            del self._short[key]
            self._short_bytes -= one.size_bytes
        self.size_bytes -= one.size_bytes

    def victim(self) -> K | None:
        """Return the key that is to go next, None when there is none. It stays queued until removed."""
        for _ in range(_MAX_TURNS):
            from_short = bool(self._short) and (self._short_bytes >= _SHORT_SHARE * self._max_bytes or not self._long)
            queue = self._short if from_short else self._long
            if not queue:
                return None
            key = next(iter(queue))
            one = queue[key]
            if from_short and one.uses < _USES_TO_PASS:
                self._remember(key)
                return key
            if not from_short and one.uses == 0:
                return key
            self._give_another_turn(key, one, from_short=from_short)
        return next(iter(self._long or self._short), None)

    def clear(self) -> None:
        """Forget everything."""
        self._short.clear()
        self._long.clear()
        self._ghosts.clear()
        self._short_bytes = self.size_bytes = 0

    def _give_another_turn(self, key: K, one: V, *, from_short: bool) -> None:
        if from_short:
            del self._short[key]
            self._short_bytes -= one.size_bytes
            one.uses = 0
            one.in_long = True
            self._long[key] = one
        else:
            one.uses -= 1
            self._long.move_to_end(key)

    def _remember(self, key: K) -> None:
        self._ghosts[hash(key)] = None
        # As many as the long queue could hold, by the number of answers there are.
        while len(self._ghosts) > max(16, len(self._short) + len(self._long)):
            self._ghosts.popitem(last=False)
