"""Bodies pass while they come, both ways and in each framing; `Expect`, early and interim answers around them."""

from __future__ import annotations

import asyncio

import pytest

from tests.edge.agency import OK, Wire
from tests.edge.client import Answer, Client, chunked, post, request, sized
from tests.edge.town import Town, until

pytestmark = pytest.mark.asyncio(loop_scope="module")

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
TOO_LARGE = b"HTTP/1.1 413 Too Large\r\nContent-Length: 5\r\n\r\nlarge"


async def final(client: Client) -> Answer:
    """Step over interim answers."""
    answer = await client.answer()
    while answer.status < 200:
        answer = await client.answer()
    return answer


async def test_a_body_of_a_length_keeps_its_length(either: Town) -> None:
    """RFC 9112 section 6.2."""
    client = await either.client()
    await client.ask(sized(b"hello"))
    assert b"content-length: 5\r\n" in either.agency.heads[0]
    assert b"transfer-encoding" not in either.agency.heads[0]


async def test_a_chunked_body_is_chunked_anew(either: Town) -> None:
    """RFC 9112 section 7.1: chunk boundaries and extensions are a hop's own."""
    client = await either.client()
    await client.ask(chunked(b"2;a=1\r\nhe\r\n003\r\nllo\r\n00\r\n\r\n"))
    assert either.agency.bytes_received.endswith(b"\r\n\r\n5\r\nhello\r\n0\r\n\r\n")


async def test_a_method_that_expects_a_body_says_when_there_is_none(either: Town) -> None:
    """RFC 9110 section 8.6."""
    client = await either.client()
    await client.ask(post())
    await client.ask(request())
    assert b"content-length: 0\r\n" in either.agency.heads[0]
    assert b"content-length" not in either.agency.heads[1]


async def test_a_get_with_a_body_is_framed_like_any_other(town: Town) -> None:
    """RFC 9110 section 9.3.1."""
    client = await town.client()
    await client.ask(request(b"Content-Length: 5", body=b"hello"))
    assert town.agency.bytes_received.endswith(b"content-length: 5\r\n\r\nhello")


async def test_an_empty_chunked_body_is_a_body(either: Town) -> None:
    """RFC 9112 section 7.1."""
    client = await either.client()
    assert (await client.ask(chunked(b"0\r\n\r\n"))).status == 200
    assert either.agency.bytes_received.endswith(b"transfer-encoding: chunked\r\n\r\n0\r\n\r\n")


async def test_an_upload_reaches_the_agency_while_it_comes(either: Town) -> None:
    client = await either.client()
    await client.send(post(b"Transfer-Encoding: chunked", body=b"5\r\nfirst\r\n"))
    wire = await either.wire()
    await until(lambda: wire.received.endswith(b"\r\n5\r\nfirst\r\n") or len(wire.heads) == 1)
    await client.send(b"6\r\nsecond\r\n0\r\n\r\n")
    assert (await client.answer()).status == 200
    assert b"first" in wire.received
    assert wire.received.endswith(b"second\r\n0\r\n\r\n")


async def test_an_answer_reaches_the_client_piece_by_piece(either: Town) -> None:
    """Server-sent events are flushed at once."""
    more = asyncio.Event()

    async def play(wire: Wire) -> None:
        await wire.request()
        await wire.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
        for number in range(3):
            await wire.send(b"9\r\ndata: %d\n\n\r\n" % number)
            await more.wait()
            more.clear()
        await wire.send(b"0\r\n\r\n")

    either.agency.play = play
    client = await either.client()
    await client.send(request())
    await client.reader.readuntil(b"\r\n\r\n")
    for number in range(3):
        assert await client.reader.readuntil(b"\n\n\r\n") == b"9\r\ndata: %d\n\n\r\n" % number
        more.set()
    assert await client.reader.readuntil(b"0\r\n\r\n")


async def test_a_head_is_flushed_before_its_body(either: Town) -> None:
    proceed = asyncio.Event()

    async def play(wire: Wire) -> None:
        await wire.request()
        await wire.send(CHUNKED)
        await proceed.wait()
        await wire.send(b"2\r\nok\r\n0\r\n\r\n")

    either.agency.play = play
    client = await either.client()
    await client.send(request())
    assert b" 200 " in await client.reader.readuntil(b"\r\n\r\n")
    proceed.set()
    assert (await client._chunks())[0] == b"ok"


