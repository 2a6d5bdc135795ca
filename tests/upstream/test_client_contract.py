"""What every upstream client promises (ports.UpstreamClient), shown over real sockets."""

from __future__ import annotations

import asyncio
import gzip

import pytest

from gateway.errors import (
    BodyTooLarge,
    BrokeProtocol,
    InternalFault,
    ReusedConnectionLost,
    Saturated,
    TimedOut,
    Unreachable,
)
from gateway.rules.delivery import Target, Timeouts, UpstreamPolicy
from tests.upstream.agencies import (
    OK,
    PATIENT,
    Pieces,
    Wire,
    agency,
    answer,
    dead_target,
    read_all,
    request,
    scripted,
    whole,
)
from tests.upstream.stepped import Client


async def test_request_arrives_byte_for_byte_with_our_host_and_nothing_added(client: Client) -> None:
    async with agency() as permits:
        sent = request(
            b"GET",
            b"/types/%7Ba%7D|b",
            query=b"q=%2f&x=a|b",
            passed=((b"accept", b"*/*"),),
            added=((b"x-request-id", b"r1"),),
        )
        await client.send(permits.target, sent, PATIENT)
    received = permits.received[0]
    assert received.line == b"GET /types/%7Ba%7D|b?q=%2f&x=a|b HTTP/1.1"
    host = f"127.0.0.1:{permits.target.port}".encode()
    assert received.fields == {b"host": host, b"accept": b"*/*", b"x-request-id": b"r1"}


async def test_base_path_of_the_target_comes_first(client: Client) -> None:
    async with agency() as permits:
        t = permits.target
        target = Target(url=t.url + "/api", scheme=t.scheme, host=t.host, port=t.port, base_path=b"/api")
        await client.send(target, request(path=b"/types"), PATIENT)
    assert permits.received[0].line == b"GET /api/types HTTP/1.1"


async def test_method_keeps_its_case(client: Client) -> None:
    async with agency() as permits:
        await client.send(permits.target, request(b"Report"), PATIENT)
    assert permits.received[0].line == b"Report /types HTTP/1.1"


async def test_small_answer_comes_whole_with_its_fields_in_order(client: Client) -> None:
    raw = b"HTTP/1.1 201 Created\r\nSet-Cookie: a=1\r\nX-B: 2\r\nset-cookie: c=3\r\nContent-Length: 3\r\n\r\nabc"
    async with agency(scripted(raw)) as permits:
        response = await client.send(permits.target, request(), PATIENT)
    assert (response.status, response.content, response.body) == (201, b"abc", None)
    assert response.fields == (
        (b"set-cookie", b"a=1"),
        (b"x-b", b"2"),
        (b"set-cookie", b"c=3"),
        (b"content-length", b"3"),
    )


async def test_connection_is_used_again(client: Client) -> None:
    async with agency() as permits:
        for _ in range(5):
            assert (await client.send(permits.target, request(), PATIENT)).content == b"ok"
        assert permits.connections == 1


async def test_encoded_content_passes_as_it_is(client: Client) -> None:
    packed = gzip.compress(b"a" * 1000)
    async with agency(scripted(answer(packed, fields=b"Content-Encoding: gzip\r\n"))) as permits:
        response = await client.send(permits.target, request(), PATIENT)
    assert response.content == packed
    assert (b"content-encoding", b"gzip") in response.fields


async def test_redirects_and_cookies_are_the_citizens_not_ours(client: Client) -> None:
    async with agency() as permits:
        moved = answer(b"", status=b"302 Found", fields=b"Location: /else\r\nSet-Cookie: s=1\r\n")
        async with agency(scripted(moved, OK)) as complaints:
            response = await client.send(complaints.target, request(), PATIENT)
            assert response.status == 302
            await client.send(complaints.target, request(), PATIENT)
        await client.send(permits.target, request(), PATIENT)
    assert b"cookie" not in permits.received[0].fields


async def test_large_answer_streams_and_declares_its_length(client: Client) -> None:
    body = bytes(range(256)) * 4_096
    async with agency(scripted(answer(body))) as permits:
        response = await client.send(permits.target, request(), PATIENT)
        assert (response.content, response.length) == (None, len(body))
        assert await whole(response) == body


async def test_pieces_of_an_unbounded_answer_are_handed_on_as_they_come(client: Client) -> None:
    next_piece = asyncio.Event()

    async def play(wire: Wire) -> None:
        await wire.request()
        await wire.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n")
        await next_piece.wait()
        await wire.send(b"6\r\nsecond\r\n0\r\n\r\n")

    async with agency(play) as permits:
        response = await client.send(permits.target, request(), PATIENT)
        assert response.body is not None
        assert response.length is None
        assert await response.body.read() == b"first"
        next_piece.set()
        assert await read_all(response.body) == b"second"


