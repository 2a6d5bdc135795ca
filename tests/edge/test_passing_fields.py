"""What of a client's fields reaches an agency, byte by byte, and what the agency is told instead."""

from __future__ import annotations

import re
from typing import Final

import pytest

from tests.edge.client import chunked, request, sized
from tests.edge.town import Town

pytestmark = pytest.mark.asyncio(loop_scope="module")

# One of each kind; the names of a kind are listed, and tested one by one, in the rules.
_NEVER: Final = [
    ("who is calling", "9110 section 16.3.2", b"X-User-Id: evil"),
    ("who was let in", "9110 section 16.3.2", b"X-Auth-Request-Email: evil"),
    ("a token of the client's", "9110 section 11.6.2", b"Authorization: Bearer evil"),
    ("a token for a proxy", "9110 section 11.7.2", b"Proxy-Authorization: Basic evil"),
    ("a citizen's number", "9110 section 16.3.2", b"X-NIK: evil"),
    ("a session", "6265 section 5.4", b"Cookie: session=evil"),
    ("a client certificate", "9440 section 4", b"Client-Cert: :evil:"),
    ("who forwarded", "7239 section 8.1", b"Forwarded: for=evil"),
    ("who forwarded, the older way", "7239 section 8.1", b"X-Forwarded-For: evil"),
    ("a scheme", "7239 section 8.1", b"X-Forwarded-Proto: evil"),
    ("a host", "7239 section 8.1", b"X-Forwarded-Host: evil"),
    ("a prefix", "7239 section 8.1", b"X-Forwarded-Prefix: evil"),
    ("an address", "7239 section 8.1", b"X-Real-IP: evil"),
    ("an address by a vendor", "7239 section 8.1", b"CF-Connecting-IP: evil"),
    ("an address by another vendor", "7239 section 8.1", b"True-Client-IP: evil"),
    ("another method", "9110 section 9.1", b"X-HTTP-Method-Override: evil"),
    ("another path", "9112 section 3.2", b"X-Original-URL: evil"),
    ("a hop that was not", "9110 section 7.6.3", b"Via: evil"),
    ("a vendor's word", "9110 section 16.3.2", b"X-Amzn-Oidc-Identity: evil"),
    ("a name with an underscore", "3875 section 4.1.18", b"X_User_Id: evil"),
    ("a name with a dot", "3875 section 4.1.18", b"X.User.Id: evil"),
    ("another sign that becomes an underscore", "3875 section 4.1.18", b"X!User!Id: evil"),
    ("a framing field's name with an underscore", "3875 section 4.1.18", b"Content_Length: evil"),
    ("a name in capitals", "9110 section 5.1", b"X-FORWARDED-FOR: evil"),
    ("a variable of CGI", "3875 section 4.1.18", b"Proxy: evil"),
    ("an upgrade to h2c", "9113 section 3.1", b"HTTP2-Settings: evil"),
    ("a connection of old", "9110 section 7.6.1", b"Proxy-Connection: evil"),
    ("keeping alive", "9110 section 7.6.1", b"Keep-Alive: timeout=evil"),
    ("codings of this hop", "9110 section 10.1.4", b"TE: evil"),
    ("names of trailers", "9110 section 6.6.2", b"Trailer: X-Evil"),
]


@pytest.mark.parametrize(("kind", "section", "line"), _NEVER, ids=[f"{kind} [{at}]" for kind, at, _ in _NEVER])
async def test_it_never_passes(town: Town, kind: str, section: str, line: bytes) -> None:
    client = await town.client()
    assert (await client.ask(request(line))).status == 200
    assert b"evil" not in town.agency.bytes_received.lower()


@pytest.mark.parametrize(("kind", "section", "line"), _NEVER, ids=[f"{kind} [{at}]" for kind, at, _ in _NEVER])
async def test_it_passes_by_the_other_lane_no_more(asgi_town: Town, kind: str, section: str, line: bytes) -> None:
    client = await asgi_town.client()
    assert (await client.ask(request(line))).status == 200
    assert b"evil" not in asgi_town.agency.bytes_received.lower()


async def head_after(town: Town, *lines: bytes) -> bytes:
    """Ask with these field lines; return the head the agency got."""
    client = await town.client()
    assert (await client.ask(request(*lines))).status == 200
    return town.agency.heads[-1]


def only(head: bytes, name: bytes) -> bytes:
    """Return the value of a field that must have come once."""
    found = re.findall(rb"(?im)^%b: (.*)\r$" % re.escape(name), head)
    assert len(found) == 1, (name, head)
    value: bytes = found[0]
    return value


async def test_the_agency_is_told_address_scheme_and_host_once_and_by_the_gateway(town: Town) -> None:
    """RFC 7239 section 4."""
    head = await head_after(town, b"X-Forwarded-For: 6.6.6.6", b"Forwarded: for=6.6.6.6")
    assert only(head, b"x-forwarded-for") == b"127.0.0.1"
    assert only(head, b"x-forwarded-proto") == b"http"
    assert only(head, b"x-forwarded-host") == b"city.example"
    assert only(head, b"forwarded") == b'for=127.0.0.1;host="city.example";proto=http'
    assert only(head, b"via") == b"1.1 tangerang"
    assert only(head, b"host") == b"127.0.0.1:%d" % town.agency.port


@pytest.mark.parametrize(
    "name",
    [b"X-Forwarded-For", b"Forwarded", b"Traceparent", b"X-Request-ID", b"Via", b"Host", b"Content-Length"],
)
async def test_what_the_gateway_says_cannot_be_nominated_away(town: Town, name: bytes) -> None:
    """RFC 9110 section 7.6.1: `Connection` removes a sender's own fields, never those of the next hop."""
    client = await town.client()
    assert (await client.ask(sized(b"hello", b"Connection: keep-alive, " + name))).status == 200
    assert only(town.agency.heads[-1], name)


