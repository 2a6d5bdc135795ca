"""An attempt that needed no waiting: its request went out at once, on a connection that was at hand.

Whoever began it watches its answer, and either takes the answer as it is or has `Forwarder.send` go on from there.
"""

from __future__ import annotations

from typing import Protocol

from gateway.rules.delivery import Target, Timeouts
from gateway.upstream.answer import Answer
from gateway.upstream.connection import Connection
from gateway.upstream.ports import Interim, UpstreamClient, UpstreamRequest, UpstreamResponse
from gateway.upstream.targets import LiveTarget


class Begun:
    """One request under way. `answer.changed` rings once it is ready."""

    __slots__ = ("answer", "connection", "live")

    def __init__(self, live: LiveTarget, connection: Connection, answer: Answer) -> None:
        self.live = live
        self.connection = connection
        self.answer = answer


class ReadyClient(UpstreamClient, Protocol):
    """A client that can also begin without waiting."""

    def head(self, target: Target, request: UpstreamRequest) -> bytes:
        """Return the head of `request` as `target` gets it, with the empty line at its end."""
        ...

    def take(self, target: Target) -> Connection | None:
        """Return an idle connection, to be used or given back at once; None when there is none."""
        ...

    def begin(
        self, connection: Connection, method: bytes, request: bytes, timeouts: Timeouts, interim: Interim | None
    ) -> Answer:
        """Send a whole request on a connection that was taken."""
        ...

    async def finish(self, target: Target, method: bytes, connection: Connection, answer: Answer) -> UpstreamResponse:
        """Wait for the answer to what was begun, and return it as `send` would, or raise what `send` would."""
        ...
