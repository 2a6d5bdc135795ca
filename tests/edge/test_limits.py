"""How many connections there may be, how large a head: beyond, a proper answer before the end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from gateway.edge.lane import CROWD
from tests.edge.client import request
from tests.edge.town import Town, running_town, until

pytestmark = pytest.mark.asyncio(loop_scope="module")

LIMITS = (
    ", limits: {max_connections: 3, max_connections_per_address: 2, max_head: 2KB, max_fields: 20, max_target: 1KB}"
    ", hosts: [City.Example, '[::1]']"
)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def _small(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Town]:
    async with running_town(tmp_path_factory.mktemp("city"), server=LIMITS) as made:
        yield made


@pytest_asyncio.fixture(loop_scope="module")
async def town(_small: Town) -> AsyncIterator[Town]:
    yield _small
    await _small.leave()


async def fill(town: Town, count: int = 2) -> None:
    for _ in range(count):
        assert (await (await town.client()).ask(request())).status == 200


async def test_a_connection_too_many_from_one_address_is_answered_503(town: Town) -> None:
    """RFC 9110 section 15.6.4."""
    await fill(town)
    client = await town.client()
    answer = await client.ask(request(b"Accept-Language: en"))
    assert (answer.status, answer.field("connection"), answer.problem["code"]) == (503, "close", "overloaded")
    assert answer.field("retry-after")
    assert answer.field("content-language") == "en"
    assert await client.is_closed()


async def test_one_that_says_nothing_is_answered_too(town: Town) -> None:
    await fill(town)
    client = await town.client()
    await until(lambda: town.connections == 3)
    await town.pass_time(2.1)
    assert (await client.answer()).status == 503
    assert await client.is_closed()


async def test_calling_112_is_never_refused_for_want_of_room(town: Town) -> None:
    await fill(town)
    client = await town.client()
    answer = await client.ask(request(path=b"/v1/permits/112"))
    assert (answer.status, answer.field("connection")) == (200, "close")


async def test_who_comes_when_there_are_far_too_many_is_refused_unread(town: Town) -> None:
    await fill(town)
    crowd = [await town.client() for _ in range(CROWD)]
    await until(lambda: town.connections == CROWD + 2)
    client = await town.client()
    assert (await client.answer()).status == 503
    assert await client.is_closed()
    assert len(crowd) == CROWD


async def test_room_is_given_back(town: Town) -> None:
    for _ in range(5):
        client = await town.client()
        assert (await client.ask(request())).status == 200
        client.close()
        await until(lambda: not town.connections)


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (request(b"X-A: " + b"a" * 2_000), 431),
        (request(*[b"X-A: 1"] * 20), 431),
        (request(path=b"/v1/permits/" + b"a" * 1_000), 414),
    ],
)
async def test_the_registry_says_how_large_a_head_may_be(town: Town, raw: bytes, status: int) -> None:
    """RFC 9110 sections 5.4 and 15.5.15, RFC 6585 section 5."""
    client = await town.client()
    assert (await client.ask(raw)).status == status
    assert await client.is_closed()


@pytest.mark.parametrize("host", [b"city.example", b"CITY.example:8080", b"[::1]:8080", b"[::1]"])
async def test_our_own_hosts_are_served(town: Town, host: bytes) -> None:
    """RFC 9110 section 7.2."""
    client = await town.client()
    assert (await client.ask(request(b"Host: " + host, host=False))).status == 200


@pytest.mark.parametrize("host", [b"evil.example", b"city.example.evil", b"127.0.0.1", b"[::2]"])
async def test_other_hosts_are_misdirected(town: Town, host: bytes) -> None:
    """RFC 9110 section 15.5.20."""
    client = await town.client()
    answer = await client.ask(request(b"Host: " + host, host=False))
    assert (answer.status, answer.problem["code"]) == (421, "misdirected")
    assert town.agency.wires == []


async def test_a_foreign_host_is_misdirected_in_an_absolute_target_too(town: Town) -> None:
    """RFC 9112 section 3.2.2."""
    client = await town.client()
    raw = request(b"Host: evil.example", path=b"http://evil.example/v1/permits/x", host=False)
    assert (await client.ask(raw)).status == 421


async def test_many_requests_of_one_client_leave_room_for_others(town: Town) -> None:
    """A run of requests sent ahead rests now and then."""
    greedy, modest = await town.client(), await town.client()
    await modest.ask(request(path=b"/healthz"))
    sending = asyncio.create_task(greedy.send(request(path=b"/healthz") * 3_000))
    await greedy.answer()
    assert (await modest.ask(request(path=b"/healthz"))).status == 200
    seen = 1
    while seen < 3_000:
        await greedy.answer()
        seen += 1
    await sending
