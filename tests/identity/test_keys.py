"""Fetching keys over a real socket: shared, bounded, and never at the cost of the good ones at hand."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import httpx
import pytest

from gateway.clock import ManualClock
from gateway.identity.fetching import FetchFailed, fetch_json
from gateway.identity.keys import JwksSource
from gateway.registry.snapshot import IssuerPolicy
from tests.identity.issuer import EC_KEY, NOW, OTHER_EC_KEY, POLICY, jwk
from tests.identity.site import Answer, Site, open_site, reply

ONE = reply({"keys": [jwk(EC_KEY)]})
TWO = reply({"keys": [jwk(EC_KEY), jwk(OTHER_EC_KEY, "k2")]})


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    async with open_site() as opened:
        opened.says(ONE)
        yield opened


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(trust_env=False) as opened:
        yield opened


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(wall=NOW)


@pytest.fixture
async def source(site: Site, client: httpx.AsyncClient, clock: ManualClock) -> AsyncIterator[JwksSource]:
    made = JwksSource(policy(site), client, clock)
    yield made
    await made.aclose()


def policy(site: Site, *, refresh_seconds: float = 30.0) -> IssuerPolicy:
    return replace(POLICY, jwks_url=site.url + "/jwks", refresh_seconds=refresh_seconds)


def has(source: JwksSource, kid: str) -> bool:
    return source.find(kid, "ES256") is not None


async def test_keys_are_fetched_from_the_listed_address(site: Site, source: JwksSource, clock: ManualClock) -> None:
    clock.advance(5)
    await source.fetch()
    assert has(source, "k1")
    assert site.targets == ["/jwks"]
    assert b"authorization" not in site.heads[0].lower()
    assert source.condition.status == "pass"
    assert source.condition.since == NOW + 5
    assert "1 keys usable, 0 left out" in source.condition.detail


@pytest.mark.parametrize(
    "broken",
    [
        reply({}, status="500 Internal Server Error"),
        reply({"keys": []}, status="404 Not Found"),
        reply({"keys": []}, status="201 Created"),
        reply(b"", status="302 Found", fields="location: /elsewhere\r\n"),
        reply({"keys": "none"}),
        reply([]),
        reply(b"<html>"),
        reply(b'{"keys":[],"keys":[]}'),
        reply(b'{"keys":[]}\xff'),
        reply(b"[" * 100_000),
        reply(b'{"keys":[],"pad":"' + b"x" * 300_000 + b'"}'),
        reply({"keys": []}, fields="content-encoding: gzip\r\n"),
        b"HTTP/1.1 200 OK\r\ncontent-length: 900\r\nconnection: close\r\n\r\n{}",
        b"SSH-2.0-OpenSSH\r\n\r\n",
        b"",
    ],
)
async def test_good_keys_survive_a_fetch_that_fails(
    broken: bytes, site: Site, source: JwksSource, clock: ManualClock
) -> None:
    await source.fetch()
    site.says(broken)
    clock.advance(7)
    await source.fetch()
    assert has(source, "k1")
    assert source.condition.status == "warn"
    assert source.condition.since == NOW + 7
    assert site.targets == ["/jwks", "/jwks"]


async def test_good_keys_survive_an_issuer_that_is_gone(
    site: Site, client: httpx.AsyncClient, clock: ManualClock
) -> None:
    async with open_site() as short_lived:
        short_lived.says(ONE)
        source = JwksSource(policy(short_lived), client, clock)
        await source.fetch()
    await source.fetch()
    assert has(source, "k1")
    assert source.condition.status == "warn"


async def test_while_no_key_was_ever_fetched_readiness_fails(site: Site, source: JwksSource) -> None:
    site.says(reply({}, status="503 Service Unavailable"))
    await source.fetch()
    assert not source.ever_fetched
    assert source.condition.status == "fail"
    assert "503" in source.condition.detail


async def test_a_removed_key_is_gone_with_the_next_fetch_and_subscribers_are_told(
    site: Site, source: JwksSource
) -> None:
    told = Told()
    source.changed.subscribe(told.count)
    site.says(TWO)
    await source.fetch()
    await source.fetch()
    assert told.times == 1
    site.says(ONE)
    await source.fetch()
    assert told.times == 2
    assert not has(source, "k2")
    site.says(reply({"keys": []}))
    await source.fetch()
    assert not has(source, "k1")
    assert source.condition.status == "fail"


async def test_keys_are_fetched_again_and_again_in_the_background(
    site: Site, client: httpx.AsyncClient, clock: ManualClock
) -> None:
    told = Told()
    source = JwksSource(policy(site, refresh_seconds=0.001), client, clock)
    source.changed.subscribe(told.count)
    source.start()
    await site.asked(3)
    site.says(TWO)
    await told.at_least(2)
    assert has(source, "k2")
    site.says(ONE)
    await told.at_least(3)
    assert not has(source, "k2")
    await source.aclose()


async def test_the_background_goes_on_after_failures(site: Site, client: httpx.AsyncClient, clock: ManualClock) -> None:
    site.says(b"")
    told = Told()
    source = JwksSource(policy(site, refresh_seconds=0.001), client, clock)
    source.changed.subscribe(told.count)
    source.start()
    await site.asked(3)
    site.says(ONE)
    await told.at_least(1)
    assert has(source, "k1")
    await source.aclose()


async def test_an_unknown_key_is_asked_for_once_in_a_cooldown(
    site: Site, source: JwksSource, clock: ManualClock
) -> None:
    await source.fetch()
    for number in range(20):
        assert await source.obtain(f"forged-{number}", "ES256") is None
    assert len(site.targets) == 2
    clock.advance(POLICY.cooldown_seconds)
    site.says(TWO)
    assert await source.obtain("k2", "ES256")
    assert len(site.targets) == 3


async def test_a_known_key_is_had_without_asking(site: Site, source: JwksSource) -> None:
    await source.fetch()
    assert await source.obtain("k1", "ES256") is source.find("k1", "ES256")
    assert len(site.targets) == 1


async def test_all_who_ask_at_once_share_one_fetch(site: Site, source: JwksSource) -> None:
    gate = asyncio.Event()
    site.answer = gated(gate, TWO)
    asking = [asyncio.create_task(source.obtain(kid, "ES256")) for kid in ("k1", "k2") * 50]
    await site.asked(1)
    gate.set()
    assert all(await asyncio.gather(*asking))
    assert len(site.targets) == 1


async def test_who_goes_away_ends_no_fetch_that_others_wait_for(site: Site, source: JwksSource) -> None:
    gate = asyncio.Event()
    site.answer = gated(gate, TWO)
    impatient = asyncio.create_task(source.obtain("k2", "ES256"))
    patient = asyncio.create_task(source.obtain("k2", "ES256"))
    await site.asked(1)
    impatient.cancel()
    with pytest.raises(asyncio.CancelledError):
        await impatient
    gate.set()
    assert await patient
    assert len(site.targets) == 1


async def test_a_key_published_after_the_fetch_under_way_began_is_still_found(site: Site, source: JwksSource) -> None:
    gate = asyncio.Event()
    site.answer = gated(gate, ONE)
    scheduled = asyncio.create_task(source.fetch())
    await site.asked(1)
    asking = [asyncio.create_task(source.obtain("k2", "ES256")) for _ in range(3)]
    await asyncio.wait(asking, timeout=0)
    site.says(TWO)
    gate.set()
    assert all(await asyncio.gather(*asking))
    await scheduled
    assert len(site.targets) == 2


async def test_closing_frees_those_who_wait_and_fetches_no_more(
    site: Site, client: httpx.AsyncClient, clock: ManualClock
) -> None:
    source = JwksSource(policy(site), client, clock)
    gate = asyncio.Event()
    site.answer = gated(gate, TWO)
    source.start()
    waiting = asyncio.create_task(source.obtain("k2", "ES256"))
    await site.asked(1)
    await source.aclose()
    assert await waiting is None
    assert await source.obtain("k2", "ES256") is None
    assert len(site.targets) == 1
    gate.set()


async def test_starting_twice_is_starting_once(site: Site, source: JwksSource) -> None:
    source.start()
    source.start()
    await site.asked(1)
    assert len([task for task in asyncio.all_tasks() if task.get_name().startswith("keys of")]) == 1


async def test_closing_what_never_started_is_nothing(source: JwksSource) -> None:
    await source.aclose()


async def test_a_fetch_is_bounded_in_time(site: Site, client: httpx.AsyncClient) -> None:
    gate = asyncio.Event()
    site.answer = gated(gate, ONE)
    with pytest.raises(FetchFailed, match="within"):
        await fetch_json(client, site.url, max_bytes=100, timeout_seconds=0.01)
    gate.set()


@pytest.mark.parametrize("url", ["http://", "ftp://127.0.0.1/", "no address", "http://127.0.0.1:99999/"])
async def test_an_address_nobody_can_ask_is_a_failed_fetch(url: str, client: httpx.AsyncClient) -> None:
    with pytest.raises(FetchFailed):
        await fetch_json(client, url, max_bytes=100, timeout_seconds=1)


def gated(gate: asyncio.Event, answer: bytes) -> Answer:
    async def wait_then_answer(target: str) -> bytes:
        await gate.wait()
        return answer

    return wait_then_answer


class Told:
    """Counts what a signal says."""

    def __init__(self) -> None:
        self.times = 0
        self._more = asyncio.Event()

    def count(self) -> None:
        self.times += 1
        self._more.set()

    async def at_least(self, times: int) -> None:
        while self.times < times:
            self._more.clear()
            await self._more.wait()
