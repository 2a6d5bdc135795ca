"""Decides limits whatever the store does: exact or leased while it answers, by declaration when it does not.

The pipeline's only door to counters; it never sees a StoreError.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from gateway.clock import Clock
from gateway.errors import StoreUnavailable
from gateway.fields import Fields
from gateway.rules.quota import (
    Charge,
    QuotaPolicy,
    Verdict,
    is_admitted,
    rate_limit_fields,
    retry_after_seconds,
)
from gateway.store.lease import Leases
from gateway.store.memory import MemoryStore
from gateway.store.ports import ComponentHealth, Store, StoreError

# A store that returns is in use again within three seconds (docs: what happens when Redis is gone).
_RETURN_SECONDS = 3.0


class Outcome(NamedTuple):
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
    def denied(self) -> tuple[QuotaPolicy, ...]:
        """The limits that said no; the shadow ones among them stop nobody."""
        pairs = zip(self.charges, self.verdicts, strict=True)
        return tuple(charge.policy for charge, verdict in pairs if not verdict.allowed)


@dataclass(slots=True)
class FallbackCounts:
    """How many charges were decided without the store since the process began."""

    local: int = 0
    open: int = 0
    closed: int = 0


_NOTHING = Outcome((), (), admitted=True)


class Limiter:
    """One worker's view of every limit."""

    __slots__ = ("_leases", "_local", "_memory", "_store", "counts")

    def __init__(self, store: Store, clock: Clock, *, max_local_entries: int = 100_000) -> None:
        self._store = store
        self._local = MemoryStore(clock, max_entries=max_local_entries)
        self._memory = store if isinstance(store, MemoryStore) else None
        self._leases = Leases(store, clock)
        self.counts = FallbackCounts()

    async def take(self, charges: Sequence[Charge]) -> Outcome:
        """Charge one request to every limit, or to none when one denies.

        Raises StoreUnavailable when the store is away and an enforced limit is declared `closed`. Waits only for the
        store, never longer than its budget, and not at all for memory or a lease in hand.
        """
        if not charges:
            return _NOTHING
        if self._memory is not None:
            verdicts = self._memory.take_now(charges)
            return Outcome(charges, verdicts, is_admitted(charges, verdicts))
        try:
            verdicts = await self._take_shared(charges)
        except StoreError as error:
            return await self._stand_in(charges, error)
        return Outcome(charges, verdicts, is_admitted(charges, verdicts))

    async def peek(self, charges: Sequence[Charge]) -> tuple[Verdict, ...]:
        """Tell the state of these limits, charging nothing; raise StoreError."""
        return await self._store.peek(charges)

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
                raise StoreUnavailable(str(error), retry_after_seconds=_RETURN_SECONDS) from error
            (local if declared == "local" else opened).append(charge)
        self.counts.local += len(local)
        self.counts.open += len(opened)
        verdicts = await self._local.take(local)
        return Outcome(local, verdicts, is_admitted(local, verdicts), tuple(opened), is_local=bool(local))
