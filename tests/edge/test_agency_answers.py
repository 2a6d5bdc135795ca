"""Agencies' answers are read as strictly as requests: what has two readings becomes 502, what is cut stays cut."""

from __future__ import annotations

from typing import Final

import pytest

from tests.edge.agency import OK
from tests.edge.cases import Case, table
from tests.edge.client import request
from tests.edge.town import Town

pytestmark = pytest.mark.asyncio(loop_scope="module")


def say(*lines: bytes, first: bytes = b"HTTP/1.1 200 OK", body: bytes = b"") -> bytes:
    return b"\r\n".join([first, *lines, b"", b""]) + body


_CHUNKED: Final = b"Transfer-Encoding: chunked"
MALFORMED: Final = table(
    Case("two lengths", "9112 section 6.3", say(b"Content-Length: 2", b"Content-Length: 1", body=b"ok")),
    Case("one length twice", "9112 section 6.3", say(b"Content-Length: 2", b"Content-Length: 2", body=b"ok")),
    Case("a length beside chunked", "9112 section 6.3", say(b"Content-Length: 2", _CHUNKED, body=b"0\r\n\r\n")),
    Case("a length that is none", "9112 section 6.3", say(b"Content-Length: two", body=b"ok")),
    Case("a length with a sign", "9110 section 8.6", say(b"Content-Length: +2", body=b"ok")),
    Case("a length that overflows", "9110 section 8.6", say(b"Content-Length: 18446744073709551618", body=b"ok")),
    Case("another coding", "9112 section 6.1", say(b"Transfer-Encoding: gzip", body=b"ok")),
    Case("chunked twice", "9112 section 6.1", say(_CHUNKED, _CHUNKED, body=b"0\r\n\r\n")),
    Case("chunked in HTTP/1.0", "9112 section 6.1", say(_CHUNKED, first=b"HTTP/1.0 200 OK", body=b"0\r\n\r\n")),
    Case("a body on 204", "9112 section 6.3", say(b"Content-Length: 2", first=b"HTTP/1.1 204 None", body=b"ok")),
    Case("chunks on 204", "9112 section 6.1", say(_CHUNKED, first=b"HTTP/1.1 204 None", body=b"0\r\n\r\n")),
    Case("a folded line", "9112 section 5.2", say(b"X-A: 1", b" 2", b"Content-Length: 0")),
    Case("a space before a colon", "9112 section 5.1", say(b"X-A : 1", b"Content-Length: 0")),
    Case("no colon", "9112 section 5", say(b"X-A", b"Content-Length: 0")),
    Case("a bad name", "9110 section 5.1", say(b"X A: 1", b"Content-Length: 0")),
    Case("a bare LF", "9112 section 2.2", say(b"X-A: 1\nX-B: 1", b"Content-Length: 0")),
    Case("a bare CR", "9112 section 2.2", say(b"X-A: 1\rX-B: 1", b"Content-Length: 0")),
    Case("a head of bare LFs", "9112 section 2.2", b"HTTP/1.1 200 OK\nContent-Length: 2\n\nok"),
    Case("a NUL", "9110 section 5.5", say(b"X-A: \0", b"Content-Length: 0")),
    Case("a control byte", "9110 section 5.5", say(b"X-A: \x1b", b"Content-Length: 0")),
    Case("another version", "9112 section 2.3", say(b"Content-Length: 0", first=b"HTTP/2 200 OK")),
    Case("no space after the status", "9112 section 4", say(b"Content-Length: 0", first=b"HTTP/1.1 200")),
    Case("a status of two digits", "9112 section 4", say(b"Content-Length: 0", first=b"HTTP/1.1 20 OK")),
    Case("a status below 100", "9110 section 15", say(b"Content-Length: 0", first=b"HTTP/1.1 099 Low")),
    Case("a status above 599", "9110 section 15", say(b"Content-Length: 0", first=b"HTTP/1.1 600 High")),
    Case("no HTTP at all", "9112 section 4", b"SSH-2.0-OpenSSH_9.2\r\n\r\n"),
    Case("an empty line first", "9112 section 4", b"\r\n" + say(b"Content-Length: 0")),
    Case("too many fields", "9110 section 5.4", say(*[b"X-A: 1"] * 201, b"Content-Length: 0")),
    Case("too large a head", "9110 section 5.4", say(b"X-A: " + b"a" * 70_000, b"Content-Length: 0")),
    Case("a switch nobody asked for", "9110 section 15.2.2", say(b"Connection: upgrade", b"Upgrade: websocket", first=b"HTTP/1.1 101 S")),  # noqa: E501  # a table
    Case("interim answers without end", "9110 section 15.2", say(first=b"HTTP/1.1 102 P") * 20 + say(b"Content-Length: 0")),  # noqa: E501  # a table
    Case("a body on an interim answer", "9112 section 6.3", say(b"Content-Length: 2", first=b"HTTP/1.1 103 E", body=b"ok")),  # noqa: E501  # a table
)  # fmt: skip
CUT: Final = table(
    Case("within the status line", "9112 section 8", b"HTTP/1.1 20", 502),
    Case("within the head", "9112 section 8", b"HTTP/1.1 200 OK\r\nContent-Le", 502),
    Case("before a word", "9112 section 8", b"", 502),
    Case("after an interim answer", "9112 section 8", b"HTTP/1.1 103 E\r\n\r\n", 502),
    Case("within a small body", "9112 section 8", say(b"Content-Length: 10", body=b"12345"), 502),
)
TORN: Final = table(
    Case("within a large body", "9112 section 8", say(b"Content-Length: 200000", body=b"x" * 150_000)),
    Case("within a chunk", "9112 section 8", say(_CHUNKED, body=b"5\r\nhel")),
    Case("between chunks", "9112 section 8", say(_CHUNKED, body=b"5\r\nhello\r\n")),
    Case("within a size", "9112 section 8", say(_CHUNKED, body=b"5\r\nhello\r\n0")),
    Case("before the last empty line", "9112 section 8", say(_CHUNKED, body=b"5\r\nhello\r\n0\r\n")),
    Case("within the trailers", "9112 section 8", say(_CHUNKED, body=b"5\r\nhello\r\n0\r\nX-A: ")),
)
BENT: Final = table(
    Case("a bad size", "9112 section 7.1", say(_CHUNKED, body=b"5\r\nhello\r\nx\r\n\r\n")),
    Case("a bare LF after a chunk", "9112 section 7.1", say(_CHUNKED, body=b"5\r\nhello\n0\r\n\r\n")),
    Case("a chunk longer than its size", "9112 section 7.1", say(_CHUNKED, body=b"4\r\nhello\r\n0\r\n\r\n")),
    Case("a size that overflows", "9112 section 7.1", say(_CHUNKED, body=b"5\r\nhello\r\n10000000000000000\r\n")),
    Case("framing in the trailers", "9110 section 6.5.1", say(_CHUNKED, body=b"0\r\nContent-Length: 1\r\n\r\n")),
    Case("a NUL in the trailers", "9110 section 5.5", say(_CHUNKED, body=b"5\r\nhello\r\n0\r\nX-A: \0\r\n\r\n")),
)


