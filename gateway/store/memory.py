"""Counters of one process. Nothing here is shared: more workers than one would each count for themselves."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from typing import TypeAlias

from gateway.clock import Clock
from gateway.rules.quota import (
    MICROSECONDS,
    Charge,
    Verdict,
    decide,
    decide_all,
    grant,
    peek,
    refund,
)
from gateway.store.ports import ComponentHealth, Grant

_Slot: TypeAlias = tuple[bytes, str]  # who is counted, and by which limit


class MemoryStore:
    """At most `max_entries` buckets. When full, the one that is free again soonest goes: expired ones come first.

    `_expiries` is a heap with one entry a bucket, which may lag behind: a charge moves a bucket's end without touching
    the heap, and the lag is made good when the entry surfaces. A charge makes at most one entry late, so an eviction
    costs O(log n) amortised.
    """

    __slots__ = ("_buckets", "_clock", "_expiries", "_max_entries", "_since")

    def __init__(self, clock: Clock, *, max_entries: int = 100_000) -> None:
        self._clock = clock
        self._max_entries = max_entries
        self._buckets: dict[_Slot, tuple[int, int]] = {}  # state in ticks, and the limit that defines a tick
        self._expiries: list[tuple[int, _Slot]] = []
        self._since = clock.wall()

    def __len__(self) -> int:
        return len(self._buckets)

    async def take(self, charges: Sequence[Charge]) -> tuple[Verdict, ...]:
        return self.take_now(charges)

    def take_now(self, charges: Sequence[Charge]) -> tuple[Verdict, ...]:
        """As `take`, without the price of a coroutine."""
        now = self._now()
        if len(charges) == 1:  # the common case, spelled out
            charge = charges[0]
            policy = charge.policy
            slot = (charge.key, policy.name)
            bucket = self._buckets.get(slot)
            if bucket is None or bucket[1] != policy.limit:
                tat = self._tat(charge)
                verdict, state = decide(tat, now, policy)
                if state != tat:
                    self._keep(charge, state, now)
            else:
                verdict, state = decide(bucket[0], now, policy)
                self._buckets[slot] = (state, policy.limit)
            return (verdict,)
        tats = [self._tat(charge) for charge in charges]
        verdicts, states = decide_all(tats, now, [charge.policy for charge in charges])
        for charge, tat, state in zip(charges, tats, states, strict=True):
            if state != tat:
                self._keep(charge, state, now)
        return verdicts

    async def peek(self, charges: Sequence[Charge]) -> tuple[Verdict, ...]:
        now = self._now()
        return tuple(peek(self._tat(charge), now, charge.policy) for charge in charges)

    async def grant(self, charge: Charge, sizes: Sequence[int]) -> Grant:
        now = self._now()
        tat = self._tat(charge)
        granted, state = grant(tat, now, charge.policy, sizes)
        if state != tat:
            self._keep(charge, state, now)
        return Grant(granted, now, peek(state, now, charge.policy))

    async def refund(self, charge: Charge, requests: int, charged_at: int) -> None:
        now = self._now()
        self._keep(charge, refund(self._tat(charge), now, charge.policy, requests, charged_at), now)

    async def reset(self, keys: Sequence[bytes]) -> None:
        gone = frozenset(keys)
        self._buckets = {slot: bucket for slot, bucket in self._buckets.items() if slot[0] not in gone}
        self._expiries = [(_end(tat, limit), slot) for slot, (tat, limit) in self._buckets.items()]
        heapq.heapify(self._expiries)

    async def ping(self) -> None:
        return None

    def health(self) -> ComponentHealth:
        return ComponentHealth("pass", self._since, "memory of this process")

    async def aclose(self) -> None:
        self._buckets.clear()
        self._expiries.clear()

    def _now(self) -> int:
        return round(self._clock.monotonic() * MICROSECONDS)

    def _tat(self, charge: Charge) -> int:
        bucket = self._buckets.get((charge.key, charge.policy.name))
        if bucket is None:
            return 0
        tat, limit = bucket
        # After a reload a limit of the same name may count in other ticks.
        return tat if limit == charge.policy.limit else tat * charge.policy.limit // limit

    def _keep(self, charge: Charge, tat: int, now: int) -> None:
        slot = (charge.key, charge.policy.name)
        if slot not in self._buckets:
            self._make_room(now)
            heapq.heappush(self._expiries, (_end(tat, charge.policy.limit), slot))
        self._buckets[slot] = (tat, charge.policy.limit)

    def _make_room(self, now: int) -> None:
        """Drop up to two expired buckets, and when still full the one that ends soonest."""
        for _ in range(2):
            if not self._surface() or self._expiries[0][0] > now:
                break
            self._drop_first()
        while len(self._buckets) >= self._max_entries and self._surface():
            self._drop_first()

    def _surface(self) -> bool:
        """Bring the bucket that truly ends first to the top of the heap; False when there is none."""
        while self._expiries:
            noted, slot = self._expiries[0]
            end = _end(*self._buckets[slot])
            if end <= noted:
                return True
            heapq.heapreplace(self._expiries, (end, slot))
        return False

    def _drop_first(self) -> None:
        _, slot = heapq.heappop(self._expiries)
        del self._buckets[slot]


def _end(tat: int, limit: int) -> int:
    """Return the microsecond from which a bucket is as good as new, rounded up."""
    return -(-tat // limit)
