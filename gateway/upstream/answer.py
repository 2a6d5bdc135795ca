"""One answer, read from bytes as a connection receives them, and the place where its reader waits for more.

It does no I/O: the connection feeds it, and hears from it whether the connection is free again.

    feed ──► interim heads (told, bounded) ──► final head ──► body ──► complete
                                                  │             │
                                     `is_ready`, once it is complete or too large to be held back

What is refused here raises BrokeProtocol; the bytes are read by `gateway.wire`, as strictly as a client's.
"""

from __future__ import annotations

from typing import Final

from gateway.errors import BrokeProtocol
from gateway.fields import EMPTY, Block, Fields
from gateway.stepping import Signal
from gateway.upstream.ports import WHOLE_BYTES, Interim
from gateway.wire.body import BodyReader, open_body
from gateway.wire.framing import BodyKind, Piece
from gateway.wire.grammar import BodyLimits, HeadLimits
from gateway.wire.lines import find_head_end, split_head
from gateway.wire.malformed import Malformed
from gateway.wire.recognise import ResponseRecogniser
from gateway.wire.response import SWITCHING_PROTOCOLS, ResponseHead, StatusLine, parse_status_line

# Agencies are given more room than strangers: frameworks set many cookies and long policies.
HEAD_LIMITS: Final = HeadLimits(max_head_bytes=65_536, max_field_count=200)
# An agency's answers have no size of their own to keep to; the digits of a length bound what can be announced.
BODY_LIMITS: Final = BodyLimits(max_body_bytes=10**15)
MAX_INTERIM: Final = 16  # answers before the final one; more is an agency that never comes to the point
_CONTINUE: Final = 100


