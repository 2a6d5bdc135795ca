"""A breaker opens after enough failures, lets one probe through, and waits longer after each that fails."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.rules.breaker import Breaker, BreakerPolicy, failed, may_call, may_probe, probing, succeeded

POLICY = BreakerPolicy(failures_to_open=3, first_wait_seconds=1.0, max_wait_seconds=4.0, jitter_share=0.5)


def opened(now: float = 10.0) -> Breaker:
    return failed(Breaker(), now, POLICY, jitter=0.0, weight=3)


def test_it_opens_when_failures_in_a_row_reach_the_threshold() -> None:
    breaker = Breaker()
    for _ in range(2):
        breaker = failed(breaker, 5.0, POLICY, jitter=0.0)
        assert may_call(breaker)
    breaker = failed(breaker, 6.0, POLICY, jitter=0.0)
    assert not may_call(breaker)
    assert (breaker.since, breaker.retry_at) == (6.0, 7.0)


def test_a_success_forgets_the_failures_before_it() -> None:
    breaker = failed(Breaker(), 1.0, POLICY, jitter=0.0, weight=2)
    breaker = succeeded(breaker, 2.0)
    assert may_call(failed(breaker, 3.0, POLICY, jitter=0.0, weight=2))


def test_a_success_after_no_failure_changes_nothing() -> None:
    breaker = Breaker(since=1.0)
    assert succeeded(breaker, 2.0) is breaker


def test_a_grave_failure_opens_at_once() -> None:
    assert not may_call(opened())


def test_a_probe_is_due_only_after_the_wait_and_only_one_at_a_time() -> None:
    breaker = opened(now=10.0)
    assert not may_probe(breaker, 10.9)
    assert may_probe(breaker, 11.0)
    assert not may_probe(probing(breaker), 12.0)
    assert not may_call(probing(breaker))
    assert not may_probe(Breaker(), 12.0)


def test_a_probe_that_succeeds_closes_it() -> None:
    breaker = succeeded(probing(opened()), 12.0)
    assert breaker == Breaker(since=12.0)


def test_late_news_of_calls_made_before_it_opened_change_nothing() -> None:
    breaker = opened()
    assert succeeded(breaker, 12.0) is breaker
    assert failed(breaker, 12.0, POLICY, jitter=0.0) is breaker


def test_each_failed_probe_doubles_the_wait_up_to_the_most() -> None:
    breaker, waits = opened(now=0.0), []
    for _ in range(4):
        waits.append(breaker.retry_at)
        breaker = failed(probing(breaker), 0.0, POLICY, jitter=0.0)
    assert waits == [1.0, 2.0, 4.0, 4.0]
    assert breaker.since == 0.0


def test_an_outage_of_days_overflows_nothing() -> None:
    breaker = probing(Breaker("open", failed_probes=100_000))
    assert failed(breaker, 0.0, POLICY, jitter=0.0).retry_at == 4.0


@given(st.floats(0, 1), st.integers(0, 20))
def test_jitter_only_shortens_a_wait_and_at_most_by_its_share(jitter: float, failed_probes: int) -> None:
    breaker = probing(Breaker("open", failed_probes=failed_probes))
    full = failed(breaker, 0.0, POLICY, jitter=0.0).retry_at
    assert full / 2 <= failed(breaker, 0.0, POLICY, jitter=jitter).retry_at <= full


@pytest.mark.parametrize("phase", ["open", "probing"])
def test_since_tells_when_the_trouble_began(phase: str) -> None:
    breaker = opened(now=10.0)
    breaker = failed(probing(breaker), 20.0, POLICY, jitter=0.0)
    assert (breaker if phase == "open" else probing(breaker)).since == 10.0
