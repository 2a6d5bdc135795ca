"""What the direct client promises beyond the port: both directions at once, strict connections, tunnels."""

from __future__ import annotations

import asyncio
from typing import cast

import pytest

from gateway.clock import ManualClock, SystemClock
from gateway.errors import BrokeProtocol, ClientGone, ReusedConnectionLost
from gateway.fields import Fields
from gateway.rules.delivery import UpstreamPolicy
from gateway.upstream.answer import MAX_INTERIM
from gateway.upstream.connection import IDLE_SECONDS
from gateway.upstream.direct import DirectClient
from gateway.upstream.pool import MAX_AGE_SECONDS
from gateway.upstream.ports import Trailed, UpstreamRequest
from gateway.upstream.wheel import TICK_SECONDS
from tests.upstream.agencies import (
    OK,
    PATIENT,
    Pieces,
    Wire,
    agency,
    answer,
    read_all,
    request,
    scripted,
    whole,
)
from tests.upstream.stepped import Client

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


async def test_head_and_body_at_hand_leave_in_one_write(direct: Client) -> None:
    reads: list[bytes] = []

    async def play(wire: Wire) -> None:
        reads.append(await wire.reader.read(65_536))
        await wire.send(OK)

    async with agency(play) as permits:
        await direct.send(permits.target, request(b"POST", body=Pieces(b"abc", length=3)), PATIENT)
    assert reads[0].endswith(b"\r\n\r\nabc")


async def test_small_chunked_answer_in_one_read_comes_whole(direct: Client) -> None:
    async with agency(scripted(CHUNKED + b"3\r\nabc\r\n0\r\nX-Sum: 9\r\n\r\n")) as permits:
        response = await direct.send(permits.target, request(), PATIENT)
    assert (response.content, response.body) == (b"abc", None)
    assert response.trailers == ((b"x-sum", b"9"),)


async def test_what_may_go_on_is_found_on_the_way(direct: Client) -> None:
    raw = b"HTTP/1.1 200 OK\r\nX-A: 1\r\nKeep-Alive: 5\r\nConnection: X-B\r\nX-B: 2\r\nContent-Length: 0\r\n\r\n"
    async with agency(scripted(raw)) as permits:
        response = await direct.send(permits.target, request(), PATIENT)
    assert response.passed is not None
    assert response.passed.wire == b"X-A: 1\r\n"


# Early answers: RFC 9112 section 9.3


async def test_early_refusal_is_delivered_while_the_upload_would_still_go_on(direct: Client) -> None:
    never = asyncio.Event()
    closed = asyncio.Event()

    async def play(wire: Wire) -> None:
        await wire.head()
        await wire.send(answer(b"too large", status=b"413 Content Too Large"))
        await wire.gone()
        closed.set()

    async with agency(play) as permits:
        body = Pieces(b"x" * 10, never, length=1_000)
        response = await direct.send(permits.target, request(b"POST", body=body), PATIENT)
        assert (response.status, response.content) == (413, b"too large")
        await closed.wait()  # the rest of the body will not come, so nothing else may use this connection


async def test_early_refusal_survives_an_agency_that_closes_on_the_spot(direct: Client) -> None:
    async def play(wire: Wire) -> None:
        await wire.head()
        await wire.send(answer(b"no", status=b"403 Forbidden", fields=b"Connection: close\r\n"))
        # returning closes with the upload unread, so the kernel resets the connection

    async with agency(play) as permits:
        body = Pieces(*[b"x" * 65_536] * 200, length=65_536 * 200)
        response = await direct.send(permits.target, request(b"POST", body=body), PATIENT)
        assert (response.status, response.content) == (403, b"no")


async def test_upload_goes_on_beside_an_answer_that_streams(direct: Client) -> None:
    more = asyncio.Event()

    async def play(wire: Wire) -> None:
        await wire.head()
        await wire.send(CHUNKED)
        for _ in range(2):
            piece = await wire.reader.readexactly(3)
            await wire.send(b"3\r\n" + piece + b"\r\n")
        await wire.send(b"0\r\n\r\n")

    async with agency(play) as permits:
        body = Pieces(b"abc", more, b"def", length=6)
        response = await direct.send(permits.target, request(b"POST", body=body), PATIENT)
        assert response.body is not None
        assert await response.body.read() == b"abc"
        more.set()
        assert await read_all(response.body) == b"def"


async def test_answer_that_ends_before_the_upload_does_retires_the_connection(direct: Client) -> None:
    async def play(wire: Wire) -> None:
        await wire.head()
        await wire.send(OK)
        await wire.gone()

    async with agency(play) as permits:
        for _ in range(2):
            body = Pieces(b"abc", asyncio.Event(), length=6)
            assert (await direct.send(permits.target, request(b"POST", body=body), PATIENT)).content == b"ok"
        assert permits.connections == 2


