"""The parts of the cache's driver by themselves: what needs no socket to be shown."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from gateway.clock import ManualClock
from gateway.errors import BrokeProtocol, GatewayError, TimedOut
from gateway.fields import Block, Fields
from gateway.pipeline.ask import Lookup
from gateway.pipeline.cache import Cache
from gateway.pipeline.call import Reply
from gateway.pipeline.changes import Changes, Marks
from gateway.pipeline.citizens import Citizens
from gateway.pipeline.observe import Observation
from gateway.pipeline.recording import Reader, Recording
from gateway.rules.access import Identity
from gateway.rules.caching.keys import PrimaryKey, citizen_partition, primary_key
from gateway.rules.caching.policy import CachePolicy
from gateway.rules.caching.verdicts import CacheRequest
from gateway.store.responses import ResponseStore
from gateway.telemetry.traces import follow
from gateway.upstream.ports import Interim, UpstreamResponse

POLICY = CachePolicy(ttl_seconds=60)
KEY = primary_key("permits", b"/types", b"", POLICY)
ASKS: Fields = ((b"accept", b"application/json"), (b"accept-language", b"id"))


class Desk:
    """A cache with an agency that answers at once."""

    def __init__(self, *fields: tuple[bytes, bytes]) -> None:
        self.clock = ManualClock()
        self.cache = Cache(ResponseStore(1_000_000), self.clock)
        self.asked = 0
        self._fields = fields

    def lookup(self, fields: Fields = ASKS) -> Lookup:
        seen = Observation("request-1", b"GET", 0.0, follow(None))
        return Lookup(KEY, CacheRequest(b"GET", KEY.path, KEY.query, fields), POLICY, self.fetch, seen)

    async def fetch(self, _fields: Fields, _seen: Observation, _interim: Interim | None) -> UpstreamResponse:
        self.asked += 1
        return UpstreamResponse(200, Block(fields=self._fields), b"answer %d" % self.asked, None)

    def step(self, asked: Lookup) -> Reply:
        """Run `serve` by hand, without a loop; fail when it suspends."""
        coroutine: Any = self.cache.serve(asked)  # stepped by hand, as the direct lane does
        with pytest.raises(StopIteration) as ended:
            coroutine.send(None)
        reply: Reply = ended.value.value
        return reply


def test_a_fresh_hit_neither_suspends_nor_needs_a_loop() -> None:
    desk = Desk()
    asyncio.run(desk.cache.serve(desk.lookup()))
    assert desk.step(desk.lookup()).content == b"answer 1"
    assert desk.asked == 1


async def test_what_lies_ready_says_the_same_as_what_is_worked_out() -> None:
    desk = Desk((b"vary", b"accept-language"), (b"content-type", b"text/plain"))
    await desk.cache.serve(desk.lookup())
    for _ in range(66):
        desk.clock.advance(0.9)
        ready = desk.cache.at_hand(KEY, ASKS, POLICY, desk.lookup().seen)
        worked_out = await desk.cache.serve(desk.lookup())
        ready_now = desk.cache.at_hand(KEY, ASKS, POLICY, desk.lookup().seen)
        for one in filter(None, (ready, ready_now)):
            assert set(one.all_fields()) == {pair for pair in worked_out.fields if pair[0] != b"content-length"}
            assert (one.status, one.content) == (worked_out.status, worked_out.content)
        assert ready_now is not None


async def test_nothing_lies_ready_for_another_variant_another_policy_or_after_its_time() -> None:
    desk = Desk((b"vary", b"accept-language"))
    for _ in range(2):
        await desk.cache.serve(desk.lookup())
    seen = desk.lookup().seen
    assert desk.cache.at_hand(KEY, ASKS, POLICY, seen) is not None
    assert desk.cache.at_hand(KEY, ((b"accept-language", b"en"),), POLICY, seen) is None
    assert desk.cache.at_hand(KEY, ASKS, CachePolicy(ttl_seconds=60), seen) is None
    assert desk.cache.at_hand(KEY._replace(path=b"/other"), ASKS, POLICY, seen) is None
    desk.clock.advance(60)
    assert desk.cache.at_hand(KEY, ASKS, POLICY, seen) is None


# ---- one body for several readers


async def read_all(reader: Reader) -> bytes:
    text = b""
    while piece := await reader.read():
        text += piece
    return text


async def test_every_reader_gets_everything_whenever_it_comes() -> None:
    recording = Recording(100)
    early = asyncio.create_task(read_all(recording.reader()))
    recording.take(b"one ")
    await asyncio.sleep(0)
    late = asyncio.create_task(read_all(recording.reader()))
    recording.take(b"two")
    recording.end(((b"x-sum", b"1"),))
    after = recording.reader()
    assert [await early, await late, await read_all(after)] == [b"one two"] * 3
    assert after.trailers == ((b"x-sum", b"1"),)


async def test_each_reader_is_told_of_a_failure_by_an_error_of_its_own() -> None:
    recording = Recording(100)
    readers = [asyncio.create_task(read_all(recording.reader())) for _ in range(3)]
    await asyncio.sleep(0)
    recording.fail(TimedOut("silence"))
    errors = await asyncio.gather(*readers, return_exceptions=True)
    assert all(isinstance(error, TimedOut) for error in errors)
    assert len({id(error) for error in errors}) == 3


async def test_memory_stays_bounded_and_only_who_lags_behind_is_cut_off() -> None:
    recording = Recording(1_000)
    fast, slow = recording.reader(), recording.reader()
    read = 0
    for _ in range(20):
        recording.take(b"x" * 300)
        while read < 20 and recording.piece(fast.position) is not None:
            read += 1
            assert len(await fast.read()) == 300
        if recording.is_too_large:
            assert await recording.wanted()
        assert recording.held_bytes <= 1_300
    with pytest.raises(BrokeProtocol):
        await slow.read()
    assert read == 20


async def test_nobody_left_to_read_what_is_not_kept_ends_it() -> None:
    recording = Recording(10)
    reader = recording.reader()
    recording.take(b"x" * 20)
    waiting = asyncio.create_task(recording.wanted())
    await asyncio.sleep(0)
    await reader.aclose()
    assert not await waiting


async def test_a_large_crowd_is_woken_without_nesting() -> None:
    recording = Recording(100)
    readers = [asyncio.create_task(read_all(recording.reader())) for _ in range(3_000)]
    await asyncio.sleep(0)
    recording.take(b"x")
    recording.end(())
    assert set(await asyncio.gather(*readers)) == {b"x"}


# ---- what changed meanwhile


@pytest.mark.parametrize(
    ("service", "path", "concerns"),
    [
        ("permits", b"/types", True),
        ("permits", None, True),
        (None, None, True),
        ("permits", b"/other", False),
        ("complaints", b"/types", False),
        ("complaints", None, False),
    ],
)
def test_a_change_concerns_what_it_names_and_only_what_was_asked_before(
    service: str | None, path: bytes | None, concerns: bool
) -> None:
    changes = Changes()
    before = changes.now()
    changes.note(service, path)
    assert changes.any_since(KEY, before) == concerns
    assert not changes.any_since(KEY, changes.now())


def test_forgotten_changes_count_as_changes() -> None:
    changes = Changes()
    before = changes.now()
    for number in range(10_001):
        changes.note("permits", b"/%d" % number)
    assert changes.any_since(KEY, before)
    assert not changes.any_since(KEY, changes.now() - 1)


def test_marks_end_by_themselves_and_are_bounded() -> None:
    clock = ManualClock()
    marks = Marks(clock, 10)
    marks.add("a")
    assert "a" in marks
    clock.advance(10)
    assert "a" not in marks
    for number in range(10_050):
        marks.add(number)
    assert len(marks) == 10_000
    marks.discard(10_049)
    assert 10_049 not in marks


# ---- citizens


async def test_partitions_of_ended_sessions_go_and_only_those() -> None:
    responses, revoked = ResponseStore(100_000_000), set[str]()
    citizens = Citizens(responses, lambda identity: identity.subject in revoked)
    desk = Desk()
    await desk.cache.serve(desk.lookup())
    stored = desk.cache._responses.variants(KEY)[0]
    for number in range(1_200):
        name = f"c{number}"
        partition = citizen_partition(name, "s")
        responses.put(PrimaryKey(partition, "permits", b"/me", b""), stored, POLICY, desk.clock.wall())
        citizens.note(partition, Identity("i", name, "s", 0, 0))
    revoked |= {f"c{number}" for number in range(0, 1_200, 2)}
    citizens.sweep()
    citizens.sweep()  # news that comes while it runs
    while len(responses) > 600:
        await asyncio.sleep(0)
    assert len(citizens) == 600
    assert not responses.has_partition(citizen_partition("c0", "s"))
    assert responses.has_partition(citizen_partition("c1", "s"))


async def test_an_error_nobody_foresaw_reaches_the_one_who_asked_and_ends_the_wait_of_all() -> None:
    desk = Desk()
    go = asyncio.Event()

    async def broken(_fields: Fields, _seen: Observation, _interim: Interim | None) -> UpstreamResponse:
        await go.wait()
        raise LookupError("a defect")

    desk.fetch = broken  # type: ignore[method-assign]  # the one thing that differs
    asking = [asyncio.create_task(desk.cache.serve(desk.lookup())) for _ in range(3)]
    while desk.cache.waiting < 2:
        await asyncio.sleep(0)
    go.set()
    errors = await asyncio.gather(*asking, return_exceptions=True)
    assert isinstance(errors[0], LookupError)
    assert all(isinstance(error, GatewayError) for error in errors[1:])


async def test_closing_ends_what_is_under_way_and_tells_those_who_wait() -> None:
    desk = Desk()

    async def never(_fields: Fields, _seen: Observation, _interim: Interim | None) -> UpstreamResponse:
        await asyncio.Event().wait()
        raise AssertionError

    desk.fetch = never  # type: ignore[method-assign]  # the one thing that differs
    asking = asyncio.create_task(desk.cache.serve(desk.lookup()))
    while not desk.cache.in_flight:
        await asyncio.sleep(0)
    await asyncio.sleep(0)
    await desk.cache.aclose()
    with pytest.raises(GatewayError):
        await asking
