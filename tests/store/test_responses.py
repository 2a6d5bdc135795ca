"""What the store of answers keeps, in how much memory, and what it forgets."""

from __future__ import annotations

import random
import tracemalloc
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.fields import Fields
from gateway.rules.caching.decide import on_head
from gateway.rules.caching.exchange import CacheRequest, OriginHead
from gateway.rules.caching.keys import SHARED, PrimaryKey, citizen_partition
from gateway.rules.caching.policy import CachePolicy
from gateway.rules.caching.stored import VALIDATION_GRACE_SECONDS, StoredResponse
from gateway.rules.caching.verdicts import Forwarded, Miss, Relay
from gateway.store.purge import Purge, decode_purge
from gateway.store.responses import MAX_VARIANTS, ResponseStore
from tests.store.traces import lru_misses, zipf_trace

NOW = 1_800_000_000.0
POLICY = CachePolicy(ttl_seconds=60.0)
HOUR = CachePolicy(ttl_seconds=3_600.0)


def key_of(path: bytes, *, query: bytes = b"", service: str = "permits", partition: str = SHARED) -> PrimaryKey:
    return PrimaryKey(partition, service, path, query)


def answer(
    body: bytes = b"x", *, tags: bytes = b"", language: bytes | None = None, etag: bytes | None = None
) -> StoredResponse:
    """Return an answer as the rules would have it stored."""
    fields: Fields = ((b"content-type", b"application/json"), (b"cache-control", b"max-age=60"))
    fields += ((b"cache-tag", tags),) if tags else ()
    fields += ((b"etag", etag),) if etag is not None else ()
    asked: Fields = ()
    if language is not None:
        fields += ((b"vary", b"accept-language"),)
        asked = ((b"accept-language", language),)
    request = CacheRequest(b"GET", b"/types", b"", asked)
    miss = Miss(Forwarded.URI_MISS, asked, collapsible=True)
    outcome = on_head(request, miss, OriginHead(200, b"", fields), (), POLICY, request_time=NOW, response_time=NOW)
    assert isinstance(outcome, Relay)
    assert outcome.storing is not None
    stored = outcome.storing.finish(body)
    assert stored is not None
    return stored


def test_an_answer_is_found_under_its_key_only() -> None:
    store = ResponseStore(100_000)
    one = answer()
    assert store.put(key_of(b"/a"), one, POLICY, NOW)
    shelf = store.find(key_of(b"/a"), NOW)
    assert shelf is not None
    assert shelf.variants == (one,)
    for other in (key_of(b"/b"), key_of(b"/a", query=b"p=1"), key_of(b"/a", service="x"), key_of(b"/a", partition="y")):
        assert store.find(other, NOW) is None


def test_a_variant_takes_the_place_of_the_one_the_same_requests_select() -> None:
    store = ResponseStore(100_000)
    store.put(key_of(b"/a"), answer(b"1", language=b"id"), POLICY, NOW)
    store.put(key_of(b"/a"), answer(b"2", language=b"en"), POLICY, NOW)
    store.put(key_of(b"/a"), answer(b"3", language=b"id"), POLICY, NOW)
    assert [one.body for one in store.variants(key_of(b"/a"))] == [b"3", b"2"]


def test_invented_variants_push_out_only_their_own_kind() -> None:
    store = ResponseStore(10_000_000)
    store.put(key_of(b"/b"), answer(), POLICY, NOW)
    for number in range(100):
        store.put(key_of(b"/a"), answer(language=b"x%d" % number), POLICY, NOW)
    assert len(store.variants(key_of(b"/a"))) == MAX_VARIANTS
    assert len(store.variants(key_of(b"/b"))) == 1


def test_variants_of_no_use_any_more_go_when_another_comes() -> None:
    store = ResponseStore(100_000)
    store.put(key_of(b"/a"), answer(b"old", language=b"id"), POLICY, NOW)
    late = replace(answer(b"new", language=b"en"), response_time=NOW + 3_661)
    store.put(key_of(b"/a"), late, POLICY, NOW + 3_661)
    assert [one.body for one in store.variants(key_of(b"/a"))] == [b"new"]


