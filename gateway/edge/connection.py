"""The direct lane: one client's connection, from bytes to the pipeline and back, without a framework in between.

Theory
======

A connection is in one of six states. Requests are answered in order, one at a time; what a client sends ahead waits in
its inbox, and beyond a bound in the kernel.

    HEAD ──head read──► ANSWERING ──answer out, body read──► HEAD
      │                    │  └─answer out, body unread──► LINGERING ──► CLOSING ──► closed
      └─malformed──► ANSWERING (then lingers)               └─101──► TUNNEL ──► CLOSING

The pipeline's coroutine is stepped by hand (gateway.stepping): a request that finds everything at hand is answered
within `data_received`. So that many such requests sent ahead do not call each other, `_run` is a loop and everybody who
makes progress possible merely calls it; inside a run it returns at once. It rests when the client does not take its
answers, and after a few requests, for others are waiting too.

A refused request is answered before its connection ends, also while the client is still sending: the socket's writing
side is closed first, and what still comes is thrown away for a moment (LINGERING), for closing a socket with unread
bytes would reset it and take the answer with it (RFC 9112 section 9.6).

One deadline, set anew with each change of state, says how long the client may leave us waiting; a client that does not
read has another one, in its outlet. Agencies have their own.
"""

from __future__ import annotations

import asyncio
from enum import Enum, auto
from typing import Final, cast

from gateway.edge.answering import Answering
from gateway.edge.inbox import Inbox
from gateway.edge.lane import Admission, Lane
from gateway.edge.outlet import Outlet
from gateway.edge.presence import Presence
from gateway.edge.requests import Client
from gateway.errors import ClientTimedOut, GatewayError, Overloaded
from gateway.upstream.wheel import Deadline

_MAX_BEHIND_BYTES: Final = 65_536  # of requests that wait for their turn; more stays in the kernel
_MAX_AT_ONCE: Final = 16  # requests of one client answered in a row while others wait
_MAX_LINGER_BYTES: Final = 1_048_576
_LINGER_SECONDS: Final = 2.0  # for the rest of a refused request
_CROWDED_SECONDS: Final = 2.0  # for the request of a client who came on top of the limit


class _State(Enum):
    HEAD = auto()
    ANSWERING = auto()
    LINGERING = auto()
    TUNNEL = auto()
    CLOSING = auto()  # the last bytes are going out
    CLOSED = auto()