async def test_client_that_leaves_in_the_middle_of_both_ends_the_answer(direct: Client) -> None:
    leave = asyncio.Event()

    async def play(wire: Wire) -> None:
        await wire.head()
        await wire.send(CHUNKED + b"3\r\nabc\r\n")
        await wire.gone()

    async with agency(play) as permits:
        body = Pieces(b"abc", leave, ClientGone(), length=6)
        response = await direct.send(permits.target, request(b"POST", body=body), PATIENT)
        assert response.body is not None
        assert await response.body.read() == b"abc"
        leave.set()
        with pytest.raises(ClientGone):
            await response.body.read()
        with pytest.raises(BrokeProtocol):
            await response.body.read()
        await response.body.aclose()


async def test_trailers_pass_both_ways(direct: Client) -> None:
    class WithTrailers(Pieces):
        trailers: Fields = ((b"x-up", b"1"),)

    received: list[bytes] = []

    async def play(wire: Wire) -> None:
        await wire.head()
        received.append(await wire.reader.readuntil(b"x-up: 1\r\n\r\n"))
        await wire.send(CHUNKED + b"3\r\nabc\r\n")
        await proceed.wait()
        await wire.send(b"0\r\nX-Down: 2\r\n\r\n")

    proceed = asyncio.Event()
    async with agency(play) as permits:
        response = await direct.send(permits.target, request(b"POST", body=WithTrailers(b"abc")), PATIENT)
        assert response.body is not None
        assert await response.body.read() == b"abc"
        proceed.set()
        assert await read_all(response.body) == b""
        assert isinstance(response.body, Trailed)
        assert response.body.trailers == ((b"x-down", b"2"),)
    assert received == [b"3\r\nabc\r\n0\r\nx-up: 1\r\n\r\n"]


# Interim answers and expectations


async def test_interim_answers_are_told_in_order_but_for_100(direct: Client) -> None:
    told: list[tuple[int, Fields]] = []
    hints = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
    raw = b"HTTP/1.1 100 Continue\r\n\r\n" + hints + b"HTTP/1.1 102 Processing\r\n\r\n" + OK
    sent = UpstreamRequest(
        b"GET", b"/", b"", request().passed, (), None, interim=lambda status, fields: told.append((status, fields))
    )
    async with agency(scripted(raw)) as permits:
        assert (await direct.send(permits.target, sent, PATIENT)).content == b"ok"
    assert told == [(103, ((b"link", b"</a>"),)), (102, ())]


async def test_endless_interim_answers_break_the_protocol(direct: Client) -> None:
    async with agency(scripted(b"HTTP/1.1 102 Processing\r\n\r\n" * (MAX_INTERIM + 1) + OK)) as permits:
        with pytest.raises(BrokeProtocol):
            await direct.send(permits.target, request(), PATIENT)


def expecting(body: Pieces) -> UpstreamRequest:
    return UpstreamRequest(b"POST", b"/", b"", request().passed, (), body, waits_for_continue=True)


async def test_expected_body_is_read_only_once_the_agency_wants_it(direct: Client) -> None:
    body = Pieces(b"abc", length=3)
    reads_before: list[int] = []

    async def play(wire: Wire) -> None:
        _, fields = await wire.head()
        assert fields[b"expect"] == b"100-continue"
        reads_before.append(body.reads)
        await wire.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        assert await wire.reader.readexactly(3) == b"abc"
        await wire.send(OK)

    async with agency(play) as permits:
        assert (await direct.send(permits.target, expecting(body), PATIENT)).content == b"ok"
    assert reads_before == [0]


async def test_refusal_instead_of_100_spares_the_client_the_upload(direct: Client) -> None:
    body = Pieces(b"abc", length=3)
    async with agency(_refuse) as permits:
        assert (await direct.send(permits.target, expecting(body), PATIENT)).status == 401
    assert body.reads == 0


async def _refuse(wire: Wire) -> None:
    await wire.head()
    await wire.send(answer(b"", status=b"401 Unauthorized"))
    await wire.gone()


async def test_agency_that_knows_no_100_gets_the_body_after_a_while() -> None:
    client = DirectClient(SystemClock())
    async with agency() as permits:
        assert (await client.send(permits.target, expecting(Pieces(b"abc", length=3)), PATIENT)).content == b"ok"
    assert permits.received[0].body == b"abc"
    await client.aclose()


# Connections


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


# Tunnels: RFC 9110 section 7.8


