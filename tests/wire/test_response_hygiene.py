"""Agencies' answers with one fault each are refused as strictly as requests."""

from __future__ import annotations

from typing import Final

import pytest

from gateway.wire import refusals as r
from tests.wire.hygiene import Case, answer, table
from tests.wire.reading import Refused, read_answer

_CHUNKS: Final = b"1\r\na\r\n0\r\n\r\n"


def line(first: bytes) -> bytes:
    return answer(first=first)


STATUS_LINES: Final = [
    Case("no space after the status", "9112 section 4", line(b"HTTP/1.1 200"), r.STATUS_LINE),
    Case("two spaces after the version", "9112 section 4", line(b"HTTP/1.1  200 OK"), r.STATUS_LINE),
    Case("a tab after the version", "9112 section 4", line(b"HTTP/1.1\t200 OK"), r.STATUS_LINE),
    Case("a space before the version", "9112 section 4", line(b" HTTP/1.1 200 OK"), r.STATUS_LINE),
    Case("an empty line before it", "9112 section 2.2", b"\r\n" + line(b"HTTP/1.1 200 OK"), r.STATUS_LINE),
    Case("a status of two digits", "9112 section 4", line(b"HTTP/1.1 20 OK"), r.STATUS_LINE),
    Case("a status of four digits", "9112 section 4", line(b"HTTP/1.1 2000 OK"), r.STATUS_LINE),
    Case("a status with a sign", "9112 section 4", line(b"HTTP/1.1 +20 OK"), r.STATUS_LINE),
    Case("a status in Arabic digits", "9112 section 4", line("HTTP/1.1 ٢٠٠ OK".encode()), r.STATUS_LINE),
    Case("http in small letters", "9112 section 2.3", line(b"http/1.1 200 OK"), r.STATUS_LINE),
    Case("another protocol's name", "9112 section 2.3", line(b"ICY 200 OK"), r.STATUS_LINE),
    Case("a version of two digits", "9112 section 2.3", line(b"HTTP/1.10 200 OK"), r.STATUS_LINE),
    Case("a control byte in the reason", "9112 section 4", line(b"HTTP/1.1 200 O\x08K"), r.STATUS_LINE),
    Case("a NUL in the reason", "9112 section 4", line(b"HTTP/1.1 200 O\0K"), r.STATUS_LINE),
    Case("a bare CR in the reason", "9112 section 2.2", line(b"HTTP/1.1 200 OK\rX-A: 1"), r.STATUS_LINE),
    Case("a bare LF after the reason", "9112 section 2.2", b"HTTP/1.1 200 OK\nA: b\r\n\r\n", r.STATUS_LINE),
    Case("a request for an answer", "9112 section 4", line(b"GET / HTTP/1.1"), r.STATUS_LINE),
    Case("HTTP/2.0", "9110 section 2.5", line(b"HTTP/2.0 200 OK"), r.OTHER_VERSION),
    Case("HTTP/1.2", "9110 section 2.5", line(b"HTTP/1.2 200 OK"), r.OTHER_VERSION),
    Case("HTTP/0.9", "9110 section 2.5", line(b"HTTP/0.9 200 OK"), r.OTHER_VERSION),
    Case("a status below 100", "9110 section 15", line(b"HTTP/1.1 099 Low"), r.BAD_STATUS),
    Case("a status above 599", "9110 section 15", line(b"HTTP/1.1 600 High"), r.BAD_STATUS),
    Case("markup for an answer", "9112 section 4", b"<html>\r\n\r\n", r.STATUS_LINE),
]

HEADS: Final = [
    Case("a space before the colon", "9112 section 5.1", answer(b"X-A : 1"), r.SPACE_BEFORE_COLON),
    Case("a folded line", "9112 section 5.2", answer(b"X-A: 1", b" 2"), r.FOLDED_LINE),
    Case("a line without a colon", "9112 section 5", answer(b"X-A"), r.NO_COLON),
    Case("no name", "9110 section 5.1", answer(b": 1"), r.EMPTY_NAME),
    Case("a name that is no token", "9110 section 5.1", answer(b"X A: 1"), r.BAD_NAME),
    Case("a NUL in a value", "9110 section 5.5", answer(b"Set-Cookie: a=\0"), r.NUL_BYTE),
    Case("an escape character in a value", "9110 section 5.5", answer(b"X-A: \x1b[2J"), r.CONTROL_BYTE),
    Case("a bare CR in a value", "9112 section 2.2", answer(b"Location: /a\rSet-Cookie: b"), r.BARE_CR),
    Case("a bare LF in a value", "9112 section 2.2", answer(b"Location: /a\nSet-Cookie: b"), r.BARE_LF),
    Case("too many fields", "9110 section 5.4", answer(*[b"X-A: 1"] * 101), r.TOO_MANY_FIELDS),
    Case("too many bytes", "9110 section 5.4", answer(b"X-A: " + b"a" * 16_384), r.HEAD_TOO_LARGE),
    Case("an option that is no token", "9110 section 7.6.1", answer(b"Connection: @"), r.BAD_OPTION),
    Case("an upgrade that is no protocol", "9110 section 7.8", answer(b"Upgrade: @"), r.BAD_UPGRADE),
]

