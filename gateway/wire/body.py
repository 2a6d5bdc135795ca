"""The readers of message bodies, one for each framing; each says where its body ends and what came after it.

A reader is fed what a connection received, in order. It never hands out a byte that is not the body's, and when the
connection ends early it says so: a cut body is never taken for a whole one (RFC 9112 section 8).
"""

from __future__ import annotations

from typing import Final, Protocol

from gateway.fields import Fields
from gateway.wire import refusals
from gateway.wire.chunked import ChunkDecoder, take
from gateway.wire.framing import BodyKind, Framing, Piece
from gateway.wire.grammar import BodyLimits
from gateway.wire.malformed import Malformed

_NO_TRAILERS: Final[Fields] = ()


class BodyReader(Protocol):
    """Reads one body. `size` counts its bytes as far as known; `rest` is what came after it, once it is complete."""

    @property
    def size(self) -> int: ...

    @property
    def rest(self) -> bytes: ...

    @property
    def trailers(self) -> Fields:
        """The trailer fields; final once the body is complete."""
        ...

    def is_complete(self) -> bool:
        """Tell whether the body has been read to its end."""
        ...

    def feed(self, received: bytes) -> list[Piece]:
        """Return the pieces of the body in what was received; not to be called once complete. Raises Malformed."""
        ...

    def end_of_stream(self) -> None:
        """Learn that the peer ended its side in good order; raises Malformed when the body is not whole.

        A connection that was reset has not ended: whatever the framing, that body is cut.
        """
        ...


class CountedBody:
    """A body of a known length, none included (RFC 9112 section 6.2)."""

    __slots__ = ("_left", "rest", "size")

    def __init__(self, length: int) -> None:
        self._left = length
        self.size = length
        self.rest = b""

    @property
    def trailers(self) -> Fields:
        return _NO_TRAILERS

    def is_complete(self) -> bool:
        return self._left == 0

    def feed(self, received: bytes) -> list[Piece]:
        assert self._left
        length = len(received)
        if length < self._left:
            self._left -= length
            return [received] if received else []
        piece = take(received, 0, self._left)
        self.rest = received[self._left :]
        self._left = 0
        return [piece]

    def end_of_stream(self) -> None:
        if self._left:
            raise Malformed(refusals.TRUNCATED)


class UntilCloseBody:
    """An answer's body that lasts until the connection closes (RFC 9112 section 6.3, rule 8)."""

    __slots__ = ("_closed", "_max_bytes", "rest", "size")

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self.size = 0
        self._closed = False
        self.rest = b""

    @property
    def trailers(self) -> Fields:
        return _NO_TRAILERS

    def is_complete(self) -> bool:
        return self._closed

    def feed(self, received: bytes) -> list[Piece]:
        assert not self._closed
        self.size += len(received)
        if self.size > self._max_bytes:
            raise Malformed(refusals.BODY_TOO_LARGE)
        return [received] if received else []

    def end_of_stream(self) -> None:
        self._closed = True


def open_body(framing: Framing, limits: BodyLimits) -> BodyReader:
    """Return the reader for a body framed so; one that is announced too large is refused before a byte of it."""
    if framing.kind is BodyKind.CHUNKED:
        return ChunkDecoder(limits)
    if framing.kind is BodyKind.UNTIL_CLOSE:
        return UntilCloseBody(limits.max_body_bytes)
    if framing.length > limits.max_body_bytes:
        raise Malformed(refusals.BODY_TOO_LARGE)
    return CountedBody(framing.length)