class Answer:
    """The answer to one request. Its connection writes to it through `feed`, `end_of_stream` and `fail`."""

    __slots__ = (
        "_body",
        "_buffer",
        "_failure",
        "_interim",
        "_interim_count",
        "_is_gathered",
        "_method",
        "_pieces",
        "_recogniser",
        "_searched",
        "_upgrade",
        "awaited_since",
        "block",
        "changed",
        "has_begun",
        "head",
        "held_bytes",
        "is_complete",
        "may_continue",
        "passed",
        "rest",
        "status",
    )

    def __init__(
        self,
        method: bytes,
        recogniser: ResponseRecogniser,
        *,
        interim: Interim | None = None,
        upgrade: bytes | None = None,
    ) -> None:
        self._method = method
        self._recogniser = recogniser
        self._interim = interim
        self._upgrade = upgrade
        self._interim_count = 0
        self._buffer = b""  # the beginning of a head
        self._searched = 0
        self._body: BodyReader | None = None
        self._pieces: list[Piece] = []
        self._failure: BaseException | None = None
        self._is_gathered = True  # a small answer is held back until it is whole
        self.changed = Signal()  # rung when something below became new
        self.awaited_since = 0.0  # monotonic; when its connection was given it
        self.has_begun = False  # a byte of it has come
        self.may_continue = False  # a 100 has come
        self.head: ResponseHead | None = None
        self.block = b""  # all fields of the head, as received
        self.passed = EMPTY  # those that may go on
        self.status = 0
        self.is_complete = False
        self.held_bytes = 0  # of the body, not taken yet
        self.rest = b""  # received after the end: nobody asked for it, or it belongs to another protocol

    @property
    def is_ready(self) -> bool:
        """Tell whether the answer can be handed over: it failed, is whole, or is not going to be waited for whole."""
        if self.is_complete or self._failure is not None:
            return True
        head = self.head
        if head is None:
            return False
        return not self._is_gathered or head.framing.kind is not BodyKind.LENGTH or head.framing.length > WHOLE_BYTES

    @property
    def is_usual(self) -> bool:
        """Tell whether it is whole, final, of a declared length, and so goes on as it came."""
        return self.is_complete and self.head is not None and self.head.framing.kind is BodyKind.LENGTH

    @property
    def is_switch(self) -> bool:
        """Tell whether the agency agreed to the protocol it was asked for."""
        return self.status == SWITCHING_PROTOCOLS

    @property
    def received(self) -> Block:
        """All fields of the head."""
        return Block(wire=self.block)

    @property
    def declared_length(self) -> int | None:
        """The length the agency declared for the body, be it sent or, in answer to a HEAD, left out."""
        assert self.head is not None
        framing = self.head.stated_framing if self._method == b"HEAD" else self.head.framing
        return framing.length if framing is not None and framing.kind is BodyKind.LENGTH else None

    @property
    def trailers(self) -> Fields:
        return self._body.trailers if self._body is not None else ()

    def feed(self, data: bytes) -> None:
        """Take in what was received. Raises BrokeProtocol."""
        self.has_begun = True
        try:
            if self.head is None:
                self._feed_head(data)
            else:
                self._feed_body(data)
        except Malformed as error:
            raise BrokeProtocol(f"the answer is malformed: {error.code}, {error.detail}") from error

    def end_of_stream(self) -> None:
        """Learn that the agency sends nothing more. Raises BrokeProtocol unless that ends the answer."""
        if self.is_complete:
            return
        if self._body is None:
            raise BrokeProtocol("the agency closed without a whole answer")
        try:
            self._body.end_of_stream()
        except Malformed as error:
            raise BrokeProtocol("the answer was cut off") from error
        self.is_complete = True

    def stop_gathering(self) -> None:
        """Hand the answer over as far as it has come: it is small, but slow."""
        self._is_gathered = False

    def fail(self, failure: BaseException) -> None:
        """End the answer; what was received and not taken yet is still handed out before `failure` is raised."""
        if self._failure is None and not self.is_complete:
            self._failure = failure

    def raise_failure(self) -> None:
        """Raise what `fail` was told, once; nothing keeps an error that has escaped."""
        failure = self._failure
        if failure is not None:
            self._failure = BrokeProtocol("the answer broke off")
            raise failure

    def take(self) -> bytes:
        """Hand out what is there of the body."""
        pieces, self._pieces = self._pieces, []
        self.held_bytes = 0
        return pieces[0] if len(pieces) == 1 and isinstance(pieces[0], bytes) else b"".join(pieces)

    def _feed_head(self, data: bytes) -> None:
        if self._buffer:
            data = self._buffer + data
        while self.head is None:
            end = find_head_end(data, HEAD_LIMITS, self._searched)
            if not end:
                self._buffer = data
                self._searched = len(data)
                return
            self._searched = 0
            text, block = split_head(data, end)
            line = parse_status_line(text)
            head, passed = self._recogniser.read(block, line, self._method)
            data = data[end:]
            if line.is_interim:
                self._step_over(line, block)
            else:
                self._accept(line, head, block, passed)
        self._buffer = b""
        self._feed_body(data)

    def _step_over(self, line: StatusLine, block: bytes) -> None:
        self._interim_count += 1
        if self._interim_count > MAX_INTERIM:
            raise BrokeProtocol(f"more than {MAX_INTERIM} interim answers")
        if line.status == _CONTINUE:
            self.may_continue = True
        elif self._interim is not None:
            self._interim(line.status, Block(wire=block).fields)

    def _accept(self, line: StatusLine, head: ResponseHead, block: bytes, passed: Block) -> None:
        if line.status == SWITCHING_PROTOCOLS and (self._upgrade is None or head.upgrade != (self._upgrade,)):
            raise BrokeProtocol("the agency switched to a protocol that nobody asked for")
        self.status = line.status
        self.head = head
        self.block = block
        self.passed = passed

    def _feed_body(self, data: bytes) -> None:
        if self.is_complete:
            self.rest += data
            return
        body = self._body
        if body is None:
            assert self.head is not None
            framing = self.head.framing
            if framing.length == len(data) and framing.kind is BodyKind.LENGTH:
                # The usual answer: one read brought the head and the whole body.
                self._hold(data)
                self.is_complete = True
                return
            if not framing.has_body:
                self.is_complete = True
                self.rest = data
                return
            body = self._body = open_body(framing, BODY_LIMITS)
        if data:
            for piece in body.feed(data):
                self._hold(piece)
            if body.is_complete():
                self.is_complete = True
                self.rest = body.rest

    def _hold(self, piece: Piece) -> None:
        if piece:
            self._pieces.append(piece)
            self.held_bytes += len(piece)
