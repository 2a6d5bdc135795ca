"""A request's body on the direct lane: fed by its connection, read by the pipeline, bounded in between.

What is not read is not taken from the socket: beyond a few pieces the connection stops reading, so a client that sends
faster than its agency takes waits, and memory stays bounded whatever it does.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Protocol

from gateway.errors import GatewayError, MalformedRequest
from gateway.fields import Fields
from gateway.rules.heads import trailer_fields
from gateway.stepping import Signal
from gateway.wire.body import BodyReader
from gateway.wire.framing import BodyKind, Framing, Piece
from gateway.wire.malformed import Malformed

HIGH_WATER_BYTES: Final = 65_536  # what may wait here for its reader


class Flow(Protocol):
    """What a body asks of its connection."""

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...


class IncomingBody:
    """Implements RequestBody. The connection calls `feed` and `fail`; `on_first_read` answers an Expect."""

    __slots__ = ("_arrived", "_fault", "_flow", "_held", "_nominated", "_on_first_read", "_pieces", "_reader", "length")

    def __init__(
        self,
        reader: BodyReader,
        framing: Framing,
        flow: Flow,
        *,
        nominated: frozenset[bytes],
        on_first_read: Callable[[], None] | None,
    ) -> None:
        """`nominated` are the fields that `Connection` keeps from going on, trailers among them."""
        self._reader = reader
        self._flow = flow
        self._nominated = nominated
        self._on_first_read = on_first_read
        self._pieces: list[Piece] = []
        self._held = 0
        self._fault: GatewayError | None = None
        self._arrived = Signal()
        self.length = framing.length if framing.kind is BodyKind.LENGTH else None

    @property
    def is_complete(self) -> bool:
        """Tell whether everything has come, read or not."""
        return self._reader.is_complete()

    @property
    def rest(self) -> bytes:
        """What was received after the end."""
        return self._reader.rest

    @property
    def trailers(self) -> Fields:
        """The trailer fields an agency may see; final once the body was read to its end."""
        return trailer_fields(self._reader.trailers, of_answer=False, nominated=self._nominated)

    async def read(self) -> bytes:
        if self._on_first_read is not None:
            ask, self._on_first_read = self._on_first_read, None
            ask()
        while not self._pieces:
            if self._fault is not None:
                raise self._fault
            if self._reader.is_complete():
                return b""
            self._flow.resume_reading()
            await self._arrived
        pieces, self._pieces, self._held = self._pieces, [], 0
        self._flow.resume_reading()
        return pieces[0] if len(pieces) == 1 and isinstance(pieces[0], bytes) else b"".join(pieces)

    def feed(self, data: bytes) -> None:
        """Take in what was received, and wake the reader. What cannot be read as one body is the reader's fault."""
        try:
            for piece in self._reader.feed(data):
                self._pieces.append(piece)
                self._held += len(piece)
        except Malformed as error:
            self.fail(MalformedRequest(str(error), status=error.status))
            return
        if self._held > HIGH_WATER_BYTES and not self._reader.is_complete():
            self._flow.pause_reading()
        self._arrived.ring()

    def fail(self, fault: GatewayError) -> None:
        """End the body early: the reader gets `fault`, and so the agency never takes it for whole."""
        if self._fault is None:
            self._fault = fault
        self._arrived.ring()

    @property
    def has_failed(self) -> bool:
        return self._fault is not None
