"""Counters and values of one process: bounded, and what nobody will miss goes first."""

from __future__ import annotations

import dataclasses

from hypothesis import given
from hypothesis import strategies as st

from gateway.clock import ManualClock
from gateway.rules.quota import Charge, QuotaPolicy, decide
from gateway.store.memory import MemoryStore
from gateway.store.ports import Claimed, Place
from gateway.store.values import MemoryValues
from tests.store.stepped import at_once

LIMIT = QuotaPolicy("permits", 60, 60.0, 5)


def take(store: MemoryStore, caller: int, limit: QuotaPolicy = LIMIT) -> bool:
    return store.take_now([Charge(b"%d" % caller, limit)])[0].allowed


def test_no_call_waits() -> None:
    store, charge = MemoryStore(ManualClock()), Charge(b"x", LIMIT)
    at_once(store.take([charge]))
    at_once(store.take([charge, Charge(b"y", LIMIT)]))
    at_once(store.peek([charge]))
    at_once(store.refund(charge, 1, at_once(store.grant(charge, (2, 1))).charged_at))
    at_once(store.reset([b"x"]))
    at_once(store.ping())
    at_once(store.aclose())


def test_budget_comes_back_with_time() -> None:
    clock = ManualClock()
    store = MemoryStore(clock)
    assert [take(store, 1) for _ in range(6)] == [True] * 5 + [False]
    clock.advance(0.999_999)
    assert not take(store, 1)
    clock.advance(0.000_001)
    assert [take(store, 1) for _ in range(2)] == [True, False]


def test_it_never_holds_more_than_it_may() -> None:
    store = MemoryStore(ManualClock(), max_entries=100)
    for caller in range(1000):
        take(store, caller)
        assert len(store) <= 100


def test_expired_buckets_go_before_any_that_count() -> None:
    clock = ManualClock()
    store = MemoryStore(clock, max_entries=10)
    for caller in range(5):
        take(store, caller)
    clock.advance(2)  # those five are as good as new
    for caller in range(5, 10):
        for _ in range(5):
            take(store, caller)
    for caller in range(10, 15):
        take(store, caller)
    assert not any(take(store, caller) for caller in range(5, 10))


def test_of_buckets_that_count_the_one_that_is_free_soonest_goes() -> None:
    store = MemoryStore(ManualClock(), max_entries=3)
    for caller, times in ((1, 5), (2, 1), (3, 4)):
        for _ in range(times):
            take(store, caller)
    take(store, 4)
    assert not take(store, 1)
    assert [take(store, 3) for _ in range(2)] == [True, False]


def test_expired_buckets_are_dropped_as_others_come() -> None:
    clock = ManualClock()
    store = MemoryStore(clock, max_entries=1000)
    for caller in range(100):
        take(store, caller)
    clock.advance(60)
    for caller in range(100, 150):
        take(store, caller)
    assert len(store) == 50


def test_a_bucket_outlives_a_changed_limit() -> None:
    store = MemoryStore(ManualClock())
    assert [take(store, 1) for _ in range(6)].count(True) == 5
    wider = dataclasses.replace(LIMIT, limit=120, burst=20)
    # Five seconds are used of the ten that twenty requests at two a second take.
    assert [take(store, 1, wider) for _ in range(20)].count(True) == 10


def test_reset_leaves_the_rest_bounded() -> None:
    store = MemoryStore(ManualClock(), max_entries=4)
    for caller in (1, 2, 3, 4):
        take(store, caller)
    at_once(store.reset([b"1", b"2"]))
    assert len(store) == 2
    for caller in range(10):
        take(store, caller)
    assert len(store) == 4


@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 3_000_000)), max_size=60))
def test_while_there_is_room_it_equals_the_rule(steps: list[tuple[int, int]]) -> None:
    clock = ManualClock(monotonic=0.0)
    store, states, now = MemoryStore(clock, max_entries=7), dict.fromkeys(range(7), 0), 0
    for caller, wait in steps:
        clock.advance(wait / 1_000_000)
        now += wait
        expected, states[caller] = decide(states[caller], now, LIMIT)
        assert store.take_now([Charge(b"%d" % caller, LIMIT)]) == (expected,)


class TestValues:
    def test_no_call_waits(self) -> None:
        values = MemoryValues(ManualClock(), max_bytes=500)
        assert store_value(values, b"a", b"v" * 16, 1)
        assert value_of(values, b"a") == b"v" * 16
        at_once(values.forget(b"g"))
        at_once(values.release(Place(b"g", b"a"), b"t", 0, drop=True))
        at_once(values.purge(b"h", 0.0, of_tag=False))
        at_once(values.purges([b"h"]))
        at_once(values.aclose())

    def test_a_value_ends_with_its_time_to_live(self) -> None:
        clock = ManualClock()
        values = MemoryValues(clock, max_bytes=500)
        store_value(values, b"a", b"v" * 16, 10)
        clock.advance(9.999)
        assert value_of(values, b"a") == b"v" * 16
        clock.advance(0.001)
        assert value_of(values, b"a") is None

    def test_what_is_longest_unused_goes_first(self) -> None:
        values = MemoryValues(ManualClock(), max_bytes=450)
        for name in (b"a", b"b", b"c"):
            store_value(values, name, b"x" * 100, 10)
        value_of(values, b"a")
        store_value(values, b"d", b"x" * 100, 10)
        assert [name for name in (b"a", b"b", b"c", b"d") if value_of(values, name)] == [b"a", b"c", b"d"]

    def test_what_does_not_fit_at_all_pushes_nothing_out(self) -> None:
        values = MemoryValues(ManualClock(), max_bytes=150)
        store_value(values, b"a", b"x" * 20, 10)
        store_value(values, b"b", b"x" * 200, 10)
        assert value_of(values, b"a") == b"x" * 20
        assert value_of(values, b"b") is None


def store_value(values: MemoryValues, name: bytes, value: bytes, life_seconds: float) -> bool:
    claimed: Claimed = at_once(values.claim(Place(b"g", name), b"", b"t", 1))
    kept: bool = at_once(values.keep(Place(b"g", name), value, life_seconds, claimed.mark, b"t"))
    return kept


def value_of(values: MemoryValues, name: bytes) -> bytes | None:
    claimed: Claimed = at_once(values.claim(Place(b"g", name), b"", b"", 1))
    return claimed.value
