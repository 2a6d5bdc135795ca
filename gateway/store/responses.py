"""Stored answers in this process, bounded in bytes; the least recently used go first."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence

from gateway.rules.caching.keys import PrimaryKey
from gateway.rules.caching.stored import StoredResponse

_MAX_VARIANTS = 32  # by one key; a client that invents values of a varying field only pushes out its own kind


class ResponseStore:
    """Every variant under its primary key, newest first."""

    __slots__ = ("_bytes", "_entries", "_max_bytes", "evictions")

    def __init__(self, max_bytes: int) -> None:
        self._entries: OrderedDict[PrimaryKey, tuple[StoredResponse, ...]] = OrderedDict()
        self._max_bytes = max_bytes
        self._bytes = 0
        self.evictions = 0

    @property
    def size_bytes(self) -> int:
        return self._bytes

    def __len__(self) -> int:
        return len(self._entries)

    def variants(self, key: PrimaryKey) -> Sequence[StoredResponse]:
        """Return what is stored under `key`, and count it as used."""
        found = self._entries.get(key)
        if found is None:
            return ()
        self._entries.move_to_end(key)
        return found

    def put(self, key: PrimaryKey, stored: StoredResponse) -> None:
        """Store one answer in place of the variant that the same requests select."""
        others = [one for one in self._entries.get(key, ()) if one.selecting != stored.selecting]
        self._set(key, (stored, *others)[:_MAX_VARIANTS])
        while self._bytes > self._max_bytes and self._entries:
            self._forget(next(iter(self._entries)))
            self.evictions += 1

    def replace(self, key: PrimaryKey, old: StoredResponse, new: StoredResponse) -> None:
        """Put `new` where `old` stands; nothing happens when it has gone meanwhile."""
        variants = self._entries.get(key, ())
        if old in variants:
            self._set(key, tuple(new if one is old or one == old else one for one in variants))

    def drop(self, key: PrimaryKey, stored: StoredResponse) -> None:
        """Forget one variant."""
        self._set(key, tuple(one for one in self._entries.get(key, ()) if one != stored))

    def forget(self, which: Callable[[PrimaryKey], bool]) -> int:
        """Forget every key that `which` names; return how many."""
        gone = [key for key in self._entries if which(key)]
        for key in gone:
            self._forget(key)
        return len(gone)

    def _set(self, key: PrimaryKey, variants: tuple[StoredResponse, ...]) -> None:
        self._forget(key)
        if variants:
            self._entries[key] = variants
            self._bytes += sum(one.size_bytes for one in variants)

    def _forget(self, key: PrimaryKey) -> None:
        self._bytes -= sum(one.size_bytes for one in self._entries.pop(key, ()))
