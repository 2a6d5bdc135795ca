"""Clients who leave: what runs for them ends at once, whatever it was doing."""

from __future__ import annotations

import asyncio

import pytest

from tests.edge.agency import Wire
from tests.edge.client import Client, post, request
from tests.edge.town import Town, until

pytestmark = pytest.mark.asyncio(loop_scope="module")

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


async def silent(wire: Wire) -> None:
    """Read, and never answer."""
    await wire.head()
    await wire.gone()


async def talking(wire: Wire) -> None:
    """Begin an answer, and never go on."""
    await wire.head()
    await wire.send(CHUNKED + b"5\r\nhello\r\n")
    await wire.gone()


async def leave(client: Client, how: str) -> None:
    if how == "close":
        client.close()
    else:
        client.reset()


@pytest.mark.parametrize("how", ["close", "reset"])
async def test_a_client_that_left_while_waiting_is_waited_for_no_longer(either: Town, how: str) -> None:
    either.agency.play = silent
    client = await either.client()
    await client.send(request())
    wire = await either.wire()
    await until(lambda: bool(wire.heads))
    await leave(client, how)
    await wire.ended.wait()
    await until(lambda: bool(either.city.access_lines()))
    assert either.city.access_lines()[-1]["ending"] == "gone"


@pytest.mark.parametrize("how", ["close", "reset"])
async def test_a_client_that_left_within_an_answer_is_answered_no_longer(either: Town, how: str) -> None:
    either.agency.play = talking
    client = await either.client()
    await client.send(request())
    await client.reader.readuntil(b"hello\r\n")
    await leave(client, how)
    await either.agency.wires[0].ended.wait()


@pytest.mark.parametrize("how", ["close", "reset"])
async def test_a_client_that_left_within_its_upload_ends_it(either: Town, how: str) -> None:
    either.agency.play = silent
    client = await either.client()
    await client.send(post(b"Content-Length: 100", body=b"hello"))
    wire = await either.wire()
    await until(lambda: bool(wire.heads))
    await leave(client, how)
    await wire.ended.wait()
    assert not wire.received.endswith(b"x" * 95)


async def test_a_client_that_left_with_requests_sent_ahead_has_them_forgotten(town: Town) -> None:
    town.agency.play = silent
    client = await town.client()
    await client.send(request() + request(path=b"/v1/permits/second"))
    wire = await town.wire()
    await until(lambda: bool(wire.heads))
    client.reset()
    await wire.ended.wait()
    await until(lambda: not town.connections)
    assert town.agency.lines == [b"GET /x HTTP/1.1"]


async def test_a_client_reset_while_its_upload_is_held_back_is_noticed(town: Town) -> None:
    """A transport that is not read from learns of nothing by itself."""

    async def stuck(wire: Wire) -> None:
        wire.writer.transport.pause_reading()  # type: ignore[attr-defined]  # a transport both ways
        await asyncio.Event().wait()

    town.agency.play = stuck
    client = await town.client()
    await client.send(post(b"Content-Length: 60000000"))
    await town.wire()
    sending = asyncio.create_task(client.send(b"x" * 30_000_000))
    await until(lambda: town.is_any("held back"))
    client.reset()
    await until(lambda: not town.connections)
    await sending


async def test_a_half_closed_client_that_then_resets_is_noticed(town: Town) -> None:
    town.agency.play = silent
    client = await town.client()
    await client.send(request())
    client.end()
    wire = await town.wire()
    await until(lambda: bool(wire.heads))
    client.reset()
    await wire.ended.wait()


async def test_a_client_of_http_10_that_resets_is_noticed(town: Town) -> None:
    town.agency.play = silent
    client = await town.client()
    await client.send(request(version=b"HTTP/1.0"))
    client.end()
    wire = await town.wire()
    await until(lambda: bool(wire.heads))
    client.reset()
    await wire.ended.wait()


async def test_asking_whether_a_client_is_there_changes_nothing_of_its_answer(town: Town) -> None:
    """RFC 9110 section 15.2 before an answer, RFC 9112 section 7.1 within it: sizes may begin with zeros."""

    async def play(wire: Wire) -> None:
        await wire.head()
        await asyncio.sleep(0.06)  # longer than the gateway waits before it asks
        await wire.send(CHUNKED + b"5\r\nhello\r\n")
        await wire.gone()

    town.agency.play = play
    client = await town.client()
    await client.send(request())
    client.end()
    assert (await client.answer()).status == 100
    assert b"200" in await client.reader.readuntil(b"\r\n\r\n")
    assert await client.reader.readuntil(b"hello\r\n") == b"5\r\nhello\r\n"
