"""h11 and httptools as second opinions: every difference has a row in docs/parser-differences.md.

The examples are the same in each run, so that a run says something about the parsers and not about luck. Strategies and
comparison are meant to be driven for longer, and by coverage, from outside.
"""

from __future__ import annotations

from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.wire import refusals
from gateway.wire.malformed import Refusal
from tests.wire.bent_messages import ANSWERS, DOWNLOADS, REQUESTS, UPLOADS, with_one_byte_changed
from tests.wire.differential import Difference, differences_in_answer, differences_in_request, explanations
from tests.wire.hygiene import Case, answer, chunked, request
from tests.wire.test_refusals import CASES

EXPLAINED: Final = explanations()
MANY: Final = settings(max_examples=500, derandomize=True, deadline=None)


def unexplained(found: list[Difference]) -> list[Difference]:
    return [difference for difference in found if not EXPLAINED.explain(difference)]


@MANY
@given(REQUESTS | UPLOADS, st.booleans())
def test_bent_requests_are_read_as_by_peers_or_the_difference_is_explained(raw: bytes, closed: bool) -> None:
    assert unexplained(differences_in_request(raw, closed=closed)) == []


@MANY
@given(ANSWERS | DOWNLOADS, st.booleans())
def test_bent_answers_are_read_as_by_peers_or_the_difference_is_explained(raw: bytes, closed: bool) -> None:
    assert unexplained(differences_in_answer(raw, closed=closed)) == []


@MANY
@given(with_one_byte_changed(REQUESTS | UPLOADS), with_one_byte_changed(ANSWERS | DOWNLOADS), st.booleans())
def test_one_byte_more_or_less_makes_no_unexplained_difference(asked: bytes, told: bytes, closed: bool) -> None:
    assert unexplained(differences_in_request(asked, closed=closed)) == []
    assert unexplained(differences_in_answer(told, closed=closed)) == []


@pytest.mark.parametrize("case", [pytest.param(case, id=case.fault) for case in CASES if case.method == b"GET"])
def test_what_peers_accept_of_the_hygiene_cases_is_explained(case: Case) -> None:
    differences = differences_in_answer if case.raw.startswith((b"HTTP/", b"http/")) else differences_in_request
    assert unexplained(differences(case.raw, closed=True)) == []


STRICTER_PEERS: Final = [
    ("no request line received", b"\r\n" + request()),
    ("illegal chunk header", chunked(b"1 ;a\r\na\r\n0\r\n\r\n")),
    ("Invalid character in chunk", chunked(b"1; a\r\na\r\n0\r\n\r\n")),
    ("without a pending proposal", answer(b"Connection: upgrade", b"Upgrade: a", first=b"HTTP/1.1 101 Switching")),
    ("Invalid method encountered", request(first=b"get / HTTP/1.1")),
    ("Expected space after method", request(first=b"GETS / HTTP/1.1")),
    ("Expected HTTP/2 Connection Preface", request(first=b"PRI / HTTP/1.1")),
    ("Request has invalid", chunked(b"0\r\n\r\n").replace(b": chunked", b": chunked\t")),
]


@pytest.mark.parametrize(("words", "raw"), STRICTER_PEERS)
def test_rows_on_stricter_peers_tell_of_differences_that_exist(words: str, raw: bytes) -> None:
    differences = differences_in_answer if raw.startswith(b"HTTP/") else differences_in_request
    assert any(words in found.reason for found in differences(raw, closed=False) if found.stricter == "peer")


def test_the_tables_name_what_exists() -> None:
    codes = {value.code for value in vars(refusals).values() if isinstance(value, Refusal)}
    assert set(EXPLAINED.ours) <= codes
    assert [row[0].strip("`") for row in EXPLAINED.theirs] == [words for words, _ in STRICTER_PEERS]


def test_a_difference_without_a_row_is_unexplained() -> None:
    for found in (
        Difference("h11", "requests", "we", "missing-host"),
        Difference("httptools", "answers", "we", "connect"),
        Difference("httptools", "answers", "peer", "no request line received"),
        Difference("h11", "requests", "neither", "bare-lf"),
    ):
        assert unexplained([found]) == [found]
