"""Adds up the counters of many workers so that a total never falls, also when a worker is killed.

A worker tells what it has counted since its birth; what it told last counts on after its death. It tells only what has
changed: a city has thousands of routes, and most are quiet most of the time.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import Any, Final

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from gateway.telemetry.metrics import Metrics, Reading, RouteCounters, route_families

_RouteName = tuple[str, str]  # service, route
_NOTHING: Final[Sequence[float]] = ()


class Reporter:
    """Tells one worker's counters, each time what changed since the last."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._told: dict[_RouteName, int] = {}

    def report(self) -> dict[str, Any]:
        """Return it as JSON takes it."""
        routes = []
        for one in self._metrics.routes():
            name, requests = (one.service, one.route), one.requests
            if self._told.get(name) != requests:
                self._told[name] = requests
                routes.append([*name, one.numbers()])
        readings = [[one.name, one.text, one.merge, one.label, one.values] for one in self._metrics.readings()]
        return {"routes": routes, "readings": readings}


@dataclass(slots=True)
class _Told:
    """What one worker told last."""

    routes: dict[_RouteName, Sequence[float]] = field(default_factory=dict)
    services: dict[str, list[float]] = field(default_factory=dict)  # the same, summed up
    readings: list[Reading] = field(default_factory=list)
    siblings: dict[str, list[float]] = field(default_factory=dict)  # what it was told of the others


class Totals(Collector):
    """The counters of all workers there ever were, the gauges of those there are, and `own` of the supervisor."""

    def __init__(self, own: Metrics) -> None:
        self._own = own
        self._told: dict[int, _Told] = {}
        self._of_the_dead: dict[_RouteName, RouteCounters] = {}
        self._services_of_the_dead: dict[str, list[float]] = {}
        self._counters_of_the_dead: dict[tuple[str, str], float] = defaultdict(float)
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(self)

    def take(self, worker: int, report: dict[str, Any]) -> None:
        """Take what a worker's Reporter told. `worker` is never used for another process again."""
        told = self._told.setdefault(worker, _Told())
        for service, route, numbers in report["routes"]:
            former = told.routes.get((service, route), _NOTHING)
            more = [now - before for now, before in zip_longest(numbers, former, fillvalue=0)]
            told.services[service] = _sum(told.services.get(service, _NOTHING), more)
            told.routes[service, route] = numbers
        told.readings = [
            Reading(name, text, merge, label, tuple((value, number) for value, number in values))
            for name, text, merge, label, values in report["readings"]
        ]

    def bury(self, worker: int) -> None:
        """Keep what a worker that ended had counted, and forget its gauges."""
        told = self._told.pop(worker, None)
        if told is None:
            return
        for name, numbers in told.routes.items():
            self._of_the_dead.setdefault(name, RouteCounters(*name)).add(numbers)
        for service, sums in told.services.items():
            self._services_of_the_dead[service] = _sum(self._services_of_the_dead.get(service, _NOTHING), sums)
        for reading in told.readings:
            for value, number in reading.values if reading.merge is None else ():
                self._counters_of_the_dead[reading.name, value] += number

    def gauge_of(self, worker: int, name: str) -> float:
        """Return a gauge as this worker told it last; 0 when it never did."""
        readings = self._told[worker].readings if worker in self._told else []
        return next((number for one in readings if one.name == name for _, number in one.values), 0.0)

    def siblings_of(self, worker: int) -> dict[str, list[float]]:
        """Return what all others have counted, also those that ended, by service: what has changed since last asked."""
        told = self._told.get(worker)
        if told is None:
            return {}
        others = [one.services for serial, one in self._told.items() if serial != worker]
        sums: dict[str, list[float]] = {}
        for services in (self._services_of_the_dead, *others):
            for service, numbers in services.items():
                sums[service] = _sum(sums.get(service, _NOTHING), numbers)
        changed = {service: numbers for service, numbers in sums.items() if told.siblings.get(service) != numbers}
        told.siblings |= changed
        return changed

    def exposition(self) -> bytes:
        """Everything in the Prometheus text format 0.0.4."""
        return generate_latest(self._registry)

    def collect(self) -> Iterable[Metric]:
        yield from route_families(self._routes())
        for reading in self._readings():
            yield reading.family()

    def _routes(self) -> Iterable[RouteCounters]:
        sums: dict[_RouteName, RouteCounters] = {}
        everyone: list[dict[_RouteName, Sequence[float]]] = [told.routes for told in self._told.values()]
        everyone.append({name: dead.numbers() for name, dead in self._of_the_dead.items()})
        for routes in everyone:
            for name, numbers in routes.items():
                sums.setdefault(name, RouteCounters(*name)).add(numbers)
        return sums.values()

    def _readings(self) -> Iterable[Reading]:
        by_name: dict[str, list[Reading]] = defaultdict(list)
        for reading in (*self._own.readings(), *(one for told in self._told.values() for one in told.readings)):
            by_name[reading.name].append(reading)
        return [self._merged(alike) for alike in by_name.values()]

    def _merged(self, alike: list[Reading]) -> Reading:
        first = alike[0]
        numbers: dict[str, list[float]] = defaultdict(list)
        if first.merge is None:
            for (name, value), number in self._counters_of_the_dead.items():
                if name == first.name:
                    numbers[value].append(number)
        for reading in alike:
            for value, number in reading.values:
                numbers[value].append(number)
        merge = {"least": min, "most": max}.get(first.merge or "sum", sum)
        values = tuple((value, float(merge(each))) for value, each in numbers.items())
        return Reading(first.name, first.text, first.merge, first.label, values)


def _sum(some: Sequence[float], others: Sequence[float]) -> list[float]:
    return [one + other for one, other in zip_longest(some, others, fillvalue=0)]
