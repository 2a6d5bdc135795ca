"""An answer read from bytes: whatever the pieces they come in, the same answer or the same refusal."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import BrokeProtocol, ClientGone
from gateway.fields import Fields
from gateway.upstream.answer import HEAD_LIMITS, MAX_INTERIM, Answer
from gateway.upstream.ports import WHOLE_BYTES
from gateway.wire.line_memory import LineKind
from gateway.wire.recognise import ResponseRecogniser

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"

ANSWERS = {
    "counted": OK + b"Content-Length: 5\r\n\r\nhello",
    "empty": OK + b"Content-Length: 0\r\n\r\n",
    "chunked": CHUNKED + b"2\r\nhe\r\n3;x=1\r\nllo\r\n0\r\nX-Sum: 9\r\n\r\n",
    "until close": OK + b"\r\nhello",
    "interim": b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
    + OK
    + b"Content-Length: 0\r\n\r\n",
    "no content": b"HTTP/1.1 204 No Content\r\n\r\n",
    "unasked": OK + b"Content-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\n",
    "switch": b"HTTP/1.1 101 Switch\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\nhello",
    "unasked switch": b"HTTP/1.1 101 Switch\r\nConnection: upgrade\r\nUpgrade: irc\r\n\r\nhello",
    "too many interim": b"HTTP/1.1 102 Processing\r\n\r\n" * (MAX_INTERIM + 1) + OK,
    "bad chunk": CHUNKED + b"zz\r\n",
    "bad status line": b"HTTP/1.1 20 OK\r\n\r\n",
    "two framings": OK + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "cut head": OK + b"Content-Le",
    "cut body": OK + b"Content-Length: 5\r\n\r\nhel",
    "cut chunk": CHUNKED + b"5\r\nhel",
}


def new_answer(method: bytes = b"GET", told: list[tuple[int, Fields]] | None = None) -> Answer:
    recogniser = ResponseRecogniser(lambda _: LineKind.PASS, HEAD_LIMITS)
    interim = None if told is None else lambda status, fields: told.append((status, fields))
    return Answer(method, recogniser, interim=interim, upgrade=b"websocket")


def read(pieces: list[bytes]) -> object:
    """Everything an answer comes to."""
    told: list[tuple[int, Fields]] = []
    answer = new_answer(told=told)
    body = b""
    try:
        for piece in pieces:
            answer.feed(piece)
            body += answer.take()
        answer.end_of_stream()
    except BrokeProtocol as fault:
        return fault.reason
    assert answer.head is not None
    trailers, continues = answer.trailers, answer.may_continue
    return answer.status, answer.received.fields, body, answer.rest, answer.is_complete, trailers, told, continues


@pytest.mark.parametrize("raw", ANSWERS.values(), ids=ANSWERS.keys())
@given(cuts=st.lists(st.integers(0, 300), max_size=8))
def test_pieces_make_no_difference(raw: bytes, cuts: list[int]) -> None:
    places = sorted({0, *(min(cut, len(raw)) for cut in cuts), len(raw)})
    assert read([raw[start:end] for start, end in pairwise(places)]) == read([raw])


def test_small_counted_answer_is_ready_only_when_whole() -> None:
    answer = new_answer()
    answer.feed(OK + b"Content-Length: 5\r\n\r\nhel")
    assert not answer.is_ready
    answer.feed(b"lo")
    assert (answer.is_ready, answer.take()) == (True, b"hello")


@pytest.mark.parametrize("framing", [b"Content-Length: %d" % (WHOLE_BYTES + 1), b"Transfer-Encoding: chunked", b"X: y"])
def test_answer_too_large_or_unbounded_is_ready_with_its_head(framing: bytes) -> None:
    answer = new_answer()
    answer.feed(OK + framing + b"\r\n\r\n")
    assert (answer.is_ready, answer.is_complete) == (True, False)


def test_answer_to_head_has_no_body_whatever_its_fields_say() -> None:
    answer = new_answer(b"HEAD")
    answer.feed(OK + b"Content-Length: 5\r\n\r\n")
    assert (answer.is_complete, answer.take()) == (True, b"")


def test_what_came_before_a_failure_is_still_handed_out_and_the_failure_raised_once() -> None:
    answer = new_answer()
    answer.feed(CHUNKED + b"3\r\nabc\r\n")
    answer.fail(ClientGone("left"))
    answer.fail(BrokeProtocol("a later one"))
    assert answer.is_ready
    assert answer.take() == b"abc"
    with pytest.raises(ClientGone):
        answer.raise_failure()
    with pytest.raises(BrokeProtocol, match="broke off"):
        answer.raise_failure()


def test_failure_after_the_end_changes_nothing() -> None:
    answer = new_answer()
    answer.feed(ANSWERS["counted"])
    answer.fail(BrokeProtocol("late"))
    answer.raise_failure()
    assert answer.take() == b"hello"
