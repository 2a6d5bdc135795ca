"""Bodies that could end at two places are refused, and no agency ever takes a part of one for the whole."""

from __future__ import annotations

from typing import Final

import pytest

from tests.edge.cases import Case, table
from tests.edge.client import chunked, post, sized
from tests.edge.town import Town, until

pytestmark = pytest.mark.asyncio(loop_scope="module")

SECOND: Final = b"GET /v1/permits/smuggled HTTP/1.1\r\nHost: a\r\n\r\n"
GOOD: Final = b"5\r\nhello\r\n"

CHUNKS: Final = table(
    Case("a size with a sign", "9112 section 7.1", chunked(GOOD + b"+1\r\na\r\n0\r\n\r\n")),
    Case("a negative size", "9112 section 7.1", chunked(GOOD + b"-1\r\na\r\n0\r\n\r\n")),
    Case("a size with 0x", "9112 section 7.1", chunked(GOOD + b"0x1\r\na\r\n0\r\n\r\n")),
    Case("a size with an underscore", "9112 section 7.1", chunked(GOOD + b"0_1\r\na\r\n0\r\n\r\n")),
    Case("a space before a size", "9112 section 7.1", chunked(GOOD + b" 1\r\na\r\n0\r\n\r\n")),
    Case("a space after a size", "9112 section 7.1", chunked(GOOD + b"1 \r\na\r\n0\r\n\r\n")),
    Case("no size", "9112 section 7.1", chunked(GOOD + b"\r\na\r\n0\r\n\r\n")),
    Case("a size of other letters", "9112 section 7.1", chunked(GOOD + b"g\r\na\r\n0\r\n\r\n")),
    Case("a size of other digits", "9112 section 7.1", chunked(GOOD + "١\r\na\r\n0\r\n\r\n".encode())),
    Case("a size that overflows", "9112 section 7.1", chunked(GOOD + b"10000000000000001\r\na\r\n0\r\n\r\n")),
    Case("a size that overflows to 0", "9112 section 7.1", chunked(GOOD + b"10000000000000000\r\n\r\n" + SECOND)),
    Case("a size larger than any body", "9110 section 15.5.14", chunked(GOOD + b"ffffffffffff\r\n"), 413),
    Case("a size ended by a bare LF", "9112 section 7.1", chunked(GOOD + b"1\na\r\n0\r\n\r\n")),
    Case("a size ended by a bare CR", "9112 section 7.1", chunked(GOOD + b"1\ra\r\n0\r\n\r\n")),
    Case("a NUL in a size", "9112 section 7.1", chunked(GOOD + b"1\0\r\na\r\n0\r\n\r\n")),
    Case("a chunk longer than its size", "9112 section 7.1", chunked(GOOD + b"1\r\nab\r\n0\r\n\r\n")),
    Case("a chunk ended by a bare LF", "9112 section 7.1", chunked(GOOD + b"1\r\na\n0\r\n\r\n")),
    Case("a chunk ended by a bare CR", "9112 section 7.1", chunked(GOOD + b"1\r\na\r0\r\n\r\n")),
    Case("a broken extension", "9112 section 7.1.1", chunked(GOOD + b"1;=\r\na\r\n0\r\n\r\n")),
    Case("a bare LF in an extension", "9112 section 7.1.1", chunked(GOOD + b"1;a\nb\r\na\r\n0\r\n\r\n" + SECOND)),
    Case("an open quote in an extension", "9112 section 7.1.1", chunked(GOOD + b'1;a="\r\na\r\n0\r\n\r\n')),
    Case("an extension without end", "9112 section 7.1.1", chunked(GOOD + b"1;" + b"a" * 300)),
    Case("extensions without end", "9112 section 7.1.1", chunked(b"1;aaaaaaaaaaaaaaaaaaaaaa\r\na\r\n" * 400)),
    Case("a last chunk with a bare LF", "9112 section 7.1", chunked(GOOD + b"0\n\n" + SECOND)),
    Case("a length in the trailers", "9110 section 6.5.1", chunked(GOOD + b"0\r\nContent-Length: 1\r\n\r\n")),
    Case("a coding in the trailers", "9110 section 6.5.1", chunked(GOOD + b"0\r\nTransfer-Encoding: a\r\n\r\n")),
    Case("a Host in the trailers", "9110 section 6.5.1", chunked(GOOD + b"0\r\nHost: evil.example\r\n\r\n")),
    Case("Connection in the trailers", "9110 section 6.5.1", chunked(GOOD + b"0\r\nConnection: close\r\n\r\n")),
    Case("a folded trailer", "9112 section 5.2", chunked(GOOD + b"0\r\nX-A: 1\r\n 2\r\n\r\n")),
    Case("a trailer without colon", "9112 section 5", chunked(GOOD + b"0\r\n" + SECOND)),
    Case("a NUL in a trailer", "9110 section 5.5", chunked(GOOD + b"0\r\nX-A: \0\r\n\r\n")),
    Case("a trailer with a space before its colon", "9112 section 5.1", chunked(GOOD + b"0\r\nX-A : 1\r\n\r\n")),
    Case("trailers without end", "9112 section 7.1.2", chunked(GOOD + b"0\r\n" + b"X-A: 1\r\n" * 40), 431),
)
ENDS: Final = table(
    Case("a length longer than what comes", "9112 section 8", sized(b"x" * 10)[:-1]),
    Case("a length and nothing", "9112 section 8", sized(b"x" * 10)[:-10]),
    Case("chunks without the last one", "9112 section 8", chunked(GOOD)),
    Case("the middle of a chunk", "9112 section 8", chunked(b"5\r\nhel")),
    Case("the middle of a size", "9112 section 8", chunked(GOOD + b"0")),
    Case("a last chunk without its empty line", "9112 section 8", chunked(GOOD + b"0\r\n")),
    Case("the middle of the trailers", "9112 section 8", chunked(GOOD + b"0\r\nX-A: 1\r\n")),
)


