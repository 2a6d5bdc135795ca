"""One request of a connection from its head to the last byte of its answer; one at a time, and the next one after it.

It takes in the request's body, has the pipeline answer, and sees the answer out. When the connection reads, how long it
waits and what becomes of it afterwards is the connection's to decide.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextvars import copy_context
from functools import partial
from typing import Final, Protocol

from gateway.edge.express import Express
from gateway.edge.inbox import Inbox
from gateway.edge.incoming import IncomingBody
from gateway.edge.lane import Lane
from gateway.edge.outgoing import switching_head
from gateway.edge.outlet import Outlet
from gateway.edge.requests import Client, open_body_of, read_call, refused_call
from gateway.edge.tunnel import FarEnd
from gateway.errors import ClientGone, ClientTimedOut, GatewayError, MalformedRequest
from gateway.fields import Fields
from gateway.pipeline.call import Call, Reply
from gateway.pipeline.observe import Ending
from gateway.pipeline.passage import Passage
from gateway.stepping import Exchange, Signal
from gateway.upstream.ports import Tunnel
from gateway.upstream.wheel import Deadline
from gateway.wire.malformed import Malformed
from gateway.wire.request import HTTP_11

_MAX_AHEAD_BYTES: Final = 65_536  # of requests sent ahead; more stays in the kernel


class Holder(Protocol):
    """What is asked of the connection."""

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...

    def tunnel_is_alive(self) -> None: ...

    def answered(self, error: BaseException | None) -> None:
        """Learn that the request's turn is over, and what went wrong that nobody foresaw."""
        ...


