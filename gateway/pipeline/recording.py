"""One body of an agency for several readers, while it arrives.

Theory
======

A pump reads from the agency and `take`s each piece; readers follow at their own pace, and whoever comes later begins at
the beginning. That costs no more memory than storing the answer will, as long as the body stays within `max_bytes`.

A body that turns out larger will not be stored, and nobody new may join. From then on only `max_bytes` of it are held,
and the pump waits for whoever reads fastest (`wanted`): the slowest must not stop everybody. A reader who falls further
behind than what is held is cut off, visibly, and finds the agency by itself when it comes again.

Readers wait for a Signal each (gateway.stepping) and are woken in turns of the loop of their own, some at a time, so
that a crowd neither nests nor blocks everything else.
"""

from __future__ import annotations

import asyncio
import copy
from collections import OrderedDict, deque
from collections.abc import Iterable
from typing import Final

from gateway.clock import Clock
from gateway.errors import BrokeProtocol, GatewayError
from gateway.fields import Fields
from gateway.pipeline.observe import Observation
from gateway.stepping import Signal
from gateway.upstream.ports import ResponseBody, Trailed

_AT_ONCE: Final = 64  # readers woken in one turn of the loop


class Bell:
    """Wakes many who wait for one thing, some in each turn of the loop."""

    __slots__ = ("_left", "_waiting")

    def __init__(self) -> None:
        self._waiting: dict[Signal, None] = {}
        self._left: OrderedDict[Signal, None] = OrderedDict()

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, one: Signal) -> None:
        self._waiting[one] = None

    def discard(self, one: Signal) -> None:
        self._waiting.pop(one, None)

    def ring(self) -> None:
        """Wake everybody, later: what they then do must not run within whoever rings."""
        is_ringing = bool(self._left)
        self._left.update(self._waiting)
        if self._left and not is_ringing:
            asyncio.get_running_loop().call_soon(self._ring_some)

    def _ring_some(self) -> None:
        for _ in range(min(_AT_ONCE, len(self._left))):
            self._left.popitem(last=False)[0].ring()
        if self._left:
            asyncio.get_running_loop().call_soon(self._ring_some)


class Recording:
    """What has come of one body. One pump writes, any number of readers read."""

    __slots__ = ("_bell", "_demand", "_failure", "_first", "_max_bytes", "_pieces", "_readers", "held_bytes",
                 "is_complete", "is_too_large", "trailers")  # fmt: skip

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._pieces: deque[bytes] = deque()
        self._first = 0  # the number of the first piece that is still held
        self._readers: set[Reader] = set()
        self._bell = Bell()
        self._demand = Signal()
        self._failure: GatewayError | None = None
        self.held_bytes = 0
        self.is_complete = False
        self.is_too_large = False
        self.trailers: Fields = ()

    @property
    def content(self) -> bytes:
        """All that is held; the whole body when it is complete and not too large."""
        return b"".join(self._pieces)

    def reader(self) -> Reader:
        """Return a body that begins at the beginning. Not to be asked for once it is too large."""
        one = Reader(self)
        self._readers.add(one)
        return one

    # ---- the pump's side

    def take(self, piece: bytes) -> None:
        """Add a piece."""
        self._pieces.append(piece)
        self.held_bytes += len(piece)
        if self.held_bytes > self._max_bytes:
            self.is_too_large = True
            self._forget_what_was_read()
        self._bell.ring()

    def _forget_what_was_read(self) -> None:
        """Keep to the bound: what the fastest reader has had goes, whether or not the slower ones have."""
        fastest = max((one.position for one in self._readers), default=0)
        while self.held_bytes > self._max_bytes and self._first < fastest:
            self.held_bytes -= len(self._pieces.popleft())
            self._first += 1

    async def wanted(self) -> bool:
        """Wait until some reader has read all there is; return False when nobody reads any more."""
        end = self._first + len(self._pieces)
        while self._readers and not any(one.position >= end for one in self._readers):
            await self._demand
        return bool(self._readers)

    def end(self, trailers: Fields) -> None:
        self.trailers = trailers
        self.is_complete = True
        self._bell.ring()

    def fail(self, failure: GatewayError) -> None:
        """Break off: what has come is still handed out before `failure` is raised to each reader."""
        if not self.is_complete and self._failure is None:
            self._failure = failure
            self._bell.ring()

    # ---- the readers' side

    def piece(self, number: int) -> bytes | None:
        """Return a piece, b"" after the last one, None while it has not come. Raises what the body broke off with."""
        index = number - self._first
        if index < 0:
            raise BrokeProtocol("the reader fell too far behind a body that is not kept")
        if index < len(self._pieces):
            return self._pieces[index]
        if self._failure is not None:
            raise copy.copy(self._failure)  # each has a traceback of its own
        return b"" if self.is_complete else None

    async def changed(self, arrived: Signal) -> None:
        """Wait for news."""
        self._demand.ring()
        self._bell.add(arrived)
        try:
            await arrived
        finally:
            self._bell.discard(arrived)

    def leave(self, one: Reader) -> None:
        self._readers.discard(one)
        self._demand.ring()


class Reader:
    """One reader's place in a recording. Implements `ResponseBody`."""

    __slots__ = ("_arrived", "_recording", "position")

    def __init__(self, recording: Recording) -> None:
        self._recording = recording
        self._arrived = Signal()
        self.position = 0

    @property
    def trailers(self) -> Fields:
        return self._recording.trailers

    async def read(self) -> bytes:
        while (piece := self._recording.piece(self.position)) is None:
            await self._recording.changed(self._arrived)
        if piece:
            self.position += 1
        return piece

    async def aclose(self) -> None:
        self._recording.leave(self)


class Charged:
    """A body whose waiting is charged to the agency in the notes of the request that reads it."""

    __slots__ = ("_body", "_clock", "_seen")

    def __init__(self, body: ResponseBody, clock: Clock, seen: Observation) -> None:
        self._body = body
        self._clock = clock
        self._seen = seen

    @property
    def trailers(self) -> Fields:
        return self._body.trailers if isinstance(self._body, Trailed) else ()

    async def read(self) -> bytes:
        began = self._clock.monotonic()
        try:
            return await self._body.read()
        finally:
            self._seen.agency_seconds += self._clock.monotonic() - began

    async def aclose(self) -> None:
        await self._body.aclose()


class Whole:
    """A body at hand that ends in trailers, which only a streamed one can."""

    __slots__ = ("_pieces", "trailers")

    def __init__(self, content: bytes, trailers: Fields) -> None:
        self._pieces: Iterable[bytes] = iter((content,) if content else ())
        self.trailers = trailers

    async def read(self) -> bytes:
        return next(iter(self._pieces), b"")

    async def aclose(self) -> None:
        self._pieces = ()