async def seen_by_agency(town: Town) -> bytes:
    """Wait until every connection that saw a piece of the request has ended; return what they saw."""
    await until(lambda: all(wire.ended.is_set() for wire in town.agency.wires if wire.received))
    return town.agency.bytes_received


@pytest.mark.parametrize("case", CHUNKS)
async def test_it_is_answered_and_the_connection_ends(town: Town, case: Case) -> None:
    client = await town.client()
    answer = await client.ask(case.raw)
    assert answer.status == case.status
    assert answer.problem["code"] == "malformed-request"
    assert await client.is_closed()
    seen = await seen_by_agency(town)
    assert b"smuggled" not in seen
    assert b"\r\n0\r\n" not in seen


@pytest.mark.parametrize("case", CHUNKS)
async def test_cut_into_pieces_it_is_refused_all_the_same(town: Town, case: Case) -> None:
    client = await town.client()
    size = max(1, len(case.raw) // 200)
    for start in range(0, len(case.raw), size):
        await client.send(case.raw[start : start + size])
    assert (await client.answer()).status == case.status
    assert await client.is_closed()
    assert b"\r\n0\r\n" not in await seen_by_agency(town)


@pytest.mark.parametrize("case", ENDS)
async def test_a_body_that_breaks_off_is_answered_and_never_passed_for_whole(town: Town, case: Case) -> None:
    client = await town.client()
    await client.send(case.raw)
    client.end()
    assert (await client.answer()).status == case.status
    assert await client.is_closed()
    seen = await seen_by_agency(town)
    assert not seen.endswith(b"\r\n0\r\n\r\n")
    assert not seen.endswith(b"x" * 10)


@pytest.mark.parametrize("case", ENDS)
async def test_a_body_whose_client_is_reset_is_never_passed_for_whole(town: Town, case: Case) -> None:
    client = await town.client()
    await client.send(case.raw)
    client.reset()
    await until(lambda: not town.connections)
    seen = await seen_by_agency(town)
    assert not seen.endswith(b"\r\n0\r\n\r\n")
    assert not seen.endswith(b"x" * 10)


# What uvicorn repairs, and what it waits for the end of (docs/lanes.md).
REPAIRED: Final = frozenset({"a broken extension", "Connection in the trailers"})
_ENDLESS: Final = frozenset(
    {"a size larger than any body", "an extension without end", "extensions without end", "trailers without end"}
)


@pytest.mark.parametrize("case", [case for case in CHUNKS if str(case.id).split(" [")[0] not in _ENDLESS])
async def test_the_other_lane_refuses_it_too_or_is_known_to_repair_it(asgi_town: Town, case: Case) -> None:
    client = await asgi_town.client()
    status = (await client.ask(case.raw)).status
    assert (status == 200) == (case.name in REPAIRED)
    seen = await seen_by_agency(asgi_town) if status != 200 else asgi_town.agency.bytes_received
    assert b"smuggled" not in seen


@pytest.mark.parametrize("case", ENDS)
async def test_the_other_lane_passes_no_broken_body_for_whole_either(asgi_town: Town, case: Case) -> None:
    client = await asgi_town.client()
    await client.send(case.raw)
    client.end()
    await client.rest()
    seen = await seen_by_agency(asgi_town)
    assert not seen.endswith(b"\r\n0\r\n\r\n")
    assert not seen.endswith(b"x" * 10)


async def test_extensions_are_read_and_go_no_further(town: Town) -> None:
    """RFC 9112 section 7.1.1: a recipient must ignore extensions it does not know."""
    client = await town.client()
    assert (await client.ask(chunked(b'5;a=b;c="d \\" e"\r\nhello\r\n0;z\r\n\r\n'))).status == 200
    assert town.agency.bytes_received.endswith(b"\r\n\r\n5\r\nhello\r\n0\r\n\r\n")


async def test_a_request_behind_a_whole_body_is_the_next_request(town: Town) -> None:
    client = await town.client()
    await client.send(sized(b"hello") + chunked(b"5\r\nworld\r\n0\r\n\r\n") + post())
    for _ in range(3):
        assert (await client.answer()).status == 200
    assert town.agency.lines == [b"POST /x HTTP/1.1"] * 3
