"""A bounded memory of answers: what was not asked for longest leaves first.

It knows no time and no reason to forget; its owner checks what it gets and discards.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class Memo(Generic[K, V]):
    """At most `capacity` entries; `evicted` counts those that had to make room."""

    __slots__ = ("_capacity", "_entries", "evicted")

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._entries: OrderedDict[K, V] = OrderedDict()
        self.evicted = 0

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: K) -> V | None:
        """Return what is remembered under `key` and keep it longer for having been asked for."""
        value = self._entries.get(key)
        if value is not None:
            self._entries.move_to_end(key)
        return value

    def put(self, key: K, value: V) -> None:
        self._entries[key] = value
        self._entries.move_to_end(key)
        if len(self._entries) > self._capacity:
            self._entries.popitem(last=False)
            self.evicted += 1

    def discard(self, key: K) -> None:
        self._entries.pop(key, None)
