"""Request heads with one fault each in fields, Host, framing or connection are refused."""

from __future__ import annotations

from typing import Final

import pytest

from gateway.wire import refusals as r
from tests.wire.hygiene import Case, request, table
from tests.wire.reading import Refused, read_request

_CHUNKS: Final = b"1\r\na\r\n0\r\n\r\n"


def post(*lines: bytes, body: bytes = b"", version: bytes = b"HTTP/1.1") -> bytes:
    return request(*lines, first=b"POST /v1/x " + version, body=body)


def host(value: bytes) -> bytes:
    return request(b"Host: " + value, host=False)


FIELDS: Final = [
    Case("a space before the colon", "9112 section 5.1", request(b"X-A : 1"), r.SPACE_BEFORE_COLON),
    Case("a tab before the colon", "9112 section 5.1", request(b"X-A\t: 1"), r.SPACE_BEFORE_COLON),
    Case("a space before Host's colon", "9112 section 5.1", request(b"Host : a", host=False), r.SPACE_BEFORE_COLON),
    Case("a folded line", "9112 section 5.2", request(b"X-A: 1", b" 2"), r.FOLDED_LINE),
    Case("a line folded with a tab", "9112 section 5.2", request(b"X-A: 1", b"\t2"), r.FOLDED_LINE),
    Case("a folded framing field", "9112 section 5.2", post(b"Transfer-Encoding: chunked", b" , gzip"), r.FOLDED_LINE),
    Case("a line of white space", "9112 section 5.2", request(b"X-A: 1", b"  "), r.FOLDED_LINE),
    Case("a first line that begins with a space", "9112 section 2.2", request(b" Host: a", host=False), r.FOLDED_LINE),
    Case("a line without a colon", "9112 section 5", request(b"X-A"), r.NO_COLON),
    Case("a second request line", "9112 section 5", request(b"GET /v1/y HTTP/1.1"), r.NO_COLON),
    Case("no name", "9110 section 5.1", request(b": 1"), r.EMPTY_NAME),
    Case("a name with a space", "9110 section 5.1", request(b"X A: 1"), r.BAD_NAME),
    Case("a name in brackets", "9110 section 5.1", request(b"X(A): 1"), r.BAD_NAME),
    Case("a name with an at sign", "9110 section 5.1", request(b"X@A: 1"), r.BAD_NAME),
    Case("a name in quotes", "9110 section 5.1", request(b'"X-A": 1'), r.BAD_NAME),
    Case("a name with a slash", "9110 section 5.1", request(b"X/A: 1"), r.BAD_NAME),
    Case("a name of other letters", "9110 section 5.1", request("X-É: 1".encode()), r.BAD_NAME),
    Case("a name with a Kelvin sign", "9110 section 5.1", request("X-To\u212aen: 1".encode()), r.BAD_NAME),
    Case("a name with an escape character", "9110 section 5.1", request(b"X-A\x1b: 1"), r.BAD_NAME),
    Case("a NUL in a name", "9110 section 5.5", request(b"X-A\0: 1"), r.NUL_BYTE),
    Case("a NUL in a value", "9110 section 5.5", request(b"X-A: a\0b"), r.NUL_BYTE),
    Case("a NUL before the end of the line", "9110 section 5.5", request(b"X-A: a\0"), r.NUL_BYTE),
    Case("a vertical tab in a value", "9110 section 5.5", request(b"X-A: a\x0bb"), r.CONTROL_BYTE),
    Case("a form feed after the colon", "9110 section 5.6.3", request(b"X-A:\x0ca"), r.CONTROL_BYTE),
    Case("a backspace in a value", "9110 section 5.5", request(b"X-A: a\x08"), r.CONTROL_BYTE),
    Case("a DEL in a value", "9110 section 5.5", request(b"X-A: a\x7f"), r.CONTROL_BYTE),
    Case("a bare CR in a value", "9112 section 2.2", request(b"X-A: a\rX-B: 1"), r.BARE_CR),
    Case("two CRs at a line's end", "9112 section 2.2", request(b"X-A: a\r"), r.BARE_CR),
    Case("a bare CR in a name", "9112 section 2.2", request(b"X\r-A: a"), r.BARE_CR),
    Case("a bare LF between two fields", "9112 section 2.2", request(b"X-A: a\nX-B: 1"), r.BARE_LF),
    Case("a bare LF before a framing field", "9112 section 2.2", post(b"X: 1\nContent-Length: 5"), r.BARE_LF),
    Case("an empty line of bare LFs", "9112 section 2.2", request(b"X-A: a\n\nGET /y HTTP/1.1"), r.BARE_LF),
    Case("LF and CR in wrong order", "9112 section 2.2", request(b"X-A: a\n\rX-B: b"), r.BARE_LF),
    Case("too many fields", "9110 section 5.4", request(*[b"X-A: 1"] * 100), r.TOO_MANY_FIELDS),
    Case("too many bytes", "9110 section 5.4", request(b"X-A: " + b"a" * 16_384), r.HEAD_TOO_LARGE),
    Case("too many bytes of small fields", "9110 section 5.4", request(*[b"X: " + b"a" * 400] * 50), r.HEAD_TOO_LARGE),
]

