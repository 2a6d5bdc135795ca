"""What the other workers of this machine have counted, as their supervisor told last: so a public page speaks for all.

Only sums by service; those of a worker that ended stay in them. A process without siblings has none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from gateway.telemetry.metrics import RouteCounters


class Siblings:
    """`since`: wall-clock seconds at which the counting began, by the first of them all."""

    __slots__ = ("_services", "since")

    def __init__(self, since: float) -> None:
        self.since = since
        self._services: dict[str, RouteCounters] = {}

    def hear(self, since: float, services: Mapping[str, Sequence[float]]) -> None:
        """Take the present sums of these services; of others they are what they were."""
        self.since = since
        for service, numbers in services.items():
            counters = RouteCounters(service, "")
            counters.add(numbers)
            self._services[service] = counters

    def services(self) -> list[RouteCounters]:
        """Return their counters, one for each service."""
        return list(self._services.values())
