"""What the pipeline asks of a client towards agencies, whichever one carries the traffic."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol, runtime_checkable

from gateway.fields import Block, Fields
from gateway.rules.delivery import Target, Timeouts

WHOLE_BYTES: Final = 65_536  # an answer declared no longer than this is read whole before it is handed over

Interim = Callable[[int, Fields], None]


class RequestBody(Protocol):
    """A request's body as it arrives. `length` is None when it comes in chunks; 0 when there is none."""

    length: int | None

    async def read(self) -> bytes:
        """Return the next piece, or b"" after the last; raise a GatewayError when it breaks off or grows too large."""
        ...


class ResponseBody(Protocol):
    """An answer's body. The reader closes it, always; closing early gives the connection up."""

    async def read(self) -> bytes:
        """Return the next piece, or b"" after the last; raise UpstreamFault when it breaks off."""
        ...

    async def aclose(self) -> None: ...


@runtime_checkable
class Trailed(Protocol):
    """A body, of either direction, that may end in trailer fields."""

    @property
    def trailers(self) -> Fields:
        """The trailer fields as received, unfiltered; final once the body was read to its end."""
        ...


class Tunnel(Protocol):
    """A connection on which the agency agreed to speak another protocol (RFC 9110 section 7.8). Nothing is read yet."""

    @property
    def transport(self) -> asyncio.Transport: ...

    def connect(self, end: asyncio.Protocol) -> None:
        """Let `end` have what the agency sends from here on, what it sent already included."""
        ...

    def abort(self) -> None:
        """Give the connection up."""
        ...


# The two values below are made with each request: freezing them would cost a microsecond more. Nobody writes to them.


@dataclass(slots=True, eq=False)
class UpstreamRequest:
    """A request as an agency is to see it. `passed` came from the client, filtered; `added` is the gateway's own.

    Neither holds Host or a field that frames or connects (Content-Length, Transfer-Encoding, Connection, Upgrade,
    Expect): the client that sends it writes those.
    """

    method: bytes
    path: bytes  # the agency's own, canonical
    query: bytes
    passed: Block
    added: Fields
    body: RequestBody | None  # None: no body at all
    # What only the client `direct` does; httpx steps over interim answers, never upgrades and never waits.
    interim: Interim | None = None  # hears of answers 102 to 199 before the final one; 100 is between us and the agency
    upgrade: bytes | None = None  # the protocol to ask for, e.g. b"websocket"
    waits_for_continue: bool = False  # the client does (Expect: 100-continue): read the body once the agency wants it


@dataclass(slots=True, eq=False)
class UpstreamResponse:
    """An agency's answer. `content` holds the whole body when it is at hand, else `body` streams it."""

    status: int
    received: Block  # all fields, framing and hop-by-hop ones still there
    content: bytes | None
    body: ResponseBody | None
    length: int | None = None  # declared length when it streams, or of what the answer to a HEAD leaves out
    passed: Block | None = None  # what may go on to the client, where it was found out on the way
    trailers: Fields = ()  # of a body that is whole in `content`; unfiltered
    tunnel: Tunnel | None = None  # with status 101 only; whoever gets it connects or aborts it

    @property
    def fields(self) -> Fields:
        """The fields as received, as pairs; most answers go through without anybody asking for them."""
        return self.received.fields


class UpstreamClient(Protocol):
    """Sends one request to one target. Translates every foreign exception into UpstreamFault."""

    async def send(
        self, target: Target, request: UpstreamRequest, timeouts: Timeouts, *, emergency: bool = False
    ) -> UpstreamResponse:
        """Return once the answer's head is there.

        Raises Unreachable when no connection opened (nothing was sent), ReusedConnectionLost, TimedOut, BrokeProtocol.
        """
        ...

    async def aclose(self) -> None: ...
