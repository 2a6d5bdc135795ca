"""Requests in flight are counted over all workers while the store answers, and by declaration when it does not."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Sequence

import pytest

from gateway.clock import ManualClock
from gateway.errors import StoreUnavailable
from gateway.registry.snapshot import StorePolicy
from gateway.rules.concurrency import ConcurrencyPolicy, Slot
from gateway.rules.quota import QuotaKey
from gateway.store.counts import FallbackCounts
from gateway.store.in_flight import RENEW_SECONDS, Entry, InFlight
from gateway.store.open import open_store
from gateway.store.ports import Slots, Store
from gateway.store.redis import RedisStore
from gateway.store.slots import LEASE_SECONDS, slot_key
from tests.servers import RedisServer
from tests.store.conftest import PATIENT_SECONDS
from tests.store.stepped import at_once
from tests.store.watched import WatchedSlots

CITIZEN = QuotaKey("citizen")


def slot(limit: int, name: str = "permits", caller: bytes | None = None, **settings: object) -> Slot:
    key = caller if caller is not None else f"citizen:{secrets.token_hex(8)}".encode()
    return Slot(key, ConcurrencyPolicy(name, limit, CITIZEN, **settings))  # type: ignore[arg-type]  # of many types


def slots_of(store: Store) -> Slots | None:
    return store.slots() if isinstance(store, RedisStore) else None


@pytest.fixture
async def worker(store: Store, clock: ManualClock) -> AsyncIterator[InFlight]:
    worker = InFlight(slots_of(store), clock, FallbackCounts())
    yield worker
    await worker.aclose()


@pytest.fixture
async def sibling(store: Store, worker: InFlight, clock: ManualClock) -> AsyncIterator[InFlight]:
    """Another worker of the same store; of memory there is but one."""
    slots = slots_of(store)
    sibling = worker if slots is None else InFlight(slots, clock, FallbackCounts())
    yield sibling
    await sibling.aclose()


class TestEveryStore:
    async def test_workers_together_let_in_as_many_as_declared(self, worker: InFlight, sibling: InFlight) -> None:
        wanted = [slot(5)]
        entries = await asyncio.gather(*(one.enter(wanted) for _ in range(6) for one in (worker, sibling)))
        assert sum(entry.admitted for entry in entries) == 5
        assert await worker.count(wanted) == (5,)

    async def test_what_is_left_is_free_again(self, worker: InFlight, sibling: InFlight) -> None:
        wanted = [slot(1)]
        for _ in range(3):
            entry = await worker.enter(wanted)
            assert entry.admitted
            assert not (await worker.enter(wanted)).admitted
            worker.leave(entry)
            # A worker's next question follows what it gave back, however soon it comes.
            last = await worker.enter(wanted)
            assert last.admitted
            worker.leave(last)
        await given_back(worker, wanted)
        assert (await sibling.enter(wanted)).admitted

    async def test_a_denied_request_takes_nothing(self, worker: InFlight) -> None:
        wide, narrow = slot(9, "service", b"service:" + secrets.token_hex(8).encode()), slot(1)
        assert (await worker.enter([wide, narrow])).admitted
        denied = await worker.enter([wide, narrow])
        assert not denied.admitted
        await worker.count([wide])  # whatever was taken on the way is back by now
        assert await worker.count([wide, narrow]) == (1, 1)

    async def test_callers_and_limits_do_not_share_slots(self, worker: InFlight) -> None:
        who = b"citizen:" + secrets.token_hex(8).encode()
        assert (await worker.enter([slot(1, "a", who)])).admitted
        assert (await worker.enter([slot(1, "b", who)])).admitted
        assert (await worker.enter([slot(1, "a")])).admitted

    async def test_a_shadow_limit_counts_and_stops_nobody(self, worker: InFlight) -> None:
        wanted = [slot(1, mode="shadow")]
        entries = [await worker.enter(wanted) for _ in range(3)]
        assert [(one.admitted, one.is_shadowed) for one in entries] == [(True, False), (True, True), (True, True)]
        assert entries[0].fields == ()
        assert await worker.count(wanted) == (3,)

    async def test_a_local_limit_is_each_workers_own(self, worker: InFlight, sibling: InFlight) -> None:
        wanted = [slot(1, accuracy="local")]
        entry = at_once(worker.enter(wanted))
        assert entry.admitted
        assert not at_once(worker.enter(wanted)).admitted
        if sibling is not worker:
            assert at_once(sibling.enter(wanted)).admitted
        worker.leave(entry)
        assert at_once(worker.enter(wanted)).admitted

    async def test_local_and_shared_limits_are_taken_all_or_none(self, worker: InFlight) -> None:
        local, shared = slot(2, "local", accuracy="local"), slot(1)
        first = await worker.enter([local, shared])
        assert first.admitted
        assert not (await worker.enter([local, shared])).admitted
        assert await worker.count([local, shared]) == (1, 1)
        worker.leave(first)
        await given_back(worker, [local, shared])
        assert worker.held() == 0


async def given_back(worker: InFlight, wanted: Sequence[Slot]) -> None:
    async with asyncio.timeout(30):
        while any(await worker.count(wanted)):
            await asyncio.sleep(0.005)


async def test_every_key_ends_by_itself(own_server: RedisServer, clock: ManualClock) -> None:
    store = open_store(StorePolicy(own_server.url, PATIENT_SECONDS), clock)
    assert isinstance(store, RedisStore)
    worker, wanted = InFlight(store.slots(), clock, FallbackCounts()), slot(3)
    await worker.enter([wanted])
    await worker.enter([wanted])
    assert own_server.ask("ZCARD", slot_key(wanted)) == 2
    assert 0 < int(str(own_server.ask("PTTL", slot_key(wanted)))) <= LEASE_SECONDS * 1000
    await worker.aclose()
    assert own_server.ask("DBSIZE") == 0
    await store.aclose()


async def test_the_slots_of_a_killed_worker_come_back(own_server: RedisServer, clock: ManualClock) -> None:
    store = open_store(StorePolicy(own_server.url, PATIENT_SECONDS), clock)
    assert isinstance(store, RedisStore)
    slots, wanted = store.slots(lease_seconds=0.3), [slot(2)]
    assert await slots.enter(wanted, b"killed.1") == (0,)
    await slots.enter(wanted, b"alive.1")
    async with asyncio.timeout(30):
        while await slots.enter(wanted, b"next.1") == (2,):
            await slots.renew([(wanted[0], b"alive.1")])  # so that the key itself does not end
            await asyncio.sleep(0.005)
    await store.aclose()


async def test_a_server_that_came_back_empty_learns_what_is_in_flight(
    own_server: RedisServer, clock: ManualClock
) -> None:
    store = open_store(StorePolicy(own_server.url, PATIENT_SECONDS), clock)
    worker, wanted = InFlight(slots_of(store), clock, FallbackCounts()), [slot(2)]
    await worker.enter(wanted)
    own_server.ask("FLUSHALL")
    assert await worker.count(wanted) == (0,)
    await worker.renew()
    assert await worker.count(wanted) == (0,)  # it was told not long ago
    clock.advance(RENEW_SECONDS)
    await worker.renew()
    assert await worker.count(wanted) == (1,)
    await worker.aclose()
    await store.aclose()


class TestWithoutIt:
    @pytest.fixture
    def shared(self) -> WatchedSlots:
        return WatchedSlots()

    @pytest.fixture
    async def worker(self, shared: WatchedSlots, clock: ManualClock) -> AsyncIterator[InFlight]:
        self.counts = FallbackCounts()
        worker = InFlight(shared, clock, self.counts)
        yield worker
        await worker.aclose()

    async def test_local_knows_what_it_had_in_flight_before(self, worker: InFlight, shared: WatchedSlots) -> None:
        wanted = [slot(2)]
        first = await worker.enter(wanted)
        shared.is_away = True
        second = await worker.enter(wanted)
        assert second.admitted
        assert not (await worker.enter(wanted)).admitted
        worker.leave(first)
        assert (await worker.enter(wanted)).admitted
        assert self.counts.local == 3

    async def test_open_lets_pass_and_goes_on_counting(self, worker: InFlight, shared: WatchedSlots) -> None:
        shared.is_away = True
        wanted = [slot(1, on_store_failure="open")]
        assert all([(await worker.enter(wanted)).admitted for _ in range(3)])
        assert (worker.held(), self.counts.open) == (3, 3)

    async def test_closed_refuses_and_holds_nothing(self, worker: InFlight, shared: WatchedSlots) -> None:
        shared.is_away = True
        with pytest.raises(StoreUnavailable) as refusal:
            await worker.enter([slot(1, "local", accuracy="local"), slot(1, on_store_failure="closed")])
        assert refusal.value.retry_after_seconds == 3
        assert (worker.held(), self.counts.closed) == (0, 1)

    async def test_a_closed_shadow_limit_stops_nobody(self, worker: InFlight, shared: WatchedSlots) -> None:
        shared.is_away = True
        assert (await worker.enter([slot(1, on_store_failure="closed", mode="shadow")])).admitted

    async def test_what_was_let_in_meanwhile_is_told_when_it_returns(
        self, worker: InFlight, shared: WatchedSlots, clock: ManualClock
    ) -> None:
        shared.is_away = True
        await worker.enter([slot(2)])
        assert not shared.held
        shared.is_away = False
        clock.advance(RENEW_SECONDS)
        await worker.renew()
        assert len(shared.held["permits"]) == 1

    async def test_what_could_not_be_given_back_is_given_back_when_it_returns(
        self, worker: InFlight, shared: WatchedSlots
    ) -> None:
        entry = await worker.enter([slot(2)])
        shared.is_away = True
        worker.leave(entry)
        await settled(shared)
        assert len(shared.held["permits"]) == 1
        shared.is_away = False
        await worker.renew()
        assert shared.held["permits"] == set()

    async def test_it_stops_telling_what_has_ended_by_itself(
        self, worker: InFlight, shared: WatchedSlots, clock: ManualClock
    ) -> None:
        entry = await worker.enter([slot(2)])
        shared.is_away = True
        clock.advance(LEASE_SECONDS)
        worker.leave(entry)
        await settled(shared)
        shared.asked.clear()
        await worker.renew()
        assert shared.asked["leave"] == 0

    async def test_a_denied_request_whose_question_was_carried_out_late_holds_nothing(
        self, worker: InFlight, shared: WatchedSlots
    ) -> None:
        wanted = [slot(1)]
        await worker.enter(wanted)
        shared.is_away = shared.loses_answers = True
        assert not (await worker.enter(wanted)).admitted
        assert len(shared.held["permits"]) == 2
        shared.is_away = False
        await settled(shared)
        await worker.renew()
        assert len(shared.held["permits"]) == 1

    async def test_a_cancelled_request_holds_nothing(self, worker: InFlight, shared: WatchedSlots) -> None:
        shared.answers.clear()
        wanted = [slot(1, "local", accuracy="local"), slot(1)]
        asking = asyncio.create_task(worker.enter(wanted))
        await asyncio.sleep(0)
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
        shared.answers.set()
        await settled(shared)
        assert shared.held["permits"] == set()
        assert worker.held() == 0

    async def test_what_is_held_at_the_end_is_given_back(self, worker: InFlight, shared: WatchedSlots) -> None:
        entries: list[Entry] = [await worker.enter([slot(9)]) for _ in range(3)]
        assert all(entry.admitted for entry in entries)
        await worker.aclose()
        assert shared.held["permits"] == set()


async def settled(shared: WatchedSlots) -> None:
    """Let what goes on behind the requests' way be done."""
    for _ in range(5):
        await asyncio.sleep(0)