class Answering:
    """One connection's."""

    __slots__ = (
        "_body", "_client", "_context", "_deadline", "_exchange", "_express", "_holder", "_inbox", "_lane", "_out",
        "_served", "_version", "close", "far", "half_closed", "is_unread",
    )  # fmt: skip

    def __init__(
        self, lane: Lane, holder: Holder, client: Client, inbox: Inbox, out: Outlet, deadline: Deadline
    ) -> None:
        self._lane = lane
        self._holder = holder
        self._client = client
        self._inbox = inbox
        self._out = out
        self._deadline = deadline
        self._exchange: Exchange | None = None
        self._body: IncomingBody | None = None
        self._context = copy_context()
        self._version = HTTP_11
        self._served = 0
        self._express = Express(lane, client, inbox, out, self)
        self.far: FarEnd | None = None  # once the connection is a tunnel
        self.close = client.is_crowded  # this answer is the last one
        self.half_closed = False  # the client sends no more
        self.is_unread = False  # the client may still be sending what nobody will read

    # ---- the request

    def begin(self) -> bool:
        """Begin with the next request that was received; tell whether there was one, be it fit to be read or not."""
        if self._express.begin():
            return True
        try:
            call = self._read()
        except Malformed as error:
            self.refuse(MalformedRequest(str(error), status=error.status))
            return True
        if call is None:
            return False
        self._start(call)
        return True

    def refuse(self, fault: GatewayError) -> None:
        """Answer what could not be read, or will not be; nothing more is read after it."""
        self.close = self.is_unread = True
        self._inbox.take_all()
        self._version = HTTP_11
        self._body = None
        self._start(refused_call(self._lane, fault, self._client))

    def _read(self) -> Call | None:
        started = self._lane.clock.monotonic()
        line = self._inbox.next()
        if line is None:
            return None
        known = self._inbox.known
        assert known is not None
        wire, version = known.wire, line.version
        self._version = version
        self._served += 1
        if not wire.is_persistent(version) or self._served >= self._lane.limits.max_requests_per_connection:
            self.close = True
        waits = wire.wants_continue(version)
        if wire.framing.has_body:
            self._body = open_body_of(wire, self._holder, on_first_read=self._ask_for_body if waits else None)
        call = read_call(self._lane, self._client, line, known, self._inbox.host, started)
        call.body = self._body
        call.waits_for_continue = waits
        if version >= HTTP_11:
            call.interim = partial(self._interim, self._served)
        return call

    def _start(self, call: Call) -> None:
        self._out.begin()
        self._deadline.stop()
        if self._body is not None:
            ahead = self._inbox.take_all()
            if not call.waits_for_continue:
                self._deadline.start(self._lane.limits.body_seconds)
            if ahead:
                self.more(ahead)
            if self.half_closed:
                self.end_body()
        self.run(self._answer(call))

    # ---- its body

    @property
    def wants_body(self) -> bool:
        """Tell whether some of the request's body has not come yet."""
        return self._body is not None and not self._body.is_complete

    def more(self, data: bytes) -> None:
        """Take in what came meanwhile: the request's body, or requests sent ahead."""
        body = self._body
        if body is None or body.is_complete:
            self._inbox.received += data
        else:
            if not body.has_failed:  # else it is being refused, and what still comes belongs to nothing
                body.feed(data)
            if self._body is None or self.wants_body:  # asked anew: feeding may have ended everything
                return
            self._deadline.stop()
            self._inbox.received = body.rest
        if len(self._inbox.received) > _MAX_AHEAD_BYTES:
            self._holder.pause_reading()

    def end_body(self) -> None:
        """Learn that the client sends no more: what is missing of the body never comes (RFC 9112 section 8)."""
        if self._body is not None and self.wants_body:
            self._body.fail(MalformedRequest("the connection ended within the body"))

    def expire(self) -> None:
        """Learn that the client took too long to send its body."""
        if self._body is not None:
            self._body.fail(ClientTimedOut())

    def _ask_for_body(self) -> None:
        """Tell a client that waits to send its body (RFC 9110 section 10.1.1)."""
        if self.wants_body:
            self._out.ask_for_body()
            self._deadline.start(self._lane.limits.body_seconds)

    # ---- its answer

    def abandon(self) -> None:
        """The client has gone: end what runs for it."""
        if self.far is not None:
            self.far.close()
        elif self._exchange is not None:
            self._exchange.interrupt(asyncio.CancelledError())
        else:
            self._express.abandon()
        if self._body is not None:
            self._body.fail(ClientGone())

    def probe(self) -> bool:
        """Find out whether a client that sends no more is still there; see `Outlet.probe`."""
        is_busy = self._exchange is not None or self._express.passage is not None
        return self.half_closed and is_busy and self._out.probe(self._version)

    # ---- a usual request (express.Turn)

    @property
    def is_last(self) -> bool:
        return self.close or self.half_closed or self._lane.drain.draining

    @property
    def ends_after_next(self) -> bool:
        return self.is_last or self._served + 1 >= self._lane.limits.max_requests_per_connection

    def take(self) -> None:
        self._served += 1
        self._version = HTTP_11
        self._lane.usual.taken += 1
        self._out.begin()
        self._deadline.stop()

    def run(self, answering: Coroutine[object, object, None]) -> None:
        self._exchange = Exchange(answering, self._ended, context=self._context)
        self._exchange.start()

    async def go_on(self, call: Call, passage: Passage) -> None:
        await self._answer(call, passage)

    def end(self, error: Exception | None) -> None:
        self._holder.answered(error)

    # ---- any request

    async def _answer(self, call: Call, passage: Passage | None = None) -> None:
        pipeline = self._lane.pipeline
        reply, seen = await pipeline.handle(call, passage)
        if passage is None:
            self._remember(call)
        ending: Ending = "gone"
        sent = 0
        try:
            sent = await (self._send(call, reply) if reply.tunnel is None else self._join(call, reply, reply.tunnel))
            ending = "complete"
        except GatewayError as error:
            # The head has gone out: all that is left is to make it visible that the rest will not come.
            ending, seen.code, seen.source = "broken", error.code, error.source
            self._out.cut()
        finally:
            await reply.aclose()
            pipeline.finish(seen, ending, sent)

    def _remember(self, call: Call) -> None:
        """Have what was found out about these bytes remembered, if their sender was authenticated."""
        lane, known = self._lane, self._inbox.known
        if known is None:
            return
        is_authentic = known.head.token is not None
        if known.reading is not None:
            lane.blocks.settle(known, is_authentic=is_authentic)
        if is_authentic and self._version >= HTTP_11 and not self.close:
            lane.usual.note(self._inbox.key, self._inbox.traceparent, call, lane.pipeline.shortcuts.learn)

    async def _send(self, call: Call, reply: Reply) -> int:
        body = self._body
        if (
            self._lane.drain.draining
            or (body is not None and (not body.is_complete or body.has_failed))
            or (self.half_closed and not self._inbox.received)
        ):
            self.close = True
        sent = await self._out.send(reply, method=call.method, version=self._version, close=self.close)
        if self._out.until_close:
            self.close = True
        return sent

    async def _join(self, call: Call, reply: Reply, tunnel: Tunnel) -> int:
        """Let the client and the agency speak their own protocol from here on (RFC 9110 section 15.2.2)."""
        transport = self._out.transport
        transport.write(switching_head(reply, call.upgrade or b""))
        ended = Signal()
        self.far = far = FarEnd(transport, self._holder, tunnel, ended)
        tunnel.connect(far)
        ahead = self._inbox.take_all()
        if ahead:
            far.send(ahead)
        if self.half_closed:
            far.client_ended()
        self._holder.resume_reading()
        self._holder.tunnel_is_alive()
        try:
            while not far.is_over:
                await ended
        finally:
            far.close()
        return far.sent

    def _interim(self, number: int, status: int, fields: Fields) -> None:
        """Pass an interim answer on, if the request that asked for it is the one being answered."""
        if self._exchange is not None and number == self._served:
            self._out.interim(status, fields)

    def _ended(self, error: BaseException | None) -> None:
        body, self._body, self._exchange, self._express.passage = self._body, None, None, None
        if body is not None and (not body.is_complete or body.has_failed):
            self.close = self.is_unread = True
        self._holder.answered(error)
