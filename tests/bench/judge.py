"""An independent judge of limits: it knows nothing of the gateway's code, only when admitted requests were under way.

A limit of `burst` at once and `rate` a second admits in every window of w seconds at most burst + rate × w requests.
When exactly a request was admitted is not seen from outside, but it was between its asking and its answer. So those
that lie whole within a window were admitted in it, and their number alone may be held against the limit: what the judge
calls an overshoot is one, whatever happened on the way.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

from tests.bench.citizens import Answer


def overshoot(admitted: Sequence[Answer], *, burst: float, rate: float) -> float:
    """Return by how many requests the worst of all windows exceeds the limit; 0 or less when none does."""
    if not admitted:
        return 0.0
    by_end = sorted(admitted, key=lambda answer: answer.answered)
    ends = [answer.answered for answer in by_end]
    worst = -burst
    for start in sorted(answer.asked for answer in admitted):
        count = 0
        # What was answered before the window began cannot lie in it.
        for answer in by_end[bisect_left(ends, start) :]:
            if answer.asked >= start:
                count += 1
                worst = max(worst, count - rate * (answer.answered - start) - burst)
    return worst


def most_admitted(seconds: float, *, burst: float, rate: float) -> float:
    """Return how many requests a limit admits in so many seconds when there are always more."""
    return burst + rate * seconds
