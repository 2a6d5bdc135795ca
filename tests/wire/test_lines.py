"""Where a head ends: found in whatever pieces it comes, and refused as soon as it can no longer come."""

from __future__ import annotations

from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.wire import refusals as r
from gateway.wire.grammar import HeadLimits
from gateway.wire.lines import find_head_end, read_field, split_block, split_head, split_request_head
from gateway.wire.malformed import Malformed
from tests.wire.hygiene import Case, table

_LIMITS: Final = HeadLimits(max_head_bytes=200, max_target_bytes=60, max_method_bytes=10)
_HEAD: Final = b"GET /v1/x HTTP/1.1\r\nHost: city.example\r\n\r\n"

HOPELESS: Final = [
    Case("a bare LF after the first line", "9112 section 2.2", b"GET / HTTP/1.1\nHost:", r.BARE_LF),
    Case("two bare LFs for an end", "9112 section 2.2", b"GET / HTTP/1.1\r\nHost: a\n\n", r.BARE_LF),
    Case("LF at the very start", "9112 section 2.2", b"\nGET", r.NOT_HTTP),
    Case("a bare CR after the first line", "9112 section 2.2", b"GET / HTTP/1.1\rHost:", r.BARE_CR),
    Case("CR twice at a line's end", "9112 section 2.2", b"GET / HTTP/1.1\r\r\n", r.BARE_CR),
    Case("a TLS handshake", "9112 section 3", b"\x16\x03\x01\x02\x00\x01", r.NOT_HTTP),
    Case("an HTTP/2 frame", "9112 section 3", b"\x00\x00\x12\x04", r.NOT_HTTP),
    Case("a space at the start", "9112 section 2.2", b" GET", r.NOT_HTTP),
    Case("a space after an empty line", "9112 section 2.2", b"\r\n GET", r.NOT_HTTP),
    Case("a third CR at the start", "9112 section 2.2", b"\r\n\r", r.NOT_HTTP),
    Case("an endless first line", "9112 section 3", b"G" * 81, r.START_LINE_TOO_LONG),
    Case("endless fields", "9110 section 5.4", b"GET / HTTP/1.1\r\n" + b"A" * 185, r.HEAD_TOO_LARGE),
    Case(
        "an endless first line with its end", "9112 section 3", b"G" * 190 + b"\r\nHost: abcdef", r.START_LINE_TOO_LONG
    ),
    Case(
        "a whole head too large",
        "9110 section 5.4",
        b"GET / HTTP/1.1\r\nA: " + b"a" * 200 + b"\r\n\r\n",
        r.HEAD_TOO_LARGE,
    ),
    Case("a whole head with a first line too long", "9112 section 3", b"G" * 200 + b"\r\n\r\n", r.START_LINE_TOO_LONG),
    Case("the same after an empty line", "9112 section 3", b"\r\n" + b"G" * 200 + b"\r\n\r\n", r.START_LINE_TOO_LONG),
]


def find_end_byte_by_byte(raw: bytes) -> int:
    for length in range(1, len(raw) + 1):
        end = find_head_end(raw[:length], _LIMITS, length - 1)
        if end:
            return end
    return 0


@pytest.mark.parametrize("case", table(HOPELESS))
def test_what_cannot_become_a_head_is_refused_before_its_end(case: Case) -> None:
    with pytest.raises(Malformed) as refused:
        find_head_end(case.raw, _LIMITS)
    assert refused.value.refusal is case.refusal


@pytest.mark.parametrize("case", table(HOPELESS))
def test_the_refusal_does_not_depend_on_the_pieces(case: Case) -> None:
    with pytest.raises(Malformed) as refused:
        find_end_byte_by_byte(case.raw)
    assert refused.value.refusal is case.refusal


@pytest.mark.parametrize("start", [b"", b"\r", b"\r\n", b"G", b"GET / HTTP/1.1\r", b"GET / HTTP/1.1\r\nA: b\r\n\r"])
def test_a_head_under_way_is_waited_for(start: bytes) -> None:
    assert find_head_end(start, _LIMITS) == 0


@settings(deadline=None)
@given(st.lists(st.integers(0, len(_HEAD) + 4)))
def test_the_end_is_found_in_any_pieces(cuts: list[int]) -> None:
    raw = _HEAD + b"body"
    searched = 0
    for cut in [*sorted(cuts), len(raw)]:
        end = find_head_end(raw[:cut], _LIMITS, searched)
        assert end == (len(_HEAD) if cut >= len(_HEAD) else 0)
        if end:
            break
        searched = cut


def test_one_empty_line_before_a_request_is_skipped() -> None:
    assert split_request_head(b"\r\n" + _HEAD, len(_HEAD) + 2) == (b"GET /v1/x HTTP/1.1", b"Host: city.example\r\n\r\n")


def test_no_empty_line_is_skipped_before_an_answer() -> None:
    assert split_head(b"\r\n" + _HEAD, len(_HEAD) + 2)[0] == b""


def test_a_head_without_fields_has_a_block_of_one_empty_line() -> None:
    assert split_request_head(b"GET / HTTP/1.0\r\n\r\n", 18) == (b"GET / HTTP/1.0", b"\r\n")
    assert split_block(b"\r\n", 0) == []


def test_a_field_keeps_its_value_and_loses_the_white_space_around() -> None:
    assert read_field(b"X-A: \t a\tb  c \t") == (b"x-a", b"a\tb  c")
    assert read_field(b"x-B:") == (b"x-b", b"")
    assert read_field(b"X_C.d:\xe9") == (b"x_c.d", b"\xe9")


@pytest.mark.parametrize("block", [b"", b"A: b", b"A: b\r\n", b"\r\n\r\n", b"A: b\r\n\r\nC: d\r\n\r\n", b"\n"])
def test_a_block_without_exactly_one_empty_line_is_refused(block: bytes) -> None:
    with pytest.raises(Malformed) as refused:
        [read_field(line) for line in split_block(block, 10)]
    assert refused.value.refusal is r.HEAD_BOUNDARY


def test_lines_are_counted() -> None:
    assert split_block(b"A: b\r\nC: d\r\n\r\n", 2) == [b"A: b", b"C: d"]
    with pytest.raises(Malformed):
        split_block(b"A: b\r\nC: d\r\n\r\n", 1)
