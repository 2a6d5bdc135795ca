"""When the direct client keeps a connection, and when it ends one."""

from __future__ import annotations

import asyncio

import pytest

from gateway.clock import ManualClock
from gateway.errors import ReusedConnectionLost
from gateway.rules.delivery import UpstreamPolicy
from gateway.upstream.connection import IDLE_SECONDS
from gateway.upstream.direct import DirectClient
from gateway.upstream.pool import MAX_AGE_SECONDS
from gateway.upstream.wheel import TICK_SECONDS
from tests.upstream.agencies import (
    OK,
    PATIENT,
    Pieces,
    Wire,
    agency,
    answer,
    request,
    scripted,
    whole,
)
from tests.upstream.stepped import Client

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


async def test_unasked_bytes_retire_an_idle_connection(direct: Client) -> None:
    retired = asyncio.Event()

    async def play(wire: Wire) -> None:
        await wire.request()
        await wire.send(OK)
        if permits.connections > 1:
            return
        await speak_up.wait()
        await wire.send(answer(b"another citizen's answer"))
        await wire.gone()
        retired.set()

    speak_up = asyncio.Event()
    async with agency(play) as permits:
        await direct.send(permits.target, request(), PATIENT)
        speak_up.set()
        await retired.wait()
        assert (await direct.send(permits.target, request(), PATIENT)).content == b"ok"
        assert permits.connections == 2


async def test_bytes_after_an_answer_retire_the_connection(direct: Client) -> None:
    async with agency(scripted(OK + answer(b"nobody asked"))) as permits:
        for _ in range(2):
            assert (await direct.send(permits.target, request(), PATIENT)).content == b"ok"
        assert permits.connections == 2


@pytest.mark.parametrize(
    "raw",
    [
        b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
    ],
)
async def test_agency_that_will_not_persist_gets_a_new_connection(direct: Client, raw: bytes) -> None:
    async with agency(scripted(raw, raw)) as permits:
        for _ in range(2):
            assert (await direct.send(permits.target, request(), PATIENT)).content == b"ok"
        assert permits.connections == 2


async def test_http_10_agency_that_asks_to_persist_does(direct: Client) -> None:
    raw = b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok"
    async with agency(scripted(raw, raw)) as permits:
        for _ in range(2):
            assert (await direct.send(permits.target, request(), PATIENT)).content == b"ok"
        assert permits.connections == 1


async def test_loss_of_one_kept_connection_drops_the_other_idle_ones(direct: Client) -> None:
    both = asyncio.Barrier(2)
    closed = 0

    async def play(wire: Wire) -> None:
        nonlocal closed
        await wire.request()
        if permits.connections <= 2:
            await both.wait()
        await wire.send(OK)
        if permits.connections <= 2:
            await wire.head()  # the second request is answered by a close
        closed += 1

    async with agency(play) as permits:
        await asyncio.gather(*[direct.send(permits.target, request(), PATIENT) for _ in range(2)])
        with pytest.raises(ReusedConnectionLost):
            await direct.send(permits.target, request(), PATIENT)
        assert (await direct.send(permits.target, request(), PATIENT)).content == b"ok"
        assert permits.connections == 3


async def test_reader_that_does_not_want_the_rest_frees_nothing_but_its_own_connection(direct: Client) -> None:
    async with agency(scripted(CHUNKED + b"3\r\nabc\r\n0\r\n\r\n", OK)) as permits:
        async with agency(scripted(answer(b"x" * 200_000))) as slow:
            response = await direct.send(slow.target, request(), PATIENT)
            assert response.body is not None
            await response.body.aclose()
        await direct.send(permits.target, request(), PATIENT)
        assert (await direct.send(permits.target, request(), PATIENT)).content == b"ok"
        assert permits.connections == 1


async def test_connection_is_free_once_its_answer_is_complete_though_nobody_has_read_it(direct: Client) -> None:
    body = b"x" * 100_000
    async with agency(scripted(answer(body), OK)) as permits:
        response = await direct.send(permits.target, request(), PATIENT)
        direct.apply([UpstreamPolicy("permits", (permits.target,), max_connections=1)])
        assert (await direct.send(permits.target, request(), PATIENT)).content == b"ok"
        assert permits.connections == 1
        assert await whole(response) == body


async def test_slow_reader_makes_the_agency_wait_and_is_not_timed_out() -> None:
    clock = ManualClock()
    client = DirectClient(clock)
    size = 32 * 1_048_576

    async def play(wire: Wire) -> None:
        await wire.request()
        await wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size + b"x" * size)
        everything_sent.set()
        await wire.gone()

    everything_sent = asyncio.Event()
    async with agency(play) as permits:
        response = await client.send(permits.target, request(), PATIENT)
        assert response.body is not None
        for _ in range(20):  # the agency's silence is ours while nobody reads, however long that is
            clock.advance(3_600)
            await asyncio.sleep(TICK_SECONDS / 10)
        assert not everything_sent.is_set()
        total = 0
        while piece := await response.body.read():
            assert len(piece) <= 1_048_576
            total += len(piece)
        assert total == size
        await response.body.aclose()
    await client.aclose()


async def test_idle_connection_is_closed_before_the_agency_would() -> None:
    clock = ManualClock()
    client = DirectClient(clock)
    closed = asyncio.Event()

    async def play(wire: Wire) -> None:
        await wire.request()
        await wire.send(OK)
        await wire.gone()
        closed.set()

    async with agency(play) as permits:
        await client.send(permits.target, request(), PATIENT)
        clock.advance(IDLE_SECONDS + 1)
        await closed.wait()
    await client.aclose()


async def test_connection_in_steady_use_is_renewed_at_times() -> None:
    clock = ManualClock()
    client = DirectClient(clock)
    async with agency() as permits:
        for _ in range(4):
            await client.send(permits.target, request(), PATIENT)
            clock.advance(MAX_AGE_SECONDS / 2 + 1)
        assert permits.connections == 2
    await client.aclose()


async def test_reload_closes_what_is_idle_for_a_removed_target(direct: Client) -> None:
    closed = asyncio.Event()

    async def play(wire: Wire) -> None:
        await wire.request()
        await wire.send(OK)
        await wire.gone()
        closed.set()

    async with agency(play) as permits:
        await direct.send(permits.target, request(), PATIENT)
        direct.apply([])
        await closed.wait()


async def test_agency_that_does_not_read_cannot_keep_a_retired_connection_open(direct: Client) -> None:
    async def play(wire: Wire) -> None:
        await wire.head()
        await written.wait()
        await wire.send(OK)  # says it persists, but has not read the upload
        await wire.gone()
        gone.set()

    class Endless(Pieces):
        async def read(self) -> bytes:
            self.reads += 1
            if self.reads > 40:
                written.set()
            return b"x" * 1_048_576

    written, gone = asyncio.Event(), asyncio.Event()
    async with agency(play) as permits:
        waiting = asyncio.create_task(direct.send(permits.target, request(b"POST", body=Endless()), PATIENT))
        await asyncio.sleep(0.1)  # until the socket's buffers are full: how large they are is the kernel's
        written.set()
        assert (await waiting).content == b"ok"
        await gone.wait()