FRAMING: Final = [
    Case("two lengths", "9112 section 6.3", answer(b"Content-Length: 1", b"Content-Length: 2"), r.SEVERAL_LENGTHS),
    Case("the same length twice", "9112 section 6.3", answer(*[b"Content-Length: 0"] * 2), r.SEVERAL_LENGTHS),
    Case("a list of equal lengths", "9112 section 6.3", answer(b"Content-Length: 1,1", body=b"a"), r.BAD_LENGTH),
    Case("a length with a plus", "9110 section 8.6", answer(b"Content-Length: +1", body=b"a"), r.BAD_LENGTH),
    Case("an empty length", "9110 section 8.6", answer(b"Content-Length: "), r.BAD_LENGTH),
    Case("a length that wraps", "9110 section 8.6", answer(b"Content-Length: 4294967296000000001"), r.LENGTH_OVERFLOW),
    Case(
        "a bad length although HEAD has no body",
        "9110 section 8.6",
        answer(b"Content-Length: a"),
        r.BAD_LENGTH,
        method=b"HEAD",
    ),
    Case(
        "a length beside a coding",
        "9112 section 6.1",
        answer(b"Content-Length: 1", b"Transfer-Encoding: chunked", body=_CHUNKS),
        r.LENGTH_AND_CODING,
    ),
    Case("a coding besides chunked", "9112 section 6.1", answer(b"Transfer-Encoding: gzip, chunked"), r.UNKNOWN_CODING),
    Case("a coding until close", "9112 section 6.3", answer(b"Transfer-Encoding: gzip"), r.BAD_CODING),
    Case("chunked twice", "9112 section 6.1", answer(*[b"Transfer-Encoding: chunked"] * 2), r.SEVERAL_CODINGS),
    Case(
        "a coding in HTTP/1.0",
        "9112 section 6.1",
        answer(b"Transfer-Encoding: chunked", first=b"HTTP/1.0 200 OK", body=_CHUNKS),
        r.CODING_IN_HTTP_10,
    ),
    Case(
        "a body on 204",
        "9110 section 8.6",
        answer(b"Content-Length: 1", first=b"HTTP/1.1 204 No Content", body=b"a"),
        r.BODY_WHERE_NONE_MAY_BE,
    ),
    Case(
        "a coding on 204",
        "9112 section 6.1",
        answer(b"Transfer-Encoding: chunked", first=b"HTTP/1.1 204 No Content", body=_CHUNKS),
        r.BODY_WHERE_NONE_MAY_BE,
    ),
    Case(
        "a body on an interim answer",
        "9110 section 8.6",
        answer(b"Content-Length: 1", first=b"HTTP/1.1 103 Early Hints", body=b"a"),
        r.BODY_WHERE_NONE_MAY_BE,
    ),
    Case(
        "a coding on 101",
        "9112 section 6.1",
        answer(b"Transfer-Encoding: chunked", first=b"HTTP/1.1 101 Switching Protocols"),
        r.BODY_WHERE_NONE_MAY_BE,
    ),
    Case(
        "101 without Upgrade",
        "9110 section 15.2.2",
        answer(b"Connection: upgrade", first=b"HTTP/1.1 101 Switching Protocols"),
        r.SWITCH_TO_NOTHING,
    ),
    Case(
        "101 without the connection option",
        "9110 section 7.8",
        answer(b"Upgrade: websocket", first=b"HTTP/1.1 101 Switching Protocols"),
        r.SWITCH_TO_NOTHING,
    ),
    Case("an answer cut short", "9112 section 8", answer(b"Content-Length: 5", body=b"abc"), r.TRUNCATED),
    Case(
        "a chunked answer without its end",
        "9112 section 8",
        answer(b"Transfer-Encoding: chunked", body=b"1\r\na\r\n"),
        r.TRUNCATED,
    ),
    Case("an answer until close beyond the limit", "9112 section 6.3", answer(body=b"a" * 1_048_577), r.BODY_TOO_LARGE),
]


@pytest.mark.parametrize("case", table(STATUS_LINES))
def test_faulty_status_line_is_refused(case: Case) -> None:
    assert read_answer(case.raw) == Refused(case.refusal.code, case.refusal.status)


@pytest.mark.parametrize("case", table(HEADS))
def test_faulty_answer_field_is_refused(case: Case) -> None:
    assert read_answer(case.raw) == Refused(case.refusal.code, case.refusal.status)


@pytest.mark.parametrize("case", table(FRAMING))
def test_faulty_answer_framing_is_refused(case: Case) -> None:
    assert read_answer(case.raw, case.method, closed=True) == Refused(case.refusal.code, case.refusal.status)
