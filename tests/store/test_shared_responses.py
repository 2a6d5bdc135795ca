"""What processes share opens only as it was written, and what the store was not told yet is not believed."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.clock import ManualClock
from gateway.rules.caching.freshness import Freshness
from gateway.rules.caching.keys import citizen_partition, primary_key
from gateway.rules.caching.policy import CachePolicy
from gateway.rules.caching.stored import StoredResponse
from gateway.store.owed import MAX_OWED, Owed
from gateway.store.ports import StoreError, Turn
from gateway.store.purge import Purge
from gateway.store.sealed import Sealed, seal, stamp_of, unseal
from gateway.store.shared_responses import MAX_VARIANTS, SharedResponses
from gateway.store.values import MemoryValues

KEY = primary_key("permits", b"/types", b"page=1", CachePolicy(query=(b"*",)))
POLICY = CachePolicy(ttl_seconds=60.0)
SECRET = b"the city's own"
NAMES = st.binary(min_size=1, max_size=20)
TIMES = st.floats(0, 4e9)
SECONDS = st.none() | st.floats(0, 1e6)
FIELDS = st.lists(st.tuples(NAMES, st.binary(max_size=40)), max_size=5).map(tuple)
FRESHNESS = st.builds(
    Freshness,
    born=TIMES,
    lifetime_seconds=st.floats(0, 1e9),
    explicit=st.booleans(),
    no_cache=st.booleans(),
    forbids_stale=st.booleans(),
    s_maxage=st.booleans(),
    immutable=st.booleans(),
    stale_while_revalidate_seconds=SECONDS,
    stale_if_error_seconds=SECONDS,
)
ANSWERS = st.builds(
    StoredResponse,
    status=st.integers(200, 599),
    reason=st.binary(max_size=10),
    fields=FIELDS,
    body=st.binary(max_size=300),
    trailers=FIELDS,
    request_time=TIMES,
    response_time=TIMES,
    selecting=st.lists(st.tuples(NAMES, st.none() | NAMES), max_size=3).map(tuple),
    freshness=FRESHNESS,
    tags=st.frozensets(NAMES, max_size=3),
    stale_from=st.none() | TIMES,
)
SEALED = st.builds(
    Sealed,
    variants=st.lists(ANSWERS, max_size=3).map(tuple),
    mark=st.binary(max_size=8),
    book=st.binary(max_size=8),
    purge=st.integers(0, 2**53),
)


def answer(
    body: bytes = b"x", *, language: bytes | None = None, tags: frozenset[bytes] = frozenset()
) -> StoredResponse:
    now = ManualClock().wall()
    freshness = Freshness(now, 60.0, True, False, False, False, False, None, None)
    selecting = () if language is None else ((b"accept-language", language),)
    return StoredResponse(200, b"", (), body, (), now, now, selecting, freshness, tags)


class TestSealed:
    @settings(max_examples=40)
    @given(SEALED)
    def test_what_was_written_is_read(self, sealed: Sealed) -> None:
        value = seal("key", sealed, SECRET)
        assert unseal("key", value, SECRET) == sealed
        assert stamp_of(value) == value[:16]

    @settings(max_examples=40)
    @given(SEALED, st.data())
    def test_nothing_else_is(self, sealed: Sealed, data: st.DataObject) -> None:
        value = seal("key", sealed, SECRET)
        at = data.draw(st.integers(0, len(value) - 1))
        changed = value[:at] + bytes((value[at] ^ data.draw(st.integers(1, 255)),)) + value[at + 1 :]
        for other in (changed, value[:at], value + b"\0", value[at:] if at else b""):
            assert unseal("key", other, SECRET) is None

    @given(st.binary(max_size=200))
    def test_rubbish_is_refused(self, rubbish: bytes) -> None:
        assert unseal("key", rubbish, SECRET) is None

    def test_another_key_secret_or_format_does_not_open_it(self, monkeypatch: pytest.MonkeyPatch) -> None:
        value = seal("key", Sealed((answer(),), b"m", b"b", 1), SECRET)
        assert unseal("other", value, SECRET) is None
        assert unseal("key", value, b"") is None
        monkeypatch.setattr("gateway.store.sealed.FORMAT", 2)
        assert unseal("key", value, SECRET) is None


class TestSharedResponses:
    @pytest.fixture
    def values(self) -> MemoryValues:
        return MemoryValues(ManualClock(), max_bytes=1_000_000)

    async def test_a_citizens_own_answers_cannot_be_shared(self, values: MemoryValues) -> None:
        shared = opened(values)
        with pytest.raises(AssertionError, match="stays in this process"):
            await shared.claim(KEY._replace(partition=citizen_partition("c", "1")))
        await shared.aclose()

    async def test_variants_stand_side_by_side_and_there_are_never_too_many(self, values: MemoryValues) -> None:
        shared = opened(values)
        for number in range(MAX_VARIANTS + 2):
            await share(shared, answer(b"%d" % number, language=b"l%d" % number))
        await share(shared, answer(b"again", language=b"l9"))
        found = await shared.claim(KEY, wants_turn=False)
        assert [one.body for one in found.variants] == [b"again", *(b"%d" % number for number in range(8, 1, -1))]
        await shared.aclose()

    async def test_what_a_gateway_with_another_secret_wrote_is_not_seen(self, values: MemoryValues) -> None:
        one, other = opened(values), opened(values, city="another city")
        await share(one, answer())
        assert (await other.claim(KEY, wants_turn=False)).turn is Turn.NOBODYS
        await one.aclose()
        await other.aclose()

    @pytest.mark.parametrize("is_asking", [False, True])
    async def test_what_came_before_a_purge_does_not_return_beside_what_came_after(
        self, values: MemoryValues, is_asking: bool
    ) -> None:
        shared = opened(values)
        await share(shared, answer(b"old", language=b"id"))
        seen = await shared.claim(KEY)
        asking = await shared.claim(KEY, seen)
        assert [one.body for one in asking.variants] == [b"old"]
        shared.purge(Purge(service="permits"), lambda: None)
        await settled(shared)
        if not is_asking:
            asking = await shared.claim(KEY, seen)  # only now: what it saw was judged before the purge
        shared.keep(KEY, asking, answer(b"new", language=b"en"), POLICY)
        await settled(shared)
        assert (await shared.claim(KEY, wants_turn=False)).variants == ()
        await shared.aclose()

    @pytest.mark.parametrize(
        ("purge", "left"),
        [
            (Purge(tag=b"fees"), [b"list"]),
            (Purge(tag=b"fees", service="permits"), [b"list"]),
            (Purge(tag=b"fees", service="water"), [b"fees", b"list"]),
            (Purge(service="water"), [b"fees", b"list"]),
            (Purge("permits", b"/others"), [b"fees", b"list"]),
            (Purge("permits", b"/types"), []),
            (Purge("permits", b"/types", b"page=1"), []),
            (Purge(service="permits"), []),
            (Purge(), []),
        ],
    )
    async def test_a_purge_takes_what_it_names(self, values: MemoryValues, purge: Purge, left: list[bytes]) -> None:
        shared, told = opened(values), list[int]()
        for tag in (b"list", b"fees"):
            await share(shared, answer(tag, language=tag, tags=frozenset((tag,))))
        shared.purge(purge, lambda: told.append(1))
        await settled(shared)
        assert told == [1]
        assert [one.body for one in (await shared.claim(KEY, wants_turn=False)).variants] == left
        shared.purge(replace(purge, soft=True), lambda: None)
        await settled(shared)
        kept = (await shared.claim(KEY, wants_turn=False)).variants
        assert [one.body for one in kept] == left
        if purge.tag is not None and purge.service != "water":
            assert [one.stale_from for one in kept] == [None]
        await shared.aclose()

    async def test_a_soft_purge_marks_as_stale_from_then(self, values: MemoryValues) -> None:
        shared = opened(values)
        await share(shared, answer())
        shared.purge(Purge("permits", b"/types", soft=True), lambda: None)
        await settled(shared)
        (kept,) = (await shared.claim(KEY, wants_turn=False)).variants
        assert kept.stale_from == ManualClock().wall()
        await shared.aclose()

    async def test_until_the_store_knows_of_a_change_it_is_not_asked(self) -> None:
        values = _Away(ManualClock(), max_bytes=1_000_000)
        shared = opened(values)
        await share(shared, answer())
        values.is_away = True
        shared.invalidate("permits", b"/types")
        with pytest.raises(StoreError, match="not been told"):
            await shared.claim(KEY)
        other = await shared.claim(KEY._replace(path=b"/other"))
        assert other.turn is Turn.OURS
        values.is_away = False
        await settled(shared)
        assert (await shared.claim(KEY)).variants == ()
        await shared.aclose()


class _Away(MemoryValues):
    """Values that cannot be told anything while they are away."""

    is_away = False

    async def forget(self, group: bytes) -> None:
        if self.is_away:
            raise StoreError("away")
        await super().forget(group)


async def test_more_news_than_can_be_kept_becomes_one_order_to_forget_everything() -> None:
    told: list[str] = []
    go = asyncio.Event()

    async def tell(text: str) -> None:
        await go.wait()
        told.append(text)

    owed = Owed(lambda: tell("everything"))
    for number in range(MAX_OWED + 1):
        owed.add("permits", b"/%d" % number, lambda: tell("one"), lambda: told.append("known"))
    assert len(owed) == 2
    assert owed.names(KEY)
    go.set()
    while len(owed):
        await asyncio.sleep(0)
    # Whoever waited for any of them is told after everything was forgotten.
    assert told == ["everything", *["known"] * MAX_OWED, "one", "known"]
    assert not owed.names(KEY)


def opened(values: MemoryValues, city: str = "a city's own") -> SharedResponses:
    return SharedResponses(values, ManualClock(), max_body_bytes=1_000, secret=city)


async def share(shared: SharedResponses, stored: StoredResponse) -> None:
    """Have an answer shared as whoever asked the agency does it."""
    standing = await shared.claim(KEY)
    if standing.turn is Turn.FOUND:
        standing = await shared.claim(KEY, standing)
    assert standing.turn is Turn.OURS
    shared.keep(KEY, standing, stored, POLICY)
    await settled(shared)


async def settled(shared: SharedResponses) -> None:
    while shared.in_flight:
        await asyncio.sleep(0)
