"""Request lines with one fault each are refused, whatever a lenient reader would make of them."""

from __future__ import annotations

from typing import Final

import pytest

from gateway.wire import refusals as r
from tests.wire.hygiene import Case, request, table
from tests.wire.reading import Refused, read_request


def line(first: bytes) -> bytes:
    return request(first=first)


def path(raw: bytes) -> bytes:
    return request(first=b"GET " + raw + b" HTTP/1.1")


LINES: Final = [
    Case("two spaces before the target", "9112 section 3", line(b"GET  /v1/x HTTP/1.1"), r.REQUEST_LINE),
    Case("two spaces before the version", "9112 section 3", line(b"GET /v1/x  HTTP/1.1"), r.REQUEST_LINE),
    Case("a tab for the first space", "9112 section 3", line(b"GET\t/v1/x HTTP/1.1"), r.REQUEST_LINE),
    Case("a tab for the second space", "9112 section 3", line(b"GET /v1/x\tHTTP/1.1"), r.REQUEST_LINE),
    Case("a space after the version", "9112 section 3", line(b"GET /v1/x HTTP/1.1 "), r.REQUEST_LINE),
    Case("a space before the method", "9112 section 2.2", line(b" GET /v1/x HTTP/1.1"), r.REQUEST_LINE),
    Case("a space within the target", "9112 section 3.2", line(b"GET /v1/a b HTTP/1.1"), r.REQUEST_LINE),
    Case("no version, as in HTTP/0.9", "9112 section 3", line(b"GET /v1/x"), r.REQUEST_LINE),
    Case("no target", "9112 section 3", line(b"GET HTTP/1.1"), r.REQUEST_LINE),
    Case("a method alone", "9112 section 3", line(b"GET"), r.REQUEST_LINE),
    Case("a second empty line before it", "9112 section 2.2", b"\r\n\r\n" + line(b"GET / HTTP/1.1"), r.REQUEST_LINE),
    Case("an empty method", "9110 section 9.1", b"\r\n" + line(b" /v1/x HTTP/1.1"), r.BAD_METHOD),
    Case("a colon in the method", "9110 section 9.1", line(b"GET: /v1/x HTTP/1.1"), r.BAD_METHOD),
    Case("a NUL in the method", "9110 section 9.1", line(b"GE\0T /v1/x HTTP/1.1"), r.BAD_METHOD),
    Case("a slash in the method", "9110 section 9.1", line(b"GET/x /v1/x HTTP/1.1"), r.BAD_METHOD),
    Case("a non-ASCII method", "9110 section 9.1", line(b"GET\xc3\x89 /v1/x HTTP/1.1"), r.BAD_METHOD),
    Case("a vertical tab after the method", "9112 section 3", line(b"GET\x0b /v1/x HTTP/1.1"), r.BAD_METHOD),
    Case("a method of 33 letters", "9112 section 3", line(b"M" * 33 + b" / HTTP/1.1"), r.METHOD_TOO_LONG),
    Case("CONNECT", "9110 section 9.3.6", line(b"CONNECT city.example:443 HTTP/1.1"), r.CONNECT),
    Case("CONNECT with a path", "9110 section 9.3.6", line(b"CONNECT /v1/x HTTP/1.1"), r.CONNECT),
    Case("HTTP/2.0 in the request line", "9110 section 15.6.6", line(b"GET / HTTP/2.0"), r.OTHER_VERSION),
    Case("the preface of HTTP/2", "RFC 9113 section 3.4", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", r.OTHER_VERSION),
    Case("HTTP/0.9 spelled out", "9110 section 15.6.6", line(b"GET / HTTP/0.9"), r.OTHER_VERSION),
    Case("HTTP/1.2", "9110 section 2.5", line(b"GET / HTTP/1.2"), r.OTHER_VERSION),
    Case("a version of two digits", "9112 section 2.3", line(b"GET / HTTP/1.10"), r.BAD_VERSION),
    Case("a version without minor", "9112 section 2.3", line(b"GET / HTTP/1"), r.BAD_VERSION),
    Case("http in small letters", "9112 section 2.3", line(b"GET / http/1.1"), r.BAD_VERSION),
    Case("another protocol's name", "9112 section 2.3", line(b"GET / ICAP/1.0"), r.BAD_VERSION),
    Case("a comma in the version", "9112 section 2.3", line(b"GET / HTTP/1,1"), r.BAD_VERSION),
    Case("a NUL after the version", "9112 section 2.3", line(b"GET / HTTP/1.1\0"), r.BAD_VERSION),
    Case("Arabic digits in the version", "9112 section 2.3", line("GET / HTTP/1.١".encode()), r.BAD_VERSION),
    Case("a bare CR after the version", "9112 section 2.2", line(b"GET / HTTP/1.1\r"), r.BAD_VERSION),
    Case("a bare CR within the line", "9112 section 2.2", line(b"GET /v1/x\rHTTP/1.1"), r.REQUEST_LINE),
    Case("a bare LF at its end", "9112 section 2.2", b"GET / HTTP/1.1\nHost: a\r\n\r\n", r.REQUEST_LINE),
    Case("a target beyond the limit", "9112 section 3", path(b"/" + b"a" * 8_000), r.TARGET_TOO_LONG),
    Case("a line of many parts beyond the limit", "9112 section 3", path(b"/ " * 4_100), r.START_LINE_TOO_LONG),
]

TARGETS: Final = [
    Case("no slash before the path", "9112 section 3.2.1", path(b"v1/x"), r.TARGET_FORM),
    Case("authority-form without CONNECT", "9112 section 3.2.3", path(b"city.example:80"), r.TARGET_FORM),
    Case("an asterisk without OPTIONS", "9112 section 3.2.4", path(b"*"), r.TARGET_FORM),
    Case("an asterisk before a path", "9112 section 3.2.4", line(b"OPTIONS */v1 HTTP/1.1"), r.TARGET_FORM),
    Case("a query alone", "9112 section 3.2.1", path(b"?a=1"), r.TARGET_FORM),
    Case("a backslash for the slash", "9112 section 3.2.1", path(b"\\v1\\x"), r.TARGET_FORM),
    Case("a scheme that is not http", "9110 section 4.2", path(b"ftp://city.example/"), r.BAD_SCHEME),
    Case("a scheme without slashes", "9112 section 3.2.2", path(b"http:city.example"), r.TARGET_FORM),
    Case("a user before the host", "9110 section 4.2.4", path(b"http://a@city.example/"), r.USERINFO),
    Case("absolute-form without a host", "9110 section 4.2.1", path(b"http:///v1/x"), r.BAD_HOST),
    Case("absolute-form with a bad port", "9110 section 4.2.1", path(b"http://city.example:x/"), r.BAD_HOST),
    Case("another host in the target", "9112 section 3.2.2", path(b"http://evil.example/"), r.HOST_MISMATCH),
    Case("another port in the target", "9112 section 3.2.2", path(b"http://city.example:81/"), r.HOST_MISMATCH),
    Case("dots in an absolute target", "RFC 3986 section 6.2.2.3", path(b"http://city.example/a/../b"), r.BAD_PATH),
    Case("a dot segment", "RFC 3986 section 6.2.2.3", path(b"/v1/./x"), r.BAD_PATH),
    Case("two dots in the middle", "RFC 3986 section 6.2.2.3", path(b"/v1/../x"), r.BAD_PATH),
    Case("two dots at the end", "RFC 3986 section 6.2.2.3", path(b"/v1/.."), r.BAD_PATH),
    Case("encoded dots", "RFC 3986 section 6.2.2.3", path(b"/v1/%2e%2E/x"), r.BAD_PATH),
    Case("half-encoded dots", "RFC 3986 section 6.2.2.3", path(b"/v1/.%2e/x"), r.BAD_PATH),
    Case("dots before a parameter", "RFC 3986 section 3.3", path(b"/v1/..;a=1/x"), r.BAD_PATH),
    Case("two slashes within", "RFC 3986 section 3.3", path(b"/v1//x"), r.BAD_PATH),
    Case("two slashes in front", "RFC 3986 section 4.2", path(b"//evil.example/x"), r.BAD_PATH),
    Case("an encoded slash", "RFC 3986 section 7.3", path(b"/v1%2fx"), r.BAD_PATH),
    Case("an encoded backslash", "RFC 3986 section 7.3", path(b"/v1%5Cx"), r.BAD_PATH),
    Case("a plain backslash", "RFC 3986 section 2", path(b"/v1\\x"), r.BAD_PATH),
    Case("an encoded NUL", "RFC 3986 section 7.3", path(b"/v1/x%00.jpg"), r.BAD_PATH),
    Case("an encoded line end", "RFC 3986 section 7.3", path(b"/v1/x%0d%0aSet-Cookie:a"), r.BAD_PATH),
    Case("an encoded DEL", "RFC 3986 section 7.3", path(b"/v1/x%7f"), r.BAD_PATH),
    Case("a percent sign at the end", "RFC 3986 section 2.1", path(b"/v1/100%"), r.BAD_PATH),
    Case("an escape of other letters", "RFC 3986 section 2.1", path(b"/v1/%zz"), r.BAD_PATH),
    Case("an escape cut short by a slash", "RFC 3986 section 2.1", path(b"/v1/%2/x"), r.BAD_PATH),
    Case("an escape with a sign", "RFC 3986 section 2.1", path(b"/v1/%+1"), r.BAD_PATH),
    Case("the escape of IIS", "RFC 3986 section 2.1", path(b"/v1/%u002e"), r.BAD_PATH),
    Case("an overlong slash", "RFC 3629 section 3", path(b"/v1/%c0%afx"), r.BAD_PATH),
    Case("half a surrogate pair", "RFC 3629 section 3", path(b"/v1/%ed%a0%80"), r.BAD_PATH),
    Case("a lone continuation octet", "RFC 3629 section 3", path(b"/v1/%80"), r.BAD_PATH),
    Case("dots encoded twice", "RFC 3986 section 2.4", path(b"/v1/%252e%252e/x"), r.BAD_PATH),
    Case("a slash encoded twice", "RFC 3986 section 2.4", path(b"/v1%252fx"), r.BAD_PATH),
    Case("raw UTF-8", "RFC 3986 section 2", path("/v1/é".encode()), r.BAD_PATH),
    Case("a raw NUL", "RFC 3986 section 2", path(b"/v1/\0"), r.BAD_PATH),
    Case("a raw escape character", "RFC 3986 section 2", path(b"/v1/\x1b[2J"), r.BAD_PATH),
    Case("a fragment", "9112 section 3.2", path(b"/v1/x#top"), r.BAD_PATH),
    Case("angle brackets", "RFC 3986 section 2", path(b"/v1/<script>"), r.BAD_PATH),
    Case("a raw DEL in a query", "RFC 3986 section 3.4", path(b"/v1/x?a=\x7f"), r.BAD_QUERY),
    Case("raw UTF-8 in a query", "RFC 3986 section 3.4", path("/v1/x?a=é".encode()), r.BAD_QUERY),
    Case("a fragment after a query", "RFC 3986 section 3.5", path(b"/v1/x?a=1#top"), r.BAD_QUERY),
    Case("a tab in a query", "RFC 3986 section 3.4", path(b"/v1/x?a=\t1"), r.BAD_QUERY),
    Case("a fragment after an absolute target", "9112 section 3.2.2", path(b"http://city.example#a"), r.BAD_PATH),
]


@pytest.mark.parametrize("case", table(LINES))
def test_faulty_request_line_is_refused(case: Case) -> None:
    assert read_request(case.raw) == Refused(case.refusal.code, case.refusal.status)


@pytest.mark.parametrize("case", table(TARGETS))
def test_faulty_target_is_refused(case: Case) -> None:
    assert read_request(case.raw) == Refused(case.refusal.code, case.refusal.status)
