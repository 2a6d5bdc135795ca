"""The direct lane: one client's connection, from bytes to the pipeline and back, without a framework in between.

Theory
======

A connection is in one of five states. Requests are answered in order, one at a time; what a client sends ahead waits in
`_buffer`, and beyond a bound in the kernel.

    HEAD ──head read──► ANSWERING ──answer out, body read──► HEAD
      │                    │  └─answer out, body unread──► LINGERING ──► closed
      └─malformed──► ANSWERING (then closes)               └─101──► TUNNEL

The pipeline's coroutine is stepped by hand (gateway.stepping): a request that finds everything at hand is answered
within `data_received`. So that many such requests sent ahead do not call each other, `_run` is a loop and everybody who
makes progress possible merely calls it; inside a run it returns at once.

A refused request is answered before its connection ends, also while the client is still sending: the socket's writing
side is closed first, and what still comes is thrown away for a moment (LINGERING), for closing a socket with unread
bytes would reset it and take the answer with it (RFC 9112 section 9.6).
"""

from __future__ import annotations

import asyncio
from contextvars import copy_context
from enum import Enum, auto
from typing import Final, cast

from gateway.edge.incoming import IncomingBody
from gateway.edge.known import LIMITS, Known
from gateway.edge.lane import Lane
from gateway.edge.outgoing import frame, interim_head, switching_head
from gateway.edge.peer import is_reset
from gateway.edge.tunnel import FarEnd
from gateway.errors import ClientGone, ClientTimedOut, GatewayError, MalformedRequest
from gateway.fields import Fields
from gateway.pipeline.call import Call, Reply
from gateway.pipeline.observe import Ending
from gateway.rules.heads import answer_fields, read_request_head, trailer_fields
from gateway.stepping import Exchange, Signal
from gateway.upstream.ports import ResponseBody, Trailed, Tunnel
from gateway.upstream.wheel import Deadline
from gateway.wire.body import open_body
from gateway.wire.chunked import encode_chunk, last_chunk
from gateway.wire.grammar import BodyLimits
from gateway.wire.lines import find_head_end, split_request_head
from gateway.wire.malformed import Malformed
from gateway.wire.request import HTTP_11, RequestLine, parse_request_line, reconcile

# The bound of a route is kept by the pipeline, which knows the route; here only what no route could allow is refused.
_BODY_LIMITS: Final = BodyLimits(max_body_bytes=10**12)
_MAX_AHEAD_BYTES: Final = 65_536  # of requests sent ahead; more stays in the kernel
_MAX_LINGER_BYTES: Final = 1_048_576
_CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"
_PROBE_AFTER_SECONDS: Final = 0.03  # an answer that comes before needs no probe; one who left is noticed within 100 ms
_LOOK_AFTER_SECONDS: Final = 0.01
_UNREAD: Final = b"-"  # stands for a method in the log where none could be read
_NO_HEAD: Final = read_request_head(())


class _State(Enum):
    HEAD = auto()
    ANSWERING = auto()
    LINGERING = auto()
    TUNNEL = auto()
    CLOSED = auto()