@pytest.mark.parametrize("case", MALFORMED)
async def test_a_malformed_answer_becomes_502_and_the_client_goes_on(town: Town, case: Case) -> None:
    client = await town.client()
    town.agency.say(case.raw)
    answer = await client.ask(request())
    while answer.status < 200:
        answer = await client.answer()
    assert answer.status == 502
    assert answer.problem["source"] == "agency"
    town.agency.say(OK)
    assert (await client.ask(request())).body == b"ok"


@pytest.mark.parametrize("case", MALFORMED)
async def test_it_becomes_502_by_the_other_lane_too(asgi_town: Town, case: Case) -> None:
    client = await asgi_town.client()
    asgi_town.agency.say(case.raw)
    assert (await client.ask(request())).status == 502


@pytest.mark.parametrize("case", CUT)
async def test_an_answer_cut_before_it_could_begin_becomes_502(town: Town, case: Case) -> None:
    client = await town.client()
    town.agency.say(case.raw, then_close=True)
    answer = await client.ask(request())
    while answer.status < 200:
        answer = await client.answer()
    assert answer.status == 502


async def test_one_agency_never_answers_with_the_others_words(town: Town) -> None:
    """RFC 9112 section 9.2: bytes behind a whole answer belong to no request."""
    client = await town.client()
    town.agency.say(say(b"Content-Length: 2", body=b"ok") + say(b"Content-Length: 4", body=b"evil"))
    assert (await client.ask(request())).body == b"ok"
    town.agency.say(OK)
    assert (await client.ask(request())).body == b"ok"


