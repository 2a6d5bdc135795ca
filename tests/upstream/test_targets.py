"""The choice among targets, and what operators see of them."""

from __future__ import annotations

import pytest

from gateway.clock import ManualClock
from gateway.errors import NoTarget
from gateway.rules.delivery import HealthPolicy, Target, UpstreamPolicy
from gateway.upstream.targets import LiveTarget, Targets

HEALTH = HealthPolicy(path="/healthz", interval_seconds=7.0, unhealthy_after=1)


def target(number: int) -> Target:
    return Target(url=f"http://10.0.0.{number}", scheme="http", host=f"10.0.0.{number}", port=80)


A, B, C = target(1), target(2), target(3)
PERMITS = UpstreamPolicy("permits", (A, B, C), health=HEALTH)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(wall=1_000.0)


@pytest.fixture
def targets(clock: ManualClock) -> Targets:
    made = Targets(clock)
    made.apply([PERMITS])
    return made


def down(targets: Targets, *which: Target) -> None:
    for one in which:
        targets.report_probe("permits", one, HEALTH, "refused")


def refuse(targets: Targets, live: LiveTarget) -> None:
    targets.report_refusal(live, "refused")
    targets.report_refusal(live, "refused")


def test_equals_take_turns(targets: Targets) -> None:
    chosen = [targets.choose(PERMITS).target for _ in range(6)]
    assert sorted(chosen.count(one) for one in (A, B, C)) == [2, 2, 2]


def test_least_busy_is_chosen(targets: Targets) -> None:
    for _ in range(9):
        targets.choose(PERMITS).in_flight += 1
    busy = targets.choose(PERMITS)
    busy.in_flight -= 1
    assert all(targets.choose(PERMITS) is busy for _ in range(4))


def test_excluded_and_down_targets_are_passed_over(targets: Targets) -> None:
    down(targets, A)
    assert {targets.choose(PERMITS, exclude=[B]).target for _ in range(6)} == {C}


def test_no_target_says_when_the_next_probe_looks(targets: Targets) -> None:
    down(targets, A, B, C)
    with pytest.raises(NoTarget) as caught:
        targets.choose(PERMITS)
    assert caught.value.retry_after_seconds == 7.0


def test_emergency_tries_even_a_target_that_probes_call_down(targets: Targets) -> None:
    down(targets, A, B, C)
    assert targets.choose(PERMITS, last_resort=True).target in (A, B, C)


def test_when_all_are_down_by_refusals_alone_the_one_that_rested_longest_is_tried(
    targets: Targets, clock: ManualClock
) -> None:
    for one in (B, A, C):
        refuse(targets, targets.choose(PERMITS, exclude={A, B, C} - {one}))
        clock.advance(0.1)
    assert targets.choose(PERMITS).target == B
    down(targets, B)
    assert targets.choose(PERMITS).target == A


def test_exhausted_exclusion_without_probes_names_a_wait(targets: Targets) -> None:
    policy = UpstreamPolicy("complaints", (A,))
    with pytest.raises(NoTarget) as caught:
        targets.choose(policy, exclude=[A])
    assert caught.value.retry_after_seconds == 10.0


def test_state_survives_a_reload(targets: Targets) -> None:
    down(targets, A)
    busy = targets.choose(PERMITS)
    busy.in_flight += 1
    targets.apply([UpstreamPolicy("permits", (A, B, target(4)), health=HEALTH)])
    health = targets.health("permits")
    assert health is not None
    assert [(report.url, report.up) for report in health.targets] == [
        (A.url, False),
        (B.url, True),
        (target(4).url, True),
    ]
    assert sum(report.in_flight for report in health.targets) == (busy.target in (A, B))


def test_request_of_an_earlier_edition_still_finds_its_targets(targets: Targets) -> None:
    down(targets, A, B)
    targets.apply([UpstreamPolicy("permits", (A, B))])
    assert targets.choose(PERMITS).target == C  # pinned to the old registry; A and B are still known to be down


def test_probe_of_a_removed_target_or_service_is_ignored(targets: Targets) -> None:
    targets.apply([UpstreamPolicy("permits", (A,))])
    targets.report_probe("permits", B, HEALTH, "refused")
    targets.report_probe("parking", B, HEALTH, "refused")
    assert targets.health("parking") is None


def test_health_is_pass_warn_or_fail_since_when(targets: Targets, clock: ManualClock) -> None:
    def seen() -> tuple[str, float]:
        (health,) = targets.all_health()
        return health.status, health.since

    assert seen() == ("pass", 1_000.0)
    clock.advance(10)
    down(targets, A)
    clock.advance(10)
    down(targets, B)
    assert seen() == ("warn", 1_010.0)
    clock.advance(10)
    down(targets, C)
    assert seen() == ("fail", 1_030.0)
    clock.advance(10)
    for one in (A, B, C):
        targets.report_probe("permits", one, HEALTH, None)
    assert seen() == ("pass", 1_040.0)


def test_failing_since_is_known_before_anyone_is_judged_down(targets: Targets, clock: ManualClock) -> None:
    lives = [targets.choose(PERMITS, exclude={A, B, C} - {one}) for one in (A, B, C)]
    for live in lives:
        health = targets.health("permits")
        assert health is not None
        assert health.failing_since is None
        clock.advance(5)
        targets.report_trouble(live, "no answer within 5 s")
    health = targets.health("permits")
    assert health is not None
    assert (health.status, health.failing_since) == ("pass", 1_015.0)
    assert health.targets[0].reason == "no answer within 5 s"
    targets.report_answer(lives[0])
    health = targets.health("permits")
    assert health is not None
    assert health.failing_since is None


def test_changes_are_told_once(clock: ManualClock) -> None:
    heard: list[str] = []
    targets = Targets(clock, on_change=lambda live: heard.append(repr(live)))
    targets.apply([PERMITS])
    down(targets, A)
    down(targets, A)
    targets.report_probe("permits", A, HEALTH, None)
    assert heard == [
        f"<LiveTarget permits {A.url} down, 0 in flight>",
        f"<LiveTarget permits {A.url} up, 0 in flight>",
    ]
