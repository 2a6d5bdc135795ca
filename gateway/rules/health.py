"""How probes and traffic change what is known of one target; pure.

Two kinds of evidence are kept apart. A probe is asked for on purpose, so it is believed: a target that failed
`unhealthy_after` probes in a row is down until probes succeed again. Traffic that cannot connect only lets the target
rest for a short while that grows; afterwards traffic itself tries again. An answer that came late or broken says more
about that request than about the target: it is noted with its time, and judges nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from gateway.rules.delivery import HealthPolicy

REFUSALS_TO_REST: Final = 2  # one refusal may be a listener that restarts
FIRST_REST_SECONDS: Final = 1.0
LONGEST_REST_SECONDS: Final = 30.0  # so that a service without a probe is found again within half a minute


@dataclass(frozen=True, slots=True)
class TargetHealth:
    """What is known of one target. Wall-clock seconds, except `rest_until`, which is monotonic."""

    since: float  # when it came up or went down; for a target that is down, the first failure of that run
    probed_down: bool = False
    failed_probes: int = 0  # in a row
    good_probes: int = 0  # in a row
    refusals: int = 0  # connections in a row that did not open
    rest_until: float = 0.0
    failing_since: float | None = None  # the first failure of a run that no success has ended yet
    reason: str = ""  # of the last failure, for operators

    @property
    def is_down(self) -> bool:
        """What operators are shown; a target stays down while it rests and until something succeeds."""
        return self.probed_down or self.refusals >= REFUSALS_TO_REST


def may_be_chosen(health: TargetHealth, now: float) -> bool:
    """Tell whether traffic should go to this target at the monotonic time `now`."""
    return not health.probed_down and (health.refusals < REFUSALS_TO_REST or now >= health.rest_until)


def after_good_probe(health: TargetHealth, policy: HealthPolicy, *, wall: float) -> TargetHealth:
    """Return what is known after a probe that was answered well."""
    good = health.good_probes + 1
    if health.probed_down and good < policy.healthy_after:
        return replace(health, good_probes=good, failed_probes=0)
    since = wall if health.is_down else health.since
    return TargetHealth(since=since, good_probes=good)


def after_failed_probe(health: TargetHealth, policy: HealthPolicy, *, wall: float, reason: str) -> TargetHealth:
    """Return what is known after a probe that was refused, late, broken or answered badly."""
    failed = health.failed_probes + 1
    began = health.failing_since if health.failing_since is not None else wall
    goes_down = not health.is_down and failed >= policy.unhealthy_after
    return replace(
        health,
        since=began if goes_down else health.since,
        probed_down=health.probed_down or failed >= policy.unhealthy_after,
        failed_probes=failed,
        good_probes=0,
        failing_since=began,
        reason=reason,
    )


def after_answer(health: TargetHealth, *, wall: float) -> TargetHealth:
    """Return what is known after the target answered a request. Probes that failed are not outvoted by it."""
    if health.failing_since is None:
        return health
    if health.probed_down:
        return replace(health, refusals=0)
    return replace(health, since=wall if health.is_down else health.since, refusals=0, failing_since=None, reason="")


def after_refusal(health: TargetHealth, *, wall: float, now: float, reason: str) -> TargetHealth:
    """Return what is known after a connection for a request did not open; `now` is monotonic."""
    if health.refusals >= REFUSALS_TO_REST and now < health.rest_until:
        return health  # began before the rest did: a burst that fails together is one piece of evidence
    refusals = health.refusals + 1
    began = health.failing_since if health.failing_since is not None else wall
    rests = refusals >= REFUSALS_TO_REST
    return replace(
        health,
        since=began if rests and not health.is_down else health.since,
        refusals=refusals,
        rest_until=now + _rest_seconds(refusals) if rests else health.rest_until,
        failing_since=began,
        reason=reason,
    )


def after_trouble(health: TargetHealth, *, wall: float, reason: str) -> TargetHealth:
    """Return what is known after a request was connected, but answered late or broken."""
    began = health.failing_since if health.failing_since is not None else wall
    return replace(health, failing_since=began, reason=reason)


def _rest_seconds(refusals: int) -> float:
    # The exponent is bounded before it is used: a target may be refused for weeks.
    doublings = min(refusals - REFUSALS_TO_REST, 16)
    return min(FIRST_REST_SECONDS * 2.0**doublings, LONGEST_REST_SECONDS)
