"""Chunked bodies with one fault each are refused; nothing of the fault is repaired."""

from __future__ import annotations

from typing import Final

import pytest

from gateway.wire import refusals as r
from tests.wire.hygiene import Case, chunked, table
from tests.wire.reading import Refused, read_request

_END: Final = b"0\r\n\r\n"


def sized(line: bytes) -> bytes:
    """A body of one chunk, `a`, whose size line is this."""
    return chunked(line + b"\r\na\r\n" + _END)


def trailed(*lines: bytes) -> bytes:
    return chunked(b"\r\n".join([b"1\r\na\r\n0", *lines, b"", b""]))


SIZES: Final = [
    Case("no size", "9112 section 7.1", sized(b""), r.BAD_CHUNK_SIZE),
    Case("a size in quotes", "9112 section 7.1", sized(b'"1"'), r.BAD_CHUNK_SIZE),
    Case("a size with 0x", "9112 section 7.1", sized(b"0x1"), r.BAD_CHUNK_SIZE),
    Case("a size with a plus", "9112 section 7.1", sized(b"+1"), r.BAD_CHUNK_SIZE),
    Case("a negative size", "9112 section 7.1", sized(b"-1"), r.BAD_CHUNK_SIZE),
    Case("a size with an underscore", "9112 section 7.1", sized(b"0_1"), r.BAD_CHUNK_SIZE),
    Case("a size after a space", "9112 section 7.1", sized(b" 1"), r.BAD_CHUNK_SIZE),
    Case("a size before a space", "9112 section 7.1", sized(b"1 "), r.BAD_CHUNK_SIZE),
    Case("a size before a tab", "9112 section 7.1", sized(b"1\t"), r.BAD_CHUNK_SIZE),
    Case("two sizes", "9112 section 7.1", sized(b"1 1"), r.BAD_CHUNK_SIZE),
    Case("a size of other letters", "9112 section 7.1", sized(b"g"), r.BAD_CHUNK_SIZE),
    Case("a size in Arabic digits", "9112 section 7.1", sized("١".encode()), r.BAD_CHUNK_SIZE),
    Case("a size in full-width digits", "9112 section 7.1", sized("１".encode()), r.BAD_CHUNK_SIZE),
    Case("a size with a point", "9112 section 7.1", sized(b"1.0"), r.BAD_CHUNK_SIZE),
    Case("a size with a comma", "9112 section 7.1", sized(b"1,1"), r.BAD_CHUNK_SIZE),
    Case("a NUL after the size", "9112 section 7.1", sized(b"1\0"), r.BAD_CHUNK_SIZE),
    Case("a bare CR after the size", "9112 section 2.2", sized(b"1\r"), r.BAD_CHUNK_SIZE),
    Case("a vertical tab after the size", "9112 section 7.1", sized(b"1\x0b"), r.BAD_CHUNK_SIZE),
    Case("a size that wraps in 64 bits", "9112 section 7.1", sized(b"10000000000000001"), r.CHUNK_OVERFLOW),
    Case("a size padded with zeros", "9112 section 7.1", sized(b"0000000000001"), r.CHUNK_OVERFLOW),
    Case("LF alone after the size", "9112 section 2.2", chunked(b"1\na\r\n" + _END), r.BARE_LF),
    Case("LF alone after the last size", "9112 section 2.2", chunked(b"1\r\na\r\n0\n\r\n"), r.BARE_LF),
    Case("a size beyond the limit", "9110 section 15.5.14", sized(b"100001"), r.BODY_TOO_LARGE),
    Case(
        "sizes that add up beyond the limit", "9110 section 15.5.14", chunked(b"1\r\na\r\n100000\r\n"), r.BODY_TOO_LARGE
    ),
]

ENDS: Final = [
    Case("no CRLF after the bytes", "9112 section 7.1", chunked(b"1\r\na" + _END), r.CHUNK_END),
    Case("LF alone after the bytes", "9112 section 7.1", chunked(b"1\r\na\n" + _END), r.CHUNK_END),
    Case("CR alone after the bytes", "9112 section 7.1", chunked(b"1\r\na\r" + _END), r.CHUNK_END),
    Case("more bytes than the size", "9112 section 7.1", chunked(b"1\r\nab\r\n" + _END), r.CHUNK_END),
    Case("fewer bytes than the size", "9112 section 7.1", chunked(b"3\r\nab\r\n" + _END), r.CHUNK_END),
    Case("a space after the bytes", "9112 section 7.1", chunked(b"1\r\na \r\n" + _END), r.CHUNK_END),
    Case("an empty line too many", "9112 section 7.1", chunked(b"1\r\na\r\n\r\n" + _END), r.BAD_CHUNK_SIZE),
    Case("an end without the last chunk", "9112 section 8", chunked(b"1\r\na\r\n"), r.TRUNCATED),
    Case("an end within the last chunk", "9112 section 8", chunked(b"1\r\na\r\n0\r\n"), r.TRUNCATED),
    Case("an end within a size", "9112 section 8", chunked(b"1"), r.TRUNCATED),
]