@pytest.mark.parametrize(
    ("policy", "etag", "kept_seconds"),
    [
        (POLICY, None, 3_660),
        (replace(POLICY, stale_if_error_seconds=7_200), None, 7_260),
        (POLICY, b'"v1"', 60 + VALIDATION_GRACE_SECONDS),
    ],
)
def test_what_nothing_can_use_any_more_is_dropped_when_met(
    policy: CachePolicy, etag: bytes | None, kept_seconds: float
) -> None:
    store = ResponseStore(100_000)
    store.put(key_of(b"/a"), answer(etag=etag), policy, NOW)
    assert store.find(key_of(b"/a"), NOW + kept_seconds - 1) is not None
    assert store.find(key_of(b"/a"), NOW + kept_seconds) is None
    assert (len(store), store.size_bytes) == (0, 0)


def test_replace_and_drop_mean_one_variant_and_tolerate_that_it_is_gone() -> None:
    store = ResponseStore(100_000)
    one, other = answer(b"1", language=b"id"), answer(b"2", language=b"en")
    for each in (one, other):
        store.put(key_of(b"/a"), each, POLICY, NOW)
    new = answer(b"3", language=b"id")
    store.replace(key_of(b"/a"), one, new, POLICY)
    assert [each.body for each in store.variants(key_of(b"/a"))] == [b"2", b"3"]
    store.replace(key_of(b"/a"), one, answer(b"4"), POLICY)
    store.drop(key_of(b"/a"), one)
    store.drop(key_of(b"/b"), one)
    assert [each.body for each in store.variants(key_of(b"/a"))] == [b"2", b"3"]
    store.drop(key_of(b"/a"), new)
    store.drop(key_of(b"/a"), other)
    assert (len(store), store.size_bytes) == (0, 0)


def test_what_is_larger_than_everything_is_not_stored_and_frees_what_it_would_have_replaced() -> None:
    store = ResponseStore(10_000)
    assert store.put(key_of(b"/a"), answer(b"small"), POLICY, NOW)
    assert not store.put(key_of(b"/a"), answer(b"x" * 10_000), POLICY, NOW)
    assert store.find(key_of(b"/a"), NOW) is None


# ---- invalidation


@pytest.mark.parametrize(
    ("path", "query", "left"),
    [
        (b"/a", b"", [b"/b"]),
        (b"/a", b"page=1", [b"/a?page=2", b"/b"]),
        (b"/a", b"utm=x&page=2", [b"/a?page=1", b"/b"]),
        (b"/a", b"other=1", [b"/a?page=1", b"/a?page=2", b"/b"]),
        (b"/c", b"", [b"/a", b"/a?page=1", b"/a?page=2", b"/b"]),
    ],
)
def test_a_change_concerns_its_own_address_and_all_views_of_a_path(
    path: bytes, query: bytes, left: list[bytes]
) -> None:
    store = ResponseStore(100_000)
    keys = [key_of(b"/a"), key_of(b"/a", query=b"page=1"), key_of(b"/a", query=b"page=2"), key_of(b"/b")]
    for key in keys:
        store.put(key, answer(), POLICY, NOW)
    store.invalidate("permits", path, query)
    assert [key.target for key in keys if store.variants(key)] == left


def test_a_change_reaches_every_partition_and_no_other_service() -> None:
    store = ResponseStore(100_000)
    mine = key_of(b"/a", partition=citizen_partition("siti", "s1"))
    for key in (mine, key_of(b"/a"), key_of(b"/a", service="complaints")):
        store.put(key, answer(), POLICY, NOW)
    store.invalidate("permits", b"/a", b"")
    assert not store.variants(mine)
    assert store.variants(key_of(b"/a", service="complaints"))


# ---- purge

KEYS = (key_of(b"/a"), key_of(b"/a", query=b"page=1"), key_of(b"/b"), key_of(b"/a", service="complaints"))


def filled() -> ResponseStore:
    store = ResponseStore(100_000)
    for key, tags in zip(KEYS, (b"fees", b"fees, list", b"list", b"fees"), strict=True):
        store.put(key, answer(tags=tags), POLICY, NOW)
    return store


