"""Leases ask the store seldom, and overshoot a limit by at most a slice a worker."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import AsyncIterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.clock import ManualClock
from gateway.rules.quota import MICROSECONDS, Charge, QuotaPolicy
from gateway.store.lease import HOLD_SECONDS, Leases, slice_requests
from gateway.store.ports import StoreError
from tests.store.stepped import at_once
from tests.store.traffic import until
from tests.store.watched import WatchedStore

LIMIT = QuotaPolicy("permits", 100, 100.0, 100, accuracy="leased")
CHARGE = Charge(b"citizen:x", LIMIT)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def store(clock: ManualClock) -> WatchedStore:
    return WatchedStore(clock)


@pytest.fixture
async def leases(store: WatchedStore, clock: ManualClock) -> AsyncIterator[Leases]:
    leases = Leases(store, clock)
    yield leases
    store.answers.set()
    await leases.aclose()


async def spend(leases: Leases, times: int, charge: Charge = CHARGE) -> int:
    return sum([(await leases.take([charge]))[0].allowed for _ in range(times)])


class TestSpending:
    async def test_what_is_in_hand_is_spent_without_waiting(self, leases: Leases, store: WatchedStore) -> None:
        await spend(leases, 2)  # one, then two: one of them is left
        assert at_once(leases.take([CHARGE]))[0].allowed
        assert store.asked["grant"] == 2

    async def test_at_hand_is_what_needs_no_store_and_otherwise_nothing_is_spent(
        self, leases: Leases, store: WatchedStore
    ) -> None:
        other = Charge(CHARGE.key, dataclasses.replace(LIMIT, name="other"))
        exact = Charge(CHARGE.key, dataclasses.replace(LIMIT, accuracy="exact"))
        assert leases.take_at_hand([CHARGE]) is None
        await spend(leases, 2)  # one of the second slice is left
        for missing in (other, exact):
            assert leases.take_at_hand([CHARGE, missing]) is None
        given = leases.take_at_hand([CHARGE])
        assert given is not None
        assert (given[0].allowed, given[0].remaining) == (True, 97)
        assert leases.take_at_hand([CHARGE]) is None
        assert store.asked["grant"] == 2

    async def test_at_hand_a_denial_spends_nothing_of_the_others(self, leases: Leases) -> None:
        tight = Charge(CHARGE.key, dataclasses.replace(LIMIT, name="tight", limit=1, burst=1))
        await spend(leases, 2)
        assert await spend(leases, 2, tight) == 1
        for _ in range(3):
            given = leases.take_at_hand([CHARGE, tight])
            assert given is not None
            assert [verdict.allowed for verdict in given] == [True, False]

    async def test_a_limit_is_admitted_to_the_unit_by_one_worker(self, leases: Leases, store: WatchedStore) -> None:
        assert await spend(leases, 150) == 100
        assert store.asked["grant"] < 20

    async def test_verdicts_count_down_as_if_the_store_had_been_asked(self, leases: Leases) -> None:
        left = [(await leases.take([CHARGE]))[0].remaining for _ in range(100)]
        assert left == list(range(99, -1, -1))

    async def test_a_denial_is_remembered_until_the_next_unit_is_due(
        self, leases: Leases, store: WatchedStore, clock: ManualClock
    ) -> None:
        await spend(leases, 101)
        asked = store.asked["grant"]
        (verdict,) = at_once(leases.take([CHARGE]))
        assert not verdict.allowed
        assert 0 < verdict.retry_after_seconds <= 1
        assert store.asked["grant"] == asked
        clock.advance(1.0)
        assert await spend(leases, 2) == 1

    async def test_who_asks_rarely_is_counted_exactly(
        self, leases: Leases, store: WatchedStore, clock: ManualClock
    ) -> None:
        for _ in range(3):
            await spend(leases, 1)
            clock.advance(HOLD_SECONDS)
        assert await store.left(CHARGE) == 99

    async def test_what_is_not_spent_in_time_is_given_back(
        self, leases: Leases, store: WatchedStore, clock: ManualClock
    ) -> None:
        await spend(leases, 8)  # 1 + 2 + 4 + 8 are charged
        assert await store.left(CHARGE) == 85
        clock.advance(HOLD_SECONDS)
        await leases.settle()
        # Seven were unspent; the one unit that drained meanwhile is not given back a second time.
        assert await store.left(CHARGE) == 92
        assert len(leases) == 0

    async def test_what_is_left_of_an_ended_slice_is_given_back_before_more_is_asked_for(
        self, leases: Leases, store: WatchedStore, clock: ManualClock
    ) -> None:
        await spend(leases, 8)
        clock.advance(HOLD_SECONDS)
        assert await spend(leases, 1) == 1
        assert store.asked["refund"] == 1
        assert await store.left(CHARGE) == 91

    async def test_the_sweeper_gives_back_by_itself(
        self, leases: Leases, store: WatchedStore, clock: ManualClock
    ) -> None:
        await spend(leases, 8)
        clock.advance(HOLD_SECONDS)
        await until(lambda: len(leases) == 0)
        assert store.asked["refund"] == 1
        assert await spend(leases, 1) == 1

    async def test_closing_gives_everything_back(self, store: WatchedStore, clock: ManualClock) -> None:
        leases = Leases(store, clock)
        await spend(leases, 4)
        await leases.aclose()
        assert await store.left(CHARGE) == 96

    async def test_more_callers_than_there_are_slices_are_charged_one_by_one(
        self, store: WatchedStore, clock: ManualClock
    ) -> None:
        leases = Leases(store, clock, max_slices=1)
        await spend(leases, 1)
        other = Charge(b"citizen:y", LIMIT)
        assert await spend(leases, 3, other) == 3
        assert store.asked["take"] == 3
        assert await store.left(other) == 97
        assert len(leases) == 1
        await leases.aclose()


class TestSeveral:
    async def test_one_denial_puts_the_others_back(self, leases: Leases) -> None:
        few = Charge(b"citizen:x", dataclasses.replace(LIMIT, name="few", limit=2, burst=2, period_seconds=7200))
        given = [await leases.take([CHARGE, few]) for _ in range(5)]
        assert [verdicts[1].allowed for verdicts in given] == [True, True, False, False, False]
        assert (await leases.take([CHARGE]))[0].remaining == 97

    async def test_what_is_put_back_never_makes_a_slice_larger(self, leases: Leases, store: WatchedStore) -> None:
        verdicts = await leases.take([CHARGE])
        for _ in range(50):
            leases.put_back([CHARGE], verdicts)
        for _ in range(slice_requests(LIMIT)):
            assert at_once(leases.take([CHARGE]))[0].allowed
        assert store.asked["grant"] == 1
        await leases.take([CHARGE])
        assert store.asked["grant"] == 2

    async def test_nothing_is_put_back_where_nothing_is_held(self, leases: Leases, store: WatchedStore) -> None:
        verdicts = await store.inner.take([CHARGE])
        leases.put_back([CHARGE], verdicts)
        assert len(leases) == 0

    async def test_forgotten_callers_start_anew(self, leases: Leases, store: WatchedStore) -> None:
        await spend(leases, 101)
        leases.forget([CHARGE.key])
        await store.inner.reset([CHARGE.key])
        assert await spend(leases, 1) == 1


class TestTrouble:
    async def test_a_store_that_is_away_is_told_and_nothing_is_spent(self, leases: Leases, store: WatchedStore) -> None:
        await spend(leases, 2)  # one is left
        other = Charge(b"citizen:y", LIMIT)
        store.is_away = True
        with pytest.raises(StoreError):
            await leases.take([CHARGE, other])
        assert at_once(leases.take([CHARGE]))[0].allowed

    async def test_what_cannot_be_given_back_is_lost_without_noise(
        self, leases: Leases, store: WatchedStore, clock: ManualClock
    ) -> None:
        await spend(leases, 4)
        clock.advance(HOLD_SECONDS)
        store.is_away = True
        await leases.settle()
        assert len(leases) == 0

    async def test_requests_that_wait_together_are_answered_together(self, leases: Leases, store: WatchedStore) -> None:
        store.answers.clear()
        waiting = [asyncio.create_task(leases.take([CHARGE])) for _ in range(5)]
        await until(lambda: store.asked["grant"] == 1)
        store.answers.set()
        assert all([(await one)[0].allowed for one in waiting])
        assert store.asked["grant"] == 1

    async def test_a_request_that_is_cancelled_takes_nothing_from_the_others(
        self, leases: Leases, store: WatchedStore
    ) -> None:
        store.answers.clear()
        gone, stays = (asyncio.create_task(leases.take([CHARGE])) for _ in range(2))
        await until(lambda: store.asked["grant"] == 1)
        gone.cancel()
        store.answers.set()
        assert (await stays)[0].allowed
        with pytest.raises(asyncio.CancelledError):
            await gone

    async def test_closing_waits_for_an_answer_on_its_way(self, store: WatchedStore, clock: ManualClock) -> None:
        leases = Leases(store, clock)
        store.answers.clear()
        request = asyncio.create_task(leases.take([CHARGE]))
        await until(lambda: store.asked["grant"] == 1)
        request.cancel()
        closing = asyncio.create_task(leases.aclose())
        store.answers.set()
        await closing
        assert await store.left(CHARGE) == 100


@given(
    workers=st.integers(1, 4),
    burst=st.integers(1, 40),
    steps=st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2_000_000), st.integers(1, 12)), max_size=40),
)
def test_workers_together_admit_at_most_the_limit_and_a_slice_each(
    workers: int, burst: int, steps: list[tuple[int, int, int]]
) -> None:
    policy = QuotaPolicy("p", 10, 10.0, burst, accuracy="leased")
    charge, admitted = Charge(b"k", policy), list[float]()

    async def run() -> None:
        clock = ManualClock(monotonic=1000.0)
        store = WatchedStore(clock)
        crowd = [Leases(store, clock) for _ in range(workers)]
        for worker, wait, requests in steps:
            clock.advance(wait / MICROSECONDS)
            given = await spend(crowd[worker % workers], requests, charge)
            admitted.extend([clock.monotonic()] * given)
            if wait % 2:
                await crowd[worker % workers].settle()
        for leases in crowd:
            await leases.aclose()

    asyncio.run(run())
    most = burst + workers * slice_requests(policy)
    for first, begin in enumerate(admitted):
        for last in range(first, len(admitted)):
            assert last - first + 1 <= most + (admitted[last] - begin) + 1e-6
