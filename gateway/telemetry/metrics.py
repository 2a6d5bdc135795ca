"""Counters of the hot path as plain integers, exported by a prometheus-client collector when somebody asks.

Labels are service, route (its template) and status class only: nothing of a citizen and nothing unbounded.
"""

from __future__ import annotations

import json
from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

BOUNDS_SECONDS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
CACHE_RESULTS: Final = ("none", "hit", "stale", "revalidated", "miss", "collapsed", "bypass")

Merge = Literal["sum", "least", "most"]  # what the gauges of several workers come to
Pairs = Iterable[tuple[str, float]]


@dataclass(frozen=True, slots=True)
class Reading:
    """A gauge or counter as it stood: its values by the value of its one label, or by "" when it has none."""

    name: str
    text: str
    merge: Merge | None  # None: a counter, which is added up for ever
    label: str
    values: tuple[tuple[str, float], ...]

    def family(self) -> Metric:
        kind = CounterMetricFamily if self.merge is None else GaugeMetricFamily
        family = kind(self.name, self.text, labels=[self.label] if self.label else [])
        for value, number in self.values:
            family.add_metric([value] if self.label else [], number)
        return family


class Histogram:
    """Counts of durations in seconds, by upper bound."""

    __slots__ = ("counts", "total_seconds")

    def __init__(self) -> None:
        self.counts = [0] * (len(BOUNDS_SECONDS) + 1)
        self.total_seconds = 0.0

    def observe(self, seconds: float) -> None:
        self.counts[bisect_left(BOUNDS_SECONDS, seconds)] += 1
        self.total_seconds += seconds

    def buckets(self) -> list[tuple[str, float]]:
        """Cumulative counts, as the exposition format wants them."""
        pairs: list[tuple[str, float]] = []
        running = 0
        for bound, count in zip((*map(str, BOUNDS_SECONDS), "+Inf"), self.counts, strict=True):
            running += count
            pairs.append((bound, running))
        return pairs


class RouteCounters:
    """What is counted for one route. Held by name beside the snapshot, so a reload loses nothing."""

    __slots__ = (
        "admitted",
        "agency_faults",
        "cache",
        "crowded",
        "emergency_flagged",
        "gateway",
        "label",
        "limited",
        "route",
        "service",
        "shadowed",
        "status",
        "upstream",
    )

    def __init__(self, service: str, route: str) -> None:
        self.service = service
        self.route = route
        # As the access log writes them: encoded once, not with each line.
        self.label = f'"service":{json.dumps(service)},"route":{json.dumps(route)}'.encode()
        self.status = [0] * 6  # index: first digit of the status; 0 is "the client went away"
        self.cache = dict.fromkeys(CACHE_RESULTS, 0)
        self.gateway = Histogram()  # time in the gateway itself
        self.upstream = Histogram()  # time waiting for the agency's head
        self.admitted = 0  # by every limit of the route; nothing where it has none
        self.limited = 0
        self.crowded = 0  # refused for the requests in flight
        self.shadowed = 0
        self.emergency_flagged = 0
        self.agency_faults = 0  # answers that failed by the agency's fault; what promises are measured by

    @property
    def requests(self) -> int:
        """How many ended; whenever anything else here was counted, this was too."""
        return sum(self.status)

    def numbers(self) -> list[float]:
        """Everything counted, always in the same order; `add` takes it."""
        return [
            *self.status,
            *self.cache.values(),
            *self.gateway.counts,
            self.gateway.total_seconds,
            *self.upstream.counts,
            self.upstream.total_seconds,
            self.admitted,
            self.limited,
            self.crowded,
            self.shadowed,
            self.emergency_flagged,
            self.agency_faults,
        ]

    def add(self, numbers: Sequence[float]) -> None:
        """Add what another worker counted for the same route."""
        rest = iter(numbers)
        self.status = [int(mine + next(rest)) for mine in self.status]
        self.cache = {result: int(mine + next(rest)) for result, mine in self.cache.items()}
        for histogram in (self.gateway, self.upstream):
            histogram.counts = [int(mine + next(rest)) for mine in histogram.counts]
            histogram.total_seconds += next(rest)
        self.admitted += int(next(rest))
        self.limited += int(next(rest))
        self.crowded += int(next(rest))
        self.shadowed += int(next(rest))
        self.emergency_flagged += int(next(rest))
        self.agency_faults += int(next(rest))


