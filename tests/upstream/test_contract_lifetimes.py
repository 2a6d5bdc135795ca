"""How every upstream client begins, shares and ends its connections, shown over real sockets."""

from __future__ import annotations

import asyncio

import pytest

from gateway.errors import (
    Saturated,
)
from gateway.rules.delivery import Timeouts, UpstreamPolicy
from tests.upstream.agencies import (
    OK,
    PATIENT,
    Pieces,
    Wire,
    agency,
    answer,
    request,
    whole,
)
from tests.upstream.stepped import Client


async def test_slow_small_answer_can_be_given_up(client: Client) -> None:
    closed = asyncio.Event()

    async def play(wire: Wire) -> None:
        await wire.request()
        await wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nabc")
        await wire.gone()
        closed.set()

    async with agency(play) as permits:
        timeouts = Timeouts(connect_seconds=20, read_seconds=20, total_seconds=0.3)
        response = await client.send(permits.target, request(), timeouts)
        assert response.body is not None
        await response.body.aclose()
        await closed.wait()


async def test_early_answer_to_an_upload_is_delivered_when_the_agency_closes(client: Client) -> None:
    async def play(wire: Wire) -> None:
        await wire.head()
        await wire.send(answer(b"too large", status=b"413 Content Too Large", fields=b"Connection: close\r\n"))
        wire.writer.write_eof()
        closed.set()
        await wire.gone()

    closed = asyncio.Event()
    async with agency(play) as permits:
        body = Pieces(b"x" * 10, closed, *[b"x" * 65_536] * 100, length=10 + 6_553_600)
        response = await client.send(permits.target, request(b"POST", body=body), PATIENT)
        assert (response.status, response.content) == (413, b"too large")


async def test_cancelled_wait_closes_the_connection_at_once(client: Client) -> None:
    asked, closed = asyncio.Event(), asyncio.Event()

    async def play(wire: Wire) -> None:
        await wire.request()
        asked.set()
        await wire.gone()
        closed.set()

    async with agency(play) as permits:
        waiting = asyncio.create_task(client.send(permits.target, request(), PATIENT))
        await asked.wait()
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        await closed.wait()


async def test_closing_a_stream_early_gives_the_connection_up(client: Client) -> None:
    closed = asyncio.Event()

    async def play(wire: Wire) -> None:
        await wire.request()
        await wire.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")
        await wire.gone()
        closed.set()

    async with agency(play) as permits:
        response = await client.send(permits.target, request(), PATIENT)
        assert response.body is not None
        await response.body.aclose()
        await response.body.aclose()
        assert await response.body.read() == b""
        await closed.wait()


async def test_full_pool_is_saturated_and_emergencies_have_their_own(client: Client) -> None:
    release = asyncio.Event()
    asked = asyncio.Event()

    async def play(wire: Wire) -> None:
        while True:
            received = await wire.request()
            if b"/slow" in received.line:
                asked.set()
                await release.wait()
            await wire.send(OK)

    async with agency(play) as permits:
        client.apply([UpstreamPolicy("permits", (permits.target,), max_connections=1, emergency_connections=1)])
        slow = asyncio.create_task(client.send(permits.target, request(path=b"/slow"), PATIENT))
        await asked.wait()
        with pytest.raises(Saturated):
            await client.send(permits.target, request(), Timeouts(connect_seconds=0.02))
        assert (await client.send(permits.target, request(), PATIENT, emergency=True)).content == b"ok"
        release.set()
        assert (await slow).content == b"ok"


async def test_reload_lets_answers_of_a_removed_target_end(client: Client) -> None:
    proceed = asyncio.Event()

    async def play(wire: Wire) -> None:
        await wire.request()
        await wire.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")
        await proceed.wait()
        await wire.send(b"3\r\ndef\r\n0\r\n\r\n")
        await wire.gone()
        closed.set()

    closed = asyncio.Event()
    async with agency(play) as permits:
        client.apply([UpstreamPolicy("permits", (permits.target,))])
        response = await client.send(permits.target, request(), PATIENT)
        client.apply([])
        proceed.set()
        assert await whole(response) == b"abcdef"
        await closed.wait()
