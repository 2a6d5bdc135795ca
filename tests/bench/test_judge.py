"""The judge of limits finds what exceeds them, and nothing else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.bench.citizens import Answer
from tests.bench.judge import overshoot


def at(asked: float, answered: float) -> Answer:
    return Answer(asked, answered, 200, has_retry_after=False)


@given(st.floats(0, 0.2), st.integers(1, 20), st.integers(1, 20))
def test_a_bucket_that_is_emptied_and_refilled_is_within_its_limit(delay: float, burst: int, rate: int) -> None:
    admitted = [at(0, delay)] * burst
    admitted += [at(number / rate, number / rate + delay) for number in range(1, 30)]
    assert overshoot(admitted, burst=burst, rate=rate) <= 1e-9  # dust of floats


def test_one_too_many_at_once_is_found() -> None:
    assert overshoot([at(0, 0)] * 4, burst=3, rate=1) == 1


def test_one_too_many_in_a_window_in_the_middle_is_found() -> None:
    calm = [at(float(second), float(second)) for second in range(100)]
    assert overshoot(calm, burst=1, rate=1) == 0
    assert overshoot([*calm, at(50.5, 50.5)], burst=1, rate=1) == pytest.approx(1)


def test_what_may_have_been_admitted_before_the_window_is_not_held_against_it() -> None:
    assert overshoot([at(0, 10), *[at(9, 9)] * 3], burst=3, rate=0.1) == pytest.approx(0)


def test_nothing_admitted_is_no_overshoot() -> None:
    assert overshoot([], burst=3, rate=1) == 0
