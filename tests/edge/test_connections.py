"""Connections kept alive, requests in a row, clients of both versions, bodiless answers, and half-closed clients."""

from __future__ import annotations

import asyncio

import pytest

from tests.edge.agency import OK, Wire
from tests.edge.client import Answer, chunked, post, request, sized
from tests.edge.town import Town, until

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_a_connection_is_kept_in_http_11(either: Town) -> None:
    """RFC 9112 section 9.3."""
    client = await either.client()
    for _ in range(3):
        answer = await client.ask(request())
        assert (answer.status, answer.body, answer.field("connection")) == (200, b"ok", None)


async def test_a_connection_ends_when_the_client_says_so(either: Town) -> None:
    """RFC 9112 section 9.6."""
    client = await either.client()
    answer = await client.ask(request(b"Connection: Close"))
    assert answer.field("connection") == "close"
    assert await client.is_closed()


async def test_what_comes_after_the_last_request_is_not_answered(town: Town) -> None:
    """RFC 9112 section 9.6."""
    client = await town.client()
    await client.send(request(b"Connection: close") + request(path=b"/v1/permits/second"))
    assert (await client.answer()).status == 200
    assert await client.is_closed()
    assert town.agency.lines == [b"GET /x HTTP/1.1"]


async def test_a_connection_is_kept_in_http_10_only_when_asked(either: Town) -> None:
    """RFC 9112 section 9.3."""
    client = await either.client()
    answer = await client.ask(request(version=b"HTTP/1.0"))
    assert answer.status == 200
    assert await client.is_closed()


async def test_a_client_of_http_10_that_asks_keeps_its_connection(town: Town) -> None:
    """RFC 9112 appendix C.2.2."""
    client = await town.client()
    for _ in range(2):
        answer = await client.ask(request(b"Connection: keep-alive", version=b"HTTP/1.0"))
        assert (answer.status, answer.field("connection")) == (200, "keep-alive")


async def test_a_client_of_http_10_needs_no_host(town: Town) -> None:
    """RFC 9112 section 3.2."""
    client = await town.client()
    assert (await client.ask(request(version=b"HTTP/1.0", host=False))).status == 200
    assert b"x-forwarded-host" not in town.agency.heads[0]


async def test_a_client_of_http_10_never_gets_chunks(either: Town) -> None:
    """RFC 9112 section 6.1."""
    either.agency.say(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n")
    client = await either.client()
    answer = await client.ask(request(version=b"HTTP/1.0"))
    assert (answer.body, answer.field("transfer-encoding")) == (b"hello", None)
    assert await client.is_closed()


async def test_an_answer_of_unknown_length_ends_with_the_connection_in_http_10(town: Town) -> None:
    """RFC 9112 section 6.3, rule 8."""

    async def play(wire: Wire) -> None:
        await wire.request()
        await wire.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
        await proceed.wait()
        await wire.send(b"0\r\n\r\n")

    proceed = asyncio.Event()
    town.agency.play = play
    client = await town.client()
    await client.send(request(b"Connection: keep-alive", version=b"HTTP/1.0"))
    assert b"connection: close" in await client.reader.readuntil(b"\r\n\r\n")
    assert await client.reader.readexactly(5) == b"hello"
    proceed.set()
    assert await client.is_closed()


async def test_a_client_of_http_10_may_send_a_body(either: Town) -> None:
    client = await either.client()
    assert (await client.ask(sized(b"hello", version=b"HTTP/1.0"))).status == 200
    assert either.agency.bytes_received.endswith(b"\r\n\r\nhello")


async def test_requests_sent_ahead_are_answered_in_order(either: Town) -> None:
    """RFC 9112 section 9.3.2."""

    async def play(wire: Wire) -> None:
        while True:
            path = (await wire.request()).split(b" ")[1]
            await wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(path), path))

    either.agency.play = play
    client = await either.client()
    paths = [b"/%d" % number for number in range(100)]
    await client.send(b"".join(request(path=b"/v1/permits" + path) for path in paths))
    assert [(await client.answer()).body for _ in paths] == paths


async def test_requests_of_all_framings_follow_one_another(either: Town) -> None:
    """RFC 9112 section 9.3.2."""
    client = await either.client()
    await client.send(sized(b"one") + request() + chunked(b"3\r\ntwo\r\n0\r\n\r\n") + post() + sized(b"last"))
    assert [(await client.answer()).status for _ in range(5)] == [200] * 5
    assert either.agency.lines == [
        f"{method} /x HTTP/1.1".encode() for method in ("POST", "GET", "POST", "POST", "POST")
    ]


@pytest.mark.parametrize("size", [1, 3, 50])
async def test_requests_may_come_in_pieces_of_any_size(town: Town, size: int) -> None:
    raw = sized(b"one") + request() + chunked(b"3;a=1\r\ntwo\r\n0\r\nX-A: 1\r\n\r\n") + request()
    client = await town.client()
    for start in range(0, len(raw), size):
        await client.send(raw[start : start + size])
    assert [(await client.answer()).status for _ in range(4)] == [200] * 4


async def test_many_requests_sent_ahead_do_not_pile_up_in_the_stack(town: Town) -> None:
    client = await town.client()
    count = 2_000
    sending = asyncio.create_task(client.send(request(path=b"/healthz") * count))
    for _ in range(count):
        assert (await client.answer()).status == 200
    await sending


async def test_an_empty_line_before_a_request_is_stepped_over(town: Town) -> None:
    """RFC 9112 section 2.2."""
    client = await town.client()
    assert (await client.ask(sized(b"hello") + b"\r\n" + request())).status == 200
    assert (await client.answer()).status == 200


