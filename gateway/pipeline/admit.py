"""Stage 6: whether there is room. Each service has so many requests in flight; emergency routes have room of their own.

Shedding early keeps one slow agency from eating the memory and the connections of all others.
"""

from __future__ import annotations

from gateway.errors import Overloaded
from gateway.registry.snapshot import Route, Service


class Room:
    """Counts the requests in flight by service. Lives beside the snapshot."""

    __slots__ = ("_in_flight",)

    def __init__(self) -> None:
        self._in_flight: dict[str, int] = {}

    def in_flight(self, service: str) -> int:
        return self._in_flight.get(service, 0)

    def has_place(self, service: Service) -> bool:
        """Tell whether one more may come in."""
        return self._in_flight.get(service.name, 0) < service.upstream.max_in_flight

    def enter(self, route: Route, service: Service) -> None:
        """Take a place; raise Overloaded when the service has none left. Emergency routes are never refused."""
        now = self._in_flight.get(service.name, 0)
        if now >= service.upstream.max_in_flight and not route.emergency:
            raise Overloaded(f"{service.name} has {now} requests in flight", retry_after_seconds=1)
        self._in_flight[service.name] = now + 1

    def leave(self, service: Service) -> None:
        """Give the place back."""
        self._in_flight[service.name] -= 1