async def test_trailers_pass_when_an_answer_streams(town: Town) -> None:
    """RFC 9110 section 6.5."""
    proceed = asyncio.Event()

    async def play(wire: Wire) -> None:
        await wire.request()
        await wire.send(CHUNKED + b"1\r\na\r\n")
        await proceed.wait()
        await wire.send(b"0\r\nX-Sum: 1\r\nServer: evil\r\n\r\n")

    town.agency.play = play
    client = await town.client()
    await client.send(request())
    await client.reader.readuntil(b"\r\n\r\n")
    proceed.set()
    assert await client._chunks() == (b"a", b"x-sum: 1\r\n")


# Expect: 100-continue (RFC 9110 section 10.1.1)


async def test_a_patient_client_is_asked_once_the_agency_asks(town: Town) -> None:
    proceed = asyncio.Event()

    async def play(wire: Wire) -> None:
        assert b"expect: 100-continue" in await wire.head()
        await proceed.wait()
        await wire.send(CONTINUE)
        await wire.exactly(5)
        await wire.send(OK)

    town.agency.play = play
    client = await town.client()
    await client.send(post(b"Expect: 100-continue", b"Content-Length: 5"))
    await town.wire()
    proceed.set()
    assert (await client.answer()).status == 100
    assert (await client.ask(b"hello")).status == 200


async def test_a_patient_client_is_asked_by_the_other_lane_too(asgi_town: Town) -> None:
    client = await asgi_town.client()
    assert (await client.ask(post(b"Expect: 100-continue", b"Content-Length: 5"))).status == 100
    assert (await client.ask(b"hello")).status == 200


async def test_an_impatient_client_is_served_all_the_same(town: Town) -> None:
    """A client need not wait for ever, and may send at once."""

    async def play(wire: Wire) -> None:
        await wire.head()
        await wire.send(CONTINUE)
        await wire.exactly(5)
        await wire.send(OK)

    town.agency.play = play
    client = await town.client()
    await client.send(sized(b"hello", b"Expect: 100-continue") + request())
    assert (await client.answer()).status == 200


async def test_an_agency_that_refuses_unread_spares_the_upload(town: Town) -> None:
    async def play(wire: Wire) -> None:
        await wire.head()
        await wire.send(TOO_LARGE)
        await wire.gone()

    town.agency.play = play
    client = await town.client()
    answer = await client.ask(post(b"Expect: 100-continue", b"Content-Length: 5"))
    assert (answer.status, answer.body, answer.field("connection")) == (413, b"large", "close")
    assert await client.is_closed()
    assert b"hello" not in town.agency.bytes_received


async def test_a_gateway_that_refuses_unread_spares_the_upload(town: Town) -> None:
    client = await town.client()
    answer = await client.ask(
        request(b"Expect: 100-continue", b"Content-Length: 5000", method=b"POST", path=b"/v1/permits/small")
    )
    assert answer.status == 413
    assert answer.problem["code"] == "body-too-large"
    assert await client.is_closed()
    assert town.agency.wires == []


async def test_the_wish_of_a_client_of_http_10_is_ignored(town: Town) -> None:
    client = await town.client()
    assert (await client.ask(sized(b"hello", b"Expect: 100-continue", version=b"HTTP/1.0"))).status == 200
    assert b"expect" not in town.agency.bytes_received


async def test_a_wish_without_a_body_is_ignored(town: Town) -> None:
    client = await town.client()
    assert (await client.ask(request(b"Expect: 100-continue"))).status == 200
    assert b"expect" not in town.agency.bytes_received


# Interim answers (RFC 9110 section 15.2)


async def test_early_hints_pass_and_are_filtered(town: Town) -> None:
    """RFC 8297."""
    hints = b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\nServer: evil\r\nContent-Length: 0\r\n\r\n"
    town.agency.say(hints + OK)
    client = await town.client()
    early = await client.ask(request())
    assert (early.status, early.fields) == (103, (("link", "</a.css>; rel=preload"),))
    assert (await client.answer()).body == b"ok"


async def test_several_interim_answers_pass_in_order(town: Town) -> None:
    town.agency.say(b"HTTP/1.1 102 P\r\n\r\nHTTP/1.1 103 E\r\nX-A: 1\r\n\r\nHTTP/1.1 103 E\r\nX-A: 2\r\n\r\n" + OK)
    client = await town.client()
    await client.send(request())
    seen = [await client.answer() for _ in range(4)]
    assert [(one.status, one.field("x-a")) for one in seen[:3]] == [(102, None), (103, "1"), (103, "2")]
    assert seen[3].body == b"ok"


async def test_an_interim_answer_never_goes_to_http_10(town: Town) -> None:
    town.agency.say(b"HTTP/1.1 103 E\r\nLink: a\r\n\r\n" + OK)
    client = await town.client()
    answer = await client.ask(request(version=b"HTTP/1.0"))
    assert (answer.status, answer.body) == (200, b"ok")