async def test_nominated_fields_go_no_further(town: Town) -> None:
    """RFC 9110 section 7.6.1."""
    head = await head_after(town, b"Connection: X-Mine", b"X-Mine: 1", b"connection: x-too", b"X-Too: 1", b"X-A: 1")
    assert b"mine" not in head.lower()
    assert b"too" not in head.lower()
    assert only(head, b"x-a") == b"1"


async def test_close_and_keep_alive_are_this_hops_own(town: Town) -> None:
    """RFC 9110 section 7.6.1."""
    assert b"connection" not in (await head_after(town, b"Connection: close")).lower()


@pytest.mark.parametrize(
    "line",
    [
        b"Traceparent: 00-zz",
        b"Traceparent: 00-00000000000000000000000000000000-00f067aa0ba902b7-01",
        b"Traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
        b"Traceparent: ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        b"Traceparent: 00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
        b"Traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-x",
        b"Traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\n"
        b"Traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    ],
)
async def test_a_malformed_trace_is_replaced(town: Town, line: bytes) -> None:
    """W3C Trace Context section 3.2.2."""
    traceparent = only(await head_after(town, line, b"Tracestate: a=evil"), b"traceparent")
    assert re.fullmatch(rb"00-[0-9a-f]{32}-[0-9a-f]{16}-0[01]", traceparent)
    assert b"4bf92f3577b34da6a3ce929d0e0e4736" not in traceparent
    assert b"evil" not in town.agency.heads[-1]


@pytest.mark.parametrize(
    "line",
    [b"X-Request-ID: a", b"X-Request-ID: " + b"a" * 65, b"X-Request-ID: a b c d e", b'X-Request-ID: "abcdefgh"'],
)
async def test_a_malformed_request_id_is_replaced(town: Town, line: bytes) -> None:
    told = only(await head_after(town, line), b"x-request-id")
    assert re.fullmatch(rb"[A-Za-z0-9._-]{8,64}", told)
    assert told not in line


async def test_two_request_ids_count_as_none(town: Town) -> None:
    head = await head_after(town, b"X-Request-ID: abcdefgh", b"X-Request-ID: abcdefgh")
    assert only(head, b"x-request-id") != b"abcdefgh"


async def test_fields_that_pass_keep_their_order_and_repetition(town: Town) -> None:
    """RFC 9110 section 5.3."""
    head = await head_after(town, b"X-B: 1", b"X-A:  2\t", b"X-B: 3")
    assert b"X-B: 1\r\nX-A: 2\r\nX-B: 3\r\n" in head


async def test_bytes_above_127_in_a_value_pass_as_they_are(town: Town) -> None:
    """RFC 9110 section 5.5: obs-text is opaque data."""
    assert "X-A: kóta".encode() in await head_after(town, "X-A: kóta".encode())


async def test_an_upgrade_to_h2c_is_no_upgrade(town: Town) -> None:
    """RFC 9113 section 3.1."""
    head = await head_after(town, b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2c", b"HTTP2-Settings: AAMAAABk")
    assert b"upgrade" not in head.lower()
    assert b"http2" not in head.lower()


async def test_trailers_of_a_request_obey_the_rules_of_its_fields(town: Town) -> None:
    """RFC 9110 section 6.5.1."""
    client = await town.client()
    trailers = b"X-Sum: 1\r\nX-User-Id: evil\r\nX_A: evil\r\nAuthorization: evil\r\nForwarded: evil\r\nX-Mine: evil\r\n"
    assert (await client.ask(chunked(b"1\r\na\r\n0\r\n" + trailers + b"\r\n", b"Connection: x-mine"))).status == 200
    assert town.agency.bytes_received.endswith(b"1\r\na\r\n0\r\nx-sum: 1\r\n\r\n")


async def test_a_trace_request_shows_the_client_nothing_that_agencies_see(town: Town) -> None:
    """RFC 9110 section 9.3.8."""
    client = await town.client()
    answer = await client.ask(request(method=b"TRACE"))
    assert answer.status == 405
    assert "TRACE" not in (answer.field("allow") or "")
    assert town.agency.bytes_received == b""


async def test_options_of_the_whole_server_reaches_no_agency(town: Town) -> None:
    """RFC 9110 section 9.3.7."""
    client = await town.client()
    assert (await client.ask(request(method=b"OPTIONS", path=b"*"))).status == 404
    assert town.agency.bytes_received == b""


async def test_an_absolute_target_with_our_own_host_is_a_path(town: Town) -> None:
    """RFC 9112 section 3.2.2."""
    client = await town.client()
    assert (await client.ask(request(path=b"http://city.example/v1/permits/x?a=1"))).status == 200
    assert town.agency.lines == [b"GET /x?a=1 HTTP/1.1"]


@pytest.mark.parametrize(
    ("sent", "received"),
    [
        (b"/v1/permits/%7Ea", b"/~a"),
        (b"/v1/permits/%c3%a9", b"/%C3%A9"),
        (b"/v1/permits/a;b=1", b"/a;b=1"),
        (b"/v1/permits/x?", b"/x"),
        (b"/v1/permits/x?a=%2F..%2f&b", b"/x?a=%2F..%2f&b"),
        (b"/v1/permits/x/", b"/x/"),
    ],
)
async def test_a_path_has_one_spelling(town: Town, sent: bytes, received: bytes) -> None:
    """RFC 3986 section 6.2.2."""
    client = await town.client()
    assert (await client.ask(request(path=sent))).status == 200
    assert town.agency.lines == [b"GET " + received + b" HTTP/1.1"]