@pytest.mark.parametrize("soft", [False, True])
@pytest.mark.parametrize(
    ("purge", "gone"),
    [
        (Purge(), {0, 1, 2, 3}),
        (Purge(service="permits"), {0, 1, 2}),
        (Purge(service="permits", path=b"/a"), {0, 1}),
        (Purge(service="permits", path=b"/a", query=b""), {0}),
        (Purge(service="permits", path=b"/a", query=b"page=1"), {1}),
        (Purge(service="permits", path=b"/none"), set()),
        (Purge(service="none"), set()),
        (Purge(tag=b"fees"), {0, 1, 3}),
        (Purge(tag=b"list", service="permits"), {1, 2}),
        (Purge(tag=b"fees", service="permits", path=b"/a", query=b""), {0}),
        (Purge(tag=b"none"), set()),
    ],
)
def test_a_purge_takes_what_it_names_and_nothing_else(purge: Purge, gone: set[int], soft: bool) -> None:
    store = filled()
    assert store.purge(replace(purge, soft=soft), NOW) == len(gone)
    for number, key in enumerate(KEYS):
        variants = store.variants(key)
        if soft:
            assert (variants[0].stale_from is not None) == (number in gone)
        else:
            assert bool(variants) == (number not in gone)


def test_a_tag_concerns_only_the_variants_that_carry_it() -> None:
    store = ResponseStore(100_000)
    for language, tag in ((b"id", b"one"), (b"en", b"two")):
        store.put(key_of(b"/a"), answer(language, language=language, tags=tag), POLICY, NOW)
    assert store.purge(Purge(tag=b"one"), NOW) == 1
    assert [one.body for one in store.variants(key_of(b"/a"))] == [b"en"]
    assert store.purge(Purge(tag=b"two", soft=True), NOW) == 1
    assert store.variants(key_of(b"/a"))[0].stale_from == NOW


def test_tags_follow_the_answer_that_replaces_another() -> None:
    store = ResponseStore(100_000)
    store.put(key_of(b"/a"), answer(tags=b"old"), POLICY, NOW)
    store.put(key_of(b"/a"), answer(tags=b"new"), POLICY, NOW)
    assert store.purge(Purge(tag=b"old"), NOW) == 0
    assert store.purge(Purge(tag=b"new"), NOW) == 1


def test_what_lay_ready_is_not_sent_after_a_soft_purge() -> None:
    store = filled()
    shelf = store.find(KEYS[0], NOW)
    assert shelf is not None
    store.purge(Purge(soft=True), NOW)
    assert shelf.ready((), POLICY, NOW) is None


def test_a_partition_goes_as_a_whole() -> None:
    store = ResponseStore(100_000)
    mine, theirs = citizen_partition("siti", "s1"), citizen_partition("budi", "s2")
    for partition in (mine, theirs):
        for path in (b"/a", b"/b"):
            store.put(key_of(path, partition=partition), answer(), POLICY, NOW)
    assert store.forget_partition(mine) == 2
    assert not store.has_partition(mine)
    assert store.has_partition(theirs)
    assert store.forget_partition(mine) == 0


@given(
    purge=st.builds(
        Purge,
        service=st.none() | st.text(max_size=5),
        path=st.none() | st.binary(max_size=5),
        query=st.none() | st.binary(max_size=5),
        tag=st.none() | st.binary(max_size=5),
        soft=st.booleans(),
    )
)
def test_a_purge_is_told_to_other_processes_unchanged(purge: Purge) -> None:
    assert decode_purge(purge.encode()) == purge


@pytest.mark.parametrize("message", [b"[]", b"{", b'{"service": 1}', b'{"path": []}'])
def test_a_message_that_is_no_purge_is_refused(message: bytes) -> None:
    with pytest.raises(ValueError, match=r"is no|an object|Expecting"):
        decode_purge(message)


# ---- bounds and eviction


PATHS = st.sampled_from([b"/%d" % number for number in range(12)])
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("put"), PATHS, st.integers(0, 6_000)),
        st.tuples(st.just("find"), PATHS, st.just(0)),
        st.tuples(st.just("drop"), PATHS, st.just(0)),
        st.tuples(st.just("purge"), PATHS, st.integers(0, 1)),
        st.tuples(st.just("invalidate"), PATHS, st.just(0)),
    ),
    max_size=60,
)


