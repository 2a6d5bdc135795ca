"""What the agencies' promises come to: the counters of this gateway added up by service.

Availability is the share of answers that did not fail by the agency's fault. p95 is estimated from the histogram of the
time the agency took, as Prometheus' histogram_quantile does it; answers from the cache cost the agency none and are not
in it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from gateway.registry.snapshot import Promise
from gateway.telemetry.metrics import BOUNDS_SECONDS, RouteCounters

MIN_ANSWERS: Final = 20  # with fewer, nothing is said of a promise: one bad answer would be a broken one


@dataclass(frozen=True, slots=True)
class Measured:
    """One service. `p95_seconds` is None when the agency never answered."""

    answers: int = 0
    faults: int = 0
    p95_seconds: float | None = None

    @property
    def availability(self) -> float | None:
        """Share from 0 to 1; None without an answer."""
        return 1 - self.faults / self.answers if self.answers else None


@dataclass(frozen=True, slots=True)
class Kept:
    """Whether a promise is kept; None where none was made or too little is known."""

    availability: bool | None
    p95: bool | None


def measure(counters: Iterable[RouteCounters]) -> Mapping[str, Measured]:
    """Add up what was counted, by service."""
    by_service: dict[str, list[RouteCounters]] = {}
    for one in counters:
        by_service.setdefault(one.service, []).append(one)
    return {service: _measured(ones) for service, ones in by_service.items()}


def judge(promise: Promise, measured: Measured) -> Kept:
    """Hold a promise against what was measured."""
    known = measured.answers >= MIN_ANSWERS
    share, p95 = measured.availability, measured.p95_seconds
    available = (
        share >= promise.availability if known and promise.availability is not None and share is not None else None
    )
    quick = p95 <= promise.p95_seconds if known and promise.p95_seconds is not None and p95 is not None else None
    return Kept(available, quick)


def _measured(counters: list[RouteCounters]) -> Measured:
    counts = [sum(column) for column in zip(*(one.upstream.counts for one in counters), strict=True)]
    # The first status is "the client went away": nobody read that answer.
    answers = sum(sum(one.status[1:]) for one in counters)
    faults = sum(one.agency_faults for one in counters)
    # A refused connection is a quick failure, not a quick answer.
    p95 = quantile(counts, 0.95) if sum(counts) > faults else None
    return Measured(answers, faults, p95)


def quantile(counts: list[int], share: float) -> float | None:
    """Estimate a quantile in seconds, even within a bucket; beyond the last bound it is that bound."""
    rank = math.ceil(share * sum(counts))
    lower, below = 0.0, 0
    for upper, count in zip(BOUNDS_SECONDS, counts, strict=False):
        if rank and below + count >= rank:
            return lower + (upper - lower) * (rank - below) / count
        lower, below = upper, below + count
    return lower if rank else None
