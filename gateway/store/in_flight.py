"""Requests in flight, as one worker sees them: judged by the store while it answers, by declaration when it does not.

Theory
======

A request that is let in holds its slots, under a token of its own, until `leave`. Whatever judged it, the process
counts it for itself too, so that a store that goes away finds the process knowing what it has in flight.

    enter ──► store: counted there ──► held, renewed every few seconds ──► leave: given back behind the request's way
         └──► store away: judged by this process's own count (`local`), or not at all (`open`), and held all the same

Renewing tells a store that has forgotten (restarted empty, away when the request came) what is held; so it is exact
again within one round. What could not be given back is told again, and after a lease it is free by itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from gateway.clock import Clock
from gateway.errors import StoreUnavailable
from gateway.fields import Fields
from gateway.rules.concurrency import Slot, Standing, concurrency_fields, decide, is_admitted
from gateway.store.counts import RETURN_SECONDS, FallbackCounts
from gateway.store.ports import Slots, StoreError
from gateway.store.slots import LEASE_SECONDS

RENEW_SECONDS: Final = LEASE_SECONDS / 3  # twice may fail before anything is lost

_Name = tuple[bytes, str]  # who is counted, and by which limit


@dataclass(frozen=True, slots=True)
class Entry:
    """What one request was told. Admitted, it holds its slots until `InFlight.leave`."""

    slots: Sequence[Slot]
    standings: tuple[Standing, ...]
    admitted: bool
    token: bytes = b""  # under which the store holds them; empty when it is not asked

    @property
    def fields(self) -> Fields:
        """RateLimit and RateLimit-Policy for the answer, whichever it is."""
        return concurrency_fields(self.slots, self.standings)

    @property
    def is_shadowed(self) -> bool:
        """Tell whether a limit said no that stops nobody."""
        pairs = zip(self.slots, self.standings, strict=True)
        return any(not standing.allowed and slot.policy.mode == "shadow" for slot, standing in pairs)


@dataclass(slots=True)
class _Held:
    """What the store holds for one request. Only `InFlight` changes it."""

    slots: tuple[Slot, ...]
    told_at: float  # monotonic: when the store heard of it last


class InFlight:
    """One worker's requests in flight; without a shared store they are all there are."""

    __slots__ = (
        "_clock",
        "_counts",
        "_held",
        "_keeper",
        "_leaving",
        "_numbers",
        "_own",
        "_store",
        "_teller",
        "_worker",
    )

    def __init__(self, store: Slots | None, clock: Clock, counts: FallbackCounts) -> None:
        self._store = store
        self._clock = clock
        self._counts = counts
        self._worker = secrets.token_urlsafe(6).encode()  # no other process has it
        self._numbers = itertools.count()
        self._own: dict[_Name, int] = {}
        self._held: dict[bytes, _Held] = {}
        self._leaving: list[tuple[bytes, _Held]] = []
        self._teller: asyncio.Task[None] | None = None
        self._keeper: asyncio.Task[None] | None = None

    async def enter(self, slots: Sequence[Slot]) -> Entry:
        """Take every slot, or none when an enforced limit is reached.

        Raises StoreUnavailable when the store is away and such a limit is declared `closed`. Waits only for the store,
        never longer than its budget, and not at all where each process counts for itself.
        """
        shared = () if self._store is None else tuple(slot for slot in slots if slot.policy.accuracy == "exact")
        if not shared:
            return self._enter_here(slots)
        if self._leaving:
            await self._tell()  # what was given back in this very tick counts for who comes next
        here = [slot for slot in slots if slot.policy.accuracy == "local"]
        entry = self._enter_here(here)
        if not entry.admitted:
            return entry
        token = b"%b.%d" % (self._worker, next(self._numbers))
        try:
            judged = await self._enter_there(shared, token)
        except BaseException:  # a cancelled request too may have been let in
            self._leave_here(here)
            self._leave_there(token, _Held(shared, self._clock.monotonic()))
            raise
        admitted = is_admitted(shared, judged)
        if admitted:
            self._hold(token, shared)
        else:
            self._leave_here(here)
        return Entry((*here, *shared), (*entry.standings, *judged), admitted, token)

    def leave(self, entry: Entry) -> None:
        """Give back what an admitted request held. Once for each; it never waits."""
        self._leave_here(entry.slots)
        held = self._held.pop(entry.token, None)
        if held is not None:
            self._leave_there(entry.token, held)

    async def count(self, slots: Sequence[Slot]) -> tuple[int, ...]:
        """Tell how many requests are in flight under each limit; raise StoreError."""
        own = [self._own.get(_name(slot), 0) for slot in slots]
        shared = [index for index, slot in enumerate(slots) if self._store is not None and _is_shared(slot)]
        if self._store is not None and shared:
            counts = await self._store.count([slots[index] for index in shared])
            for index, count in zip(shared, counts, strict=True):
                own[index] = count
        return tuple(own)

    def held(self) -> int:
        """Tell how many slots this process has in use."""
        return sum(self._own.values())

    async def renew(self) -> None:
        """Tell the store what is still held and what is not; the keeper does this again and again."""
        assert self._store is not None
        now = self._clock.monotonic()
        due = [(token, held) for token, held in self._held.items() if now - held.told_at >= RENEW_SECONDS]
        with contextlib.suppress(StoreError):  # the next round is soon enough
            await self._store.renew([(slot, token) for token, held in due for slot in held.slots])
            for _, held in due:
                held.told_at = now
        if self._leaving and self._teller is None:
            await self._tell()

    async def aclose(self) -> None:
        """Give back all that is held, as far as the store can be told."""
        tasks = [task for task in (self._keeper, self._teller) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        left = [*self._leaving, *self._held.items()]
        self._held, self._leaving = {}, []
        if self._store is not None and left:
            with contextlib.suppress(StoreError):
                await self._store.leave([(slot, token) for token, held in left for slot in held.slots])

    # ---- in this process

    def _enter_here(self, slots: Sequence[Slot]) -> Entry:
        standings = decide([self._own.get(_name(slot), 0) for slot in slots], slots)
        admitted = is_admitted(slots, standings)
        if admitted:
            for slot in slots:
                self._count(slot, 1)
        return Entry(slots, standings, admitted)

    def _leave_here(self, slots: Sequence[Slot]) -> None:
        for slot in slots:
            self._count(slot, -1)

    def _count(self, slot: Slot, change: int) -> None:
        name = _name(slot)
        count = self._own.get(name, 0) + change
        if count:
            self._own[name] = count
        else:
            del self._own[name]

    # ---- in the store

    async def _enter_there(self, slots: tuple[Slot, ...], token: bytes) -> tuple[Standing, ...]:
        assert self._store is not None
        try:
            return decide(await self._store.enter(slots, token), slots)
        except StoreError as error:
            standings = self._stand_in(slots, error)
            if not is_admitted(slots, standings):
                # What timed out may be carried out yet.
                self._leave_there(token, _Held(slots, self._clock.monotonic()))
            return standings

    def _stand_in(self, slots: tuple[Slot, ...], error: StoreError) -> tuple[Standing, ...]:
        """Judge without the store, as each limit declares."""
        own = [self._own.get(_name(slot), 0) for slot in slots]
        for index, slot in enumerate(slots):
            declared = slot.policy.on_store_failure
            if declared == "closed" and slot.policy.mode == "enforce":
                self._counts.closed += 1
                raise StoreUnavailable(str(error), retry_after_seconds=RETURN_SECONDS) from error
            if declared == "local":
                self._counts.local += 1
            else:
                self._counts.open += 1
                own[index] = 0
        return decide(own, slots)

    def _hold(self, token: bytes, slots: tuple[Slot, ...]) -> None:
        for slot in slots:
            self._count(slot, 1)
        self._held[token] = _Held(slots, self._clock.monotonic())
        if self._keeper is None:
            self._keeper = asyncio.create_task(self._keep())

    def _leave_there(self, token: bytes, held: _Held) -> None:
        self._leaving.append((token, held))
        if self._teller is None:
            self._teller = asyncio.create_task(self._tell())

    async def _tell(self) -> None:
        """Give back what was left, all of one tick together."""
        assert self._store is not None
        try:
            while self._leaving:
                leaving, self._leaving = self._leaving, []
                try:
                    await self._store.leave([(slot, token) for token, held in leaving for slot in held.slots])
                except BaseException as error:
                    # Told again by the keeper, until the leases have ended by themselves.
                    ended = self._clock.monotonic() - LEASE_SECONDS
                    self._leaving += [(token, held) for token, held in leaving if held.told_at > ended]
                    if isinstance(error, StoreError):
                        return
                    raise
        finally:
            self._teller = None
            if self._leaving and self._keeper is None:
                self._keeper = asyncio.create_task(self._keep())

    async def _keep(self) -> None:
        while self._held or self._leaving:
            await asyncio.sleep(RENEW_SECONDS)
            await self.renew()
        self._keeper = None


def _name(slot: Slot) -> _Name:
    return slot.key, slot.policy.name


def _is_shared(slot: Slot) -> bool:
    return slot.policy.accuracy == "exact"