class End(asyncio.Protocol):
    """One end of a tunnel."""

    def __init__(self) -> None:
        self.received = b""
        self.more = asyncio.Event()
        self.lost = asyncio.Event()
        self.paused = asyncio.Event()
        self.resumed = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self.received += data
        self.more.set()

    def connection_lost(self, error: Exception | None) -> None:
        self.lost.set()

    def pause_writing(self) -> None:
        self.paused.set()

    def resume_writing(self) -> None:
        self.resumed.set()

    async def until(self, expected: bytes) -> None:
        while len(self.received) < len(expected):
            self.more.clear()
            await self.more.wait()
        assert self.received == expected


SWITCH = b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n"


def upgrading(protocol: bytes = b"websocket") -> UpstreamRequest:
    return UpstreamRequest(b"GET", b"/live", b"", request().passed, (), None, upgrade=protocol)


async def test_tunnel_carries_bytes_both_ways_beginning_with_those_behind_the_head(direct: Client) -> None:
    async def play(wire: Wire) -> None:
        _, fields = await wire.head()
        assert (fields[b"connection"], fields[b"upgrade"]) == (b"upgrade", b"websocket")
        await wire.send(SWITCH + b"first ")
        assert await wire.reader.readexactly(4) == b"ping"
        await wire.send(b"pong")

    async with agency(play) as permits:
        response = await direct.send(permits.target, upgrading(), PATIENT)
        assert (response.status, response.content, response.body) == (101, None, None)
        assert response.tunnel is not None
        end = End()
        response.tunnel.connect(end)
        end.transport.write(b"ping")
        await end.until(b"first pong")
        await end.lost.wait()


async def test_tunnel_tells_its_end_when_the_agency_does_not_keep_up(direct: Client) -> None:
    size = 32 * 1_048_576

    async def play(wire: Wire) -> None:
        await wire.head()
        await wire.send(SWITCH)
        await proceed.wait()
        await wire.reader.readexactly(size)

    proceed = asyncio.Event()
    async with agency(play) as permits:
        response = await direct.send(permits.target, upgrading(), PATIENT)
        assert response.tunnel is not None
        end = End()
        response.tunnel.connect(end)
        end.transport.write(b"x" * size)
        await end.paused.wait()
        proceed.set()
        await end.resumed.wait()
        await end.lost.wait()


async def test_upgrade_that_is_declined_is_an_ordinary_answer(direct: Client) -> None:
    async with agency() as permits:
        response = await direct.send(permits.target, upgrading(), PATIENT)
        assert (response.status, response.content, response.tunnel) == (200, b"ok", None)
        await direct.send(permits.target, request(), PATIENT)
        assert permits.connections == 1


async def test_switch_to_another_protocol_than_asked_for_is_refused(direct: Client) -> None:
    async with agency(scripted(SWITCH)) as permits:
        with pytest.raises(BrokeProtocol):
            await direct.send(permits.target, upgrading(b"irc"), PATIENT)


async def test_tunnel_that_nobody_wants_is_closed(direct: Client) -> None:
    closed = asyncio.Event()

    async def play(wire: Wire) -> None:
        await wire.head()
        await wire.send(SWITCH)
        await wire.gone()
        closed.set()

    async with agency(play) as permits:
        response = await direct.send(permits.target, upgrading(), PATIENT)
        assert response.tunnel is not None
        response.tunnel.abort()
        await closed.wait()


async def test_agency_that_leaves_before_the_tunnel_is_connected_is_told_of(direct: Client) -> None:
    async def play(wire: Wire) -> None:
        await wire.head()
        await wire.send(SWITCH + b"bye")

    async with agency(play) as permits:
        response = await direct.send(permits.target, upgrading(), PATIENT)
        assert response.tunnel is not None
        end = End()
        response.tunnel.transport.abort()
        await asyncio.sleep(0)
        response.tunnel.connect(end)
        await end.lost.wait()
        assert end.received == b"bye"


async def test_tunnel_counts_as_a_connection_until_it_ends(direct: Client) -> None:
    async def play(wire: Wire) -> None:
        await wire.head()
        if permits.connections == 1:
            await wire.send(SWITCH)
            await wire.gone()
        else:
            await wire.send(OK)

    async with agency(play) as permits:
        direct.apply([UpstreamPolicy("permits", (permits.target,), max_connections=1)])
        response = await direct.send(permits.target, upgrading(), PATIENT)
        assert response.tunnel is not None
        end = End()
        response.tunnel.connect(end)
        waiting = asyncio.create_task(direct.send(permits.target, request(), PATIENT))
        await asyncio.sleep(0)
        assert permits.connections == 1
        end.transport.close()
        assert (await waiting).content == b"ok"


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
