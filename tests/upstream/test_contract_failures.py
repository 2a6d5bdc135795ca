"""How every upstream client tells what went wrong (ports.UpstreamClient), shown over real sockets."""

from __future__ import annotations

import asyncio

import pytest

from gateway.errors import (
    BrokeProtocol,
    ReusedConnectionLost,
    TimedOut,
    Unreachable,
)
from gateway.rules.delivery import Timeouts
from tests.upstream.agencies import (
    OK,
    PATIENT,
    Pieces,
    Wire,
    agency,
    dead_target,
    read_all,
    request,
    scripted,
)
from tests.upstream.stepped import Client


async def test_port_without_listener_is_unreachable(client: Client) -> None:
    with pytest.raises(Unreachable):
        await client.send(dead_target(), request(), PATIENT)


async def test_unreachable_target_leaves_the_body_unread(client: Client) -> None:
    body = Pieces(b"abc", length=3)
    with pytest.raises(Unreachable):
        await client.send(dead_target(), request(b"POST", body=body), PATIENT)
    assert body.reads == 0


async def test_silent_agency_times_out_and_its_connection_is_closed(client: Client) -> None:
    closed = asyncio.Event()

    async def play(wire: Wire) -> None:
        await wire.request()
        await wire.gone()
        closed.set()

    async with agency(play) as permits:
        with pytest.raises(TimedOut):
            await client.send(permits.target, request(), Timeouts(total_seconds=0.4))
        await closed.wait()


async def test_answer_that_falls_silent_times_out(client: Client) -> None:
    async def play(wire: Wire) -> None:
        await wire.request()
        await wire.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")
        await wire.gone()

    async with agency(play) as permits:
        response = await client.send(permits.target, request(), Timeouts(read_seconds=0.05, total_seconds=20))
        assert response.body is not None
        assert await response.body.read() == b"abc"
        with pytest.raises(TimedOut):
            await read_all(response.body)


async def test_small_answer_that_comes_slowly_is_handed_over_as_it_comes(client: Client) -> None:
    proceed = asyncio.Event()

    async def play(wire: Wire) -> None:
        await wire.request()
        await wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nabc")
        await proceed.wait()
        await wire.send(b"def")
        await wire.gone()

    async with agency(play) as permits:
        timeouts = Timeouts(connect_seconds=20, read_seconds=20, total_seconds=0.5)
        response = await client.send(permits.target, request(), timeouts)
        assert (response.content, response.length) == (None, 6)
        assert response.body is not None
        assert await response.body.read() == b"abc"
        proceed.set()
        assert await read_all(response.body) == b"def"


async def test_upload_that_goes_on_outlives_the_total_deadline(client: Client) -> None:
    async def play(wire: Wire) -> None:
        await wire.request()
        await wire.send(OK)

    class Slow(Pieces):
        async def read(self) -> bytes:
            piece = await super().read()
            await asyncio.sleep(0.25)  # together longer than the deadline: real time is the subject here
            return piece

    async with agency(play) as permits:
        body = Slow(b"a", b"b", length=2)
        timeouts = Timeouts(connect_seconds=20, total_seconds=0.4)
        response = await client.send(permits.target, request(b"POST", body=body), timeouts)
        assert response.content == b"ok"


async def test_agency_that_stops_reading_an_upload_times_out(client: Client) -> None:
    async def play(wire: Wire) -> None:
        await wire.head()
        await asyncio.Event().wait()

    async with agency(play) as permits:
        body = Pieces(*[b"x" * 1_048_576] * 64, length=64 * 1_048_576)
        with pytest.raises(TimedOut):
            await client.send(permits.target, request(b"POST", body=body), Timeouts(total_seconds=0.4))
        assert body.reads < 32  # what the kernel's buffers took, and no more


@pytest.mark.parametrize(
    "raw",
    [
        b"this is no HTTP at all\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nabcde",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nBad Name: x\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort",
        b"HTTP/1.1 200 OK\r\nContent-Le",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX-Long: " + b"x" * 200_000 + b"\r\n\r\n",
        b"",
    ],
    ids=["garbage", "two lengths", "negative", "bad name", "truncated", "half a head", "unasked 101", "huge", "closed"],
)
async def test_what_is_no_whole_http_answer_breaks_the_protocol(client: Client, raw: bytes) -> None:
    async with agency(scripted(raw)) as permits:
        with pytest.raises(BrokeProtocol):
            await client.send(permits.target, request(), PATIENT)


async def test_truncated_stream_raises_and_never_ends_silently(client: Client) -> None:
    async with agency(
        scripted(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nwhole\r\n9\r\ncut")
    ) as permits:
        response = await client.send(permits.target, request(), PATIENT)
        assert response.body is not None
        with pytest.raises(BrokeProtocol):
            await read_all(response.body)


async def test_reset_in_the_middle_of_a_long_answer_raises(client: Client) -> None:
    async def play(wire: Wire) -> None:
        await wire.request()
        await wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\nabc")
        await proceed.wait()
        wire.reset()

    proceed = asyncio.Event()
    async with agency(play) as permits:
        response = await client.send(permits.target, request(), PATIENT)
        assert response.body is not None
        assert await response.body.read() == b"abc"
        proceed.set()
        with pytest.raises(BrokeProtocol):
            await read_all(response.body)


async def test_kept_connection_that_closes_as_we_send_is_told_apart(client: Client) -> None:
    async def play(wire: Wire) -> None:
        await wire.request()
        await wire.send(OK)
        await wire.request()  # and closes without a word

    async with agency(play) as permits:
        await client.send(permits.target, request(), PATIENT)
        with pytest.raises(ReusedConnectionLost):
            await client.send(permits.target, request(), PATIENT)


async def test_new_connection_that_closes_without_a_word_broke_the_protocol(client: Client) -> None:
    async with agency(scripted(b"")) as permits:
        with pytest.raises(BrokeProtocol) as caught:
            await client.send(permits.target, request(), PATIENT)
        assert not isinstance(caught.value, ReusedConnectionLost)
