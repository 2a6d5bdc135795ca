"""A bounded table from exact bytes to what they mean, with second-chance eviction; it decides nothing about bytes.

Theory
======

The table must survive a client that invents new bytes with each request, at a cost that does not depend on its size.
Second chance (the CLOCK algorithm) does: entries stand in a ring in the order they came, a hit only sets a flag, and
room is made by walking from the oldest: one that was used since the last visit loses its flag and goes to the back,
the first one unused goes out. New entries come without the flag, so bytes seen once leave before bytes seen twice.

Setting a flag is all that a hit writes, and hot loops do that themselves on `entries`: values carry the flag.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Final, Generic, NamedTuple, Protocol, TypeVar


class Usable(Protocol):
    """What a table keeps; `used` is False at first and set on each hit."""

    used: bool


V = TypeVar("V", bound=Usable)

# One insertion walks past this many used entries at most, then evicts a used one: learning it again is cheaper than
# the pause of a walk around a large ring in which everything was just used.
MAX_SECOND_CHANCES: Final = 32


class Counters(NamedTuple):
    """How a table has done since the process began; `size` is of now, in entries."""

    hits: int
    misses: int
    evictions: int
    size: int


class SecondChanceTable(Generic[V]):
    """Keeps at most `max_entries` of keys of at most `max_key_bytes`, so its worst size is known."""

    __slots__ = ("_max_entries", "_max_key_bytes", "_ring", "entries", "evictions", "hits", "misses")

    def __init__(self, max_entries: int, max_key_bytes: int) -> None:
        if max_entries < 1:
            raise ValueError("a table without room remembers nothing")
        self._max_entries: Final = max_entries
        self._max_key_bytes: Final = max_key_bytes
        self._ring: deque[bytes] = deque()  # the keys, oldest first
        self.entries: Final[dict[bytes, V]] = {}  # to be read by all, written here only
        self.hits = 0
        self.misses = 0
        self.evictions = 0

    def __len__(self) -> int:
        return len(self.entries)

    def get(self, key: bytes) -> V | None:
        """Return what `key` means, counting the look-up, or None."""
        value = self.entries.get(key)
        if value is None:
            self.misses += 1
            return None
        value.used = True
        self.hits += 1
        return value

    def accepts(self, key: bytes) -> bool:
        """Tell whether `key` is short enough to be kept."""
        return len(key) <= self._max_key_bytes

    def put(self, key: bytes, value: V) -> None:
        """Keep what `key` means, in place of what it meant or of a key not used lately; a too long key is not kept."""
        if not self.accepts(key):
            return
        if key not in self.entries:
            if len(self.entries) >= self._max_entries:
                self._evict()
            self._ring.append(key)
        self.entries[key] = value

    def forget(self, predicate: Callable[[V], bool]) -> int:
        """Drop the values that satisfy `predicate`, and return how many there were."""
        forgotten = [key for key, value in self.entries.items() if predicate(value)]
        for key in forgotten:
            del self.entries[key]
        if forgotten:
            self._ring = deque(key for key in self._ring if key in self.entries)
        return len(forgotten)

    def clear(self) -> None:
        """Drop everything; the counters go on."""
        self._ring.clear()
        self.entries.clear()

    def counters(self) -> Counters:
        """Return the counters for the metrics."""
        return Counters(self.hits, self.misses, self.evictions, len(self.entries))

    def _evict(self) -> None:
        for _ in range(MAX_SECOND_CHANCES):
            key = self._ring.popleft()
            if not self.entries[key].used:
                break
            self.entries[key].used = False
            self._ring.append(key)
        else:
            key = self._ring.popleft()
        del self.entries[key]
        self.evictions += 1