HOSTS: Final = [
    Case("no Host in HTTP/1.1", "9112 section 3.2", request(host=False), r.MISSING_HOST),
    Case(
        "an absolute target does not replace Host",
        "9112 section 3.2",
        b"GET http://a/ HTTP/1.1\r\n\r\n",
        r.MISSING_HOST,
    ),
    Case("two Hosts", "9112 section 3.2", request(b"Host: evil.example"), r.SEVERAL_HOSTS),
    Case("the same Host twice", "9112 section 3.2", request(b"host: city.example"), r.SEVERAL_HOSTS),
    Case("an empty Host", "9112 section 3.2", host(b""), r.BAD_HOST),
    Case("a Host with a space", "9112 section 3.2", host(b"city.example evil.example"), r.BAD_HOST),
    Case("two hosts in one Host", "9112 section 3.2", host(b"city.example, evil.example"), r.BAD_HOST),
    Case("a user in Host", "9110 section 7.2", host(b"a@city.example"), r.BAD_HOST),
    Case("a path in Host", "9110 section 7.2", host(b"city.example/v1"), r.BAD_HOST),
    Case("a query in Host", "9110 section 7.2", host(b"city.example?a"), r.BAD_HOST),
    Case("a scheme in Host", "9110 section 7.2", host(b"http://city.example"), r.BAD_HOST),
    Case("an escape in Host", "9110 section 7.2", host(b"city%2eexample"), r.BAD_HOST),
    Case("a backslash in Host", "9110 section 7.2", host(b"city\\example"), r.BAD_HOST),
    Case("two dots in Host", "RFC 1034 section 3.5", host(b"city..example"), r.BAD_HOST),
    Case("a Host of other letters", "9110 section 7.2", host("kóta.example".encode()), r.BAD_HOST),
    Case("a Host of 256 bytes", "RFC 1035 section 2.3.4", host(b"a" * 256), r.BAD_HOST),
    Case("a port of letters", "9110 section 7.2", host(b"city.example:http"), r.BAD_HOST),
    Case("a port with a sign", "9110 section 7.2", host(b"city.example:+80"), r.BAD_HOST),
    Case("an empty port", "9110 section 7.2", host(b"city.example:"), r.BAD_HOST),
    Case("a port above 65535", "9110 section 7.2", host(b"city.example:65536"), r.BAD_HOST),
    Case("two ports", "9110 section 7.2", host(b"city.example:80:80"), r.BAD_HOST),
    Case("a port alone", "9110 section 7.2", host(b":80"), r.BAD_HOST),
    Case("an address that is none", "RFC 3986 section 3.2.2", host(b"[1::2::3]"), r.BAD_HOST),
    Case("an open bracket", "RFC 3986 section 3.2.2", host(b"[::1"), r.BAD_HOST),
    Case("an address with a zone", "RFC 3986 section 3.2.2", host(b"[fe80::1%25eth0]"), r.BAD_HOST),
    Case("a future address", "RFC 3986 section 3.2.2", host(b"[v1.a]"), r.BAD_HOST),
]

