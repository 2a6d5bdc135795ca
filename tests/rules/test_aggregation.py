"""One answer from several agencies: what is missing is named, with whose fault it is and how old what is there is."""

from __future__ import annotations

import json
from itertools import permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.messages import CATALOGUE
from gateway.problem import AgencyContact
from gateway.rules.aggregation import AggregatePolicy, PartOutcome, PartPolicy, merge

HOME = AggregatePolicy(
    (
        PartPolicy("profile", b"/v1/identity/me", required=True),
        PartPolicy("permits", b"/v1/permits/applications"),
        PartPolicy("reports", b"/v1/complaints/reports"),
    )
)
PROFILE = PartOutcome("profile", data={"name": "Siti"}, fetched_at=1_800_000_000.9, age_seconds=0.4)
PERMITS = PartOutcome("permits", data=[1, 2], fetched_at=1_800_000_000.0)
REPORTS = PartOutcome("reports", data=None, fetched_at=1_800_000_000.0)
LATE = PartOutcome(
    "permits",
    status=504,
    code="agency-timed-out",
    agency=AgencyContact("DPMPTSP", "tel:1"),
    failing_since=1_799_999_940.0,
)


def test_whole_parts_make_a_complete_answer() -> None:
    status, document, failed = merge(HOME, [PROFILE, PERMITS, REPORTS], "id")
    assert (status, failed) == (200, None)
    assert document == {
        "parts": {
            "profile": {"status": "ok", "data": {"name": "Siti"}, "as_of": "2027-01-15T08:00:00Z", "age": 0},
            "permits": {"status": "ok", "data": [1, 2], "as_of": "2027-01-15T08:00:00Z", "age": 0},
            "reports": {"status": "ok", "data": None, "as_of": "2027-01-15T08:00:00Z", "age": 0},
        },
        "complete": True,
        "missing": [],
    }


def test_parts_stand_in_the_order_declared_whichever_came_first() -> None:
    texts = {json.dumps(merge(HOME, order, "id").document) for order in permutations([PROFILE, PERMITS, REPORTS])}
    assert len(texts) == 1
    assert list(json.loads(texts.pop())["parts"]) == ["profile", "permits", "reports"]


def test_a_missing_part_says_whose_fault_it_is_and_since_when() -> None:
    status, document, failed = merge(HOME, [PROFILE, LATE, REPORTS], "en")
    assert (status, failed) == (200, None)
    assert document["complete"] is False
    assert document["missing"] == ["permits"]
    parts = document["parts"]
    assert isinstance(parts, dict)
    assert parts["permits"] == {
        "status": "missing",
        "problem": {
            "code": "agency-timed-out",
            "title": CATALOGUE["agency-timed-out"].en.title,
            "source": "agency",
            "agency": {"name": "DPMPTSP", "contact": "tel:1"},
            "since": "2027-01-15T07:59:00Z",
        },
    }


def test_last_good_data_stands_in_with_its_age_and_the_reason() -> None:
    stale = PartOutcome(
        "permits",
        status=503,
        data=[1],
        fetched_at=1_799_999_000.0,
        age_seconds=1000.9,
        stale=True,
        code="agency-unavailable",
    )
    status, document, failed = merge(HOME, [PROFILE, stale, REPORTS], "id")
    assert (status, failed, document["complete"], document["missing"]) == (200, None, True, [])
    parts = document["parts"]
    assert isinstance(parts, dict)
    assert parts["permits"] == {
        "status": "stale",
        "data": [1],
        "as_of": "2027-01-15T07:43:20Z",
        "age": 1000,
        "problem": {
            "code": "agency-unavailable",
            "title": CATALOGUE["agency-unavailable"].id.title,
            "source": "agency",
        },
    }


def test_data_of_unknown_age_claims_no_moment() -> None:
    parts = merge(HOME, [PartOutcome("profile", data=1, age_seconds=-3.0), PERMITS, REPORTS], "id").document["parts"]
    assert isinstance(parts, dict)
    assert parts["profile"] == {"status": "ok", "data": 1, "age": 0}


@pytest.mark.parametrize(
    ("status", "whole"), [(502, 502), (503, 503), (504, 504), (500, 502), (404, 502), (429, 502), (401, 502)]
)
def test_a_required_part_that_is_missing_fails_the_whole(status: int, whole: int) -> None:
    gone = PartOutcome("profile", status=status, code="agency-broken")
    merged = merge(HOME, [gone, PERMITS, REPORTS], "id")
    assert merged.status == whole
    assert merged.failed is gone


def test_a_required_part_that_is_stale_fails_nothing() -> None:
    stale = PartOutcome("profile", status=503, stale=True, data={}, code="agency-unavailable")
    assert merge(HOME, [stale, PERMITS, REPORTS], "id").failed is None


def test_the_first_required_part_that_is_missing_is_told() -> None:
    policy = AggregatePolicy(tuple(PartPolicy(name, b"/", required=True) for name in ("b", "a")))
    gone = [PartOutcome(name, status=504, code="agency-timed-out") for name in ("a", "b")]
    merged = merge(policy, gone, "id")
    assert merged.failed is gone[1]
    assert merged.document["missing"] == ["b", "a"]


@settings(deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.sampled_from(["ok", "stale", "missing"])), max_size=6))
def test_every_part_is_told_of_and_none_twice(made: list[tuple[bool, str]]) -> None:
    names = [f"part{number}" for number in range(len(made))]
    parts = tuple(PartPolicy(name, b"/", required=required) for name, (required, _) in zip(names, made, strict=True))
    outcomes = [
        PartOutcome(name, status=503, stale=state == "stale", code=None if state == "ok" else "agency-unavailable")
        for name, (_, state) in zip(names, made, strict=True)
    ]
    merged = merge(AggregatePolicy(parts), outcomes, "id")
    told = merged.document["parts"]
    assert isinstance(told, dict)
    assert [told[name]["status"] for name in names] == [state for _, state in made]
    assert merged.document["missing"] == [
        name for name, (_, state) in zip(names, made, strict=True) if state == "missing"
    ]
    assert merged.document["complete"] is not bool(merged.document["missing"])
    assert (merged.failed is None) is ((True, "missing") not in made)
