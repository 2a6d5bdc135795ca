"""Stored answers in this process: every variant under its primary key, bounded in bytes.

Which ones stay is decided by `queues` (S3-FIFO), what they mean by the caching rules. An answer that nothing can use
any more is dropped when somebody comes across it. Nothing here waits, and nothing here is shared between processes.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

from gateway.rules.caching.keys import SHARED, PrimaryKey
from gateway.rules.caching.policy import CachePolicy
from gateway.rules.caching.stored import StoredResponse
from gateway.store.purge import Purge
from gateway.store.queues import GHOST_BYTES, Queues
from gateway.store.shelf import Shelf

MAX_VARIANTS: Final = 32  # by one key; a client that invents values of a varying field only pushes out its own kind
# What keeping a key costs beside its answers, in sizes of CPython 3.11: the key, its places in the queue and the
# indexes, the shelf, and the hash that is left behind.
KEY_OVERHEAD_BYTES: Final = 1_100 + GHOST_BYTES
_TAG_OVERHEAD_BYTES: Final = 330
_STALE_GRACE_SECONDS: Final = 3_600.0

N = TypeVar("N", str, bytes)


@dataclass(frozen=True, slots=True)
class Occupancy:
    """How full the store is, and what it has gone through."""

    entries: int
    size_bytes: int
    max_bytes: int
    evictions: int
    services: dict[str, int]  # keys by service


class ResponseStore:
    """Keeps, finds, replaces and forgets."""

    __slots__ = ("_by_partition", "_by_service", "_by_tag", "_max_bytes", "_queues", "_shelves", "evictions")

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._shelves: dict[PrimaryKey, Shelf] = {}
        self._queues: Queues[PrimaryKey, Shelf] = Queues(max_bytes)
        self._by_service: dict[str, dict[bytes, set[PrimaryKey]]] = {}
        self._by_tag: defaultdict[bytes, set[PrimaryKey]] = defaultdict(set)
        self._by_partition: defaultdict[str, set[PrimaryKey]] = defaultdict(set)
        self.evictions = 0

    @property
    def size_bytes(self) -> int:
        return self._queues.size_bytes

    def __len__(self) -> int:
        return len(self._shelves)

    def shelf(self, key: PrimaryKey) -> Shelf | None:
        """Return what is stored under `key`; it may be of no use any more, and is not counted as used."""
        return self._shelves.get(key)

    def find(self, key: PrimaryKey, now: float) -> Shelf | None:
        """Return what is stored under `key`, and count it as used."""
        shelf = self._shelves.get(key)
        if shelf is None:
            return None
        if now >= shelf.keep_until:
            self._forget(key)
            return None
        shelf.used()
        return shelf

    def variants(self, key: PrimaryKey) -> Sequence[StoredResponse]:
        """Return the answers under `key` without counting that as a use."""
        shelf = self._shelves.get(key)
        return () if shelf is None else shelf.variants

    def put(self, key: PrimaryKey, stored: StoredResponse, policy: CachePolicy, now: float) -> bool:
        """Store one answer in place of the variant that the same requests select; tell whether there was room."""
        others = (one for one in self.variants(key) if one.selecting != stored.selecting)
        useful = [one for one in others if kept_until(one, policy) > now]
        return self._fill(key, (stored, *useful)[:MAX_VARIANTS], policy)

    def replace(self, key: PrimaryKey, old: StoredResponse, new: StoredResponse, policy: CachePolicy) -> None:
        """Put `new` where `old` stands; nothing happens when it has gone meanwhile."""
        variants = self.variants(key)
        if any(one is old for one in variants):
            self._fill(key, tuple(new if one is old else one for one in variants), policy)

    def drop(self, key: PrimaryKey, stored: StoredResponse) -> None:
        """Forget one variant."""
        shelf = self._shelves.get(key)
        if shelf is not None and any(one is stored for one in shelf.variants):
            self._fill_shelf(key, shelf, tuple(one for one in shelf.variants if one is not stored), shelf.keep_until)

    def invalidate(self, service: str, path: bytes, query: bytes) -> None:
        """Forget what a change of a resource makes obsolete, in every partition (RFC 9111 section 4.4).

        A key holds only the parameters its route lists, so it is meant when all of its parameters are in `query`. A
        change of the path itself concerns every view of it: they are its pages and filters.
        """
        changed = frozenset(query.split(b"&")) if query else None
        for key in tuple(self._by_service.get(service, {}).get(path, ())):
            if changed is None or not key.query or changed.issuperset(key.query.split(b"&")):
                self._forget(key)

    def purge(self, purge: Purge, now: float) -> int:
        """Forget the named answers, or mark them stale; return under how many keys they were."""
        if purge.is_for_all and not purge.soft:
            count = len(self._shelves)
            self._forget_all()
            return count
        keys = [key for key in self._candidates(purge) if purge.names(key)]
        for key in keys:
            self._purge(key, purge, now)
        return len(keys)

    def forget_partition(self, partition: str) -> int:
        """Forget everything of one citizen's session; return how many keys."""
        keys = tuple(self._by_partition.get(partition, ()))
        for key in keys:
            self._forget(key)
        return len(keys)

    def has_partition(self, partition: str) -> bool:
        """Tell whether anything of this partition is stored."""
        return partition in self._by_partition

    def keys_at(self, service: str, path: bytes) -> Sequence[PrimaryKey]:
        """Return every key of one path, over all queries and partitions."""
        return tuple(self._by_service.get(service, {}).get(path, ()))

    def occupancy(self) -> Occupancy:
        """Tell how full the store is."""
        services = {name: sum(map(len, paths.values())) for name, paths in sorted(self._by_service.items())}
        return Occupancy(len(self._shelves), self.size_bytes, self._max_bytes, self.evictions, services)

    # ---- how it is kept

    def _fill(self, key: PrimaryKey, variants: tuple[StoredResponse, ...], policy: CachePolicy) -> bool:
        keep_until = max(kept_until(one, policy) for one in variants)
        shelf = self._shelves.get(key)
        if shelf is None:
            shelf = Shelf()
        return self._fill_shelf(key, shelf, variants, keep_until)

    def _fill_shelf(
        self, key: PrimaryKey, shelf: Shelf, variants: tuple[StoredResponse, ...], keep_until: float
    ) -> bool:
        size = _size_of(key, variants)
        if not variants or size > self._max_bytes:
            self._forget(key)
            return False
        self._make_room(size - shelf.size_bytes)
        is_new = self._shelves.get(key) is not shelf
        if is_new:
            self._make_room(size)  # making room may have taken this very key
        else:
            self._unlist_tags(key, shelf)
        shelf.fill(variants)
        shelf.keep_until = keep_until
        if is_new:
            shelf.size_bytes, shelf.uses = size, 0
            self._shelves[key] = shelf
            self._queues.add(key, shelf)
            self._list(key)
        else:
            self._queues.resize(shelf, size)
        for tag in _tags_of(variants):
            self._by_tag[tag].add(key)
        return True

    def _make_room(self, wanted_bytes: int) -> None:
        while self._queues.size_bytes + wanted_bytes > self._max_bytes:
            victim = self._queues.victim()
            if victim is None:
                return
            self._forget(victim)
            self.evictions += 1

    def _candidates(self, purge: Purge) -> Iterable[PrimaryKey]:
        if purge.tag is not None:
            return tuple(self._by_tag.get(purge.tag, ()))
        if purge.service is not None:
            paths = self._by_service.get(purge.service, {})
            chosen = paths.values() if purge.path is None else [paths.get(purge.path, set())]
            return tuple(key for keys in chosen for key in keys)
        return tuple(self._shelves)

    def _purge(self, key: PrimaryKey, purge: Purge, now: float) -> None:
        shelf = self._shelves[key]
        tag = purge.tag
        if purge.soft:
            aged = (one.marked_stale(now) if tag is None or tag in one.tags else one for one in shelf.variants)
            shelf.fill(tuple(aged))
        elif tag is None:
            self._forget(key)
        else:
            left = tuple(one for one in shelf.variants if tag not in one.tags)
            self._fill_shelf(key, shelf, left, shelf.keep_until)

    def _list(self, key: PrimaryKey) -> None:
        self._by_service.setdefault(key.service, {}).setdefault(key.path, set()).add(key)
        if key.partition != SHARED:
            self._by_partition[key.partition].add(key)

    def _forget(self, key: PrimaryKey) -> None:
        shelf = self._shelves.pop(key, None)
        if shelf is None:
            return
        self._queues.remove(key, shelf)
        self._unlist_tags(key, shelf)
        paths = self._by_service[key.service]
        paths[key.path].discard(key)
        if not paths[key.path]:
            del paths[key.path]
            if not paths:
                del self._by_service[key.service]
        if key.partition != SHARED:
            _discard(self._by_partition, key.partition, key)

    def _unlist_tags(self, key: PrimaryKey, shelf: Shelf) -> None:
        for tag in _tags_of(shelf.variants):
            _discard(self._by_tag, tag, key)

    def _forget_all(self) -> None:
        self._queues.clear()
        for index in (self._shelves, self._by_service, self._by_tag, self._by_partition):
            index.clear()


def kept_until(stored: StoredResponse, policy: CachePolicy) -> float:
    """Return until when an answer can be of use, also to a client that itself accepts a stale one (`max-stale`)."""
    keep_until = stored.keep_until(policy)
    if not stored.freshness.may_be_stale(stored.status, policy):
        return keep_until
    return max(keep_until, stored.expires_at(policy) + _STALE_GRACE_SECONDS)


def _tags_of(variants: Iterable[StoredResponse]) -> frozenset[bytes]:
    return frozenset(tag for one in variants for tag in one.tags)


def _size_of(key: PrimaryKey, variants: Sequence[StoredResponse]) -> int:
    """Return what the interpreter needs for all of it, the fields twice: as pairs and as the block that is sent."""
    size = KEY_OVERHEAD_BYTES + len(key.path) + len(key.query) + len(key.partition)
    for one in variants:
        size += one.size_bytes + sum(len(name) + len(value) + 4 for name, value in one.fields)
        size += _TAG_OVERHEAD_BYTES * len(one.tags)
    return size


def _discard(index: defaultdict[N, set[PrimaryKey]], name: N, key: PrimaryKey) -> None:
    keys = index[name]
    keys.discard(key)
    if not keys:
        del index[name]