async def test_a_100_nobody_asked_for_ends_at_the_gateway(town: Town) -> None:
    town.agency.say(CONTINUE + OK)
    client = await town.client()
    assert (await client.ask(request())).status == 200


async def test_the_other_lane_steps_over_interim_answers(asgi_town: Town) -> None:
    asgi_town.agency.say(b"HTTP/1.1 103 E\r\nLink: a\r\n\r\n" + OK)
    client = await asgi_town.client()
    assert (await client.ask(request())).status == 200


# Answers before the upload is over (RFC 9110 section 9.3, RFC 9112 section 9.6)


async def test_an_answer_may_come_while_the_upload_runs(town: Town) -> None:
    proceed = asyncio.Event()

    async def play(wire: Wire) -> None:
        await wire.head()
        await wire.send(CHUNKED + b"5\r\nearly\r\n")
        await wire.until(b"0\r\n\r\n")
        await wire.send(b"4\r\nlate\r\n0\r\n\r\n")
        proceed.set()

    town.agency.play = play
    client = await town.client()
    await client.send(post(b"Transfer-Encoding: chunked", body=b"5\r\nfirst\r\n"))
    await client.reader.readuntil(b"5\r\nearly\r\n")
    await client.send(b"6\r\nsecond\r\n0\r\n\r\n")
    assert (await client._chunks())[0] == b"late"
    assert town.agency.bytes_received.endswith(b"5\r\nfirst\r\n6\r\nsecond\r\n0\r\n\r\n")


async def test_a_final_answer_ends_an_upload_that_nobody_reads(town: Town) -> None:
    async def play(wire: Wire) -> None:
        await wire.head()
        await wire.send(TOO_LARGE)
        await wire.gone()

    town.agency.play = play
    client = await town.client()
    await client.send(post(b"Content-Length: 1000000", body=b"x" * 1_000))
    answer = await client.answer()
    assert (answer.status, answer.field("connection")) == (413, "close")
    await client.send(b"x" * 100_000)
    assert await client.is_closed()
    await town.agency.wires[0].ended.wait()
    assert len(town.agency.bytes_received) < 1_000_000


async def test_a_body_over_the_routes_bound_is_cut_off_and_never_whole(town: Town) -> None:
    client = await town.client()
    body = b"400\r\n" + b"x" * 1_024 + b"\r\n"
    await client.send(request(b"Transfer-Encoding: chunked", method=b"POST", path=b"/v1/permits/small", body=body))
    answer = await final(client)
    assert answer.status == 413
    assert await client.is_closed()
    assert not town.agency.bytes_received.endswith(b"0\r\n\r\n")


async def test_a_connection_goes_on_after_an_early_answer_to_a_whole_upload(town: Town) -> None:
    client = await town.client()
    await client.send(request(b"Content-Length: 5", path=b"/nowhere", method=b"POST", body=b"hello") + request())
    assert (await client.answer()).status == 404
    assert (await client.answer()).status == 200


async def test_answers_of_many_pieces_are_whole_in_each_framing(either: Town) -> None:
    body = bytes(range(256)) * 4_000

    async def play(wire: Wire) -> None:
        while True:
            path = (await wire.request()).split(b" ")[1]
            if path == b"/length":
                await wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
            elif path == b"/chunks":
                pieces = (body[start : start + 7_000] for start in range(0, len(body), 7_000))
                await wire.send(CHUNKED + b"".join(b"%x\r\n%b\r\n" % (len(one), one) for one in pieces) + b"0\r\n\r\n")
            else:
                await wire.send(b"HTTP/1.0 200 OK\r\n\r\n" + body)
                return

    either.agency.play = play
    client = await either.client()
    for path in (b"/length", b"/chunks", b"/close"):
        assert (await client.ask(request(path=b"/v1/permits" + path))).body == body


async def test_uploads_of_many_pieces_are_whole_in_each_framing(either: Town) -> None:
    body = bytes(range(256)) * 4_000
    pieces = (body[start : start + 7_000] for start in range(0, len(body), 7_000))
    client = await either.client()
    sending = asyncio.create_task(
        client.send(sized(body) + chunked(b"".join(b"%x\r\n%b\r\n" % (len(one), one) for one in pieces) + b"0\r\n\r\n"))
    )
    for _ in range(2):
        assert (await client.answer()).status == 200
    await sending
    first, second = (bytes(one) for one in either.agency.bytes_received.split(b"POST /x HTTP/1.1\r\n")[1:])
    assert first.endswith(b"\r\n\r\n" + body)
    assert second.count(b"transfer-encoding: chunked") == 1
