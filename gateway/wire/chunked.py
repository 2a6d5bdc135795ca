"""The chunked transfer coding: a decoder that takes bytes as they come, and an encoder; it does no I/O.

Theory
======

    chunked-body = *( size [ extensions ] CRLF  bytes CRLF )  "0" [ extensions ] CRLF  *( trailer CRLF )  CRLF

The decoder is a machine of four states. A line (size, end of a chunk, trailer) may arrive in pieces; its beginning
waits in `_partial`, whose length is bounded by the state. Within a chunk nothing waits: bytes go out as they come.

    SIZE ──size > 0──► BYTES ──all there──► CHUNK_END ──CRLF──► SIZE
      └───size = 0──► TRAILERS ──empty line──► complete

Refused rather than repaired: sizes that are not 1*HEXDIG, LF alone, anything between a chunk's bytes and its CRLF,
broken extensions, trailers that frame or route. Extensions are checked, counted and dropped (RFC 9112 section 7.1.1):
a hop that forwards them lends its framing to a stranger. However the same bytes are cut into pieces, the decoder yields
the same body and trailers, or refuses for the same reason.
"""

from __future__ import annotations

import re
from typing import Final

from gateway.fields import Field, Fields
from gateway.wire import refusals
from gateway.wire.framing import Piece
from gateway.wire.grammar import CRLF, MAX_HEX_DIGITS, BodyLimits, read_hexadecimal
from gateway.wire.lines import read_field
from gateway.wire.malformed import Malformed

# Slicing bytes copies, a view does not, but making and using one costs about as much as copying this many bytes.
VIEW_FROM_BYTES: Final = 16_384

_SIZE: Final = 0
_BYTES: Final = 1
_CHUNK_END: Final = 2
_TRAILERS: Final = 3
_COMPLETE: Final = 4

# chunk-ext = *( BWS ";" BWS name [ BWS "=" BWS ( token / quoted-string ) ] ); possessive runs keep it linear.
_EXTENSIONS: Final = re.compile(
    rb"(?:[ \t]*+;[ \t]*+[!#$%&'*+\-.^_`|~0-9A-Za-z]++"
    rb"(?:[ \t]*+=[ \t]*+(?:[!#$%&'*+\-.^_`|~0-9A-Za-z]++"
    rb"|\"(?:[\t \x21\x23-\x5b\x5d-\x7e\x80-\xff]|\\[\t\x20-\x7e\x80-\xff])*+\"))?+)*+"
)

# Fields whose meaning must be known before the body, by RFC 9110 section 6.5.1: a recipient that merged them into the
# head would frame, route or keep the connection by what a stranger appended. Others are filtered like head fields.
_FORBIDDEN_TRAILERS: Final = frozenset(
    (b"content-length", b"transfer-encoding", b"host", b"connection", b"te", b"trailer", b"upgrade", b"expect")
)


def take(received: bytes, start: int, end: int) -> Piece:
    """Return a part of what was received, without copying where that pays."""
    if start == 0 and end == len(received):
        return received
    if end - start >= VIEW_FROM_BYTES:
        return memoryview(received)[start:end]
    return received[start:end]