class Connection(asyncio.Protocol):
    """One client."""

    __slots__ = (
        "_address", "_admission", "_answering", "_deadline", "_head_begun", "_inbox", "_is_tls", "_lane", "_lingered",
        "_out", "_paused_reading", "_presence", "_running", "_state", "_transport",
    )  # fmt: skip
    _transport: asyncio.Transport  # from connection_made on, like those below
    _out: Outlet
    _answering: Answering
    _presence: Presence

    def __init__(self, lane: Lane) -> None:
        self._lane = lane
        self._state = _State.HEAD
        self._admission = Admission.WELCOME
        self._address = ""
        self._is_tls = False
        self._inbox = Inbox(lane)
        self._running = False
        self._head_begun = False
        self._paused_reading = False
        self._lingered = 0
        self._deadline = Deadline(lane.wheel, self._expired)

    def __repr__(self) -> str:
        state = self._state.name.lower() + ", head begun" * self._head_begun + ", held back" * self._paused_reading
        return f"<Connection {state}{'' if self._out.is_open else ', behind in reading'}>"

    # ---- what the loop calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's has the methods and not the class
        peer = transport.get_extra_info("peername")
        self._address = peer[0] if isinstance(peer, tuple) else ""
        self._is_tls = transport.get_extra_info("sslcontext") is not None
        self._admission = self._lane.enter(self, self._address)
        crowded = self._admission is Admission.CROWDED
        client = Client(self._address, "https" if self._is_tls else "http", crowded)
        self._out = Outlet(self._lane, self._transport)
        self._answering = Answering(self._lane, self, client, self._inbox, self._out, self._deadline)
        self._presence = Presence(self._transport, self._answering.probe)
        if self._admission is Admission.TURNED_AWAY:
            self._refuse(Overloaded("far too many connections"))
        else:
            self._deadline.start(_CROWDED_SECONDS if crowded else self._lane.limits.idle_seconds)

    def connection_lost(self, exc: Exception | None) -> None:
        self._state = _State.CLOSED
        self._lane.leave(self, self._address)
        self._deadline.stop()
        self._presence.end()
        self._out.end()
        self._answering.abandon()

    def data_received(self, data: bytes) -> None:
        state = self._state
        if state is _State.HEAD:
            inbox = self._inbox
            inbox.received = inbox.received + data if inbox.received else data
            self._run()
        elif state is _State.ANSWERING:
            self._answering.more(data)
            if self._state is _State.ANSWERING and self._answering.wants_body and not self._paused_reading:
                self._deadline.start(self._lane.limits.body_seconds)
        elif state is _State.TUNNEL and self._answering.far is not None:
            self.tunnel_is_alive()
            self._answering.far.send(data)
        elif state is _State.LINGERING:
            self._lingered += len(data)
            if self._lingered > _MAX_LINGER_BYTES:
                self.pause_reading()

    def eof_received(self) -> bool:
        """Learn that the client sends no more: it has left, or still waits for its answer (RFC 9112 section 9.6)."""
        if self._is_tls:
            return False  # such a transport cannot stay open in one direction
        self._answering.half_closed = True
        if self._answering.far is not None and self._state is _State.TUNNEL:
            self._answering.far.client_ended()
            return True
        self._run()  # requests sent ahead may still wait for their turn
        if self._state is _State.ANSWERING:
            self._answering.end_body()
        self._presence.begin()
        return self._state in (_State.HEAD, _State.ANSWERING)

    def pause_writing(self) -> None:
        self._out.pause()
        if self._answering.far is not None:
            self._answering.far.pause_agency()

    def resume_writing(self) -> None:
        if self._answering.far is not None:
            self._answering.far.resume_agency()
        self._out.resume()
        self._run()

    # ---- what the server, a body and a tunnel call

    def shutdown(self) -> None:
        """End the connection as soon as nothing is under way."""
        self._answering.close = True
        if self._state is _State.HEAD and not self._inbox.has_begun:
            self._end()

    def cut(self) -> None:
        """End the connection now; an answer that is not whole shows it."""
        if self._state is _State.ANSWERING and self._out.has_begun:
            self._out.cut()
        else:
            self._transport.close()

    def pause_reading(self) -> None:
        if not self._paused_reading and not self._answering.half_closed and not self._transport.is_closing():
            self._paused_reading = True
            self._transport.pause_reading()
            if self._state is _State.ANSWERING:
                self._deadline.stop()  # the client is not to blame for waiting
                self._presence.begin()  # a transport that does not read learns of nothing

    def resume_reading(self) -> None:
        if self._paused_reading and not self._transport.is_closing():
            self._paused_reading = False
            self._transport.resume_reading()
            self._presence.end()
            if self._state is _State.ANSWERING and self._answering.wants_body:
                self._deadline.start(self._lane.limits.body_seconds)

    def tunnel_is_alive(self) -> None:
        self._state = _State.TUNNEL
        self._deadline.start(self._lane.limits.tunnel_seconds)

    # ---- one request after the other

    def _run(self) -> None:
        """Answer what has come, one request after the other, as far as it goes without waiting."""
        if self._running or self._state is not _State.HEAD:
            return
        self._running = True
        try:
            for _ in range(_MAX_AT_ONCE):
                if not self._inbox.received or not self._out.is_open or not self._next():
                    break
            else:
                asyncio.get_running_loop().call_soon(self._run)
                self._bound_inbox()
                return
        finally:
            self._running = False
        if self._has_state(_State.HEAD):
            self._wait_for_request()

    def _has_state(self, state: _State) -> bool:
        return self._state is state

    def _next(self) -> bool:
        """Begin with the next request; tell whether another one may follow at once."""
        self._state = _State.ANSWERING
        if self._answering.begin():
            return self._has_state(_State.HEAD)
        self._state = _State.HEAD
        return False

    def _refuse(self, fault: GatewayError) -> None:
        """Answer a client whose request will not be read."""
        self._state = _State.ANSWERING
        self._answering.refuse(fault)

    def _wait_for_request(self) -> None:
        """Say how long the client may take to send the next request, or the rest of its head."""
        if not self._inbox.received and not self._answering.half_closed and self._admission is Admission.WELCOME:
            if self._paused_reading:
                self.resume_reading()
            self._deadline.start(self._lane.limits.idle_seconds)  # the usual case
        elif self._inbox.received and not self._out.is_open:
            self._deadline.stop()  # a client that does not take its answers is the outlet's to judge
            self._bound_inbox()
        elif self._answering.half_closed:
            self._end()
        else:
            self.resume_reading()
            if self._admission is Admission.CROWDED:
                return
            if not self._inbox.has_begun:
                self._deadline.start(self._lane.limits.idle_seconds)
            elif not self._head_begun:
                self._head_begun = True
                self._deadline.start(self._lane.limits.head_seconds)

    def _bound_inbox(self) -> None:
        if len(self._inbox.received) > _MAX_BEHIND_BYTES:
            self.pause_reading()

    def answered(self, error: BaseException | None) -> None:
        """Go on after a request's turn, with the next one or towards the end."""
        self._head_begun = False
        if error is not None:
            if not isinstance(error, asyncio.CancelledError):
                self._lane.log.error("a connection failed", error=repr(error))
            self._transport.abort()
        elif self._state is _State.TUNNEL or self._transport.is_closing():
            self._end()
        elif self._answering.close:
            self._linger()
        else:
            self._state = _State.HEAD
            if self._inbox.received:
                self._run()
            elif not self._running:
                self._wait_for_request()

    def _linger(self) -> None:
        """Close our side, and for a moment throw away what still comes, so that the answer is not lost to a reset."""
        half = self._transport.can_write_eof()
        answering = self._answering
        if answering.half_closed or self._admission is Admission.TURNED_AWAY or not (half or answering.is_unread):
            self._end()
            return
        self._state = _State.LINGERING
        if half:
            self._transport.write_eof()
        self.resume_reading()
        self._deadline.start(_LINGER_SECONDS)

    def _end(self) -> None:
        """Close once the last bytes have gone out, or the client takes none of them."""
        if self._state is not _State.CLOSED:
            self._state = _State.CLOSING
            self._transport.close()
            self._deadline.start(self._lane.limits.write_seconds)

    def _expired(self) -> None:
        """The time for what this connection is waiting for is over."""
        if self._state is _State.HEAD and self._admission is Admission.CROWDED:
            self._refuse(Overloaded("too many connections"))
        elif self._state is _State.HEAD and self._inbox.has_begun:
            self._refuse(ClientTimedOut())
        elif self._state is _State.ANSWERING:
            self._answering.expire()
        elif self._state is _State.TUNNEL and self._answering.far is not None:
            self._answering.far.close()
        elif self._state is _State.CLOSING:
            self._transport.abort()
        else:
            self._end()
