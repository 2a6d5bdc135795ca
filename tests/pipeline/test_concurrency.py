"""Requests in flight: who shares a slot, and that every slot comes back, whatever way a request ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.city.agency import Answer, Received
from tests.city.city import City
from tests.edge.agency import OK, Wire
from tests.edge.client import request
from tests.edge.town import Town, running_town, until

LIMITED = """
    upstream: {targets: TARGETS, retries: {attempts: 1}}
    auth: {mode: optional}
    concurrency: {limit: 2, by: BY}
    routes:
      - {path: /v1/permits/a, methods: [GET]}
      - {path: /v1/permits/free, methods: [GET], concurrency: none}
"""
RAW = """
    upstream: {targets: TARGETS, retries: {attempts: 1}, timeout: {total: 1h, read: 1h}}
    auth: {mode: none}
    concurrency: {limit: 1, by: service}
    routes:
      - {path: "/v1/permits/{rest:path}", methods: ['*']}
      - {path: /v1/permits/live, methods: [GET], upgrade: [websocket], concurrency: {limit: 1, by: route}}
"""
UPGRADE = (
    b"Connection: Upgrade",
    b"Upgrade: websocket",
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    b"Sec-WebSocket-Version: 13",
)
SWITCH = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"


def limited(by: str) -> str:
    return LIMITED.replace("BY", by)


class Gate:
    """An agency's handler that lets nobody go before it is opened."""

    def __init__(self) -> None:
        self.waiting = 0
        self.opened = asyncio.Event()

    async def __call__(self, _: Received) -> Answer:
        self.waiting += 1
        await self.opened.wait()
        return Answer()


async def test_a_citizen_has_so_many_in_flight_and_no_more(city: City) -> None:
    gate = Gate()
    city.service("permits", limited("citizen")).handler = gate
    async with city:
        bearer = city.issuer.bearer()
        running = [asyncio.create_task(city.client.get("/v1/permits/a", headers=bearer)) for _ in range(2)]
        await until(lambda: gate.waiting == 2)
        refused = await city.client.get("/v1/permits/a", headers=bearer)
        assert refused.status_code == 429
        assert (refused.json()["code"], refused.json()["retry_after"]) == ("too-many-in-flight", 1)
        assert refused.headers["retry-after"] == "1"
        assert refused.headers["ratelimit"] == '"permits:citizen:in-flight";r=0'
        assert refused.headers["ratelimit-policy"] == '"permits:citizen:in-flight";q=2;qu="concurrent-requests"'
        english = await city.client.get("/v1/permits/a", headers=bearer | {"accept-language": "en"})
        assert english.json()["title"] == "Too many at once"
        gate.opened.set()
        assert (await city.client.get("/v1/permits/a", headers=city.issuer.bearer("citizen-2"))).status_code == 200
        assert [(await one).status_code for one in running] == [200, 200]
        assert (await city.client.get("/v1/permits/a", headers=bearer)).headers["ratelimit"].endswith(";r=1")
        assert city.gateway.limiter.in_flight.held() == 0
        metrics = (await city.ops.get("/metrics")).text
        assert 'gateway_limited_in_flight_total{route="/v1/permits/a",service="permits"} 2.0' in metrics
        assert 'gateway_limit_admitted_total{route="/v1/permits/a",service="permits"} 4.0' in metrics


async def test_a_route_without_it_says_nothing_of_it(city: City) -> None:
    city.service("permits", limited("citizen"))
    async with city:
        assert "ratelimit" not in (await city.client.get("/v1/permits/free")).headers


async def test_a_shadow_limit_counts_and_lets_pass(city: City) -> None:
    gate = Gate()
    city.service("permits", limited("service, mode: shadow")).handler = gate
    async with city:
        running = [asyncio.create_task(city.client.get("/v1/permits/a")) for _ in range(3)]
        await until(lambda: gate.waiting == 3)
        gate.opened.set()
        assert [(await one).status_code for one in running] == [200, 200, 200]
        metrics = (await city.ops.get("/metrics")).text
        assert 'gateway_limited_shadow_total{route="/v1/permits/a",service="permits"} 1.0' in metrics


