"""Counters of the hot path as plain integers, exported by a prometheus-client collector when somebody asks.

Labels are service, route (its template) and status class only: nothing of a citizen and nothing unbounded.
"""

from __future__ import annotations

import json
from bisect import bisect_left
from collections.abc import Callable, Iterable
from typing import Final

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

BOUNDS_SECONDS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
CACHE_RESULTS: Final = ("none", "hit", "stale", "revalidated", "miss", "collapsed", "bypass")


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
        "cache",
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
        self.limited = 0
        self.shadowed = 0
        self.emergency_flagged = 0


class Metrics(Collector):
    """All counters of one process."""

    def __init__(self) -> None:
        self._routes: dict[tuple[str, str], RouteCounters] = {}
        self._gauges: list[tuple[str, str, Callable[[], float]]] = []
        self._labelled: list[tuple[str, str, str, Callable[[], Iterable[tuple[str, float]]]]] = []
        self._counters: list[tuple[str, str, Callable[[], float]]] = []
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(self)

    def route(self, service: str, route: str) -> RouteCounters:
        """Return the counters of one route, the same object for the same names."""
        key = (service, route)
        found = self._routes.get(key)
        if found is None:
            found = self._routes[key] = RouteCounters(service, route)
        return found

    def gauge(self, name: str, text: str, read: Callable[[], float]) -> None:
        """Export what `read` returns at each scrape."""
        self._gauges.append((name, text, read))

    def gauges(self, name: str, text: str, label: str, read: Callable[[], Iterable[tuple[str, float]]]) -> None:
        """Export one value for each label value that `read` returns. The label values must be bounded."""
        self._labelled.append((name, text, label, read))

    def counter(self, name: str, text: str, read: Callable[[], float]) -> None:
        """Export a number that only grows."""
        self._counters.append((name, text, read))

    def routes(self) -> list[RouteCounters]:
        return list(self._routes.values())

    def exposition(self) -> bytes:
        """Everything in the Prometheus text format 0.0.4."""
        return generate_latest(self._registry)

    def collect(self) -> Iterable[Metric]:
        yield from self._collect_routes()
        for name, text, read in self._gauges:
            yield GaugeMetricFamily(name, text, value=read())
        for name, text, label, read_all in self._labelled:
            family = GaugeMetricFamily(name, text, labels=[label])
            for value, number in read_all():
                family.add_metric([value], number)
            yield family
        for name, text, read in self._counters:
            yield CounterMetricFamily(name, text, value=read())

    def _collect_routes(self) -> Iterable[Metric]:
        labels = ["service", "route"]
        requests = CounterMetricFamily("gateway_requests", "Requests answered.", labels=[*labels, "status_class"])
        cache = CounterMetricFamily("gateway_cache_results", "What the cache did.", labels=[*labels, "result"])
        limited = CounterMetricFamily("gateway_limited", "Requests refused with 429.", labels=labels)
        shadowed = CounterMetricFamily("gateway_limited_shadow", "Would have been refused.", labels=labels)
        flagged = CounterMetricFamily(
            "gateway_emergency_flagged",
            "Emergency requests let through with a token that does not hold.",
            labels=labels,
        )
        gateway = HistogramMetricFamily("gateway_own_seconds", "Time spent in the gateway.", labels=labels)
        upstream = HistogramMetricFamily("gateway_agency_seconds", "Time until the agency's answer.", labels=labels)
        for one in self._routes.values():
            names = [one.service, one.route]
            for digit, count in enumerate(one.status):
                if count:
                    requests.add_metric([*names, f"{digit}xx" if digit else "gone"], count)
            for result, count in one.cache.items():
                if count and result != "none":
                    cache.add_metric([*names, result], count)
            limited.add_metric(names, one.limited)
            shadowed.add_metric(names, one.shadowed)
            flagged.add_metric(names, one.emergency_flagged)
            gateway.add_metric(names, one.gateway.buckets(), one.gateway.total_seconds)
            upstream.add_metric(names, one.upstream.buckets(), one.upstream.total_seconds)
        return [requests, cache, limited, shadowed, flagged, gateway, upstream]