class Metrics(Collector):
    """All counters of one process."""

    def __init__(self) -> None:
        self._routes: dict[tuple[str, str], RouteCounters] = {}
        self._read: list[tuple[str, str, Merge | None, str, Callable[[], Pairs]]] = []
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(self)

    def route(self, service: str, route: str) -> RouteCounters:
        """Return the counters of one route, the same object for the same names."""
        key = (service, route)
        found = self._routes.get(key)
        if found is None:
            found = self._routes[key] = RouteCounters(service, route)
        return found

    def gauge(self, name: str, text: str, read: Callable[[], float], *, merge: Merge = "sum") -> None:
        """Export what `read` returns at each scrape; `merge` says what those of several workers come to."""
        self._read.append((name, text, merge, "", lambda: [("", read())]))

    def gauges(self, name: str, text: str, label: str, read: Callable[[], Pairs], *, merge: Merge = "sum") -> None:
        """Export one value for each label value that `read` returns. The label values must be bounded."""
        self._read.append((name, text, merge, label, read))

    def counter(self, name: str, text: str, read: Callable[[], float]) -> None:
        """Export a number that only grows."""
        self._read.append((name, text, None, "", lambda: [("", read())]))

    def counters(self, name: str, text: str, label: str, read: Callable[[], Pairs]) -> None:
        """Export one number that only grows for each label value that `read` returns; those must be bounded."""
        self._read.append((name, text, None, label, read))

    def readings(self) -> list[Reading]:
        """Read every gauge and counter that is no route's."""
        return [Reading(name, text, merge, label, tuple(read())) for name, text, merge, label, read in self._read]

    def routes(self) -> list[RouteCounters]:
        return list(self._routes.values())

    def exposition(self) -> bytes:
        """Everything in the Prometheus text format 0.0.4."""
        return generate_latest(self._registry)

    def collect(self) -> Iterable[Metric]:
        yield from route_families(self._routes.values())
        for reading in self.readings():
            yield reading.family()


def route_families(routes: Iterable[RouteCounters]) -> list[Metric]:
    """Return the counters of these routes as Prometheus knows them."""
    labels = ["service", "route"]
    requests = CounterMetricFamily("gateway_requests", "Requests answered.", labels=[*labels, "status_class"])
    cache = CounterMetricFamily("gateway_cache_results", "What the cache did.", labels=[*labels, "result"])
    admitted = CounterMetricFamily("gateway_limit_admitted", "Requests that all limits let pass.", labels=labels)
    limited = CounterMetricFamily("gateway_limited", "Requests refused with 429 for their rate.", labels=labels)
    crowded = CounterMetricFamily("gateway_limited_in_flight", "Refused with 429 for others in flight.", labels=labels)
    shadowed = CounterMetricFamily("gateway_limited_shadow", "A shadow limit would have refused.", labels=labels)
    flagged = CounterMetricFamily(
        "gateway_emergency_flagged",
        "Emergency requests let through with a token that does not hold.",
        labels=labels,
    )
    faults = CounterMetricFamily("gateway_agency_faults", "Answers that failed by the agency's fault.", labels=labels)
    gateway = HistogramMetricFamily("gateway_own_seconds", "Time spent in the gateway.", labels=labels)
    upstream = HistogramMetricFamily("gateway_agency_seconds", "Time until the agency's answer.", labels=labels)
    for one in routes:
        names = [one.service, one.route]
        for digit, count in enumerate(one.status):
            if count:
                requests.add_metric([*names, f"{digit}xx" if digit else "gone"], count)
        for result, count in one.cache.items():
            if count and result != "none":
                cache.add_metric([*names, result], count)
        admitted.add_metric(names, one.admitted)
        limited.add_metric(names, one.limited)
        crowded.add_metric(names, one.crowded)
        shadowed.add_metric(names, one.shadowed)
        flagged.add_metric(names, one.emergency_flagged)
        faults.add_metric(names, one.agency_faults)
        gateway.add_metric(names, one.gateway.buckets(), one.gateway.total_seconds)
        upstream.add_metric(names, one.upstream.buckets(), one.upstream.total_seconds)
    return [requests, cache, admitted, limited, crowded, shadowed, flagged, faults, gateway, upstream]
