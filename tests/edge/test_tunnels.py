"""After an agency's 101 the connection is another protocol's: only where the route says so, and never a loose end."""

from __future__ import annotations

import asyncio

import pytest

from tests.edge.agency import OK, Wire
from tests.edge.client import Client, request
from tests.edge.town import Town, until

pytestmark = pytest.mark.asyncio(loop_scope="module")

UPGRADE = (
    b"Connection: keep-alive, Upgrade",
    b"Upgrade: websocket",
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    b"Sec-WebSocket-Version: 13",
)
SWITCH = (
    b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nServer: secret\r\n\r\n"
)


def live(*lines: bytes) -> bytes:
    return request(*(lines or UPGRADE), path=b"/v1/permits/live")


async def echo(wire: Wire) -> None:
    await wire.head()
    await wire.send(SWITCH)
    while data := await wire.reader.read(65_536):
        wire.received += data
        await wire.send(data.upper())


async def joined(town: Town) -> Client:
    """Return a client whose connection is a tunnel."""
    client = await town.client()
    answer = await client.ask(live())
    assert answer.status == 101
    return client


async def test_it_carries_bytes_both_ways(town: Town) -> None:
    """RFC 9110 section 7.8, RFC 6455 section 4."""
    town.agency.play = echo
    client = await town.client()
    answer = await client.ask(live())
    assert (answer.status, answer.field("upgrade"), answer.field("connection")) == (101, "websocket", "Upgrade")
    assert answer.field("sec-websocket-accept") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
    assert answer.field("server") is None
    for _ in range(3):
        await client.send(b"hello \0\r\n\r\n")
        assert await client.reader.readexactly(11) == b"HELLO \0\r\n\r\n"
    head = town.agency.heads[0]
    assert b"connection: upgrade\r\nupgrade: websocket\r\n" in head
    assert b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" in head


async def test_what_either_side_sends_early_is_not_lost(town: Town) -> None:
    async def play(wire: Wire) -> None:
        await wire.head()
        await wire.send(SWITCH + b"welcome")
        await wire.exactly(5)
        await wire.gone()

    town.agency.play = play
    client = await town.client()
    await client.send(live() + b"early")
    assert (await client.answer()).status == 101
    assert await client.reader.readexactly(7) == b"welcome"
    wire = await town.wire()
    await until(lambda: wire.received.endswith(b"\r\n\r\nearly"))


@pytest.mark.parametrize(
    "raw",
    [
        request(*UPGRADE),
        live(b"Upgrade: websocket"),
        live(b"Connection: Upgrade", b"Upgrade: irc"),
        request(*UPGRADE, path=b"/v1/permits/live", version=b"HTTP/1.0"),
        request(b"Content-Length: 5", *UPGRADE, path=b"/v1/permits/live", body=b"hello"),
    ],
    ids=["elsewhere", "not announced in Connection", "another protocol", "in HTTP/1.0", "with a body"],
)
async def test_it_is_asked_for_only_where_it_may_be(town: Town, raw: bytes) -> None:
    """RFC 9110 section 7.8: a server may ignore an upgrade."""
    client = await town.client()
    assert (await client.ask(raw)).status == 200
    assert b"\r\nupgrade:" not in town.agency.heads[0].lower()


async def test_the_other_lane_asks_for_none(asgi_town: Town) -> None:
    client = await asgi_town.client()
    assert (await client.ask(live())).status == 200
    assert b"\r\nupgrade:" not in asgi_town.agency.heads[0].lower()


async def test_an_agency_that_declines_answers_and_the_connection_goes_on(town: Town) -> None:
    """RFC 9110 section 7.8."""
    client = await town.client()
    for _ in range(2):
        assert (await client.ask(live())).body == b"ok"


async def test_a_refusal_of_ours_is_an_ordinary_answer(town: Town) -> None:
    client = await town.client()
    answer = await client.ask(request(*UPGRADE, path=b"/nowhere"))
    assert answer.status == 404
    assert (await client.ask(request())).status == 200