LENGTHS: Final = [
    Case(
        "two different lengths", "9112 section 6.3", post(b"Content-Length: 1", b"Content-Length: 2"), r.SEVERAL_LENGTHS
    ),
    Case(
        "the same length twice", "9112 section 6.3", post(b"Content-Length: 1", b"content-length: 1"), r.SEVERAL_LENGTHS
    ),
    Case("a list of equal lengths", "9112 section 6.3", post(b"Content-Length: 1, 1", body=b"a"), r.BAD_LENGTH),
    Case("a list of lengths", "9112 section 6.3", post(b"Content-Length: 0, 5"), r.BAD_LENGTH),
    Case("an empty length", "9110 section 8.6", post(b"Content-Length:"), r.BAD_LENGTH),
    Case("a length with a plus", "9110 section 8.6", post(b"Content-Length: +1", body=b"a"), r.BAD_LENGTH),
    Case("a negative length", "9110 section 8.6", post(b"Content-Length: -1"), r.BAD_LENGTH),
    Case("a hexadecimal length", "9110 section 8.6", post(b"Content-Length: 0x1", body=b"a"), r.BAD_LENGTH),
    Case("a length with an underscore", "9110 section 8.6", post(b"Content-Length: 1_0"), r.BAD_LENGTH),
    Case("a length with a point", "9110 section 8.6", post(b"Content-Length: 1.0", body=b"a"), r.BAD_LENGTH),
    Case("a length with an exponent", "9110 section 8.6", post(b"Content-Length: 1e1"), r.BAD_LENGTH),
    Case("a length with a space within", "9110 section 8.6", post(b"Content-Length: 1 0"), r.BAD_LENGTH),
    Case("a length in quotes", "9110 section 8.6", post(b'Content-Length: "1"'), r.BAD_LENGTH),
    Case("a length in Arabic digits", "9110 section 8.6", post("Content-Length: ١".encode()), r.BAD_LENGTH),
    Case("a length with a superscript", "9110 section 8.6", post("Content-Length: ¹".encode("latin-1")), r.BAD_LENGTH),
    Case("a length with a Latin-1 space", "9110 section 8.6", post(b"Content-Length: 1\xa0", body=b"a"), r.BAD_LENGTH),
    Case("a length with NEL", "9110 section 8.6", post(b"Content-Length: 1\x85", body=b"a"), r.BAD_LENGTH),
    Case("a length of 16 digits", "9110 section 8.6", post(b"Content-Length: 1000000000000000"), r.LENGTH_OVERFLOW),
    Case(
        "a length that wraps in 64 bits",
        "9110 section 8.6",
        post(b"Content-Length: 18446744073709551617"),
        r.LENGTH_OVERFLOW,
    ),
    Case(
        "a length padded with zeros",
        "9110 section 8.6",
        post(b"Content-Length: " + b"0" * 99 + b"1"),
        r.LENGTH_OVERFLOW,
    ),
    Case("a length beyond the limit", "9110 section 15.5.14", post(b"Content-Length: 1048577"), r.BODY_TOO_LARGE),
    Case("a connection that ends early", "9112 section 8", post(b"Content-Length: 5", body=b"abc"), r.TRUNCATED),
]

