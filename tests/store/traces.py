"""A request trace as a public page sees it, the same every time: a few addresses are asked for by all, many once."""

from __future__ import annotations

import random
from bisect import bisect
from collections import OrderedDict
from itertools import accumulate


def zipf_trace(
    *, objects: int = 10_000, requests: int = 100_000, exponent: float = 0.9, once: float = 0.3, seed: int = 2026
) -> list[int]:
    """Return numbers of objects in the order they are asked for; the share `once` of the objects comes only once."""
    rng = random.Random(seed)
    lone = int(objects * once)
    sums = list(accumulate((rank + 1) ** -exponent for rank in range(objects - lone)))
    trace = [bisect(sums, rng.random() * sums[-1]) for _ in range(requests - lone)]
    trace += range(objects - lone, objects)
    rng.shuffle(trace)
    return trace


def lru_misses(trace: list[int], capacity: int) -> int:
    """Count the misses of a cache that drops whatever was used longest ago."""
    kept: OrderedDict[int, None] = OrderedDict()
    misses = 0
    for one in trace:
        if one in kept:
            kept.move_to_end(one)
            continue
        misses += 1
        kept[one] = None
        if len(kept) > capacity:
            kept.popitem(last=False)
    return misses
