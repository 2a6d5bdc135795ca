"""How the city's services do: each agency's promise beside what this gateway measured, for everybody to see.

Here are the facts and their JSON; `status_page` makes the page for people. Nothing tells of insides: no address of a
target, no reason of a failure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from typing import Final

from gateway.clock import Clock
from gateway.ops.measured import Kept, Measured, judge, measure
from gateway.ops.words import timestamp
from gateway.registry.snapshot import Service, Snapshot
from gateway.telemetry.metrics import RouteCounters
from gateway.upstream.targets import ServiceHealth

FRESH_SECONDS: Final = 5


@dataclass(frozen=True, slots=True)
class ServiceStatus:
    """One service as it stands."""

    service: Service
    health: ServiceHealth | None
    measured: Measured
    kept: Kept


@dataclass(frozen=True, slots=True)
class CityStatus:
    """All services. `since` and `as_of` by wall clock, in seconds."""

    services: tuple[ServiceStatus, ...]
    left_out: tuple[str, ...]  # refused by their own file, with no earlier version to serve
    since: float
    as_of: float

    @property
    def is_well(self) -> bool:
        """Whether every service runs on all its targets."""
        return not self.left_out and all(one.health is None or one.health.status == "pass" for one in self.services)


@dataclass(frozen=True, slots=True)
class StatusSources:
    """Where the facts come from. `counters` are those of all workers of the machine, a few seconds old at most."""

    clock: Clock
    snapshot: Callable[[], Snapshot]
    health: Callable[[str], ServiceHealth | None]
    counters: Callable[[], Iterable[RouteCounters]]
    since: Callable[[], float]  # wall-clock seconds: when the counters began


class StatusBoard:
    """Adds a status up at most every few seconds, whoever asks: the counters of a city are many."""

    def __init__(self, sources: StatusSources) -> None:
        self._sources = sources
        self._latest: CityStatus | None = None
        self._read_at = 0.0

    def current(self) -> CityStatus:
        """Return the latest status; the same object until it is too old."""
        now = self._sources.clock.monotonic()
        if self._latest is None or now - self._read_at >= FRESH_SECONDS:
            self._latest, self._read_at = city_status(self._sources), now
        return self._latest


def city_status(sources: StatusSources) -> CityStatus:
    """Return how everything stands now."""
    snapshot = sources.snapshot()
    measured = measure(sources.counters())
    services = []
    for service in snapshot.services.values():
        found = measured.get(service.name, Measured())
        services.append(ServiceStatus(service, sources.health(service.name), found, judge(service.promise, found)))
    left_out = tuple(one.service for one in snapshot.quarantined if one.service not in snapshot.services)
    return CityStatus(tuple(services), left_out, sources.since(), sources.clock.wall())


def status_document(city: CityStatus) -> dict[str, object]:
    """Return the same as JSON takes it."""
    return {
        "as_of": timestamp(city.as_of),
        "measured_since": timestamp(city.since),
        "status": "pass" if city.is_well else "warn",
        "services": [_service(one) for one in city.services],
        "left_out": list(city.left_out),
    }


def _service(one: ServiceStatus) -> dict[str, object]:
    service, health, measured = one.service, one.health, one.measured
    return {
        "name": service.name,
        "title": asdict(service.title),
        "agency": {"code": service.agency_code, "name": service.agency.name, "contact": service.agency.contact},
        "health": None if health is None else {"status": health.status, "since": timestamp(health.since)},
        "promise": asdict(service.promise),
        "measured": {
            "availability": measured.availability,
            "p95_seconds": measured.p95_seconds,
            "answers": measured.answers,
            "agency_faults": measured.faults,
        },
        "kept": {"availability": one.kept.availability, "p95": one.kept.p95},
    }
