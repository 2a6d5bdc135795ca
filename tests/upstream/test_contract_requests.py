"""What every upstream client promises of requests (ports.UpstreamClient), shown over real sockets."""

from __future__ import annotations

import asyncio

import pytest

from gateway.errors import (
    BodyTooLarge,
    InternalFault,
)
from gateway.rules.delivery import Target
from tests.upstream.agencies import (
    OK,
    PATIENT,
    Pieces,
    Wire,
    agency,
    request,
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
