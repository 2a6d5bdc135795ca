"""The way out to one client: answers written as fast as it takes them, and given up when it takes none.

It decides nothing about the connection beyond one answer; what an answer's head looks like is told by `outgoing`.
"""

from __future__ import annotations

import asyncio

from gateway.edge.lane import Lane
from gateway.edge.outgoing import CONTINUE, frame, interim_head
from gateway.edge.peer import reset
from gateway.fields import Fields
from gateway.pipeline.call import Reply
from gateway.rules.heads import trailer_fields
from gateway.stepping import Signal
from gateway.upstream.ports import ResponseBody, Trailed
from gateway.upstream.wheel import Deadline
from gateway.wire.chunked import encode_chunk, last_chunk
from gateway.wire.request import HTTP_11


class Outlet:
    """Writes to one client's transport, one answer after the other."""

    __slots__ = (
        "_drained",
        "_is_probed",
        "_lane",
        "_stall",
        "_unsent_bytes",
        "has_begun",
        "in_chunks",
        "is_open",
        "transport",
        "until_close",
    )

    def __init__(self, lane: Lane, transport: asyncio.Transport) -> None:
        self._lane = lane
        self.transport = transport
        self.is_open = True  # the transport takes more without piling it up
        self._drained = Signal()
        self._stall: Deadline | None = None  # made for the first client that is slow to read
        self._unsent_bytes = 0  # when the stall was last looked at
        self.has_begun = False  # the answer's head has gone out
        self.in_chunks = False  # ... and its body goes out in chunks
        self.until_close = False  # ... or ends where the connection does
        self._is_probed = False

    def begin(self) -> None:
        """Be ready for another answer."""
        self.has_begun = self.in_chunks = self._is_probed = False

    async def send(self, reply: Reply, *, method: bytes, version: int, close: bool) -> int:
        """Write the answer; return how many bytes its body had. Raises what the agency's body raises."""
        date = self._lane.dates.line(self._lane.clock.wall())
        framed = frame(reply, method=method, version=version, close=close, date=date)
        self.has_begun = True
        self.until_close = framed.until_close
        if framed.bodiless or reply.body is None:
            content = b"" if framed.bodiless or reply.content is None else reply.content
            if framed.chunked:
                self.transport.write(framed.head + encode_chunk(content) + last_chunk(reply.trailers))
            else:
                self.transport.write(framed.head + content)
            return len(content)
        self.transport.write(framed.head)
        self.in_chunks = framed.chunked
        self._is_probed = False
        return await self._stream(reply.body, chunked=framed.chunked)

    async def _stream(self, body: ResponseBody, *, chunked: bool) -> int:
        sent = 0
        while piece := await body.read():
            self.transport.write(encode_chunk(piece) if chunked else piece)
            sent += len(piece)
            while not self.is_open:
                await self._drained
        if chunked:
            trailers = body.trailers if isinstance(body, Trailed) else ()
            self.transport.write(last_chunk(trailer_fields(trailers, of_answer=True)))
            self.in_chunks = False
        return sent

    def interim(self, status: int, fields: Fields) -> None:
        """Write an interim answer, unless the final one has begun: it came too late then."""
        if not self.has_begun and not self.transport.is_closing():
            self.transport.write(interim_head(status, fields))

    def ask_for_body(self) -> None:
        """Tell a client that waits to go on (RFC 9110 section 10.1.1)."""
        if not self.has_begun:
            self.transport.write(CONTINUE)

    def probe(self, version: int) -> bool:
        """Write bytes that change nothing, so that a client who has left answers with a reset; tell whether.

        Once before the answer, and once within it. Before it they are an interim one, which every client must be able
        to step over (RFC 9110 section 15.2). Between two chunks it is a zero in front of the next chunk's size (RFC
        9112 section 7.1). A body of another framing has no place for it, nor has HTTP/1.0.
        """
        if version < HTTP_11 or self._is_probed or (self.has_begun and not self.in_chunks):
            return False
        self._is_probed = True
        self.transport.write(b"0" if self.has_begun else CONTINUE)
        return True

    def cut(self) -> None:
        """End an answer that will not be whole, so that it cannot be taken for one (RFC 9112 section 8)."""
        if self.until_close:
            reset(self.transport)  # a plain close would look like the end of the answer
        else:
            self.transport.close()

    # ---- a client that is slow to read

    def pause(self) -> None:
        """The transport has more than it should hold."""
        self.is_open = False
        if self._stall is None:
            self._stall = Deadline(self._lane.wheel, self._look)
        self._unsent_bytes = self.transport.get_write_buffer_size()
        self._stall.start(self._lane.limits.write_seconds)

    def resume(self) -> None:
        """The transport takes more again; whoever waits for it goes on within."""
        self.is_open = True
        if self._stall is not None:
            self._stall.stop()
        self._drained.ring()

    def end(self) -> None:
        """The connection has ended."""
        if self._stall is not None:
            self._stall.stop()

    def _look(self) -> None:
        """Give up a client that took nothing; one that takes little is let live, however much is left."""
        unsent = self.transport.get_write_buffer_size()
        if unsent >= self._unsent_bytes:
            self.transport.abort()
            return
        self._unsent_bytes = unsent
        assert self._stall is not None
        self._stall.start(self._lane.limits.write_seconds)