async def test_connection_is_used_again_after_a_stream_was_read_to_its_end(client: Client) -> None:
    async def play(wire: Wire) -> None:
        while True:
            await wire.request()
            await wire.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n")

    async with agency(play) as permits:
        for _ in range(3):
            assert await whole(await client.send(permits.target, request(), PATIENT)) == b"abc"
        assert permits.connections == 1


@pytest.mark.parametrize(
    ("method", "raw"),
    [
        (b"HEAD", b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"),
        (b"HEAD", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"),
        (b"GET", b"HTTP/1.1 204 No Content\r\n\r\n"),
        (b"GET", b'HTTP/1.1 304 Not Modified\r\nContent-Length: 1000\r\nETag: "a"\r\n\r\n'),
    ],
)
async def test_answers_without_a_body_end_with_their_head(client: Client, method: bytes, raw: bytes) -> None:
    async with agency(scripted(raw, raw)) as permits:
        for _ in range(2):
            response = await client.send(permits.target, request(method), PATIENT)
            assert (response.content, response.body) == (b"", None)
        assert permits.connections == 1


async def test_answer_to_head_tells_the_length_it_leaves_out(client: Client) -> None:
    async with agency(scripted(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")) as permits:
        assert (await client.send(permits.target, request(b"HEAD"), PATIENT)).length == 1000


async def test_answer_without_length_ends_when_the_agency_closes(client: Client) -> None:
    async with agency(scripted(b"HTTP/1.1 200 OK\r\n\r\nuntil the end")) as permits:
        response = await client.send(permits.target, request(), PATIENT)
        assert response.length is None
        assert await whole(response) == b"until the end"


async def test_interim_answers_are_stepped_over(client: Client) -> None:
    hints = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
    async with agency(scripted(b"HTTP/1.1 100 Continue\r\n\r\n" + hints + OK)) as permits:
        assert (await client.send(permits.target, request(), PATIENT)).content == b"ok"


async def test_body_of_known_length_is_framed_by_it(client: Client) -> None:
    async with agency() as permits:
        await client.send(permits.target, request(b"POST", body=Pieces(b"abc", b"de", length=5)), PATIENT)
    assert permits.received[0].fields[b"content-length"] == b"5"
    assert permits.received[0].body == b"abcde"


async def test_body_of_unknown_length_goes_in_chunks(client: Client) -> None:
    async with agency() as permits:
        await client.send(permits.target, request(b"POST", body=Pieces(b"abc", b"de")), PATIENT)
    assert permits.received[0].fields[b"transfer-encoding"] == b"chunked"
    assert b"content-length" not in permits.received[0].fields
    assert permits.received[0].body == b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"


async def test_post_without_a_body_says_so(client: Client) -> None:
    async with agency() as permits:
        await client.send(permits.target, request(b"POST"), PATIENT)
        await client.send(permits.target, request(b"GET"), PATIENT)
    assert permits.received[0].fields[b"content-length"] == b"0"
    assert b"content-length" not in permits.received[1].fields


async def test_pieces_of_the_request_reach_the_agency_before_the_next_is_there(client: Client) -> None:
    seen = asyncio.Event()

    async def play(wire: Wire) -> None:
        await wire.head()
        assert await wire.reader.readexactly(3) == b"abc"
        seen.set()
        assert await wire.reader.readexactly(3) == b"def"
        await wire.send(OK)

    async with agency(play) as permits:
        body = Pieces(b"abc", seen, b"def", length=6)
        assert (await client.send(permits.target, request(b"POST", body=body), PATIENT)).content == b"ok"


async def test_upload_that_breaks_off_is_never_ended_as_if_it_were_whole(client: Client) -> None:
    rest: list[bytes] = []

    async def play(wire: Wire) -> None:
        await wire.head()
        rest.append(await wire.reader.read())

    async with agency(play) as permits:
        body = Pieces(b"abc", BodyTooLarge("too much"))
        with pytest.raises(BodyTooLarge):
            await client.send(permits.target, request(b"POST", body=body), PATIENT)
        await client.aclose()
    assert rest in ([b"3\r\nabc\r\n"], [])


@pytest.mark.parametrize("pieces", [(b"abcd",), (b"ab",), (b"ab", b"cd")])
async def test_body_of_another_length_than_declared_is_never_sent_as_whole(
    client: Client, pieces: tuple[bytes, ...]
) -> None:
    received: list[bytes] = []

    async def play(wire: Wire) -> None:
        await wire.head()
        received.append(await wire.reader.read())

    async with agency(play) as permits:
        with pytest.raises(InternalFault):
            await client.send(permits.target, request(b"POST", body=Pieces(*pieces, length=3)), PATIENT)
        await client.aclose()
    assert received in ([b"ab"], [b""], [])


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