async def test_a_request_refused_for_its_rate_gives_its_slot_back(city: City) -> None:
    city.service("permits", limited("citizen").replace("routes:", "rate_limit: {limit: 1, every: 1h}\n    routes:"))
    async with city:
        bearer = city.issuer.bearer()
        replies = [await city.client.get("/v1/permits/a", headers=bearer) for _ in range(4)]
        assert [one.json().get("code") for one in replies] == [None, *["quota-exceeded"] * 3]
        assert city.gateway.limiter.in_flight.held() == 0


@pytest.mark.parametrize("missing", ["open", "closed"])
async def test_who_lacks_what_is_counted_gets_the_declared_answer(city: City, missing: str) -> None:
    yaml = limited(f"header:x-device, missing: {missing}").replace(
        "routes:", f"rate_limit: {{limit: 1, every: 1h, by: 'claim:kk', missing: {missing}}}\n    routes:"
    )
    city.service("permits", yaml)
    async with city:
        device = {"x-device": "1"}
        callers: tuple[dict[str, str], ...] = (
            {},
            device,
            city.issuer.bearer() | device,
            city.issuer.bearer(kk="7") | device,
        )
        replies = [await city.client.get("/v1/permits/a", headers=headers) for headers in callers]
        statuses = [one.status_code for one in replies]
        assert statuses == ([200] * 4 if missing == "open" else [400, 401, 403, 200])
        assert city.gateway.limiter.in_flight.held() == 0


@pytest.fixture(params=["direct", "asgi"])
async def town(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Town]:
    async with running_town(tmp_path, lane=request.param, service=RAW) as made:
        yield made


def held(town: Town) -> int:
    return town.city.gateway.limiter.in_flight.held()


async def test_a_client_that_leaves_gives_its_slot_back(town: Town) -> None:
    async def play(wire: Wire) -> None:
        await wire.request()
        await wire.gone()

    town.agency.play = play
    client = await town.client()
    await client.send(request())
    await (await town.wire()).reader.read(0)
    await until(lambda: held(town) == 1)
    refused = await (await town.client()).ask(request())
    assert refused.status == 429
    client.reset()
    await until(lambda: held(town) == 0)


async def test_a_slot_is_held_until_the_last_byte_of_a_stream(town: Town) -> None:
    ending = asyncio.Event()

    async def play(wire: Wire) -> None:
        await wire.request()
        await wire.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhal\r\n")
        await ending.wait()
        await wire.send(b"2\r\nlo\r\n0\r\n\r\n")
        await wire.gone()

    town.agency.play = play
    client = await town.client()
    await client.send(request())
    await client.reader.readuntil(b"hal")
    assert held(town) == 1
    ending.set()
    await client.reader.readuntil(b"0\r\n\r\n")
    await until(lambda: held(town) == 0)


async def test_an_agency_that_fails_keeps_no_slot(town: Town) -> None:
    for answer in (b"", b"HTTP/1.1 200 OK\r\nContent-Length: 90000\r\n\r\nhal", b"nonsense\r\n\r\n", OK):

        async def play(wire: Wire, answer: bytes = answer) -> None:
            await wire.request()
            await wire.send(answer)
            wire.writer.close()

        town.agency.play = play
        for _ in range(2):
            client = await town.client()
            await client.send(request(b"Connection: close"))
            assert not (await client.rest()).startswith(b"HTTP/1.1 429")
            await until(lambda: held(town) == 0)


async def test_a_tunnel_holds_its_slot_until_it_closes(tmp_path: Path) -> None:
    async def play(wire: Wire) -> None:
        await wire.head()
        await wire.send(SWITCH)
        await wire.gone()

    async with running_town(tmp_path, service=RAW) as town:
        town.agency.play = play
        client = await town.client()
        live = request(*UPGRADE, path=b"/v1/permits/live")
        assert (await client.ask(live)).status == 101
        assert held(town) == 1
        assert (await (await town.client()).ask(live)).status == 429
        client.close()
        await until(lambda: held(town) == 0)
        assert (await (await town.client()).ask(live)).status == 101
