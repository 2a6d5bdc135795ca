"""Bodies: whole in whatever pieces they come, refused for one reason however they are cut, bounded."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.fields import Fields
from gateway.wire import refusals as r
from gateway.wire.body import BodyReader, open_body
from gateway.wire.chunked import VIEW_FROM_BYTES, ChunkDecoder, encode_chunk, last_chunk
from gateway.wire.framing import CHUNKED, NO_BODY, UNTIL_CLOSE, BodyKind, Framing
from gateway.wire.grammar import BodyLimits
from gateway.wire.malformed import Malformed
from tests.wire.hygiene import Case
from tests.wire.test_chunk_hygiene import ENDS, EXTENSIONS, SIZES, TRAILERS

_LIMITS: Final = BodyLimits()
_FAULTY: Final = [case for case in (*SIZES, *ENDS, *EXTENSIONS, *TRAILERS) if case.refusal is not r.TRUNCATED]

Outcome = tuple[bytes, Fields, bytes] | str


def pieces_of(raw: bytes, cuts: Sequence[int]) -> list[bytes]:
    edges = [0, *sorted(min(cut, len(raw)) for cut in cuts), len(raw)]
    return [raw[start:end] for start, end in pairwise(edges)]


def read(reader: BodyReader, received: Sequence[bytes]) -> Outcome:
    """Feed the pieces until the body is complete; return body, trailers and the rest, or the code of the refusal."""
    body: list[bytes] = []
    for number, piece in enumerate(received):
        try:
            body += map(bytes, reader.feed(piece))
        except Malformed as fault:
            return fault.code
        if reader.is_complete():
            return b"".join(body), reader.trailers, reader.rest + b"".join(received[number + 1 :])
    return "incomplete"


CUTS: Final = st.lists(st.integers(0, 80))
CHUNKS: Final = st.lists(st.binary(min_size=1, max_size=40), max_size=5)
FIELDS: Final = st.lists(st.sampled_from([(b"x-sum", b"1"), (b"x-note", b""), (b"digest", b"a, b")]), max_size=3)


@settings(deadline=None)
@given(CHUNKS, FIELDS, st.binary(max_size=10), CUTS)
def test_what_was_chunked_is_decoded_in_any_pieces(
    chunks: list[bytes], trailers: list[tuple[bytes, bytes]], rest: bytes, cuts: list[int]
) -> None:
    raw = b"".join(map(encode_chunk, chunks)) + last_chunk(tuple(trailers)) + rest
    assert read(ChunkDecoder(_LIMITS), pieces_of(raw, cuts)) == (b"".join(chunks), tuple(trailers), rest)


ODD_CHUNKS: Final = st.lists(
    st.sampled_from(
        [b"1", b"0", b"2;a=b", b"a", b";", b'"', b"\r\n", b"\r", b"\n", b" ", b"X: y", b"ab", b"fffffffffffff"]
    )
).map(b"".join)


@settings(deadline=None)
@given(ODD_CHUNKS | st.binary(max_size=60), CUTS)
def test_any_bytes_are_read_alike_in_any_pieces(raw: bytes, cuts: list[int]) -> None:
    assert read(ChunkDecoder(_LIMITS), pieces_of(raw, cuts)) == read(ChunkDecoder(_LIMITS), [raw])


@pytest.mark.parametrize("case", [pytest.param(case, id=case.fault) for case in _FAULTY])
def test_a_fault_is_refused_alike_byte_by_byte(case: Case) -> None:
    body = case.raw.partition(b"\r\n\r\n")[2]
    assert read(ChunkDecoder(_LIMITS), [bytes((octet,)) for octet in body]) == case.refusal.code


@pytest.mark.parametrize(
    "raw",
    [
        b"5\r\nhello\r\n0\r\n\r\n",
        b"05\r\nhello\r\n000\r\n\r\n",
        b"5;a\r\nhello\r\n0;b=c\r\n\r\n",
        b'5 ; a = "b \\" ; c" ;d\r\nhello\r\n0\r\n\r\n',
        b"5\t;a=\xff".replace(b"\xff", b'"\xff"') + b"\r\nhello\r\n0\r\n\r\n",
        b"2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n",
    ],
)
def test_extensions_and_leading_zeros_are_read_and_left_behind(raw: bytes) -> None:
    assert read(ChunkDecoder(_LIMITS), [raw]) == (b"hello", (), b"")


def test_a_size_of_any_case_is_hexadecimal() -> None:
    assert read(ChunkDecoder(_LIMITS), [b"1A\r\n%b\r\n0\r\n\r\n" % (b"x" * 26)]) == (b"x" * 26, (), b"")


def test_large_parts_are_not_copied() -> None:
    decoder = ChunkDecoder(_LIMITS)
    decoder.feed(b"%x\r\n" % (3 * VIEW_FROM_BYTES))
    whole = bytes(VIEW_FROM_BYTES)
    assert decoder.feed(whole)[0] is whole
    (view,) = decoder.feed(bytes(2 * VIEW_FROM_BYTES) + b"\r\n")
    assert isinstance(view, memoryview)
    (copied,) = decoder.feed(b"1\r\na\r\n")
    assert copied == b"a"
    assert decoder.size == 3 * VIEW_FROM_BYTES + 1


def test_an_empty_piece_is_no_chunk_since_it_would_end_the_body() -> None:
    assert encode_chunk(b"") == b""
    assert encode_chunk(memoryview(b"abc")) == b"3\r\nabc\r\n"
    assert last_chunk() == b"0\r\n\r\n"
    assert last_chunk(((b"x-a", b"1"),)) == b"0\r\nx-a: 1\r\n\r\n"


@settings(deadline=None)
@given(st.binary(min_size=1, max_size=40), st.binary(max_size=10), CUTS)
def test_a_counted_body_ends_where_its_length_says(body: bytes, rest: bytes, cuts: list[int]) -> None:
    reader = open_body(Framing(BodyKind.LENGTH, len(body)), _LIMITS)
    assert reader.size == len(body)
    assert read(reader, pieces_of(body + rest, cuts)) == (body, (), rest)
    reader.end_of_stream()


def test_no_body_is_complete_from_the_start() -> None:
    assert open_body(NO_BODY, _LIMITS).is_complete()
    assert open_body(Framing(BodyKind.LENGTH, 0), _LIMITS).is_complete()


def test_a_body_until_close_is_complete_at_the_close() -> None:
    reader = open_body(UNTIL_CLOSE, _LIMITS)
    assert reader.feed(b"ab") + reader.feed(b"") + reader.feed(b"c") == [b"ab", b"c"]
    assert not reader.is_complete()
    reader.end_of_stream()
    assert reader.is_complete()
    assert (reader.trailers, reader.rest, reader.size) == ((), b"", 3)


@pytest.mark.parametrize("framing", [CHUNKED, Framing(BodyKind.LENGTH, 9)])
def test_a_body_cut_short_is_never_taken_for_whole(framing: Framing) -> None:
    reader = open_body(framing, _LIMITS)
    reader.feed(b"2\r\nab")
    with pytest.raises(Malformed) as refused:
        reader.end_of_stream()
    assert refused.value.refusal is r.TRUNCATED


def test_a_complete_chunked_body_ends_well() -> None:
    reader = open_body(CHUNKED, _LIMITS)
    reader.feed(b"0\r\n\r\n")
    reader.end_of_stream()
    assert reader.is_complete()


def test_the_limit_of_a_body_is_the_routes() -> None:
    ten = BodyLimits(max_body_bytes=10)
    assert read(open_body(Framing(BodyKind.LENGTH, 10), ten), [b"a" * 10]) == (b"a" * 10, (), b"")
    with pytest.raises(Malformed) as refused:
        open_body(Framing(BodyKind.LENGTH, 11), ten)
    assert (refused.value.status, refused.value.code) == (413, "body-too-large")
    assert read(open_body(CHUNKED, ten), [b"a\r\n" + b"b" * 10 + b"\r\n0\r\n\r\n"]) == (b"b" * 10, (), b"")
    assert read(open_body(CHUNKED, ten), [b"a\r\n" + b"b" * 10 + b"\r\n1\r\n"]) == "body-too-large"
    assert read(open_body(UNTIL_CLOSE, ten), [b"a" * 11]) == "body-too-large"