CODINGS: Final = [
    Case(
        "a length before a coding",
        "9112 section 6.1",
        post(b"Content-Length: 5", b"Transfer-Encoding: chunked", body=_CHUNKS),
        r.LENGTH_AND_CODING,
    ),
    Case(
        "a length after a coding",
        "9112 section 6.1",
        post(b"Transfer-Encoding: chunked", b"Content-Length: 0", body=_CHUNKS),
        r.LENGTH_AND_CODING,
    ),
    Case(
        "a coding in HTTP/1.0",
        "9112 section 6.1",
        post(b"Transfer-Encoding: chunked", body=_CHUNKS, version=b"HTTP/1.0"),
        r.CODING_IN_HTTP_10,
    ),
    Case(
        "a known coding before chunked", "9112 section 6.1", post(b"Transfer-Encoding: gzip, chunked"), r.UNKNOWN_CODING
    ),
    Case("identity before chunked", "9112 section 7", post(b"Transfer-Encoding: identity, chunked"), r.UNKNOWN_CODING),
    Case("a coding without chunked", "9112 section 6.3", post(b"Transfer-Encoding: gzip"), r.BAD_CODING),
    Case("identity alone", "9112 section 6.3", post(b"Transfer-Encoding: identity"), r.BAD_CODING),
    Case("chunked not at the end", "9112 section 6.3", post(b"Transfer-Encoding: chunked, gzip"), r.BAD_CODING),
    Case("chunked twice", "9112 section 6.1", post(b"Transfer-Encoding: chunked, chunked"), r.BAD_CODING),
    Case("a name that begins like chunked", "9112 section 6.3", post(b"Transfer-Encoding: chunkedx"), r.BAD_CODING),
    Case("a name that ends like chunked", "9112 section 6.3", post(b"Transfer-Encoding: xchunked"), r.BAD_CODING),
    Case("chunked with a parameter", "9112 section 7", post(b"Transfer-Encoding: chunked;q=1"), r.BAD_CODING),
    Case("chunked in quotes", "9112 section 7", post(b'Transfer-Encoding: "chunked"'), r.BAD_CODING),
    Case("chunked after a comma", "9110 section 5.6.1", post(b"Transfer-Encoding: ,chunked"), r.BAD_CODING),
    Case("chunked before a comma", "9110 section 5.6.1", post(b"Transfer-Encoding: chunked,"), r.BAD_CODING),
    Case("an empty coding", "9112 section 6.1", post(b"Transfer-Encoding:"), r.BAD_CODING),
    Case("chunked in two words", "9112 section 7", post(b"Transfer-Encoding: chunked chunked"), r.BAD_CODING),
    Case(
        "chunked with a Kelvin sign", "9112 section 7", post("Transfer-Encoding: chun\u212aed".encode()), r.BAD_CODING
    ),
    Case("chunked after a vertical tab", "9110 section 5.5", post(b"Transfer-Encoding: \x0bchunked"), r.CONTROL_BYTE),
    Case("chunked after a Latin-1 space", "9112 section 7", post(b"Transfer-Encoding: \xa0chunked"), r.BAD_CODING),
    Case(
        "two codings in two fields",
        "9112 section 6.1",
        post(b"Transfer-Encoding: chunked", b"transfer-encoding: chunked"),
        r.SEVERAL_CODINGS,
    ),
    Case(
        "a second, other coding",
        "9112 section 6.3",
        post(b"Transfer-Encoding: chunked", b"Transfer-Encoding: identity"),
        r.BAD_CODING,
    ),
]

CONNECTION: Final = [
    Case("an option in quotes", "9110 section 7.6.1", request(b'Connection: "close"'), r.BAD_OPTION),
    Case("an option in two words", "9110 section 7.6.1", request(b"Connection: close x-a"), r.BAD_OPTION),
    Case("options parted by semicolons", "9110 section 7.6.1", request(b"Connection: close; x-a"), r.BAD_OPTION),
    Case(
        "an upgrade in brackets", "9110 section 7.8", request(b"Connection: upgrade", b"Upgrade: <h2>"), r.BAD_UPGRADE
    ),
    Case("an upgrade without a name", "9110 section 7.8", request(b"Upgrade: /13"), r.BAD_UPGRADE),
    Case(
        "an upgrade without a version after its slash",
        "9110 section 7.8",
        request(b"Upgrade: websocket/"),
        r.BAD_UPGRADE,
    ),
    Case("an upgrade with two versions", "9110 section 7.8", request(b"Upgrade: websocket/1/2"), r.BAD_UPGRADE),
    Case("another expectation", "9110 section 10.1.1", post(b"Expect: 200-ok"), r.EXPECTATION),
    Case("an expectation beside the known one", "9110 section 10.1.1", post(b"Expect: 100-continue, x"), r.EXPECTATION),
    Case("an empty expectation", "9110 section 10.1.1", post(b"Expect:"), r.EXPECTATION),
    Case("an expectation with a parameter", "9110 section 10.1.1", post(b"Expect: 100-continue;a=b"), r.EXPECTATION),
    Case("an expectation twice", "9110 section 10.1.1", post(*[b"Expect: 100-continue"] * 2), r.EXPECTATION),
]


@pytest.mark.parametrize("case", table(FIELDS))
def test_faulty_field_line_is_refused(case: Case) -> None:
    assert read_request(case.raw) == Refused(case.refusal.code, case.refusal.status)


@pytest.mark.parametrize("case", table(HOSTS))
def test_faulty_host_is_refused(case: Case) -> None:
    assert read_request(case.raw) == Refused(case.refusal.code, case.refusal.status)


@pytest.mark.parametrize("case", table(LENGTHS + CODINGS))
def test_faulty_framing_is_refused(case: Case) -> None:
    assert read_request(case.raw, closed=True) == Refused(case.refusal.code, case.refusal.status)


@pytest.mark.parametrize("case", table(CONNECTION))
def test_faulty_connection_field_is_refused(case: Case) -> None:
    assert read_request(case.raw) == Refused(case.refusal.code, case.refusal.status)
