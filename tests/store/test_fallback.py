"""A limit is decided whatever the store does; what it does without the store is declared per limit."""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator

import pytest

from gateway.clock import ManualClock
from gateway.errors import StoreUnavailable
from gateway.rules.quota import Charge, QuotaPolicy
from gateway.store.fallback import Limiter
from gateway.store.memory import MemoryStore
from gateway.store.ports import StoreError
from tests.store.stepped import at_once
from tests.store.watched import WatchedStore

LIMIT = QuotaPolicy("permits", 3, 10_800.0, 3)


def charge(name: str = "permits", caller: bytes = b"citizen:x", **settings: object) -> Charge:
    changed = dataclasses.replace(LIMIT, name=name, **settings)  # type: ignore[arg-type]  # settings of many types
    return Charge(caller, changed)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def store(clock: ManualClock) -> WatchedStore:
    return WatchedStore(clock)


@pytest.fixture
async def limiter(store: WatchedStore, clock: ManualClock) -> AsyncIterator[Limiter]:
    limiter = Limiter(store, clock)
    yield limiter
    await limiter.aclose()


class TestWithItsStore:
    async def test_no_limit_is_no_question(self, limiter: Limiter, store: WatchedStore) -> None:
        outcome = at_once(limiter.take([]))
        assert outcome.admitted
        assert outcome.fields == ()
        assert not store.asked

    def test_memory_never_waits(self, clock: ManualClock) -> None:
        limiter = Limiter(MemoryStore(clock), clock)
        for policy in (LIMIT, dataclasses.replace(LIMIT, accuracy="leased", name="leased")):
            given = [at_once(limiter.take([Charge(b"x", policy)])).admitted for _ in range(4)]
            assert given == [True, True, True, False]

    async def test_an_outcome_tells_all_that_an_answer_needs(self, limiter: Limiter) -> None:
        shadow = charge("shadow", limit=1, burst=1, mode="shadow")
        for _ in range(3):
            outcome = await limiter.take([charge(), shadow])
            assert outcome.admitted
        assert outcome.retry_after_seconds == 0
        assert [policy.name for policy in outcome.denied] == ["shadow"]
        assert dict(outcome.fields)[b"ratelimit"] == b'"permits";r=0;t=3600'
        outcome = await limiter.take([charge(), shadow])
        assert not outcome.admitted
        assert outcome.retry_after_seconds == 3600
        assert [policy.name for policy in outcome.denied] == ["permits", "shadow"]

    async def test_leased_and_exact_limits_of_one_request_are_charged_all_or_none(
        self, limiter: Limiter, store: WatchedStore
    ) -> None:
        exact, leased = charge("exact"), charge("leased", limit=9, burst=9, accuracy="leased")
        given = [await limiter.take([exact, leased]) for _ in range(5)]
        assert [outcome.admitted for outcome in given] == [True, True, True, False, False]
        assert [[verdict.allowed for verdict in outcome.verdicts] for outcome in given][3] == [False, True]
        await limiter.aclose()
        assert await store.left(leased) == 6

    async def test_an_exact_limit_is_not_charged_when_a_leased_one_denies(
        self, limiter: Limiter, store: WatchedStore
    ) -> None:
        leased, exact = charge("leased", limit=1, burst=1, accuracy="leased"), charge("exact")
        given = [await limiter.take([leased, exact]) for _ in range(3)]
        assert [outcome.admitted for outcome in given] == [True, False, False]
        assert given[2].verdicts[1].remaining == 2
        assert await store.left(exact) == 2

    async def test_leased_limits_alone_ask_only_for_leases(self, limiter: Limiter, store: WatchedStore) -> None:
        assert (await limiter.take([charge(accuracy="leased")])).admitted
        assert set(store.asked) == {"grant"}

    async def test_a_local_limit_asks_nobody(self, limiter: Limiter, store: WatchedStore) -> None:
        given = [at_once(limiter.take([charge(accuracy="local")])).admitted for _ in range(4)]
        assert given == [True, True, True, False]
        assert not store.asked

    async def test_local_and_exact_limits_of_one_request_are_charged_all_or_none(
        self, limiter: Limiter, store: WatchedStore
    ) -> None:
        local, exact = charge("local", limit=9, burst=9, accuracy="local"), charge("exact")
        given = [(await limiter.take([local, exact])).admitted for _ in range(5)]
        assert given == [True, True, True, False, False]
        assert [verdict.remaining for verdict in await limiter.peek([exact, local])] == [0, 6]
        narrow = charge("narrow", limit=1, burst=1, accuracy="local")
        assert [(await limiter.take([narrow, charge("other")])).admitted for _ in range(2)] == [True, False]
        assert await store.left(charge("other")) == 2

    async def test_a_reset_reaches_leases_and_store(self, limiter: Limiter) -> None:
        charges = [charge("exact"), charge("leased", accuracy="leased")]
        given = [(await limiter.take(charges)).admitted for _ in range(4)]
        assert given == [True, True, True, False]
        await limiter.reset([b"citizen:x"])
        assert [verdict.remaining for verdict in await limiter.peek(charges)] == [3, 3]
        assert (await limiter.take(charges)).admitted

    async def test_its_health_is_the_stores(self, limiter: Limiter, store: WatchedStore) -> None:
        assert limiter.health().status == "pass"
        store.is_away = True
        assert limiter.health().status == "warn"


