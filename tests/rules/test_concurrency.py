"""Requests in flight never exceed an enforced limit, and a shadow limit stops nobody."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.rules.concurrency import (
    ConcurrencyPolicy,
    Slot,
    concurrency_fields,
    decide,
    is_admitted,
)
from gateway.rules.quota import Mode, QuotaKey

CITIZEN = QuotaKey("citizen")


def slot(limit: int, name: str = "permits:citizen:in-flight", mode: Mode = "enforce") -> Slot:
    return Slot(b"citizen:x", ConcurrencyPolicy(name, limit, CITIZEN, mode=mode))


limits = st.lists(st.tuples(st.integers(1, 4), st.sampled_from(("enforce", "shadow"))), min_size=1, max_size=3)


@given(limits, st.lists(st.booleans(), max_size=30))
def test_whatever_comes_and_goes_no_enforced_limit_is_exceeded(
    declared: list[tuple[int, Mode]], comings: list[bool]
) -> None:
    slots = [slot(limit, f"limit {number}", mode) for number, (limit, mode) in enumerate(declared)]
    enforced = [limit for limit, mode in declared if mode == "enforce"]
    in_flight = 0
    for comes in comings:
        if not comes:
            in_flight = max(0, in_flight - 1)
            continue
        standings = decide([in_flight] * len(slots), slots)
        admitted = is_admitted(slots, standings)
        assert admitted == all(in_flight < limit for limit in enforced)
        in_flight += admitted
        assert [one.in_flight for one in standings] == [in_flight] * len(slots)


def test_a_denied_request_takes_none_of_several_slots() -> None:
    slots = [slot(4, "service"), slot(1, "citizen")]
    standings = decide([2, 1], slots)
    assert not is_admitted(slots, standings)
    assert standings == ((True, 2), (False, 1))


def test_the_answer_tells_what_is_left_in_the_unit_of_concurrent_requests() -> None:
    slots = [slot(4, "a"), slot(9, "b", "shadow")]
    assert concurrency_fields(slots, decide([1, 99], slots)) == (
        (b"ratelimit", b'"a";r=2'),
        (b"ratelimit-policy", b'"a";q=4;qu="concurrent-requests"'),
    )


def test_a_refusal_names_only_what_denied() -> None:
    slots = [slot(4, "a"), slot(2, "b")]
    fields = dict(concurrency_fields(slots, decide([1, 2], slots)))
    assert fields[b"ratelimit"] == b'"b";r=0'
    assert fields[b"ratelimit-policy"].count(b"concurrent-requests") == 2


def test_a_shadow_limit_alone_is_not_told() -> None:
    slots = [slot(1, mode="shadow")]
    standings = decide([5], slots)
    assert is_admitted(slots, standings)
    assert concurrency_fields(slots, standings) == ()


def test_a_limit_of_nothing_is_none() -> None:
    with pytest.raises(ValueError, match="at least one"):
        slot(0)
