"""A circuit breaker as a pure state machine: what failed is left alone, then asked again by one probe at a time.

    closed ──failures reach the threshold──► open ──its wait is over──► probing ──success──► closed
                                              ▲                            │
                                              └──────failure: wait longer──┘

It keeps no time and rolls no dice: `now` (seconds of any monotonic clock) and `jitter` (0 to 1) are arguments.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

Phase = Literal["closed", "open", "probing"]


@dataclass(frozen=True, slots=True)
class BreakerPolicy:
    """When to open, and how long to wait before each probe: doubled after every failed one, up to `max_wait_seconds`.

    `jitter_share` spreads the waits of many workers: each is shortened by up to that share of itself, so that a
    maximum stays one.
    """

    failures_to_open: int = 3
    first_wait_seconds: float = 0.25
    max_wait_seconds: float = 1.5
    jitter_share: float = 0.5


@dataclass(frozen=True, slots=True)
class Breaker:
    """The state. `since` is when the phase became closed or stopped being so; `retry_at` bounds an open phase."""

    phase: Phase = "closed"
    since: float = 0.0
    failures: int = 0  # in a row, while closed
    failed_probes: int = 0
    retry_at: float = 0.0


def may_call(breaker: Breaker) -> bool:
    """Tell whether ordinary calls go through. While probing they do not: one call is enough to find out."""
    return breaker.phase == "closed"


def may_probe(breaker: Breaker, now: float) -> bool:
    """Tell whether a probe is due."""
    return breaker.phase == "open" and now >= breaker.retry_at


def probing(breaker: Breaker) -> Breaker:
    """Note that a probe is on its way."""
    return replace(breaker, phase="probing")


def succeeded(breaker: Breaker, now: float) -> Breaker:
    """Note a call or probe that succeeded. A late success of a call made before opening closes nothing."""
    if breaker.phase == "closed":
        return breaker if breaker.failures == 0 else replace(breaker, failures=0)
    if breaker.phase == "open":
        return breaker
    return Breaker(since=now)


def failed(breaker: Breaker, now: float, policy: BreakerPolicy, *, jitter: float, weight: int = 1) -> Breaker:
    """Note a call or probe that failed; `weight` says how many ordinary failures it counts for."""
    if breaker.phase == "open":
        return breaker
    if breaker.phase == "probing":
        return _opened(breaker, now, policy, jitter, failed_probes=breaker.failed_probes + 1)
    failures = breaker.failures + weight
    if failures < policy.failures_to_open:
        return replace(breaker, failures=failures)
    return _opened(replace(breaker, since=now), now, policy, jitter, failed_probes=0)


def _opened(breaker: Breaker, now: float, policy: BreakerPolicy, jitter: float, *, failed_probes: int) -> Breaker:
    # Bounded before it is raised to a power: an outage of days fails many probes.
    doublings = min(failed_probes, 16)
    wait = min(policy.first_wait_seconds * 2**doublings, policy.max_wait_seconds)
    wait *= 1 - policy.jitter_share * jitter
    return Breaker("open", breaker.since, 0, failed_probes, now + wait)
