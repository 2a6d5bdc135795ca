"""What the direct client does while a request still goes out: early answers, both directions at once, 1xx."""

from __future__ import annotations

import asyncio

import pytest

from gateway.clock import SystemClock
from gateway.errors import BrokeProtocol, ClientGone
from gateway.fields import Fields
from gateway.rules.delivery import Timeouts
from gateway.upstream.answer import MAX_INTERIM
from gateway.upstream.direct import DirectClient
from gateway.upstream.ports import Trailed, UpstreamRequest
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


async def test_refusal_that_streams_stops_the_upload(direct: Client) -> None:
    received = b""
    closed = asyncio.Event()

    async def play(wire: Wire) -> None:
        nonlocal received
        await wire.head()
        await wire.send(b"HTTP/1.1 413 Content Too Large\r\nTransfer-Encoding: chunked\r\n\r\n3\r\ntoo\r\n")
        try:
            while piece := await wire.reader.read(65_536):
                received += piece
        finally:
            closed.set()

    go_on = asyncio.Event()
    async with agency(play) as permits:
        body = Pieces(b"x" * 10, go_on, b"y" * 10, length=20)
        response = await direct.send(permits.target, request(b"POST", body=body), PATIENT)
        assert (response.status, response.content) == (413, None)
        assert response.body is not None
        assert await response.body.read() == b"too"
        go_on.set()
        await asyncio.sleep(0)
        await response.body.aclose()
        await closed.wait()
    assert b"y" not in received


async def test_small_answer_that_is_slow_beside_an_upload_is_handed_over_in_time(direct: Client) -> None:
    async def play(wire: Wire) -> None:
        await wire.head()
        await wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nabc")
        await wire.gone()

    async with agency(play) as permits:
        body = Pieces(b"x" * 10, asyncio.Event(), length=20)
        timeouts = Timeouts(connect_seconds=20, read_seconds=20, total_seconds=0.3)
        response = await direct.send(permits.target, request(b"POST", body=body), timeouts)
        assert response.body is not None
        assert await response.body.read() == b"abc"
        await response.body.aclose()


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