@pytest.mark.parametrize("status", [204, 304])
async def test_answers_without_body_are_followed_by_the_next(either: Town, status: int) -> None:
    """RFC 9112 section 6.3, rule 1."""
    either.agency.say(b"HTTP/1.1 %d X\r\nETag: 1\r\n\r\n" % status)
    client = await either.client()
    for _ in range(2):
        answer = await client.ask(request())
        assert (answer.status, answer.field("transfer-encoding")) == (status, None)
        assert answer.field("content-length") is None


async def test_an_answer_to_head_has_the_length_and_not_the_body(either: Town) -> None:
    """RFC 9110 section 9.3.2."""
    either.agency.say(b"HTTP/1.1 200 OK\r\nContent-Length: 1234\r\n\r\n")
    client = await either.client()
    for _ in range(2):
        answer = await client.ask(request(method=b"HEAD"), method="HEAD")
        assert (answer.status, answer.field("content-length")) == (200, "1234")


async def test_an_answer_to_head_without_length_has_no_body_either(either: Town) -> None:
    """RFC 9110 section 9.3.2."""
    either.agency.say(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    client = await either.client()
    for _ in range(2):
        assert (await client.ask(request(method=b"HEAD"), method="HEAD")).status == 200


async def test_an_error_answer_to_head_has_no_body(town: Town) -> None:
    """RFC 9110 section 9.3.2."""
    client = await town.client()
    for _ in range(2):
        assert (await client.ask(request(method=b"HEAD", path=b"/nowhere"), method="HEAD")).status == 404


async def test_the_length_of_a_304_is_that_of_what_it_stands_for(town: Town) -> None:
    """RFC 9110 section 8.6."""
    town.agency.say(b"HTTP/1.1 304 X\r\nContent-Length: 12\r\n\r\n")
    client = await town.client()
    answer = await client.ask(request())
    assert (answer.status, answer.body) == (304, b"")
    assert (await client.ask(request())).status == 304


async def test_an_empty_answer_says_so(either: Town) -> None:
    """RFC 9110 section 8.6."""
    either.agency.say(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    client = await either.client()
    answer = await client.ask(request())
    assert (answer.field("content-length"), answer.body) == ("0", b"")


async def test_a_half_closed_client_gets_its_answer(town: Town) -> None:
    """RFC 9112 section 9.6."""
    proceed = asyncio.Event()

    async def play(wire: Wire) -> None:
        await wire.request()
        await proceed.wait()
        await wire.send(OK)
        await wire.gone()

    town.agency.play = play
    client = await town.client()
    await client.send(request())
    client.end()
    await town.wire()
    proceed.set()
    answer = await client.answer()
    while answer.status == 100:
        answer = await client.answer()
    assert (answer.body, answer.field("connection")) == (b"ok", "close")
    assert await client.is_closed()


async def test_a_half_closed_client_gets_all_the_answers_it_asked_for(town: Town) -> None:
    """RFC 9112 section 9.3.2."""
    client = await town.client()
    await client.send(request() + sized(b"hello") + request(path=b"/healthz"))
    client.end()
    answers: list[Answer] = []
    while len(answers) < 3:
        answer = await client.answer()
        answers += [answer] if answer.status >= 200 else []
    assert [answer.status for answer in answers] == [200, 200, 200]
    assert [answer.field("connection") for answer in answers] == [None, None, "close"]
    assert await client.is_closed()


async def test_a_half_closed_client_gets_a_long_answer_whole(town: Town) -> None:
    size = 3_000_000

    async def play(wire: Wire) -> None:
        await wire.request()
        await wire.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in range(3):
            await asyncio.sleep(0.05)  # longer than the gateway waits before it asks whether the client is there
            await wire.send(b"%x\r\n%b\r\n" % (size // 3, b"x" * (size // 3)))
        await wire.send(b"0\r\n\r\n")

    town.agency.play = play
    client = await town.client()
    await client.send(request())
    client.end()
    answer = await client.answer()
    while answer.status == 100:
        answer = await client.answer()
    assert len(answer.body) == size


async def test_a_client_that_ends_within_a_head_is_let_go(town: Town) -> None:
    client = await town.client()
    await client.send(request()[:-5])
    client.end()
    assert await client.is_closed()
    assert town.agency.wires == []


async def test_a_client_that_connects_and_leaves_leaves_nothing_behind(town: Town) -> None:
    client = await town.client()
    await until(lambda: town.connections == 1)
    client.close()
    await until(lambda: not town.connections)


async def test_the_agencys_connection_is_used_again(either: Town) -> None:
    client = await either.client()
    for _ in range(3):
        await client.ask(request())
    assert len(either.agency.wires) == 1


async def test_a_connection_the_agency_closed_is_not_used_again(either: Town) -> None:
    """RFC 9112 section 9.3.1: the race of an idle close is retried where that is safe; here there is none."""
    either.agency.say(OK, then_close=True)
    client = await either.client()
    for number in range(3):
        assert (await client.ask(request())).status == 200
        await either.agency.wires[number].ended.wait()
        await asyncio.sleep(0.01)  # until the gateway's loop has seen the end


async def test_unasked_bytes_retire_an_idle_connection(either: Town) -> None:
    """RFC 9112 section 9.2."""

    async def play(wire: Wire) -> None:
        await wire.request()
        await wire.send(OK)
        await asyncio.sleep(0)
        await wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil")
        await wire.gone()

    either.agency.play = play
    client = await either.client()
    for _ in range(2):
        assert (await client.ask(request())).body == b"ok"
        await either.agency.wires[-1].ended.wait()
    assert len(either.agency.wires) == 2
