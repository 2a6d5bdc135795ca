"""Leased accuracy: a worker charges a slice of requests ahead and spends it without asking the store again.

The promise: in any window, the workers together admit at most what the limit allows plus one slice each, for a request
may be spent up to `HOLD_SECONDS` after it was charged. A slice is a tenth of the burst (`slice_requests`). Who asks
rarely is counted exactly: slices begin with one request and double only when they are spent in time. What is not spent
in time is given back, less what has drained meanwhile, so giving back never adds to the overshoot.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from gateway.clock import Clock
from gateway.rules.quota import Charge, QuotaPolicy, Verdict, is_admitted
from gateway.store.ports import Grant, Store, StoreError

HOLD_SECONDS = 1.0

_Slot: TypeAlias = tuple[bytes, str]


def slice_requests(policy: QuotaPolicy) -> int:
    """Return the most requests one worker may hold of one bucket."""
    return max(1, policy.burst // (10 * policy.cost))


@dataclass(slots=True)
class _Slice:
    """What this worker holds of one bucket. Only `Leases` changes it."""

    charge: Charge
    size: int = 1  # what to ask for next
    left: int = 0
    charged_at: int = 0  # the store's time, microseconds
    ends: float = 0.0  # monotonic; spend until then
    denied_until: float = 0.0  # monotonic; asking earlier is in vain
    shared: Verdict | None = None  # the bucket when last asked
    asked: float = 0.0
    waiting: int = 0
    refill: asyncio.Task[None] | None = None


class Leases:
    """Every slice one worker holds: at most `max_slices`; further keys are charged one request at a time."""

    __slots__ = ("_clock", "_max_slices", "_slices", "_store", "_sweeper")

    def __init__(self, store: Store, clock: Clock, *, max_slices: int = 20_000) -> None:
        self._store = store
        self._clock = clock
        self._max_slices = max_slices
        self._slices: dict[_Slot, _Slice] = {}
        self._sweeper: asyncio.Task[None] | None = None

    def __len__(self) -> int:
        return len(self._slices)

    async def take(self, charges: Sequence[Charge]) -> tuple[Verdict, ...]:
        """Spend one request of every charge, or of none when an enforced one denies; raise StoreError."""
        verdicts: list[Verdict] = []
        try:
            for charge in charges:
                verdict = self._spend(charge)
                if verdict is None:
                    verdict = await self._ask_and_spend(charge)
                verdicts.append(verdict)
        except BaseException:  # a cancelled request too has used nothing
            self.put_back(charges[: len(verdicts)], verdicts)
            raise
        if not is_admitted(charges, verdicts):
            self.put_back(charges, verdicts)
        return tuple(verdicts)

    def take_at_hand(self, charges: Sequence[Charge]) -> tuple[Verdict, ...] | None:
        """As `take`, when what is held decides every charge; otherwise None, and nothing is spent."""
        verdicts: list[Verdict] = []
        for charge in charges:
            verdict = self._spend(charge) if charge.policy.accuracy == "leased" else None
            if verdict is None:
                self.put_back(charges[: len(verdicts)], verdicts)
                return None
            verdicts.append(verdict)
        if not is_admitted(charges, verdicts):
            self.put_back(charges, verdicts)
        return tuple(verdicts)

    def put_back(self, charges: Sequence[Charge], verdicts: Sequence[Verdict]) -> None:
        """Return what was spent for a request that is refused after all."""
        for charge, verdict in zip(charges, verdicts, strict=True):
            held = self._slices.get((charge.key, charge.policy.name))
            # Never more than a slice: this one may have been refilled since.
            if verdict.allowed and held is not None and held.left < slice_requests(charge.policy):
                held.left += 1

    def forget(self, keys: Sequence[bytes]) -> None:
        """Drop what is held and known of these keys, without giving it back: their buckets are reset."""
        gone = frozenset(keys)
        self._slices = {slot: held for slot, held in self._slices.items() if slot[0] not in gone}

    async def settle(self) -> None:
        """Give back what was not spent in time and drop slices nobody uses; the sweeper does this every hold."""
        now = self._clock.monotonic()
        for slot, held in list(self._slices.items()):
            if held.refill is None and max(held.ends, held.denied_until) <= now:
                del self._slices[slot]
                await self._give_back(held)

    async def aclose(self) -> None:
        """Give back all that is held, as far as the store can be told."""
        if self._sweeper is not None:
            self._sweeper.cancel()
            await asyncio.gather(self._sweeper, return_exceptions=True)
        held_slices, self._slices = self._slices, {}
        for held in held_slices.values():
            if held.refill is not None:
                await asyncio.gather(held.refill, return_exceptions=True)
            await self._give_back(held)

    def _spend(self, charge: Charge) -> Verdict | None:
        """Spend without waiting; None when the store has to be asked."""
        held = self._slices.get((charge.key, charge.policy.name))
        if held is None or held.shared is None:
            return None
        now = self._clock.monotonic()
        if now < held.ends and held.left > 0:
            held.left -= 1
            left = held.shared.remaining + held.left * charge.policy.cost
            return Verdict(True, left, 0.0, max(0.0, held.shared.reset_seconds - (now - held.asked)))
        if now < held.denied_until:
            reset = max(0.0, held.shared.reset_seconds - (now - held.asked))
            return Verdict(False, held.shared.remaining, held.denied_until - now, reset)
        return None

    async def _ask_and_spend(self, charge: Charge) -> Verdict:
        slot = (charge.key, charge.policy.name)
        if slot not in self._slices and len(self._slices) >= self._max_slices:
            return (await self._store.take([charge]))[0]
        while (verdict := self._spend(charge)) is None:
            held = self._slices.setdefault(slot, _Slice(charge))
            if held.refill is None:
                held.refill = asyncio.create_task(self._refill(held))
            held.waiting += 1
            try:
                # Others wait for the same answer: one who leaves must not take it from them.
                await asyncio.shield(held.refill)
            finally:
                held.waiting -= 1
        return verdict

    async def _refill(self, held: _Slice) -> None:
        try:
            now = self._clock.monotonic()
            if held.left > 0:  # left over from a slice that ended
                held.size = 1
                await self._give_back(held)
            most = min(max(held.size, held.waiting), slice_requests(held.charge.policy))
            self._note(held, await self._store.grant(held.charge, _halves(most)), now)
        finally:
            held.refill = None
        self._sweeper = self._sweeper or asyncio.create_task(self._sweep())

    def _note(self, held: _Slice, grant: Grant, now: float) -> None:
        held.left = grant.requests
        held.charged_at = grant.charged_at
        held.shared = grant.verdict
        held.asked = now
        # Counted from the asking, for the charge may have been made any time since.
        held.ends = now + HOLD_SECONDS
        held.denied_until = 0.0 if grant.requests else now + grant.verdict.retry_after_seconds
        held.size = min(2 * max(held.size, 1), slice_requests(held.charge.policy))

    async def _give_back(self, held: _Slice) -> None:
        left, held.left = held.left, 0
        if left > 0:
            try:
                await self._store.refund(held.charge, left, held.charged_at)
            except StoreError:
                return  # lost to the citizen until it drains; never to the limit

    async def _sweep(self) -> None:
        while self._slices:
            await asyncio.sleep(HOLD_SECONDS)
            await self.settle()
        self._sweeper = None


def _halves(most: int) -> list[int]:
    sizes = [most]
    while sizes[-1] > 1:
        sizes.append(sizes[-1] // 2)
    return sizes