@given(steps=STEPS)
@settings(max_examples=300, deadline=None)
def test_the_store_never_exceeds_its_bound_and_never_invents(steps: list[tuple[str, bytes, int]]) -> None:
    store, last = ResponseStore(20_000), dict[PrimaryKey, StoredResponse]()
    for what, path, number in steps:
        key = key_of(path)
        if what == "put":
            last[key] = answer(b"x" * number, tags=path)
            stored = store.put(key, last[key], POLICY, NOW)
            assert stored == (store.variants(key) == (last[key],))
        elif what == "find":
            shelf = store.find(key, NOW)
            assert shelf is None or shelf.variants == (last[key],)
        elif what == "drop" and store.variants(key):
            store.drop(key, last.pop(key))
            assert not store.variants(key)
        elif what == "purge":
            store.purge(Purge(tag=path) if number else Purge(service="permits", path=path), NOW)
            assert not store.variants(key)
        elif what == "invalidate":
            store.invalidate("permits", path, b"")
            assert not store.variants(key)
        assert 0 <= store.size_bytes <= 20_000
        held = [each for each in last if store.variants(each)]
        assert len(store) == len(held) == store.occupancy().entries
    store.purge(Purge(), NOW)
    assert (len(store), store.size_bytes, store.occupancy().services) == (0, 0, {})


@pytest.mark.parametrize("sizes", [(0, 200), (1_000, 4_000), (50_000, 200_000), (0, 200_000)])
def test_the_bound_is_kept_in_real_memory_whatever_the_sizes(sizes: tuple[int, int]) -> None:
    rng = random.Random(7)
    bound = 4_000_000
    template = answer(b"", tags=b"fees", etag=b'"v1"')
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        store = ResponseStore(bound)
        for number in range(max(300, 3 * bound // (2_000 + sum(sizes) // 2))):
            fields = tuple((bytes(bytearray(name)), bytes(bytearray(value))) for name, value in template.fields)
            one = replace(template, body=rng.randbytes(rng.randint(*sizes)), fields=fields)
            store.put(key_of(b"/%d" % number), one, POLICY, NOW)
            shelf = store.find(key_of(b"/%d" % number), NOW)
            assert shelf is None or shelf.block(shelf.variants[0]).wire
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert store.evictions > 0
    assert store.size_bytes > 0.9 * bound - sizes[1]
    assert after - before <= 1.1 * bound


def misses_of(trace: list[int], capacity: int) -> int:
    """Count the misses of the real store when it has room for `capacity` answers of one size."""
    one = answer()
    probe = ResponseStore(10**9)
    probe.put(key_of(b"/00000"), one, HOUR, NOW)
    store = ResponseStore(probe.size_bytes * capacity)
    misses = 0
    for number in trace:
        key = key_of(b"/%05d" % number)
        if store.find(key, NOW) is None:
            misses += 1
            store.put(key, one, HOUR, NOW)
    assert len(store) <= capacity
    return misses


def test_a_flood_hours_trace_misses_at_least_a_tenth_less_than_by_least_recent_use() -> None:
    trace = zipf_trace()
    capacity = len(set(trace)) // 10
    assert misses_of(trace, capacity) <= 0.9 * lru_misses(trace, capacity)


def test_a_scan_over_everything_leaves_what_is_asked_for_in_place() -> None:
    store = ResponseStore(300_000)
    hot = [key_of(b"/hot/%d" % number) for number in range(20)]
    for _ in range(3):
        for key in hot:
            if store.find(key, NOW) is None:
                store.put(key, answer(), HOUR, NOW)
    for number in range(5_000):
        store.put(key_of(b"/scan/%d" % number), answer(), HOUR, NOW)
    assert all(store.find(key, NOW) is not None for key in hot)


def test_one_eviction_looks_at_a_bounded_number_of_answers_even_when_all_are_in_use() -> None:
    store = ResponseStore(2_000_000)
    number = 0
    while not store.evictions:
        store.put(key_of(b"/%d" % number), answer(), HOUR, NOW)
        for _ in range(3):
            store.find(key_of(b"/%d" % number), NOW)
        number += 1
    evictions = store.evictions
    store.put(key_of(b"/one-more"), answer(), HOUR, NOW)
    assert store.evictions <= evictions + 1
    assert store.size_bytes <= 2_000_000
