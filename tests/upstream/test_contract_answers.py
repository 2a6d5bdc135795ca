"""What every upstream client promises of answers (ports.UpstreamClient), shown over real sockets."""

from __future__ import annotations

import asyncio
import gzip

import pytest

from tests.upstream.agencies import (
    OK,
    PATIENT,
    Wire,
    agency,
    answer,
    read_all,
    request,
    scripted,
    whole,
)
from tests.upstream.stepped import Client


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
