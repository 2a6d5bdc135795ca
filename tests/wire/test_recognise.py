"""Remembering changes the cost of an answer, never the answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeAlias

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.fields import EMPTY
from gateway.wire.grammar import HeadLimits
from gateway.wire.line_memory import LineKind
from gateway.wire.malformed import Malformed
from gateway.wire.recognise import Reading, RequestRecogniser, ResponseRecogniser
from gateway.wire.request import Head, parse_head
from gateway.wire.response import ResponseHead, StatusLine, parse_response_head, parse_status_line
from gateway.wire.table import Counters

_LIMITS: Final = HeadLimits(max_field_count=8)

Meaning: TypeAlias = tuple[object, ...]


def policy(name: bytes) -> LineKind:
    """A small policy: who calls is in Authorization, Cookie ends here, all else passes."""
    if name == b"authorization":
        return LineKind.CREDENTIAL
    return LineKind.DROP if name == b"cookie" else LineKind.PASS


def recogniser(max_blocks: int = 8, max_lines: int = 32) -> RequestRecogniser[Meaning]:
    return RequestRecogniser(
        policy, _LIMITS, max_blocks=max_blocks, max_lines=max_lines, max_block_bytes=400, max_line_bytes=60
    )


def block(*lines: bytes) -> bytes:
    return b"".join([line + b"\r\n" for line in lines]) + b"\r\n"


def options(head: Head | ResponseHead) -> Meaning:
    said = head.options
    return said.close, said.keep_alive, said.upgrade, said.nominated


def facts(head: Head) -> Meaning:
    return head.framing, head.host, head.expects_continue, head.upgrade, *options(head)


def facts_of_answer(head: ResponseHead) -> Meaning:
    return head.framing, head.stated_framing, head.persistent, head.upgrade, *options(head)


def meaning(reading: Reading) -> Meaning:
    return facts(reading.head), reading.fields, reading.passed.wire, reading.credentials


ORDINARY: Final = block(b"Host: city.example", b"Accept:  */*", b"Authorization: Bearer t", b"Cookie: a=b")


def test_a_block_is_sorted_into_what_passes_and_who_calls() -> None:
    reading = recogniser().read(ORDINARY)
    assert reading.passed.wire == b"Accept: */*\r\n"
    assert reading.credentials == (b"Bearer t",)
    head, fields = parse_head(ORDINARY, _LIMITS)
    assert (facts(reading.head), reading.fields) == (facts(head), fields)


def test_a_block_from_which_nothing_passes_passes_nothing() -> None:
    assert recogniser().read(block(b"Host: a")).passed is EMPTY


def test_framing_hop_by_hop_and_nominated_fields_never_pass() -> None:
    reading = recogniser().read(
        block(b"Host: a", b"Connection: X-A, te", b"X-A: 1", b"x-b: 2", b"TE: trailers", b"Content-Length: 1")
    )
    assert reading.passed.wire == b"x-b: 2\r\n"


def test_nothing_is_kept_before_the_caller_says_so() -> None:
    known = recogniser()
    for _ in range(3):
        known.read(ORDINARY)
    assert known.recall(ORDINARY) is None
    assert known.line_counters() == Counters(hits=0, misses=12, evictions=0, size=0)


def test_lines_are_kept_first_and_a_block_once_all_its_lines_were_known() -> None:
    known = recogniser()
    known.remember(known.read(ORDINARY), ("first",))
    assert known.recall(ORDINARY) is None
    known.remember(known.read(ORDINARY), ("second",))
    assert known.recall(ORDINARY) == ("second",)
    assert known.line_counters() == Counters(hits=4, misses=4, evictions=0, size=4)
    assert known.block_counters() == Counters(hits=1, misses=1, evictions=0, size=1)


def test_a_renewed_meaning_replaces_an_expired_one() -> None:
    known = recogniser()
    for text in ("lines", "old", "new"):
        known.remember(known.read(ORDINARY), (text,))
    assert known.recall(ORDINARY) == ("new",)


@pytest.mark.parametrize("line", [b"traceparent: 00-1-1-01", b"If-None-Match: x", b"X-Long: " + b"a" * 60])
def test_volatile_and_long_lines_are_never_kept_nor_blocks_with_them(line: bytes) -> None:
    known = recogniser()
    text = block(b"Host: a", line)
    for _ in range(3):
        known.remember(known.read(text), ())
    assert known.recall(text) is None
    assert known.line_counters() == Counters(hits=2, misses=1, evictions=0, size=1)


def test_a_flood_of_other_blocks_does_not_push_out_one_in_use() -> None:
    known = recogniser(max_blocks=4, max_lines=16)
    for number in range(2):
        known.remember(known.read(ORDINARY), (number,))
    for number in range(50):
        other = block(b"Host: a", b"X-Once: %d" % number)
        known.remember(known.read(other), ())
        known.remember(known.read(other), ())
        assert known.recall(ORDINARY) == (1,)
    assert known.block_counters().size == 4


def test_a_revoked_session_is_forgotten_and_others_stay() -> None:
    known = recogniser()
    for caller in (b"a", b"b"):
        text = block(b"Host: a", b"Authorization: " + caller)
        for _ in range(2):
            known.remember(known.read(text), (caller,))
    assert known.forget(lambda kept: kept == (b"a",)) == 1
    assert known.recall(block(b"Host: a", b"Authorization: a")) is None
    assert known.recall(block(b"Host: a", b"Authorization: b")) == (b"b",)


@pytest.mark.parametrize("forgetting", [RequestRecogniser.clear, lambda known: known.forget(lambda _: True)])
def test_an_authentication_overtaken_by_a_revocation_is_not_remembered(
    forgetting: Callable[[RequestRecogniser[Meaning]], object],
) -> None:
    known = recogniser()
    known.remember(known.read(ORDINARY), ())
    under_way = known.read(ORDINARY)
    forgetting(known)
    known.remember(under_way, ("stale",))
    assert known.recall(ORDINARY) is None


def test_clear_forgets_lines_as_well() -> None:
    known = recogniser()
    known.remember(known.read(ORDINARY), ())
    known.clear()
    assert known.line_counters().size == 0


LINES: Final = st.sampled_from(
    [
        b"Host: a",
        b"Host: b",
        b"host:a",
        b"Host: a b",
        b"Accept: */*",
        b"Accept:\t*/* ",
        b"X-A: 1",
        b"x-a: 2",
        b"X-A : 1",
        b" folded",
        b"X-B: \0",
        b"Authorization: Bearer 1",
        b"Authorization: Bearer 2",
        b"Cookie: a=b",
        b"traceparent: 00-1",
        b"X-Long: " + b"a" * 60,
        b"Connection: close",
        b"Connection: keep-alive",
        b"Connection: x-a, upgrade",
        b"Connection: @",
        b"Content-Length: 5",
        b"Content-Length: 6",
        b"Content-Length: 5, 5",
        b"Transfer-Encoding: chunked",
        b"Transfer-Encoding: gzip",
        b"Upgrade: websocket",
        b"Upgrade: h2c",
        b"Expect: 100-continue",
        b"Expect: no",
        b"TE: trailers",
        b"Keep-Alive: 5",
        b"Location: /",
        b"Set-Cookie: a=b",
    ]
)
BLOCKS: Final = st.lists(LINES, max_size=9).map(lambda lines: block(*lines))
STEPS: Final = st.lists(
    st.tuples(st.integers(0, 3), st.sampled_from(["look", "keep", "keep", "forget", "clear"])), max_size=30
)


def answer(known: RequestRecogniser[Meaning], text: bytes) -> tuple[Meaning | str, Reading | None]:
    remembered = known.recall(text)
    if remembered is not None:
        return remembered, None
    try:
        reading = known.read(text)
    except Malformed as fault:
        return fault.code, None
    return meaning(reading), reading


@settings(deadline=None)
@given(st.lists(BLOCKS, min_size=4, max_size=4), STEPS, st.integers(1, 3), st.integers(1, 12))
def test_for_any_history_the_answer_with_memory_equals_the_answer_without(
    blocks: list[bytes], steps: list[tuple[int, str]], max_blocks: int, max_lines: int
) -> None:
    known = recogniser(max_blocks, max_lines)
    for number, step in steps:
        text = blocks[number]
        said, reading = answer(known, text)
        assert said == answer(recogniser(), text)[0]
        if reading is not None:
            head, fields = parse_head(text, _LIMITS)
            assert (facts(reading.head), reading.fields) == (facts(head), fields)
        if reading is not None and step == "keep":
            known.remember(reading, meaning(reading))
        elif step == "forget":
            known.forget(lambda kept, said=said: kept == said)  # type: ignore[misc]  # lambda with a default
        elif step == "clear":
            known.clear()


def answers_recogniser(max_lines: int = 8) -> ResponseRecogniser:
    return ResponseRecogniser(policy, _LIMITS, max_lines=max_lines, max_line_bytes=60)


def said_of_answer(known: ResponseRecogniser, text: bytes, line: StatusLine, method: bytes) -> Meaning:
    head, passed = known.read(text, line, method)
    return facts_of_answer(head), passed.wire


def outcome(read: Callable[[], Meaning]) -> Meaning | str:
    try:
        return read()
    except Malformed as fault:
        return fault.code


STATUS_LINES: Final = st.sampled_from(
    [b"HTTP/1.1 200 OK", b"HTTP/1.0 200 OK", b"HTTP/1.1 204 No Content", b"HTTP/1.1 101 S"]
)


@settings(deadline=None)
@given(st.lists(st.tuples(BLOCKS, STATUS_LINES, st.sampled_from([b"GET", b"HEAD"])), max_size=12), st.integers(1, 12))
def test_for_any_history_an_answer_is_read_as_without_memory(
    history: list[tuple[bytes, bytes, bytes]], max_lines: int
) -> None:
    known = answers_recogniser(max_lines)
    for text, first, method in history:
        line = parse_status_line(first)
        said = outcome(lambda: said_of_answer(known, text, line, method))  # noqa: B023 - called at once
        assert said == outcome(lambda: said_of_answer(answers_recogniser(), text, line, method))  # noqa: B023
        if not isinstance(said, str):
            assert said[0] == facts_of_answer(parse_response_head(text, line, method, _LIMITS)[0])


def test_lines_of_answers_are_kept_as_they_are_read_but_not_secrets() -> None:
    known = ResponseRecogniser(policy, _LIMITS)
    line = parse_status_line(b"HTTP/1.1 200 OK")
    text = block(b"Server: a", b"Set-Cookie: a=b", b"Connection: x-a", b"X-A: 1", b"Content-Length: 0")
    for _ in range(2):
        _, passed = known.read(text, line, b"GET")
        assert passed.wire == b"Server: a\r\nSet-Cookie: a=b\r\n"
    assert known.line_counters() == Counters(hits=4, misses=4, evictions=0, size=4)
    known.clear()
    assert known.line_counters().size == 0
