"""What all connections of the direct lane share: the pipeline, memory, clocks, limits, and who is connected."""

from __future__ import annotations

from collections.abc import Hashable
from enum import Enum, auto
from typing import Any, Final

from gateway.clock import Clock
from gateway.edge.drain import Drain
from gateway.edge.known import Blocks
from gateway.edge.outgoing import Dates
from gateway.edge.usual import Usual
from gateway.pipeline.handler import Pipeline
from gateway.registry.snapshot import ClientLimits
from gateway.telemetry.logs import Log
from gateway.telemetry.traces import RequestIds
from gateway.upstream.wheel import Wheel
from gateway.wire.grammar import HeadLimits

# Connections beyond the limits are still asked what they want, for one of them may be calling 112; so many at once.
CROWD: Final = 256


class Admission(Enum):
    """How a new connection is received."""

    WELCOME = auto()
    CROWDED = auto()  # there are too many: one request, which is refused unless its route is of class emergency
    TURNED_AWAY = auto()  # there are far too many: refused unread


class Lane:
    """One process's direct lane."""

    def __init__(self, pipeline: Pipeline, clock: Clock, drain: Drain, log: Log, limits: ClientLimits) -> None:
        self.pipeline = pipeline
        self.clock = clock
        self.drain = drain
        self.log = log
        self.wheel = Wheel(clock)
        self.ids = RequestIds()
        self.dates = Dates()
        self.limits = limits
        self.head_limits = _head_limits(limits)
        self.blocks = Blocks(self.head_limits)
        self.usual = Usual()
        self.connections: set[Any] = set()  # also what the server waits for when it shuts down
        self.refused = 0
        self._by_address: dict[Hashable, int] = {}

    def adopt(self, limits: ClientLimits) -> None:
        """Go on by the limits of a new registry; blocks recognised under the old one are forgotten."""
        self.limits = limits
        self.usual.clear()
        head_limits = _head_limits(limits)
        if head_limits == self.head_limits:
            self.blocks.clear()
        else:
            self.head_limits = head_limits
            self.blocks = Blocks(head_limits)

    def enter(self, connection: object, address: str) -> Admission:
        """Take a new connection in, and say how it is to be received."""
        limits = self.limits
        here = self._by_address.get(address, 0) + 1
        self._by_address[address] = here
        self.connections.add(connection)
        excess = max(len(self.connections) - limits.max_connections, here - limits.max_connections_per_address)
        if excess <= 0:
            return Admission.WELCOME
        self.refused += 1
        return Admission.CROWDED if excess <= CROWD else Admission.TURNED_AWAY

    def leave(self, connection: object, address: str) -> None:
        """Let a connection go."""
        self.connections.discard(connection)
        left = self._by_address[address] - 1
        if left:
            self._by_address[address] = left
        else:
            del self._by_address[address]

    def cut(self) -> None:
        """End every connection, whatever is under way on it."""
        for connection in tuple(self.connections):
            connection.cut()


def _head_limits(limits: ClientLimits) -> HeadLimits:
    return HeadLimits(
        max_head_bytes=limits.max_head_bytes,
        max_field_count=limits.max_field_count,
        max_target_bytes=limits.max_target_bytes,
    )
