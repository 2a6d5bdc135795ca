from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.ops.measured import Kept, Measured, judge, measure, quantile
from gateway.ops.words import WORDS, duration, percent
from gateway.registry.snapshot import Promise
from gateway.telemetry.metrics import BOUNDS_SECONDS, Histogram, RouteCounters


@given(st.lists(st.floats(min_value=0.000_001, max_value=9.9), min_size=1, max_size=200))
def test_the_estimate_lies_in_the_bucket_of_the_true_quantile(times: list[float]) -> None:
    histogram = Histogram()
    for seconds in times:
        histogram.observe(seconds)
    true = sorted(times)[-(-95 * len(times) // 100) - 1]
    upper = min(bound for bound in BOUNDS_SECONDS if bound >= true)
    lower = max((bound for bound in BOUNDS_SECONDS if bound < true), default=0.0)
    estimate = quantile(histogram.counts, 0.95)
    assert estimate is not None
    assert lower < estimate <= upper


def test_beyond_the_last_bound_the_estimate_is_that_bound() -> None:
    histogram = Histogram()
    histogram.observe(60.0)
    assert quantile(histogram.counts, 0.95) == BOUNDS_SECONDS[-1]
    assert quantile(Histogram().counts, 0.95) is None


def test_routes_of_one_service_are_added_up_and_answers_nobody_read_do_not_count() -> None:
    types, verify = RouteCounters("permits", "/v1/permits/types"), RouteCounters("permits", "/v1/permits/verify")
    types.status = [7, 0, 90, 0, 0, 0]
    verify.status = [0, 0, 0, 0, 5, 5]
    verify.agency_faults = 5
    assert measure([types, verify]) == {"permits": Measured(answers=100, faults=5)}
    assert measure([types, verify])["permits"].availability == 0.95


def test_an_agency_that_only_refuses_is_not_quick() -> None:
    types = RouteCounters("permits", "/v1/permits/types")
    types.status[5] = types.agency_faults = 30
    for _ in range(30):
        types.upstream.observe(0.000_3)
    assert measure([types])["permits"].p95_seconds is None


@pytest.mark.parametrize(
    ("promise", "measured", "kept"),
    [
        (Promise(0.99, 0.5), Measured(100, 1, 0.5), Kept(True, True)),
        (Promise(0.99, 0.5), Measured(100, 2, 0.6), Kept(False, False)),
        (Promise(0.99, 0.5), Measured(19, 19, 9.0), Kept(None, None)),
        (Promise(None, None), Measured(100, 2, 0.6), Kept(None, None)),
        (Promise(0.99, 0.5), Measured(100, 0, None), Kept(True, None)),
    ],
)
def test_a_promise_is_judged_only_where_one_was_made_and_enough_is_known(
    promise: Promise, measured: Measured, kept: Kept
) -> None:
    assert judge(promise, measured) == kept


def test_what_workers_counted_of_faults_is_added_up() -> None:
    one, other = RouteCounters("permits", "/x"), RouteCounters("permits", "/x")
    one.agency_faults, other.agency_faults = 2, 3
    one.add(other.numbers())
    assert one.agency_faults == 5


def test_numbers_read_as_people_write_them() -> None:
    assert percent(0.99999, "en") == "99.99%"
    assert percent(1.0, "id") == "100%"
    assert percent(0.9995, "id") == "99,95%"
    assert [duration(seconds, "id") for seconds in (0.0004, 0.5, 1.25, 60, 90, 600)] == [
        "0,4 ms",
        "500 ms",
        "1,25 detik",
        "1 menit",
        "90 detik",
        "10 menit",
    ]


def test_every_text_has_both_languages() -> None:
    assert all(words.id and words.en for words in WORDS.values())
