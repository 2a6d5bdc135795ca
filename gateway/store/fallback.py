"""Decides limits whatever the store does: exact or leased while it answers, by declaration when it does not.

The pipeline's only door to counters; it never sees a StoreError.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from gateway.clock import Clock
from gateway.errors import StoreUnavailable
from gateway.fields import Fields
from gateway.rules.quota import (
    MICROSECONDS,
    Charge,
    QuotaPolicy,
    Verdict,
    is_admitted,
    rate_limit_fields,
    retry_after_seconds,
)
from gateway.store.counts import RETURN_SECONDS, FallbackCounts
from gateway.store.in_flight import InFlight
from gateway.store.lease import Leases
from gateway.store.memory import MemoryStore
from gateway.store.ports import ComponentHealth, Store, StoreError
from gateway.store.redis import RedisStore


@dataclass(slots=True)
class Outcome:
    """What the limits of one request said. `charges` and `verdicts` are those that were counted, side by side."""

    charges: Sequence[Charge]
    verdicts: tuple[Verdict, ...]
    admitted: bool
    opened: tuple[Charge, ...] = ()  # passed uncounted: the store is away and they are declared open
    is_local: bool = False  # counted by this process alone, for the store is away

    @property
    def retry_after_seconds(self) -> int:
        """Whole seconds until the request would be admitted; 0 when it was."""
        return retry_after_seconds(self.charges, self.verdicts)

    @property
    def fields(self) -> Fields:
        """RateLimit and RateLimit-Policy for the answer, whichever it is."""
        return rate_limit_fields(self.charges, self.verdicts)

    @property
    def all_allowed(self) -> bool:
        """Tell whether no limit said no, not even one in shadow."""
        return all([verdict.allowed for verdict in self.verdicts])  # noqa: C419 - a generator costs thrice as much

    @property
    def denied(self) -> tuple[QuotaPolicy, ...]:
        """The limits that said no; the shadow ones among them stop nobody."""
        pairs = zip(self.charges, self.verdicts, strict=True)
        return tuple(charge.policy for charge, verdict in pairs if not verdict.allowed)


NOTHING = Outcome((), (), admitted=True)


class Limiter:
    """One worker's view of every limit; of how many are in flight in `in_flight`."""

    __slots__ = ("_clock", "_leases", "_local", "_memory", "_store", "counts", "in_flight")

    def __init__(self, store: Store, clock: Clock, *, max_local_entries: int = 100_000) -> None:
        self._store = store
        self._clock = clock
        self._local = MemoryStore(clock, max_entries=max_local_entries)
        self._memory = store if isinstance(store, MemoryStore) else None
        self._leases = Leases(store, clock)
        self.counts = FallbackCounts()
        self.in_flight = InFlight(store.slots() if isinstance(store, RedisStore) else None, clock, self.counts)

    async def take(self, charges: Sequence[Charge]) -> Outcome:
        """Charge one request to every limit, or to none when one denies.

        Raises StoreUnavailable when the store is away and an enforced limit is declared `closed`. Waits only for the
        store, never longer than its budget, and not at all for memory or a lease in hand.
        """
        if not charges:
            return NOTHING
        if self._memory is not None:
            verdicts = self._memory.take_now(charges)
            return Outcome(charges, verdicts, is_admitted(charges, verdicts))
        here = [charge for charge in charges if charge.policy.accuracy == "local"]
        if here:
            return await self._take_here_first(charges, here)
        return await self._take_there(charges)

    def asks_store(self, charges: Sequence[Charge]) -> bool:
        """Tell whether `take` has a word with the store each time, whatever is at hand."""
        return self._memory is None and any(charge.policy.accuracy == "exact" for charge in charges)

    def take_at_hand(self, charges: Sequence[Charge]) -> Outcome | None:
        """As `take`, when that asks no store and raises nothing; otherwise None, and nothing is charged."""
        if not charges:
            return NOTHING
        verdicts = self._memory.take_now(charges) if self._memory is not None else self._leases.take_at_hand(charges)
        return None if verdicts is None else Outcome(charges, verdicts, is_admitted(charges, verdicts))

    async def peek(self, charges: Sequence[Charge]) -> tuple[Verdict, ...]:
        """Tell the state of these limits, charging nothing; raise StoreError."""
        here = [charge for charge in charges if charge.policy.accuracy == "local" and self._memory is None]
        there = [charge for charge in charges if charge.policy.accuracy != "local" or self._memory is not None]
        local, shared = iter(await self._local.peek(here)), iter(await self._store.peek(there) if there else ())
        return tuple(next(local if charge in here else shared) for charge in charges)

    async def reset(self, keys: Sequence[bytes]) -> None:
        """Forget all that was counted for these keys; raise StoreError. Other workers' leases end within seconds."""
        await self._local.reset(keys)
        self._leases.forget(keys)
        await self._store.reset(keys)

    def health(self) -> ComponentHealth:
        return self._store.health()

    async def aclose(self) -> None:
        """Give back what is leased; the store itself is its owner's to close."""
        await self._leases.aclose()
        await self.in_flight.aclose()

    async def _take_here_first(self, charges: Sequence[Charge], here: list[Charge]) -> Outcome:
        """Charge what this process counts for itself, then the rest; when that fails or is denied, nothing is."""
        charged_at = round(self._clock.monotonic() * MICROSECONDS)
        verdicts = self._local.take_now(here)
        rest = [charge for charge in charges if charge.policy.accuracy != "local"]
        if not rest or not is_admitted(here, verdicts):
            return Outcome(here, verdicts, is_admitted(here, verdicts))
        try:
            outcome = await self._take_there(rest)
        except BaseException:
            await self._give_back(here, verdicts, charged_at)
            raise
        if not outcome.admitted:
            await self._give_back(here, verdicts, charged_at)
        return replace(outcome, charges=(*here, *outcome.charges), verdicts=(*verdicts, *outcome.verdicts))

    async def _give_back(self, charges: Sequence[Charge], verdicts: Sequence[Verdict], charged_at: int) -> None:
        for charge, verdict in zip(charges, verdicts, strict=True):
            if verdict.allowed:
                await self._local.refund(charge, 1, charged_at)

    async def _take_there(self, charges: Sequence[Charge]) -> Outcome:
        try:
            verdicts = await self._take_shared(charges)
        except StoreError as error:
            return await self._stand_in(charges, error)
        return Outcome(charges, verdicts, is_admitted(charges, verdicts))

    async def _take_shared(self, charges: Sequence[Charge]) -> tuple[Verdict, ...]:
        leased = [charge for charge in charges if charge.policy.accuracy == "leased"]
        if not leased:
            return await self._store.take(charges)
        leased_verdicts = await self._leases.take(leased)
        exact = [charge for charge in charges if charge.policy.accuracy == "exact"]
        if not exact:
            return leased_verdicts
        if not is_admitted(leased, leased_verdicts):
            exact_verdicts = await self._store.peek(exact)
        else:
            exact_verdicts = await self._take_exact(exact, leased, leased_verdicts)
        given = {"leased": iter(leased_verdicts), "exact": iter(exact_verdicts)}
        return tuple(next(given[charge.policy.accuracy]) for charge in charges)

    async def _take_exact(
        self, exact: list[Charge], leased: list[Charge], leased_verdicts: tuple[Verdict, ...]
    ) -> tuple[Verdict, ...]:
        """Charge the exact limits of a call whose leased ones are spent already; what fails puts those back."""
        try:
            verdicts = await self._store.take(exact)
        except BaseException:
            self._leases.put_back(leased, leased_verdicts)
            raise
        if not is_admitted(exact, verdicts):
            self._leases.put_back(leased, leased_verdicts)
        return verdicts

    async def _stand_in(self, charges: Sequence[Charge], error: StoreError) -> Outcome:
        local: list[Charge] = []
        opened: list[Charge] = []
        for charge in charges:
            declared = charge.policy.on_store_failure
            if declared == "closed" and charge.policy.mode == "enforce":
                self.counts.closed += 1
                raise StoreUnavailable(str(error), retry_after_seconds=RETURN_SECONDS) from error
            (local if declared == "local" else opened).append(charge)
        self.counts.local += len(local)
        self.counts.open += len(opened)
        verdicts = await self._local.take(local)
        return Outcome(local, verdicts, is_admitted(local, verdicts), tuple(opened), is_local=bool(local))
