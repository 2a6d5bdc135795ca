"""What well-formed answers come to."""

from __future__ import annotations

from typing import Final

import pytest

from gateway.fields import Fields
from gateway.wire.framing import CHUNKED, NO_BODY, UNTIL_CLOSE, BodyKind, Framing
from gateway.wire.grammar import HeadLimits
from gateway.wire.response import ResponseHead, parse_response_head, parse_status_line

_LIMITS: Final = HeadLimits()
_SIX: Final = Framing(BodyKind.LENGTH, 6)


def read(*lines: bytes, first: bytes = b"HTTP/1.1 200 OK", method: bytes = b"GET") -> tuple[ResponseHead, Fields]:
    block = b"\r\n".join([*lines, b"", b""]) if lines else b"\r\n"
    return parse_response_head(block, parse_status_line(first), method, _LIMITS)


def head(*lines: bytes, first: bytes = b"HTTP/1.1 200 OK", method: bytes = b"GET") -> ResponseHead:
    return read(*lines, first=first, method=method)[0]


@pytest.mark.parametrize(
    ("text", "version", "status", "reason"),
    [
        (b"HTTP/1.1 200 OK", 11, 200, b"OK"),
        (b"HTTP/1.1 200 ", 11, 200, b""),
        (b"HTTP/1.0 404 Tidak  ada", 10, 404, b"Tidak  ada"),
        (b"HTTP/1.1 599 \xe9\t", 11, 599, b"\xe9\t"),
        (b"HTTP/1.1 100 Continue", 11, 100, b"Continue"),
    ],
)
def test_version_status_and_reason_are_told_apart(text: bytes, version: int, status: int, reason: bytes) -> None:
    line = parse_status_line(text)
    assert (line.version, line.status, line.reason) == (version, status, reason)


def test_interim_answers_are_those_another_one_follows() -> None:
    assert [
        status for status in (100, 101, 103, 199, 200) if parse_status_line(b"HTTP/1.1 %d " % status).is_interim
    ] == [
        100,
        103,
        199,
    ]


@pytest.mark.parametrize(
    ("lines", "status", "method", "framing"),
    [
        ([b"Content-Length: 6"], b"200", b"GET", _SIX),
        ([b"Transfer-Encoding: Chunked"], b"200", b"GET", CHUNKED),
        ([], b"200", b"GET", UNTIL_CLOSE),
        ([], b"500", b"POST", UNTIL_CLOSE),
        ([b"Content-Length: 6"], b"200", b"HEAD", NO_BODY),
        ([b"Transfer-Encoding: chunked"], b"200", b"HEAD", NO_BODY),
        ([], b"200", b"HEAD", NO_BODY),
        ([b"Content-Length: 6"], b"304", b"GET", NO_BODY),
        ([], b"304", b"GET", NO_BODY),
        ([], b"204", b"GET", NO_BODY),
        ([b"Content-Length: 0"], b"204", b"DELETE", NO_BODY),
        ([b"Link: </a>; rel=preload"], b"103", b"GET", NO_BODY),
    ],
)
def test_framing_follows_method_status_and_fields(
    lines: list[bytes], status: bytes, method: bytes, framing: Framing
) -> None:
    assert head(*lines, first=b"HTTP/1.1 " + status + b" ", method=method).framing == framing


@pytest.mark.parametrize(
    ("lines", "http_11", "http_10"),
    [
        ([b"Content-Length: 6"], True, False),
        ([b"Content-Length: 6", b"Connection: close"], False, False),
        ([b"Content-Length: 6", b"Connection: keep-alive"], True, True),
        ([b"Content-Length: 6", b"Connection: keep-alive, close"], False, False),
        ([b"Connection: keep-alive"], False, False),
    ],
)
def test_a_connection_is_used_again_only_if_both_sides_know_where_the_answer_ends(
    lines: list[bytes], http_11: bool, http_10: bool
) -> None:
    assert head(*lines).persistent is http_11
    assert head(*lines, first=b"HTTP/1.0 200 OK").persistent is http_10


def test_switching_protocols_names_what_comes_next() -> None:
    switched = head(b"Connection: Upgrade", b"Upgrade: WebSocket", first=b"HTTP/1.1 101 Switching Protocols")
    assert switched.upgrade == (b"websocket",)
    assert switched.framing == NO_BODY


def test_the_length_a_get_would_have_had_is_told_with_head_and_304() -> None:
    assert head(b"Content-Length: 6", method=b"HEAD").stated_framing == _SIX
    assert head(b"Content-Length: 6", first=b"HTTP/1.1 304 Not Modified").stated_framing == _SIX
    assert head(method=b"HEAD").stated_framing is None


def test_nominated_fields_are_named_and_all_fields_kept() -> None:
    told, fields = read(b"Connection: x-a", b"X-A: 1", b"Set-Cookie: a=b")
    assert told.options.nominated == {b"x-a"}
    assert fields == ((b"connection", b"x-a"), (b"x-a", b"1"), (b"set-cookie", b"a=b"))