class ChunkDecoder:
    """Decodes one chunked body. When it is complete, `rest` holds what was received after it.

    A sender may make chunks of one byte; whoever passes the body on does well to join the pieces of one `feed`.
    """

    __slots__ = (
        "_left",
        "_limits",
        "_partial",
        "_room",
        "_state",
        "_trailer_room",
        "_trailers",
        "rest",
        "size",
    )

    def __init__(self, limits: BodyLimits) -> None:
        self._limits = limits
        self._state = _SIZE
        self._partial = b""  # the beginning of a line whose end has not come
        self._left = 0  # bytes of the current chunk still to come
        self._room = limits.max_extension_bytes
        self._trailer_room = limits.max_trailer_bytes
        self._trailers: list[Field] = []
        self.size = 0  # of the body as far as its chunks have been announced
        self.rest = b""

    @property
    def trailers(self) -> Fields:
        """The trailer fields; final once the body is complete."""
        return tuple(self._trailers)

    def is_complete(self) -> bool:
        """Tell whether the body and its trailers have been read to the end."""
        return self._state == _COMPLETE

    def feed(self, received: bytes) -> list[Piece]:
        """Decode what was received and return the pieces of the body in it; not to be called once complete."""
        assert self._state != _COMPLETE
        pieces: list[Piece] = []
        at = 0
        end = len(received)
        while at < end:
            if self._state == _BYTES:
                until = min(at + self._left, end)
                pieces.append(take(received, at, until))
                self._left -= until - at
                at = until
                if self._left == 0:
                    self._state = _CHUNK_END
            elif self._state == _CHUNK_END and received[at : at + 2] == CRLF and not self._partial:
                self._state = _SIZE  # the usual case, short of the general way below
                at += 2
            else:
                at = self._feed_line(received, at)
            if self._state == _COMPLETE:
                self.rest = received[at:]
                break
        return pieces

    def end_of_stream(self) -> None:
        """Learn that nothing more comes; raises Malformed unless the body is complete (RFC 9112 section 8)."""
        if self._state != _COMPLETE:
            raise Malformed(refusals.TRUNCATED)

    def _feed_line(self, received: bytes, at: int) -> int:
        """Take in a line, or the part of it that has come; return where the next one begins."""
        line_feed = received.find(b"\n", at)
        until = len(received) if line_feed < 0 else line_feed + 1
        line = received[at:until]
        if self._partial:
            line = self._partial + line
        self._check_line_size(line)
        if line_feed < 0:
            self._partial = line
            return until
        self._partial = b""
        if line[-2:-1] != b"\r":
            raise Malformed(refusals.BARE_LF)
        line = line[:-2]
        if self._state == _SIZE:
            self._read_size(line)
        elif self._state == _CHUNK_END:
            self._state = _SIZE
        else:
            self._read_trailer(line)
        return until

    def _check_line_size(self, line: bytes) -> None:
        """Refuse a line as soon as it can no longer be right, be it complete or not."""
        if self._state == _CHUNK_END:
            if not b"\r\n".startswith(line):
                raise Malformed(refusals.CHUNK_END)
        elif self._state == _SIZE:
            if len(line) > self._limits.max_chunk_line_bytes:
                raise Malformed(refusals.CHUNK_LINE_TOO_LONG)
        elif len(line) > self._trailer_room:
            raise Malformed(refusals.TRAILERS_TOO_LARGE)

    def _read_size(self, line: bytes) -> None:
        digits = line
        end = len(line)
        semicolon = line.find(b";")
        if semicolon >= 0:
            digits = line[:semicolon].rstrip(b" \t")
            end = len(digits)
            if not _EXTENSIONS.fullmatch(line, end):
                raise Malformed(refusals.BAD_CHUNK_EXTENSION)
            self._room -= len(line) - end
            if self._room < 0:
                raise Malformed(refusals.EXTENSIONS_TOO_LARGE)
        size = read_hexadecimal(digits)
        if size is None:
            overflows = len(digits) > MAX_HEX_DIGITS and read_hexadecimal(digits[-MAX_HEX_DIGITS:]) is not None
            raise Malformed(refusals.CHUNK_OVERFLOW if overflows else refusals.BAD_CHUNK_SIZE)
        self.size += size
        if self.size > self._limits.max_body_bytes:
            raise Malformed(refusals.BODY_TOO_LARGE)
        self._left = size
        self._state = _BYTES if size else _TRAILERS

    def _read_trailer(self, line: bytes) -> None:
        if not line:
            self._state = _COMPLETE
            return
        self._trailer_room -= len(line) + 2
        if len(self._trailers) >= self._limits.max_trailer_count:
            raise Malformed(refusals.TOO_MANY_TRAILERS)
        field = read_field(line)
        if field[0] in _FORBIDDEN_TRAILERS:
            raise Malformed(refusals.FORBIDDEN_TRAILER)
        self._trailers.append(field)


def encode_chunk(piece: Piece) -> bytes:
    """Frame one piece of a body; an empty piece is no chunk, for a chunk of size 0 would end the body."""
    return b"".join((b"%x\r\n" % len(piece), piece, CRLF)) if piece else b""


def last_chunk(trailers: Fields = ()) -> bytes:
    """End a chunked body; the trailers must have been filtered before."""
    return b"0\r\n%b\r\n" % b"".join([b"%b: %b\r\n" % field for field in trailers])
