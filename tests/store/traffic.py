"""Citizens who keep coming while something happens to the store, and a tally of what they were told."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from types import TracebackType
from typing import get_args

from gateway.errors import StoreUnavailable
from gateway.rules.quota import Charge, OnStoreFailure, QuotaPolicy
from gateway.store.fallback import Limiter

GUARD_SECONDS = 30.0  # against a hang; nothing is measured by it
_ENOUGH = 1_000_000_000  # no limit of these is ever reached, so whoever is denied is denied by the fault


class Traffic:
    """Clients that ask under every declaration in turn. Any exception but StoreUnavailable ends the test."""

    def __init__(self, limiter: Limiter, *, caller: bytes = b"citizen:x", clients: int = 8) -> None:
        self._limiter = limiter
        self._caller = caller
        self._clients = clients
        self._is_over = False
        self._tasks: asyncio.TaskGroup = asyncio.TaskGroup()
        self.told: Counter[str] = Counter()
        self.longest_seconds = 0.0

    async def __aenter__(self) -> Traffic:
        await self._tasks.__aenter__()
        for _ in range(self._clients):
            self._tasks.create_task(self._come_and_go())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._is_over = True
        await self._tasks.__aexit__(kind, error, trace)

    async def until(self, *tallies: str, more: int = 20) -> None:
        """Wait until each tally has grown by so much."""
        begun = {tally: self.told[tally] for tally in tallies}
        await until(lambda: all(self.told[tally] >= count + more for tally, count in begun.items()))

    async def until_shared(self) -> None:
        await self.until("local shared", "open shared", "closed shared")

    async def until_stood_in(self) -> None:
        await self.until("local stood in", "open stood in", "closed unavailable")

    async def _come_and_go(self) -> None:
        policies = [
            QuotaPolicy(declared, _ENOUGH, 1.0, _ENOUGH, on_store_failure=declared)
            for declared in get_args(OnStoreFailure)
        ]
        while not self._is_over:
            for policy in policies:
                begun = asyncio.get_running_loop().time()
                self.told[f"{policy.name} {await self._ask(policy)}"] += 1
                self.longest_seconds = max(self.longest_seconds, asyncio.get_running_loop().time() - begun)
            await asyncio.sleep(0.002)

    async def _ask(self, policy: QuotaPolicy) -> str:
        try:
            outcome = await self._limiter.take([Charge(self._caller, policy)])
        except StoreUnavailable as error:
            return "unavailable" if error.retry_after_seconds else "left without a word"
        if not outcome.admitted:
            return "denied"
        return "stood in" if outcome.is_local or outcome.opened else "shared"


async def until(promise: Callable[[], object]) -> None:
    """Wait for something that happens in this event loop."""
    async with asyncio.timeout(GUARD_SECONDS):
        while not promise():
            await asyncio.sleep(0.005)
