"""How long a client may keep the gateway waiting; time is a manual clock's."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.edge.agency import OK, Wire
from tests.edge.client import post, request
from tests.edge.town import Town, running_town, until

pytestmark = pytest.mark.asyncio(loop_scope="module")

LIMITS = ", limits: {idle: 70s, head: 8s, body: 20s, write: 40s, tunnel: 100s, max_requests_per_connection: 3}"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def _patient(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Town]:
    async with running_town(tmp_path_factory.mktemp("city"), server=LIMITS) as made:
        yield made


@pytest_asyncio.fixture(loop_scope="module")
async def town(_patient: Town) -> AsyncIterator[Town]:
    yield _patient
    await _patient.leave()


async def connected(town: Town) -> None:
    await until(lambda: town.connections == 1)


async def test_a_silent_connection_is_closed_without_a_word(town: Town) -> None:
    """RFC 9112 section 9.5."""
    client = await town.client()
    await connected(town)
    await town.pass_time(69)
    assert town.connections == 1
    await town.pass_time(1.1)
    assert await client.is_closed()


async def test_a_connection_is_idle_anew_after_each_request(town: Town) -> None:
    client = await town.client()
    for _ in range(2):
        await client.ask(request())
        await town.pass_time(60)
        assert town.connections == 1
    await town.pass_time(11)
    assert await client.is_closed()


async def test_an_empty_line_after_a_body_is_not_the_begin_of_a_slow_head(town: Town) -> None:
    """RFC 9112 section 2.2."""
    client = await town.client()
    await client.ask(post() + b"\r\n")
    await town.pass_time(60)
    assert (await client.ask(request())).status == 200


@pytest.mark.parametrize("earlier", [0, 1])
async def test_a_first_line_that_comes_alone_is_no_request_yet(town: Town, earlier: int) -> None:
    """RFC 9112 section 2.1: a head ends with an empty line."""
    client = await town.client()
    for _ in range(earlier):
        assert (await client.ask(request())).status == 200
    line, rest = request().split(b"\r\n", 1)
    for piece in (line + b"\r\n", rest[:-2]):
        await client.send(piece)
        await until(lambda: town.is_any("head begun"))
        await asyncio.sleep(0)
    await client.send(rest[-2:])
    assert (await client.answer()).status == 200


async def test_a_slow_head_is_answered_408(town: Town) -> None:
    """RFC 9110 section 15.5.9."""
    client = await town.client()
    await client.send(b"GET /v1/permits/x HTTP/1.1\r\nHost: a\r\nX-A: ")
    await until(lambda: town.is_any("head begun"))
    for _ in range(7):
        await town.pass_time(1)
        await client.send(b"a")
    await asyncio.sleep(0.01)
    assert town.connections == 1
    await town.pass_time(1.1)
    answer = await client.answer()
    assert (answer.status, answer.problem["code"], answer.field("connection")) == (408, "client-timed-out", "close")
    assert await client.is_closed()
    assert town.agency.wires == []


async def test_a_slow_body_is_answered_408_and_never_passed_for_whole(town: Town) -> None:
    """RFC 9110 section 15.5.9."""
    client = await town.client()
    await client.send(post(b"Content-Length: 10", body=b"hello"))
    wire = await town.wire()
    await until(lambda: bool(wire.heads))
    await town.pass_time(20.1)
    assert (await client.answer()).status == 408
    assert await client.is_closed()
    await wire.ended.wait()
    assert not wire.received.endswith(b"helloworld")


async def test_an_honest_slow_upload_lives(town: Town) -> None:
    async def play(wire: Wire) -> None:
        await wire.head()
        for _ in range(20):
            await wire.exactly(1)
            arrived.release()
        await wire.send(OK)

    arrived = asyncio.Semaphore(0)
    town.agency.play = play
    client = await town.client()
    await client.send(post(b"Content-Length: 20"))
    for _ in range(20):
        await client.send(b"x")
        await arrived.acquire()
        await town.pass_time(19)
    assert (await client.answer()).status == 200


async def test_a_client_is_not_to_blame_for_a_slow_agency(town: Town) -> None:
    proceed = asyncio.Event()

    async def play(wire: Wire) -> None:
        await wire.request()
        await proceed.wait()
        await wire.send(OK)

    town.agency.play = play
    client = await town.client()
    await client.send(post(b"Content-Length: 5", body=b"hello"))
    wire = await town.wire()
    await until(lambda: wire.received.endswith(b"hello"))
    await town.pass_time(1_000)
    proceed.set()
    assert (await client.answer()).status == 200


async def test_a_client_that_is_not_asked_to_send_is_not_timed(town: Town) -> None:
    """RFC 9110 section 10.1.1."""
    proceed = asyncio.Event()

    async def play(wire: Wire) -> None:
        await wire.head()
        await proceed.wait()
        await wire.send(b"HTTP/1.1 417 No\r\nContent-Length: 0\r\n\r\n")
        await wire.gone()

    town.agency.play = play
    client = await town.client()
    await client.send(post(b"Content-Length: 5", b"Expect: 100-continue"))
    wire = await town.wire()
    await until(lambda: bool(wire.heads))
    await town.pass_time(100)
    proceed.set()
    assert (await client.answer()).status in (100, 417)


async def test_a_client_that_is_asked_and_does_not_send_is_answered_408(town: Town) -> None:
    async def play(wire: Wire) -> None:
        await wire.head()
        await wire.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        await wire.gone()

    town.agency.play = play
    client = await town.client()
    assert (await client.ask(post(b"Content-Length: 5", b"Expect: 100-continue"))).status == 100
    await town.pass_time(20.1)
    assert (await client.answer()).status == 408


async def endless(wire: Wire) -> None:
    await wire.request()
    await wire.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        await wire.send(b"10000\r\n" + b"x" * 65_536 + b"\r\n")


async def test_a_client_that_does_not_read_is_cut(town: Town) -> None:
    town.agency.play = endless
    client = await town.client(receive_buffer=1_000)
    await client.send(request())
    wire = await town.wire()
    await until(lambda: town.is_any("behind in reading"))
    await town.pass_time(39)
    await town.pass_time(0)
    assert town.connections == 1
    await town.pass_time(2)
    await until(lambda: not town.connections)
    await wire.ended.wait()


async def test_a_client_that_reads_slowly_is_let_live(town: Town) -> None:
    town.agency.play = endless
    client = await town.client(receive_buffer=1_000)
    await client.send(request())
    await until(lambda: town.is_any("behind in reading"))
    for _ in range(5):
        await client.reader.readexactly(3_000_000)
        await until(lambda: town.is_any("behind in reading"))
        await town.pass_time(39)
    assert town.connections == 1


async def test_a_connection_serves_so_many_requests(town: Town) -> None:
    client = await town.client()
    closes = [(await client.ask(request())).field("connection") for _ in range(3)]
    assert closes == [None, None, "close"]
    assert await client.is_closed()


async def test_a_refused_client_that_goes_on_is_not_listened_to_for_ever(town: Town) -> None:
    """RFC 9112 section 9.6."""
    client = await town.client()
    assert (await client.ask(request(b"X-A : 1"))).status == 400
    await asyncio.sleep(0.01)
    assert town.connections == 1
    await town.pass_time(2.1)
    await until(lambda: not town.connections)


async def test_a_new_registry_brings_its_own_patience(town: Town) -> None:
    city = town.city
    before = city.config.read_text()
    client = await town.client()
    await connected(town)
    city.config.write_text(before.replace("idle: 70s", "idle: 10s"))
    assert await city.gateway.reload() == ()
    late = await town.client()
    await until(lambda: town.connections == 2)
    await town.pass_time(11)
    assert await late.is_closed()
    assert town.connections == 1
    city.config.write_text(before)
    assert await city.gateway.reload() == ()
    assert (await client.ask(request())).status == 200
