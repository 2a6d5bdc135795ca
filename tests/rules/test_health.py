"""How evidence changes what is known of a target."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gateway.rules.delivery import HealthPolicy
from gateway.rules.health import (
    LONGEST_REST_SECONDS,
    TargetHealth,
    after_answer,
    after_failed_probe,
    after_good_probe,
    after_refusal,
    after_trouble,
    may_be_chosen,
)

STRICT = HealthPolicy(path="/healthz", unhealthy_after=3, healthy_after=2)
NEW = TargetHealth(since=100.0)


def failed_probes(count: int, health: TargetHealth = NEW) -> TargetHealth:
    for turn in range(count):
        health = after_failed_probe(health, STRICT, wall=200.0 + turn, reason="refused")
    return health


def refused(*times: float, health: TargetHealth = NEW) -> TargetHealth:
    for now in times:
        health = after_refusal(health, wall=200.0 + now, now=now, reason="refused")
    return health


def test_new_target_is_up() -> None:
    assert not NEW.is_down
    assert may_be_chosen(NEW, now=0.0)


def test_probes_mark_a_target_down_only_after_so_many_in_a_row() -> None:
    assert not failed_probes(2).is_down
    assert failed_probes(3).is_down
    interrupted = failed_probes(2, after_good_probe(failed_probes(2), STRICT, wall=300.0))
    assert not interrupted.is_down


def test_target_is_down_since_the_first_failure_of_the_run() -> None:
    assert failed_probes(2).since == 100.0
    assert failed_probes(5).since == 200.0


def test_probes_bring_a_target_back_only_after_so_many_in_a_row() -> None:
    once = after_good_probe(failed_probes(3), STRICT, wall=300.0)
    assert once.is_down
    assert after_failed_probe(once, STRICT, wall=301.0, reason="late").good_probes == 0
    twice = after_good_probe(once, STRICT, wall=310.0)
    assert (twice.is_down, twice.since, twice.failing_since, twice.reason) == (False, 310.0, None, "")


def test_good_probe_of_a_target_that_is_up_changes_no_date() -> None:
    assert after_good_probe(NEW, STRICT, wall=300.0).since == 100.0


def test_probed_down_target_is_not_chosen_however_long_it_rests() -> None:
    assert not may_be_chosen(failed_probes(3), now=1e9)


def test_one_refusal_judges_nothing_two_let_the_target_rest() -> None:
    assert may_be_chosen(refused(0.0), now=0.0)
    twice = refused(0.0, 0.1)
    assert twice.is_down
    assert twice.since == 200.0
    assert not may_be_chosen(twice, now=1.0)
    assert may_be_chosen(twice, now=1.1)


def test_rest_grows_with_each_refusal_after_it() -> None:
    assert refused(0.0, 0.0, 1.0).rest_until == 3.0
    assert refused(0.0, 0.0, 1.0, 3.0).rest_until == 7.0
    assert refused(0.0, 0.0, 1.0, 3.0).since == 200.0


def test_burst_that_fails_together_is_one_piece_of_evidence() -> None:
    assert refused(*[0.0] * 50).rest_until == 1.0


@given(st.integers(2, 5_000))
def test_rest_is_never_longer_than_its_cap(refusals: int) -> None:
    health = refused(50.0, health=TargetHealth(since=0.0, refusals=refusals, rest_until=50.0))
    assert health.rest_until <= 50.0 + LONGEST_REST_SECONDS


def test_answer_ends_a_rest() -> None:
    well = after_answer(refused(0.0, 0.0), wall=300.0)
    assert (well.is_down, well.since, well.refusals, well.failing_since) == (False, 300.0, 0, None)


def test_answer_after_one_refusal_changes_no_date() -> None:
    assert after_answer(refused(0.0), wall=300.0) == NEW


def test_answer_of_a_well_target_costs_nothing() -> None:
    assert after_answer(NEW, wall=300.0) is NEW


def test_answer_does_not_outvote_probes() -> None:
    health = after_answer(failed_probes(3), wall=300.0)
    assert health.is_down
    assert health.failing_since == 200.0


def test_good_probe_ends_a_rest() -> None:
    assert not after_good_probe(refused(0.0, 0.0), STRICT, wall=300.0).is_down


def test_failing_probes_during_a_rest_keep_its_date() -> None:
    assert failed_probes(3, refused(0.0, 0.0)).since == 200.0


def test_refusal_of_a_probed_down_target_keeps_its_date() -> None:
    assert refused(500.0, 501.0, health=failed_probes(3)).since == 200.0


def test_trouble_is_noted_with_its_first_time_and_judges_nothing() -> None:
    health = NEW
    for wall in (200.0, 210.0, 220.0):
        health = after_trouble(health, wall=wall, reason="late")
    assert (health.is_down, health.failing_since, health.reason) == (False, 200.0, "late")
    assert may_be_chosen(health, now=0.0)