@pytest.mark.parametrize("how", ["close", "reset"])
async def test_it_ends_with_the_client(town: Town, how: str) -> None:
    town.agency.play = echo
    client = await joined(town)
    if how == "close":
        client.close()
    else:
        client.reset()
    await town.agency.wires[0].ended.wait()
    await until(lambda: not town.connections)


async def test_it_ends_with_the_agency_and_nothing_sent_before_is_lost(town: Town) -> None:
    async def play(wire: Wire) -> None:
        await wire.head()
        await wire.send(SWITCH + b"x" * 300_000)

    town.agency.play = play
    client = await joined(town)
    assert await client.rest() == b"x" * 300_000
    client.close()
    await until(lambda: not town.connections)


async def test_it_ends_with_an_agency_that_resets(town: Town) -> None:
    async def play(wire: Wire) -> None:
        await wire.head()
        await wire.send(SWITCH)
        await wire.exactly(1)
        wire.reset()

    town.agency.play = play
    client = await joined(town)
    await client.send(b"x")
    assert await client.is_closed()


async def test_a_client_may_end_its_side_and_listen_on(town: Town) -> None:
    async def play(wire: Wire) -> None:
        await wire.head()
        await wire.send(SWITCH)
        await wire.gone()
        await wire.send(b"heard " + bytes(wire.received[-3:]))

    town.agency.play = play
    client = await joined(town)
    await client.send(b"bye")
    client.end()
    assert await client.rest() == b"heard bye"
    await until(lambda: not town.connections)


async def test_an_agency_may_end_its_side_and_listen_on(town: Town) -> None:
    async def play(wire: Wire) -> None:
        await wire.head()
        await wire.send(SWITCH + b"bye")
        wire.writer.write_eof()
        await wire.gone()

    town.agency.play = play
    client = await joined(town)
    assert await client.rest() == b"bye"
    await client.send(b"heard")
    client.close()
    wire = town.agency.wires[0]
    await wire.ended.wait()
    assert wire.received.endswith(b"\r\n\r\nheard")


async def test_a_silent_one_is_closed_in_the_end_and_traffic_of_either_side_keeps_it(town: Town) -> None:
    more = asyncio.Semaphore(0)

    async def play(wire: Wire) -> None:
        await wire.head()
        await wire.send(SWITCH)
        while True:
            await more.acquire()
            await wire.send(b"tick")

    town.agency.play = play
    client = await joined(town)
    for _ in range(3):
        await town.pass_time(299)
        more.release()
        assert await client.reader.readexactly(4) == b"tick"
    await town.pass_time(301)
    assert await client.is_closed()
    await until(lambda: not town.connections)


async def test_a_side_that_does_not_read_slows_the_other_down(town: Town) -> None:
    sent = 0

    async def play(wire: Wire) -> None:
        nonlocal sent
        await wire.head()
        await wire.send(SWITCH)
        while True:
            await wire.send(b"x" * 65_536)
            sent += 65_536

    town.agency.play = play
    client = await town.client(receive_buffer=1_000)
    assert (await client.ask(live())).status == 101
    await until(lambda: town.is_any("behind in reading"))
    before = sent
    while sent < before + 10_000_000:
        await client.reader.readexactly(100_000)


async def test_an_agency_that_does_not_read_slows_the_client_down(town: Town) -> None:
    proceed = asyncio.Event()

    async def play(wire: Wire) -> None:
        await wire.head()
        await wire.send(SWITCH)
        await proceed.wait()
        await wire.exactly(30_000_000)
        await wire.send(b"all")

    town.agency.play = play
    client = await joined(town)
    sending = asyncio.create_task(client.send(b"x" * 30_000_000))
    await until(lambda: town.is_any("held back"))
    proceed.set()
    assert await client.reader.readexactly(3) == b"all"
    await sending


async def test_a_switch_that_fails_leaves_an_answer(town: Town) -> None:
    town.agency.say(SWITCH.replace(b"Upgrade: websocket", b"Upgrade: irc"))
    client = await town.client()
    assert (await client.ask(live())).status == 502
    town.agency.say(OK)
    assert (await client.ask(request())).status == 200
