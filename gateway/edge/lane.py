"""What all connections of the direct lane share: the pipeline, memory, clocks, limits, and who is connected."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any

from gateway.clock import Clock
from gateway.edge.drain import Drain
from gateway.edge.known import Blocks
from gateway.edge.outgoing import Dates
from gateway.pipeline.handler import Pipeline
from gateway.telemetry.logs import Log
from gateway.telemetry.traces import RequestIds
from gateway.upstream.wheel import Wheel


@dataclass(frozen=True, slots=True)
class Patience:
    """How long, in seconds, and how much a stranger may take. All are measured by progress, never by size."""

    idle_seconds: float = 75.0  # between requests; phones' carriers drop an idle connection after 60 s
    head_seconds: float = 10.0  # from a head's first byte to its last
    body_seconds: float = 30.0  # without a byte of a body that was asked for
    write_seconds: float = 60.0  # without the client taking a byte of its answer
    linger_seconds: float = 2.0  # for the rest of a refused request
    tunnel_seconds: float = 300.0  # without a byte either way
    max_requests: int = 10_000  # on one connection
    max_connections: int = 15_000
    max_connections_per_address: int = 5_000  # many citizens share a carrier's address


class Lane:
    """One process's direct lane."""

    def __init__(
        self,
        pipeline: Pipeline,
        clock: Clock,
        drain: Drain,
        log: Log,
        patience: Callable[[], Patience],
    ) -> None:
        """`patience` is asked at each use, so that a reload changes it."""
        self.pipeline = pipeline
        self.clock = clock
        self.drain = drain
        self.log = log
        self.wheel = Wheel(clock)
        self.blocks = Blocks()
        self.ids = RequestIds()
        self.dates = Dates()
        self.refused = 0
        self._patience = patience
        self._connections: set[Any] = set()
        self._by_address: dict[Hashable, int] = {}

    @property
    def timeouts(self) -> Patience:
        return self._patience()

    @property
    def connections(self) -> int:
        return len(self._connections)

    def enter(self, connection: object, address: str) -> bool:
        """Take a new connection in; False when there are too many, in all or from its address."""
        limits = self._patience()
        here = self._by_address.get(address, 0)
        if len(self._connections) >= limits.max_connections or here >= limits.max_connections_per_address:
            self.refused += 1
            return False
        self._connections.add(connection)
        self._by_address[address] = here + 1
        return True

    def leave(self, connection: object, address: str) -> None:
        """Let a connection go; one that was not taken in changes nothing."""
        if connection not in self._connections:
            return
        self._connections.discard(connection)
        left = self._by_address[address] - 1
        if left:
            self._by_address[address] = left
        else:
            del self._by_address[address]