class TestWithoutIt:
    async def test_local_counts_in_this_process(self, limiter: Limiter, store: WatchedStore) -> None:
        store.is_away = True
        given = [await limiter.take([charge(on_store_failure="local")]) for _ in range(4)]
        assert [outcome.admitted for outcome in given] == [True, True, True, False]
        assert all(outcome.is_local for outcome in given)
        assert dict(given[0].fields)[b"ratelimit"] == b'"permits";r=2;t=3600'
        assert given[3].retry_after_seconds == 3600
        assert limiter.counts.local == 4

    async def test_open_lets_pass_and_tells_no_numbers(self, limiter: Limiter, store: WatchedStore) -> None:
        store.is_away = True
        given = [await limiter.take([charge(on_store_failure="open")]) for _ in range(9)]
        assert all(outcome.admitted for outcome in given)
        assert given[0].fields == ()
        assert [one.policy.name for one in given[0].opened] == ["permits"]
        assert not given[0].is_local
        assert limiter.counts.open == 9

    async def test_closed_refuses_and_says_when_to_come_back(self, limiter: Limiter, store: WatchedStore) -> None:
        store.is_away = True
        with pytest.raises(StoreUnavailable) as refusal:
            await limiter.take([charge(on_store_failure="open"), charge("login", on_store_failure="closed")])
        assert refusal.value.retry_after_seconds == 3
        assert limiter.counts.closed == 1
        assert limiter.counts.open == 0

    async def test_a_local_limit_is_charged_once_and_given_back_when_another_is_closed(
        self, limiter: Limiter, store: WatchedStore
    ) -> None:
        store.is_away = True
        local, away = charge("local", accuracy="local"), charge("exact")
        await limiter.take([local, away])
        with pytest.raises(StoreUnavailable):
            await limiter.take([local, charge("login", on_store_failure="closed")])
        assert [verdict.remaining for verdict in await limiter.peek([local])] == [2]

    async def test_a_closed_shadow_limit_stops_nobody(self, limiter: Limiter, store: WatchedStore) -> None:
        store.is_away = True
        assert (await limiter.take([charge(on_store_failure="closed", mode="shadow")])).admitted

    async def test_each_limit_of_a_request_follows_its_own_declaration(
        self, limiter: Limiter, store: WatchedStore
    ) -> None:
        store.is_away = True
        charges = [charge("a", on_store_failure="open"), charge("b", limit=1, burst=1, on_store_failure="local")]
        given = [await limiter.take(charges) for _ in range(2)]
        assert [outcome.admitted for outcome in given] == [True, False]
        assert dict(given[0].fields)[b"ratelimit-policy"] == b'"b";q=1;w=10800'

    async def test_a_lease_in_hand_is_spent_while_the_store_is_away(
        self, limiter: Limiter, store: WatchedStore
    ) -> None:
        leased = charge("leased", limit=100, burst=100, accuracy="leased", on_store_failure="closed")
        for _ in range(2):
            await limiter.take([leased])
        store.is_away = True
        assert at_once(limiter.take([leased])).admitted
        with pytest.raises(StoreUnavailable):
            await limiter.take([leased])

    async def test_a_lease_is_put_back_when_the_exact_limit_cannot_be_asked(
        self, limiter: Limiter, store: WatchedStore
    ) -> None:
        leased = charge("leased", limit=100, burst=100, accuracy="leased")
        for _ in range(2):
            await limiter.take([leased])
        store.is_away = True
        outcome = await limiter.take([leased, charge("exact")])
        assert (outcome.admitted, outcome.is_local) == (True, True)
        assert at_once(limiter.take([leased])).verdicts[0].remaining == 97

    async def test_the_store_counts_again_when_it_is_back(self, limiter: Limiter, store: WatchedStore) -> None:
        store.is_away = True
        await limiter.take([charge()])
        store.is_away = False
        outcome = await limiter.take([charge()])
        assert (outcome.is_local, outcome.verdicts[0].remaining) == (False, 2)

    async def test_peek_and_reset_tell_that_it_is_away(self, limiter: Limiter, store: WatchedStore) -> None:
        store.is_away = True
        with pytest.raises(StoreError):
            await limiter.peek([charge()])
        with pytest.raises(StoreError):
            await limiter.reset([b"citizen:x"])
