"""The list of refusals is whole, and each of them is earned by a case."""

from __future__ import annotations

import re
from typing import Final

from gateway.wire import refusals
from gateway.wire.malformed import Malformed, Refusal
from tests.wire import test_chunk_hygiene as chunks
from tests.wire import test_head_hygiene as heads
from tests.wire import test_lines as lines
from tests.wire import test_request_line_hygiene as request_lines
from tests.wire import test_response_hygiene as answers

ALL: Final = [value for value in vars(refusals).values() if isinstance(value, Refusal)]
CASES: Final = [
    *request_lines.LINES,
    *request_lines.TARGETS,
    *heads.FIELDS,
    *heads.HOSTS,
    *heads.LENGTHS,
    *heads.CODINGS,
    *heads.CONNECTION,
    *answers.STATUS_LINES,
    *answers.HEADS,
    *answers.FRAMING,
    *chunks.SIZES,
    *chunks.ENDS,
    *chunks.EXTENSIONS,
    *chunks.TRAILERS,
    *lines.HOPELESS,
]


def test_codes_are_stable_words_and_unique() -> None:
    codes = [refusal.code for refusal in ALL]
    assert len(set(codes)) == len(codes)
    assert all(re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", code) for code in codes)


def test_statuses_are_those_a_parser_may_answer() -> None:
    assert {refusal.status for refusal in ALL} == {400, 413, 414, 417, 431, 501, 502, 505}


def test_every_refusal_but_that_of_a_caller_has_a_case() -> None:
    earned = {case.refusal.code for case in CASES}
    # A block that is not cut at its empty line cannot come from a connection.
    assert {refusal.code for refusal in ALL} - earned == {refusals.HEAD_BOUNDARY.code}


def test_a_refusal_says_why_without_quoting_the_sender() -> None:
    fault = Malformed(refusals.NO_COLON)
    assert str(fault) == "no-colon: a field line without a colon (RFC 9112 section 5)"
    assert (fault.status, fault.section, fault.detail) == (400, "RFC 9112 section 5", "a field line without a colon")
