"""Stores in memory that count what they are asked, and can be away or slow to answer."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence

from gateway.clock import Clock
from gateway.rules.concurrency import Slot
from gateway.rules.quota import Charge, Verdict
from gateway.store.memory import MemoryStore
from gateway.store.ports import ComponentHealth, Grant, StoreError


class WatchedStore:
    """Composed, not derived, so that a Limiter takes it for a store that has to be waited for."""

    def __init__(self, clock: Clock) -> None:
        self.inner = MemoryStore(clock)
        self.asked: Counter[str] = Counter()
        self.is_away = False
        self.answers = asyncio.Event()
        self.answers.set()

    async def take(self, charges: Sequence[Charge]) -> tuple[Verdict, ...]:
        await self._be_asked("take")
        return await self.inner.take(charges)

    async def peek(self, charges: Sequence[Charge]) -> tuple[Verdict, ...]:
        await self._be_asked("peek")
        return await self.inner.peek(charges)

    async def grant(self, charge: Charge, sizes: Sequence[int]) -> Grant:
        await self._be_asked("grant")
        return await self.inner.grant(charge, sizes)

    async def refund(self, charge: Charge, requests: int, charged_at: int) -> None:
        await self._be_asked("refund")
        await self.inner.refund(charge, requests, charged_at)

    async def reset(self, keys: Sequence[bytes]) -> None:
        await self._be_asked("reset")
        await self.inner.reset(keys)

    async def ping(self) -> None:
        await self._be_asked("ping")

    def health(self) -> ComponentHealth:
        return ComponentHealth("warn" if self.is_away else "pass", 0.0)

    async def aclose(self) -> None:
        await self.inner.aclose()

    async def left(self, charge: Charge) -> int:
        """How many units the shared bucket has."""
        return (await self.inner.peek([charge]))[0].remaining

    async def _be_asked(self, what: str) -> None:
        self.asked[what] += 1
        await self.answers.wait()
        if self.is_away:
            raise StoreError("away")


class WatchedSlots:
    """Shared slots in memory that can be away, hang, or carry out what they never answered."""

    def __init__(self) -> None:
        self.held: dict[str, set[bytes]] = {}
        self.asked: Counter[str] = Counter()
        self.is_away = False
        self.loses_answers = False
        self.answers = asyncio.Event()
        self.answers.set()

    async def enter(self, slots: Sequence[Slot], token: bytes) -> tuple[int, ...]:
        before = tuple(len(self.held.get(one.policy.name, ())) for one in slots)
        if self.loses_answers or not self.is_away:
            for one in slots:
                self.held.setdefault(one.policy.name, set()).add(token)
        await self._be_asked("enter")
        return before

    async def renew(self, held: Sequence[tuple[Slot, bytes]]) -> None:
        await self._be_asked("renew")
        for one, token in held:
            self.held.setdefault(one.policy.name, set()).add(token)

    async def leave(self, held: Sequence[tuple[Slot, bytes]]) -> None:
        await self._be_asked("leave")
        for one, token in held:
            self.held.get(one.policy.name, set()).discard(token)

    async def count(self, slots: Sequence[Slot]) -> tuple[int, ...]:
        await self._be_asked("count")
        return tuple(len(self.held.get(one.policy.name, ())) for one in slots)

    async def _be_asked(self, what: str) -> None:
        self.asked[what] += 1
        await self.answers.wait()
        if self.is_away:
            raise StoreError("away")