class Connection(asyncio.Protocol):
    """One client."""

    def __init__(self, lane: Lane) -> None:
        self._lane = lane
        self._state = _State.HEAD
        self._transport: asyncio.Transport
        self._peer = ""
        self._scheme = "http"
        self._buffer = b""
        self._searched = 0  # how much of the buffer holds no end of a head
        self._running = False
        self._exchange: Exchange | None = None
        self._body: IncomingBody | None = None
        self._last_block = b""
        self._known: Known | None = None  # what `_last_block` comes to
        self._context = copy_context()
        self._version = HTTP_11
        self._head_begun = False
        self._until_close = False
        self._head_sent = False
        self._far: FarEnd | None = None
        self._requests = 0
        self._close = False  # after the answer under way
        self._half_closed = False
        self._paused_reading = False
        self._writable = True
        self._drained = Signal()
        self._lingered = 0
        self._deadline = Deadline(lane.wheel, self._expired)

    # ---- what the loop calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's has the methods and not the class
        peer = transport.get_extra_info("peername")
        self._peer = peer[0] if isinstance(peer, tuple) else ""
        self._scheme = "https" if transport.get_extra_info("sslcontext") is not None else "http"
        if not self._lane.enter(self, self._peer):
            self._state = _State.CLOSED
            transport.abort()
            return
        self._deadline.start(self._lane.timeouts.idle_seconds)

    def connection_lost(self, exc: Exception | None) -> None:
        self._lane.leave(self, self._peer)
        self._deadline.stop()
        self._state = _State.CLOSED
        if self._far is not None:
            self._far.close()
            return
        if self._body is not None:
            self._body.fail(ClientGone())
        self._writable = True
        if self._exchange is not None:
            self._exchange.interrupt(asyncio.CancelledError())

    def data_received(self, data: bytes) -> None:
        if self._state is _State.HEAD:
            self._buffer = self._buffer + data if self._buffer else data
            self._run()
        elif self._state is _State.ANSWERING:
            self._more(data)
        elif self._far is not None:
            self._deadline.start(self._lane.timeouts.tunnel_seconds)
            self._far.send(data, self)
        elif self._state is _State.LINGERING:
            self._lingered += len(data)
            if self._lingered > _MAX_LINGER_BYTES:
                self._transport.abort()

    def eof_received(self) -> bool:
        """Learn that the client sends no more: it has left, or still waits for its answer (RFC 9112 section 9.6)."""
        self._half_closed = True
        if self._state is not _State.ANSWERING or self._far is not None:
            return False
        if self._body is not None and not self._body.is_complete:
            self._body.fail(ClientGone())
        self._close = True
        if self._version >= HTTP_11:
            asyncio.get_running_loop().call_later(_PROBE_AFTER_SECONDS, self._probe)
        return True

    def _probe(self) -> None:
        """Find out whether a client that sends no more is still there: whoever has left answers a byte with a reset.

        The bytes are an interim answer, which every client must be able to step over (RFC 9110 section 15.2).
        """
        if self._state is _State.ANSWERING and not self._head_sent:
            self._transport.write(_CONTINUE)
            self._look(_LOOK_AFTER_SECONDS)

    def _look(self, pause_seconds: float) -> None:
        if self._state is _State.ANSWERING and not self._head_sent:
            if is_reset(self._transport):
                self._transport.abort()
            else:
                asyncio.get_running_loop().call_later(pause_seconds, self._look, min(2 * pause_seconds, 1.0))

    def pause_writing(self) -> None:
        self._writable = False
        if self._far is not None:
            self._far.pause_agency()

    def resume_writing(self) -> None:
        self._writable = True
        if self._far is not None:
            self._far.resume_agency()
        self._drained.ring()

    # ---- what the server and a body call

    def shutdown(self) -> None:
        """End the connection as soon as nothing is under way."""
        self._close = True
        if self._state is _State.HEAD:
            self._transport.close()

    def pause_reading(self) -> None:
        if not self._paused_reading and self._state is not _State.CLOSED:
            self._paused_reading = True
            self._deadline.stop()  # the client is not to blame for waiting
            self._transport.pause_reading()

    def resume_reading(self) -> None:
        if self._paused_reading and self._state is not _State.CLOSED:
            self._paused_reading = False
            self._transport.resume_reading()
            if self._body is not None and not self._body.is_complete:
                self._deadline.start(self._lane.timeouts.body_seconds)

    # ---- requests

    def _run(self) -> None:
        """Answer what has come, one request after the other, as far as it goes without waiting."""
        if self._running:
            return
        self._running = True
        try:
            while self._state is _State.HEAD and self._buffer:
                if not self._next():
                    break
        finally:
            self._running = False

    def _next(self) -> bool:
        """Begin to answer the first request in the buffer; tell whether there was one."""
        started = self._lane.clock.monotonic()
        try:
            call = self._read(started)
        except Malformed as error:
            call = self._refused(MalformedRequest(str(error), status=error.status), started)
        if call is None:
            if not self._head_begun:
                self._head_begun = True
                self._deadline.start(self._lane.timeouts.head_seconds)
            return False
        self._begin(call)
        return True

    def _read(self, started: float) -> Call | None:
        """Read the first request in the buffer; None while its head is not complete. Raises Malformed."""
        data = self._buffer
        line_end = data.find(b"\r\n")
        block = data[line_end + 2 :]
        if line_end > 0 and block == self._last_block:
            text = data[:line_end]  # exactly one request, its block sent before on this connection: the usual case
            self._buffer = b""
        else:
            end = find_head_end(data, LIMITS, self._searched)
            if not end:
                self._searched = len(data)
                return None
            text, block = split_request_head(data, end)
            self._buffer = data[end:]
            if block != self._last_block:
                self._known = self._lane.blocks.find(block)
                self._last_block = block
        self._searched = 0
        line = parse_request_line(text, LIMITS)
        known = self._known
        assert known is not None
        return self._call(line, known, reconcile(line, known.wire), started)

    def _call(self, line: RequestLine, known: Known, host: bytes, started: float) -> Call:
        wire, version, lane = known.wire, line.version, self._lane
        self._version = version
        self._requests += 1
        if not wire.is_persistent(version) or self._requests >= lane.timeouts.max_requests:
            self._close = True
        waits = wire.wants_continue(version)
        if wire.framing.has_body:
            reader = open_body(wire.framing, _BODY_LIMITS)
            self._body = IncomingBody(reader, wire.framing, self, self._ask_for_body if waits else None)
        head = known.head
        offers = wire.offers(version)
        return Call(
            id=head.request_id.decode() if head.request_id is not None else lane.ids.new(),
            method=line.method,
            path=line.path,
            query=line.query,
            head=head,
            body=self._body,
            peer=self._peer,
            scheme=self._scheme,
            host=host,
            started_seconds=started,
            interim=self._interim if version >= HTTP_11 else None,
            upgrade=offers[0] if offers else None,
            waits_for_continue=waits,
        )

    def _refused(self, fault: GatewayError, started: float) -> Call:
        """Return the call that has the pipeline answer what could not be read; nothing more is read after it."""
        self._close = True
        self._buffer = b""
        self._version = HTTP_11
        self._body = None
        return Call(
            id=self._lane.ids.new(),
            method=_UNREAD,
            path=b"/",
            query=b"",
            head=_NO_HEAD,
            body=None,
            peer=self._peer,
            scheme=self._scheme,
            host=b"",
            started_seconds=started,
            fault=fault,
        )

    def _begin(self, call: Call) -> None:
        self._state = _State.ANSWERING
        self._head_begun = self._head_sent = False
        self._deadline.stop()
        body = self._body
        if body is not None:
            ahead, self._buffer = self._buffer, b""
            if not call.waits_for_continue:
                self._deadline.start(self._lane.timeouts.body_seconds)
            if ahead:
                self._more(ahead)
        self._exchange = Exchange(self._answer(call), self._ended, context=self._context)
        self._exchange.start()

    def _more(self, data: bytes) -> None:
        """Take in what came while a request is being answered: its body, or requests sent ahead."""
        body = self._body
        if body is None or body.is_complete:
            self._buffer += data
            if len(self._buffer) > _MAX_AHEAD_BYTES:
                self.pause_reading()
            return
        if not body.has_failed:  # else it is being refused, and what still comes belongs to nothing
            body.feed(data)
        if self._is_body_complete():  # asked anew: feeding changed it
            self._deadline.stop()
            self._buffer = body.rest
        elif not self._paused_reading:
            self._deadline.start(self._lane.timeouts.body_seconds)

    def _is_body_complete(self) -> bool:
        return self._body is None or self._body.is_complete

    def _ask_for_body(self) -> None:
        """Tell a client that waits to send its body (RFC 9110 section 10.1.1)."""
        body = self._body
        if body is not None and not body.is_complete:
            self._transport.write(_CONTINUE)
            self._deadline.start(self._lane.timeouts.body_seconds)

    # ---- answers

    async def _answer(self, call: Call) -> None:
        pipeline = self._lane.pipeline
        reply, seen = await pipeline.handle(call)
        known = self._known
        if known is not None and known.reading is not None and known.head.verified:
            self._lane.blocks.remember(known)
        ending: Ending = "gone"
        sent = 0
        try:
            sent = await (self._send(call, reply) if reply.tunnel is None else self._join(reply, reply.tunnel))
            ending = "complete"
        except GatewayError as error:
            # The head has gone out: all that is left is to make it visible that the rest will not come.
            ending, seen.code, seen.source = "broken", error.code, error.source
            self._cut()
        finally:
            await reply.aclose()
            pipeline.finish(seen, ending, sent)

    async def _send(self, call: Call, reply: Reply) -> int:
        """Write the answer; return how many bytes its body had. Raises what the agency's body raises."""
        body = self._body
        if self._lane.drain.draining or (body is not None and (not body.is_complete or body.has_failed)):
            self._close = True
        self._head_sent = True
        date = self._lane.dates.line(self._lane.clock.wall())
        framed = frame(reply, method=call.method, version=self._version, close=self._close, date=date)
        if framed.until_close:
            self._close = self._until_close = True
        if framed.bodiless or reply.body is None:
            content = b"" if framed.bodiless or reply.content is None else reply.content
            if framed.chunked:
                self._transport.write(framed.head + encode_chunk(content) + last_chunk(reply.trailers))
            else:
                self._transport.write(framed.head + content)
            return len(content)
        self._transport.write(framed.head)
        return await self._stream(reply.body, chunked=framed.chunked)

    async def _stream(self, body: ResponseBody, *, chunked: bool) -> int:
        sent = 0
        while piece := await body.read():
            self._transport.write(encode_chunk(piece) if chunked else piece)
            sent += len(piece)
            while not self._writable:
                self._deadline.start(self._lane.timeouts.write_seconds)
                await self._drained
                self._deadline.stop()
        if chunked:
            trailers = body.trailers if isinstance(body, Trailed) else ()
            self._transport.write(last_chunk(trailer_fields(trailers, of_answer=True)))
        return sent

    async def _join(self, reply: Reply, tunnel: Tunnel) -> int:
        """Let the client and the agency speak their own protocol from here on (RFC 9110 section 15.2.2)."""
        self._close = True
        self._transport.write(switching_head(reply))
        self._state = _State.TUNNEL
        ended = Signal()
        far = FarEnd(self._transport, tunnel, ended)
        self._far = far
        tunnel.connect(far)
        ahead, self._buffer = self._buffer, b""
        if ahead:
            tunnel.transport.write(ahead)
        self._deadline.start(self._lane.timeouts.tunnel_seconds)
        try:
            while not far.is_closed and self._state is _State.TUNNEL:
                await ended
        finally:
            tunnel.abort()
        return far.sent

    def _interim(self, status: int, fields: Fields) -> None:
        if self._state is _State.ANSWERING:
            self._transport.write(interim_head(status, answer_fields(fields)))

    def _cut(self) -> None:
        self._close = True
        if self._until_close:
            self._transport.abort()  # a plain close would look like the end of the answer
        else:
            self._transport.close()

    def _ended(self, error: BaseException | None) -> None:
        self._exchange = None
        body, self._body = self._body, None
        if error is not None and not isinstance(error, asyncio.CancelledError):
            self._lane.log.error("a connection failed", error=repr(error))
            self._transport.abort()
            return
        if self._state is not _State.ANSWERING:
            self._transport.close()
        elif self._close or self._half_closed or (body is not None and not body.is_complete):
            self._linger()
        else:
            self._state = _State.HEAD
            self._deadline.start(self._lane.timeouts.idle_seconds)
            self.resume_reading()
            self._run()

    def _linger(self) -> None:
        """Close our side, and for a moment throw away what still comes, so that the answer is not lost to a reset."""
        if self._half_closed or not self._transport.can_write_eof() or self._transport.is_closing():
            self._transport.close()
            return
        self._state = _State.LINGERING
        self._transport.write_eof()
        self.resume_reading()
        self._deadline.start(self._lane.timeouts.linger_seconds)

    def _expired(self) -> None:
        """The time for what this connection is waiting for is over."""
        if self._state is _State.HEAD and self._buffer:
            self._begin(self._refused(ClientTimedOut(), self._lane.clock.monotonic()))
        elif self._state is _State.ANSWERING and self._writable and self._body is not None:
            self._body.fail(ClientTimedOut())
        elif self._state is _State.ANSWERING:
            self._transport.abort()  # the client does not take its answer
        else:
            self._transport.close()
