"""Hypothesis strategies for messages that are right in most places and bent in a few."""

from __future__ import annotations

from typing import Final

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

Bytes = SearchStrategy[bytes]


def mostly(good: bytes, *bent: bytes, weight: int = 2) -> Bytes:
    """Draw `good`, `weight` times as often as all others together."""
    return st.sampled_from([good] * (len(bent) * weight) + list(bent))


def joined(*parts: Bytes) -> Bytes:
    return st.tuples(*parts).map(b"".join)


def repeated(part: Bytes, *, at_most: int) -> Bytes:
    return st.lists(part, max_size=at_most).map(b"".join)


LINE_END: Final = mostly(b"\r\n", b"\n", b"\r", b"\r\r\n", b"\r\n ", b"\0\r\n", weight=6)

NAMES: Final = st.sampled_from(
    b"X-A|x_b|Host|Content-Length|content-length|Transfer-Encoding|TRANSFER-ENCODING|Connection|Expect|Upgrade"
    b"|X A|| X|X\0|X\xff|Content-Length\t".split(b"|")
)
VALUES: Final = st.sampled_from(
    b"|a|5|1|5, 5|+5|0x5|1_0|05|99999999999999999999|chunked|Chunked|gzip, chunked|chunked, gzip|identity|,chunked"
    b"|close|keep-alive|upgrade|x-a, close|websocket|h2c|100-continue|a b|a\tb|a,b|\0|\x0b|\x7f|\xff|[::1]:80".split(
        b"|"
    )
)
COLON: Final = mostly(b": ", b":", b":\t", b" :", b"", b"\t: ", weight=3)
FIELDS: Final = repeated(joined(NAMES, COLON, VALUES, mostly(b"", b" ", b"\t", weight=4), LINE_END), at_most=4)

SIZES: Final = mostly(
    b"5",
    b"05",
    b"5;a=b",
    b'5;a="b;c"',
    b"5 ;a",
    b"5;",
    b"5 ",
    b" 5",
    b"0x5",
    b"-5",
    b"+5",
    b"5_0",
    b"4",
    b"6",
    b"F" * 16,
)
CHUNKS: Final = repeated(joined(SIZES, LINE_END, st.just(b"hello"), LINE_END), at_most=3)
LAST: Final = joined(mostly(b"0", b"00", b"0;x", b"0 ", b""), LINE_END)
TRAILERS: Final = mostly(b"", b"X: y\r\n", b"X : y\r\n", b"Content-Length: 5\r\n", b" folded\r\n", b"X: y\n")
BODIES: Final = st.sampled_from([b"", b"hello", b"hello world"]) | joined(CHUNKS, LAST, TRAILERS, LINE_END)

METHODS: Final = mostly(b"GET", b"POST", b"OPTIONS", b"HEAD", b"get", b"CONNECT", b"PRI", b"G\0T", b"", b"PURGE")
TARGETS: Final = mostly(
    *[
        b"/",
        b"*",
        b"/?q",
        b"/%41",
        b"//",
        b"/../",
        b"/%2e/",
        b"/%2f",
        b"/%zz",
        b"/\\",
        b"/a b",
        b"/\xff",
        b"/#a",
        b"/<>",
    ],
    *[b"/\x01", b"", b"http://a/", b"http://b/", b"http://a", b"HTTP://A/", b"ftp://a/", b"http://u@a/", b"a:80"],
    weight=1,
)
VERSIONS: Final = mostly(b"HTTP/1.1", b"HTTP/1.0", b"HTTP/1.2", b"HTTP/2.0", b"http/1.1", b"HTTP/1.1 ", b"HTTP/1.", b"")
SPACE: Final = mostly(b" ", b"  ", b"\t", b"", weight=6)
BEFORE: Final = mostly(b"", b"\r\n", b"\r\n\r\n", b"\n", b" ", weight=6)
STATUSES: Final = mostly(
    b"200",
    b"204",
    b"205",
    b"304",
    b"404",
    b"100",
    b"101",
    b"103",
    b"099",
    b"600",
    b"20",
    b"2000",
    b"+20",
    b"\xd9\xa2",
    weight=1,
)
REASONS: Final = mostly(b" OK", b" ", b"", b"  OK", b" \xff", b" \0", b"\tOK")

HOST: Final = mostly(b"Host: a\r\n", b"", b"Host: b\r\n", b"Host:\r\n", weight=4)

REQUESTS: Final = joined(BEFORE, METHODS, SPACE, TARGETS, SPACE, VERSIONS, LINE_END, HOST, FIELDS, LINE_END, BODIES)
ANSWERS: Final = joined(BEFORE, VERSIONS, SPACE, STATUSES, REASONS, LINE_END, FIELDS, LINE_END, BODIES)
# The same with the framing settled, so that bodies are reached more often than by luck.
FRAMING: Final = st.sampled_from(
    [b"Content-Length: 5\r\n", b"Transfer-Encoding: chunked\r\n", b"transfer-encoding:chunked\t\r\n"]
)
UPLOADS: Final = joined(st.just(b"POST / HTTP/1.1\r\nHost: a\r\n"), FRAMING, FIELDS, st.just(b"\r\n"), BODIES)
DOWNLOADS: Final = joined(st.just(b"HTTP/1.1 200 OK\r\n"), FRAMING, FIELDS, st.just(b"\r\n"), BODIES)


@st.composite
def with_one_byte_changed(draw: st.DrawFn, messages: Bytes) -> bytes:
    """Change, insert or delete one byte of a message."""
    raw = draw(messages)
    at = draw(st.integers(0, len(raw)))
    return raw[:at] + draw(st.binary(max_size=1)) + raw[at + draw(st.integers(0, 1)) :]