EXTENSIONS: Final = [
    Case("a semicolon alone", "9112 section 7.1.1", sized(b"1;"), r.BAD_CHUNK_EXTENSION),
    Case("two semicolons", "9112 section 7.1.1", sized(b"1;;a"), r.BAD_CHUNK_EXTENSION),
    Case("a value without a name", "9112 section 7.1.1", sized(b"1;=a"), r.BAD_CHUNK_EXTENSION),
    Case("a name without its value", "9112 section 7.1.1", sized(b"1;a="), r.BAD_CHUNK_EXTENSION),
    Case("an open quote", "9112 section 7.1.1", sized(b'1;a="b'), r.BAD_CHUNK_EXTENSION),
    Case("a quote within a value", "9112 section 7.1.1", sized(b'1;a=b"c'), r.BAD_CHUNK_EXTENSION),
    Case("a space after an extension", "9112 section 7.1.1", sized(b"1;a "), r.BAD_CHUNK_EXTENSION),
    Case("a NUL in an extension", "9112 section 7.1.1", sized(b"1;a\0"), r.BAD_CHUNK_EXTENSION),
    Case("a bare CR in an extension", "9112 section 2.2", sized(b"1;a\rb"), r.BAD_CHUNK_EXTENSION),
    Case("a bare LF after an extension", "9112 section 2.2", chunked(b"1;a\na\r\n" + _END), r.BARE_LF),
    Case("an extension of other letters", "9112 section 7.1.1", sized("1;é".encode()), r.BAD_CHUNK_EXTENSION),
    Case("a long extension", "9112 section 7.1.1", sized(b"1;" + b"a" * 300), r.CHUNK_LINE_TOO_LONG),
    Case(
        "many extensions",
        "9112 section 7.1.1",
        chunked(b"".join([b"1;" + b"a" * 200 + b"\r\na\r\n"] * 21) + _END),
        r.EXTENSIONS_TOO_LARGE,
    ),
]

TRAILERS: Final = [
    Case("a space before the colon", "9112 section 5.1", trailed(b"X-A : 1"), r.SPACE_BEFORE_COLON),
    Case("a folded trailer", "9112 section 5.2", trailed(b"X-A: 1", b" 2"), r.FOLDED_LINE),
    Case("a trailer without a colon", "9112 section 7.1.2", trailed(b"GET / HTTP/1.1"), r.NO_COLON),
    Case("a trailer without a name", "9110 section 5.1", trailed(b": 1"), r.EMPTY_NAME),
    Case("a NUL in a trailer", "9110 section 5.5", trailed(b"X-A: \0"), r.NUL_BYTE),
    Case("a bare CR in a trailer", "9112 section 2.2", trailed(b"X-A: 1\rX-B: 2"), r.BARE_CR),
    Case("a bare LF after a trailer", "9112 section 2.2", chunked(b"0\r\nX-A: 1\n\r\n"), r.BARE_LF),
    Case("a bare LF at the end", "9112 section 2.2", chunked(b"0\r\n\n"), r.BARE_LF),
    Case("a length in the trailers", "9110 section 6.5.1", trailed(b"Content-Length: 1"), r.FORBIDDEN_TRAILER),
    Case("a coding in the trailers", "9110 section 6.5.1", trailed(b"Transfer-Encoding: chunked"), r.FORBIDDEN_TRAILER),
    Case("a Host in the trailers", "9110 section 6.5.1", trailed(b"host: evil.example"), r.FORBIDDEN_TRAILER),
    Case(
        "a connection option in the trailers", "9110 section 6.5.1", trailed(b"Connection: close"), r.FORBIDDEN_TRAILER
    ),
    Case("too many trailers", "9112 section 7.1.2", trailed(*[b"X: 1"] * 33), r.TOO_MANY_TRAILERS),
    Case("a trailer too large", "9112 section 7.1.2", trailed(b"X-A: " + b"a" * 5_000), r.TRAILERS_TOO_LARGE),
    Case(
        "trailers too large in all", "9112 section 7.1.2", trailed(*[b"X: " + b"a" * 1_000] * 5), r.TRAILERS_TOO_LARGE
    ),
    Case("trailers without an end", "9112 section 8", chunked(b"0\r\nX-A: 1\r\n"), r.TRUNCATED),
]


@pytest.mark.parametrize("case", table(SIZES))
def test_faulty_chunk_size_is_refused(case: Case) -> None:
    assert read_request(case.raw) == Refused(case.refusal.code, case.refusal.status)


@pytest.mark.parametrize("case", table(ENDS))
def test_faulty_chunk_end_is_refused(case: Case) -> None:
    assert read_request(case.raw, closed=True) == Refused(case.refusal.code, case.refusal.status)


@pytest.mark.parametrize("case", table(EXTENSIONS))
def test_faulty_chunk_extension_is_refused(case: Case) -> None:
    assert read_request(case.raw) == Refused(case.refusal.code, case.refusal.status)


@pytest.mark.parametrize("case", table(TRAILERS))
def test_faulty_trailer_is_refused(case: Case) -> None:
    assert read_request(case.raw, closed=True) == Refused(case.refusal.code, case.refusal.status)