@pytest.mark.parametrize("case", [*TORN, *BENT])
async def test_an_answer_that_breaks_off_stays_visibly_broken(town: Town, case: Case) -> None:
    client = await town.client()
    town.agency.say(case.raw, then_close=True)
    await client.send(request(b"Connection: close"))
    seen = await client.rest()
    head, _, body = seen.partition(b"\r\n\r\n")
    if b" 502 " in head:
        return  # it could still be told
    if b"transfer-encoding: chunked" in head:
        assert not body.endswith(b"0\r\n\r\n")
    else:
        assert len(body) < 200_000


@pytest.mark.parametrize("case", [*TORN, *BENT])
async def test_it_stays_broken_by_the_other_lane_too(asgi_town: Town, case: Case) -> None:
    client = await asgi_town.client()
    asgi_town.agency.say(case.raw, then_close=True)
    await client.send(request(b"Connection: close"))
    seen = await client.rest()
    head, _, body = seen.partition(b"\r\n\r\n")
    assert b" 502 " in head or not (body.endswith(b"0\r\n\r\n") or len(body) >= 200_000)


@pytest.mark.parametrize("case", [*TORN, *BENT])
async def test_a_client_of_http_10_sees_a_broken_answer_by_a_reset(town: Town, case: Case) -> None:
    """RFC 9112 section 8: a body that ends with the connection is whole if the connection ends in good order."""
    client = await town.client()
    town.agency.say(case.raw, then_close=True)
    await client.send(request(version=b"HTTP/1.0"))
    seen = b""
    broken = False
    try:
        while piece := await client.reader.read(65_536):
            seen += piece
    except ConnectionError:
        broken = True
    assert broken or b" 502 " in seen or (b"content-length: 200000" in seen and len(seen) < 200_000)


async def test_an_answer_until_close_is_whole_when_the_agency_closes(town: Town) -> None:
    """RFC 9112 section 6.3, rule 8."""
    client = await town.client()
    town.agency.say(b"HTTP/1.0 200 OK\r\n\r\nto the end", then_close=True)
    answer = await client.ask(request())
    assert (answer.body, answer.field("transfer-encoding")) == (b"to the end", "chunked")


async def test_what_concerns_the_agencys_own_connection_goes_no_further(town: Town) -> None:
    """RFC 9110 section 7.6.1."""
    client = await town.client()
    lines = (b"Connection: X-Mine, keep-alive", b"X-Mine: 1", b"Keep-Alive: timeout=9", b"Proxy-Connection: a")
    town.agency.say(say(*lines, b"Server: secret", b"X-A: 1", b"Content-Length: 0"))
    answer = await client.ask(request())
    names = {name for name, _ in answer.fields}
    assert "x-a" in names
    assert names.isdisjoint({"x-mine", "keep-alive", "proxy-connection", "server", "connection"})


async def test_end_to_end_fields_cannot_be_nominated_away(town: Town) -> None:
    """RFC 9110 section 7.6.1: a sender must not nominate a field meant for all recipients."""
    client = await town.client()
    town.agency.say(say(b"Connection: Cache-Control, Set-Cookie", b"Cache-Control: no-store", b"Content-Length: 0"))
    assert (await client.ask(request())).field("cache-control") == "no-store"


async def test_trailers_of_an_answer_obey_the_rules_of_its_fields(town: Town) -> None:
    """RFC 9110 section 6.5.1."""
    client = await town.client()
    trailers = b"X-Sum: 1\r\nServer: evil\r\nSet-Cookie: evil\r\nCache-Control: evil\r\nX-Request-ID: evil\r\n"
    town.agency.say(say(_CHUNKED, body=b"1\r\na\r\n0\r\n" + trailers + b"\r\n"))
    answer = await client.ask(request())
    assert (answer.body, answer.trailers) == (b"a", b"x-sum: 1\r\n")


async def test_an_answer_has_one_date_however_its_name_is_spelled(town: Town) -> None:
    """RFC 9110 section 6.6.1."""
    client = await town.client()
    for spelling in (b"Date", b"date", b"DATE"):
        town.agency.say(say(b"X-A: 1", spelling + b": Tue, 15 Nov 1994 08:12:31 GMT", b"Content-Length: 0"))
        assert (await client.ask(request())).field("date") == "Tue, 15 Nov 1994 08:12:31 GMT"
    town.agency.say(say(b"Content-Length: 0"))
    assert (await client.ask(request())).field("date") == "Fri, 15 Jan 2027 08:00:00 GMT"
