"""Heads that could be read in two ways are answered and end their connection; the agency never hears of them."""

from __future__ import annotations

from typing import Final

import pytest

from tests.edge.cases import Case, table
from tests.edge.client import post, request
from tests.edge.town import Town

pytestmark = pytest.mark.asyncio(loop_scope="module")

SECOND: Final = b"GET /v1/permits/smuggled HTTP/1.1\r\nHost: a\r\n\r\n"
_CHUNKS: Final = b"0\r\n\r\n" + SECOND


def get(target: bytes) -> bytes:
    return request(path=target)


def host(*lines: bytes) -> bytes:
    return request(*lines, host=False)


FRAMING: Final = table(
    Case(
        "a length beside chunked",
        "9112 section 6.1",
        post(b"Content-Length: 4", b"Transfer-Encoding: chunked", body=_CHUNKS),
    ),
    Case(
        "chunked beside a length",
        "9112 section 6.1",
        post(b"Transfer-Encoding: chunked", b"Content-Length: 60", body=_CHUNKS),
    ),
    Case("two lengths", "9112 section 6.3", post(b"Content-Length: 0", b"Content-Length: 54", body=SECOND)),
    Case("one length twice", "9112 section 6.3", post(b"Content-Length: 2", b"Content-Length: 2", body=b"ok" + SECOND)),
    Case("a list of lengths", "9110 section 8.6", post(b"Content-Length: 0, 54", body=SECOND)),
    Case("a length with a sign", "9110 section 8.6", post(b"Content-Length: +0", body=SECOND)),
    Case("a negative length", "9110 section 8.6", post(b"Content-Length: -1", body=SECOND)),
    Case("a length in hexadecimal", "9110 section 8.6", post(b"Content-Length: 0x0", body=SECOND)),
    Case("a length with an underscore", "9110 section 8.6", post(b"Content-Length: 1_0", body=SECOND)),
    Case("a length with a space inside", "9110 section 8.6", post(b"Content-Length: 0 0", body=SECOND)),
    Case("a length with a fraction", "9110 section 8.6", post(b"Content-Length: 0.0", body=SECOND)),
    Case("an empty length", "9110 section 8.6", post(b"Content-Length:", body=SECOND)),
    Case("a length that overflows", "9110 section 8.6", post(b"Content-Length: 18446744073709551616", body=SECOND)),
    Case("a length of other digits", "9110 section 8.6", post("Content-Length: ٠".encode(), body=SECOND)),
    Case("a length after a vertical tab", "9110 section 5.6.3", post(b"Content-Length: \x0b0", body=SECOND)),
    Case("chunked twice in a list", "9112 section 6.1", post(b"Transfer-Encoding: chunked, chunked", body=_CHUNKS)),
    Case(
        "chunked in two lines",
        "9112 section 6.1",
        post(b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked", body=_CHUNKS),
    ),
    Case(
        "identity in a second line",
        "9112 section 6.1",
        post(b"Transfer-Encoding: chunked", b"Transfer-Encoding: identity", body=_CHUNKS),
    ),
    Case("gzip before chunked", "9112 section 6.1", post(b"Transfer-Encoding: gzip, chunked", body=_CHUNKS), 501),
    Case("chunked before gzip", "9112 section 6.3", post(b"Transfer-Encoding: chunked, gzip", body=_CHUNKS)),
    Case("identity alone", "9112 section 6.3", post(b"Transfer-Encoding: identity", body=_CHUNKS)),
    Case("a coding nobody knows", "9112 section 6.3", post(b"Transfer-Encoding: xchunked", body=_CHUNKS)),
    Case("chunked in quotes", "9112 section 6.1", post(b'Transfer-Encoding: "chunked"', body=_CHUNKS)),
    Case("chunked with a parameter", "9112 section 7", post(b"Transfer-Encoding: chunked;q=1", body=_CHUNKS)),
    Case("an empty coding", "9112 section 6.1", post(b"Transfer-Encoding:", body=_CHUNKS)),
    Case("a vertical tab before chunked", "9110 section 5.6.3", post(b"Transfer-Encoding: \x0bchunked", body=_CHUNKS)),
    Case("a NUL after chunked", "9110 section 5.5", post(b"Transfer-Encoding: chunked\0", body=_CHUNKS)),
    Case("a folded coding", "9112 section 5.2", post(b"Transfer-Encoding:", b" chunked", body=_CHUNKS)),
    Case("a space before the coding's colon", "9112 section 5.1", post(b"Transfer-Encoding : chunked", body=_CHUNKS)),
    Case(
        "a coding in HTTP/1.0",
        "9112 section 6.1",
        post(b"Transfer-Encoding: chunked", body=_CHUNKS, version=b"HTTP/1.0"),
    ),
    Case("another expectation", "9110 section 10.1.1", post(b"Expect: 200-ok", b"Content-Length: 0"), 417),
)
LINES: Final = table(
    Case("a folded line", "9112 section 5.2", request(b"X-A: 1", b" 2")),
    Case("a first field line that begins with a space", "9112 section 2.2", host(b" Host: a")),
    Case("a tab before a colon", "9112 section 5.1", request(b"X-A\t: 1")),
    Case("no colon", "9112 section 5", request(b"X-A")),
    Case("no name", "9110 section 5.1", request(b": 1")),
    Case("a name with a space", "9110 section 5.1", request(b"X A: 1")),
    Case("a name that is no token", "9110 section 5.1", request(b"X(A): 1")),
    Case("a name of other letters", "9110 section 5.1", request("X-É: 1".encode())),
    Case("a bare CR in a value", "9112 section 2.2", request(b"X-A: 1\rTransfer-Encoding: chunked")),
    Case("a bare LF between fields", "9112 section 2.2", request(b"X-A: 1\nX-B: 1")),
    Case("a head that ends in bare LFs", "9112 section 2.2", b"GET /v1/permits/x HTTP/1.1\nHost: a\n\n" + SECOND),
    Case("LF and CR in wrong order", "9112 section 2.2", request(b"X-A: 1\n\rX-B: 1")),
    Case("a NUL in a name", "9110 section 5.5", request(b"X\0A: 1")),
    Case("a NUL in a value", "9110 section 5.5", request(b"X-A: 1\0")),
    Case("a control byte in a value", "9110 section 5.5", request(b"X-A: \x01")),
    Case("a DEL in a value", "9110 section 5.5", request(b"X-A: \x7f")),
    Case("a second request line", "9112 section 5", request(b"GET /v1/permits/smuggled HTTP/1.1")),
    Case("two empty lines before a request", "9112 section 2.2", b"\r\n\r\n" + request()),
    Case("a space before a request", "9112 section 3", b" " + request()),
    Case("bytes of TLS", "9112 section 3", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"),
    Case("too many fields", "9110 section 5.4", request(*[b"X-A: 1"] * 100), 431),
    Case("too large a head", "9110 section 5.4", request(b"X-A: " + b"a" * 17_000), 431),
    Case("a head that never ends", "9110 section 5.4", request(b"X-A: " + b"a" * 17_000)[:-4], 431),
    Case("a bad option of Connection", "9110 section 7.6.1", request(b"Connection: close, a b")),
    Case("a bad protocol to upgrade to", "9110 section 7.8", request(b"Connection: upgrade", b"Upgrade: web socket")),
)
REQUEST_LINES: Final = table(
    Case("two spaces", "9112 section 3", b"GET  /v1/permits/x HTTP/1.1\r\nHost: a\r\n\r\n"),
    Case("a tab for a space", "9112 section 3", b"GET\t/v1/permits/x HTTP/1.1\r\nHost: a\r\n\r\n"),
    Case("a space at the end", "9112 section 3", b"GET /v1/permits/x HTTP/1.1 \r\nHost: a\r\n\r\n"),
    Case("a space in the target", "9112 section 3.2", get(b"/v1/permits/x y")),
    Case("no version", "9112 section 2.3", b"GET /v1/permits/x\r\nHost: a\r\n\r\n"),
    Case("HTTP/0.9", "9112 section 2.3", b"GET /v1/permits/x\r\n\r\n"),
    Case("a small http", "9112 section 2.3", request(version=b"http/1.1")),
    Case("a version of two digits", "9112 section 2.3", request(version=b"HTTP/1.10")),
    Case("HTTP/2.0 in a line", "9110 section 15.6.6", request(version=b"HTTP/2.0"), 505),
    Case("HTTP/1.2", "9110 section 15.6.6", request(version=b"HTTP/1.2"), 505),
    Case("the preface of HTTP/2", "9113 section 3.4", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
    Case("CONNECT", "9110 section 9.3.6", b"CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n", 501),
    Case("a method that is no token", "9110 section 9.1", request(method=b"GE(T")),
    Case("a method without end", "9112 section 3", request(method=b"A" * 40), 501),
    Case("a target without end", "9112 section 3", get(b"/v1/permits/" + b"a" * 8_000), 414),
    Case("a fragment", "9112 section 3.2", get(b"/v1/permits/x#a")),
    Case("a target that is no path", "9112 section 3.2", get(b"v1/permits/x")),
    Case("a star for another method", "9112 section 3.2.4", get(b"*")),
    Case("another scheme", "9110 section 4.2", request(path=b"ftp://city.example/v1/permits/x")),
    Case("a user in the target", "9110 section 4.2.4", request(path=b"http://a@city.example/v1/permits/x")),
    Case("another host in the target", "9112 section 3.2.2", request(path=b"http://evil.example/v1/permits/x")),
    Case("bytes above 127 in the path", "3986 section 3.3", get(b"/v1/permits/\xc3\xa9")),
    Case("a control byte in the query", "3986 section 3.4", get(b"/v1/permits/x?a=\x01")),
)
PATHS: Final = table(
    Case("dot segments", "3986 section 5.2.4", get(b"/v1/permits/../identity/x")),
    Case("a single dot", "3986 section 5.2.4", get(b"/v1/permits/./x")),
    Case("encoded dot segments", "3986 section 6.2.2", get(b"/v1/permits/%2e%2e/x")),
    Case("half encoded dot segments", "3986 section 6.2.2", get(b"/v1/permits/.%2E/x")),
    Case("dots before a matrix parameter", "3986 section 3.3", get(b"/v1/permits/..;a=1/x")),
    Case("an encoded slash", "3986 section 2.2", get(b"/v1/permits/a%2fb")),
    Case("an encoded backslash", "3986 section 2.2", get(b"/v1/permits/a%5Cb")),
    Case("a backslash", "3986 section 3.3", get(b"/v1/permits/a\\b")),
    Case("an empty segment", "3986 section 3.3", get(b"/v1//permits/x")),
    Case("two slashes at the beginning", "3986 section 3.3", get(b"//evil.example/v1/permits/x")),
    Case("a slash encoded twice", "3986 section 2.4", get(b"/v1/permits/a%252fb")),
    Case("dots encoded twice", "3986 section 2.4", get(b"/v1/permits/%252e%252e/x")),
    Case("an encoded NUL", "3986 section 2.1", get(b"/v1/permits/a%00")),
    Case("an encoded CRLF", "3986 section 2.1", get(b"/v1/permits/a%0d%0aX:1")),
    Case("an overlong slash", "3629 section 3", get(b"/v1/permits/a%c0%afb")),
    Case("a broken escape", "3986 section 2.1", get(b"/v1/permits/a%2")),
    Case("an escape that is none", "3986 section 2.1", get(b"/v1/permits/a%zz")),
    Case("dots in an absolute target", "3986 section 5.2.4", get(b"http://city.example/v1/permits/../x")),
)
HOSTS: Final = table(
    Case("no Host", "9112 section 3.2", host()),
    Case("no Host beside an absolute target", "9112 section 3.2.2", request(path=b"http://a/v1/permits/x", host=False)),
    Case("two Hosts", "9112 section 3.2", request(b"Host: evil.example")),
    Case("one Host twice", "9112 section 3.2", request(b"Host: city.example")),
    Case("an empty Host", "9112 section 3.2", host(b"Host:")),
    Case("two hosts in one", "9112 section 3.2", host(b"Host: city.example, evil.example")),
    Case("a host with a path", "9110 section 7.2", host(b"Host: city.example/v1")),
    Case("a host with a user", "9110 section 7.2", host(b"Host: evil@city.example")),
    Case("a host with a port of letters", "9110 section 7.2", host(b"Host: city.example:http")),
    Case("a host with a port too high", "9110 section 7.2", host(b"Host: city.example:65536")),
    Case("a host of other letters", "9110 section 7.2", host("Host: kóta.example".encode())),
    Case("an address that is none", "3986 section 3.2.2", host(b"Host: [::1::2]")),
    Case("a space before Host's colon", "9112 section 5.1", host(b"Host : city.example")),
    Case("a folded Host", "9112 section 5.2", host(b"Host: city.example", b" evil.example")),
)


ALL: Final = [*FRAMING, *LINES, *REQUEST_LINES, *PATHS, *HOSTS]


@pytest.mark.parametrize("case", ALL)
async def test_it_is_answered_and_the_connection_ends(town: Town, case: Case) -> None:
    client = await town.client()
    answer = await client.ask(case.raw)
    assert answer.status == case.status
    assert answer.problem["code"] == "malformed-request"
    assert answer.field("connection") == "close"
    assert await client.is_closed()
    assert town.agency.bytes_received == b""


# What uvicorn repairs before anybody could refuse it (docs/lanes.md); it goes on serialised anew.
REPAIRED: Final = frozenset(
    {
        "two spaces",
        "no version",
        "HTTP/0.9",
        "HTTP/2.0 in a line",
        "two empty lines before a request",
        "too many fields",
        "too large a head",
        "a target without end",
        "a fragment",
        "another scheme",
        "a user in the target",
        "another host in the target",
    }
)


# A head that never ends is waited for by this server as long as it is told to wait.
_ANSWERED: Final = [case for case in ALL if not str(case.id).startswith("a head that never ends")]


@pytest.mark.parametrize("case", _ANSWERED)
async def test_the_other_lane_refuses_it_too_or_is_known_to_repair_it(asgi_town: Town, case: Case) -> None:
    client = await asgi_town.client()
    status = (await client.ask(case.raw)).status
    assert (status == 200) == (case.name in REPAIRED)
    assert b"smuggled" not in asgi_town.agency.bytes_received


async def test_a_request_sent_ahead_of_a_bad_one_is_answered_first(town: Town) -> None:
    client = await town.client()
    await client.send(request() + request(b"X-A : 1") + SECOND)
    assert (await client.answer()).status == 200
    assert (await client.answer()).status == 400
    assert await client.is_closed()
    assert town.agency.lines == [b"GET /x HTTP/1.1"]


async def test_a_client_that_goes_on_sending_still_gets_its_answer(town: Town) -> None:
    """RFC 9112 section 9.6: a close with unread bytes would reset the connection and take the answer with it."""
    client = await town.client()
    await client.send(request(b"X-A : 1") + b"x" * 600_000)
    await client.send(b"x" * 300_000)
    assert (await client.answer()).status == 400
    assert await client.is_closed()


@pytest.mark.parametrize("size", [1, 2, 7, 64])
async def test_a_bad_head_is_refused_however_it_is_cut(town: Town, size: int) -> None:
    raw = post(b"Content-Length: 4", b"Transfer-Encoding: chunked")
    client = await town.client()
    for start in range(0, len(raw), size):
        await client.send(raw[start : start + size])
    assert (await client.answer()).status == 400
    assert await client.is_closed()
    assert town.agency.bytes_received == b""
