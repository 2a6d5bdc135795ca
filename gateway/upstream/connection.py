"""One HTTP/1.1 connection to an agency: at most one exchange at a time, its deadline, and backpressure both ways.

Theory
======

               begin                      answer complete, request sent, agency persists
    IDLE ──────────────► BUSY ───────────────────────────────────────────────────────────► IDLE, back in the pool
      │                    │ ├── 101 asked for ──► TUNNEL: bytes go to another protocol object
      │ bytes, EOF,        │ └── anything else ──► CLOSED
      │ idle too long      │ broken, late, given up
      └──► CLOSED ◄────────┘

Callbacks of the transport change the state and then, as their last act, ring whoever waits (gateway.stepping): the
woken coroutine runs inside, and may begin the next exchange on this very connection.

An answer outlives its connection: once it is complete the connection is free, though nobody has read the answer yet.

Reading pauses while the reader of the answer is behind by MAX_HELD_BYTES; the request's body is asked for its next
piece only while the transport's write buffer has room. So neither side makes the gateway hold more than a bound.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from math import inf
from typing import Final, Protocol, cast

from gateway.errors import BrokeProtocol, ReusedConnectionLost, TimedOut, UpstreamFault
from gateway.rules.delivery import Timeouts
from gateway.stepping import Exchange, Signal
from gateway.upstream.answer import Answer
from gateway.upstream.tls import was_ended
from gateway.upstream.wheel import Deadline, Wheel
from gateway.wire.response import SWITCHING_PROTOCOLS

MAX_HELD_BYTES: Final = 131_072  # of an answer; one more read of the transport (256 KB) may come on top
IDLE_SECONDS: Final = 4.0  # agencies on uvicorn or Node close after 5 s: leave first, so that few requests meet a close
_NO_EXCHANGE: Final = Timeouts()


class Owner(Protocol):
    """Who keeps connections (the pool)."""

    def give_back(self, connection: Connection) -> None:
        """Take a connection that is idle again, or was closed instead."""
        ...

    def forget(self, connection: Connection) -> None:
        """Learn that a connection has ended."""
        ...


class Connection(asyncio.Protocol):
    """The protocol object of one connection."""

    __slots__ = (
        "_answer",
        "_deadline",
        "_is_reading_paused",
        "_is_request_cut",
        "_is_writing_paused",
        "_owner",
        "_served",
        "_timeouts",
        "_unsent",
        "_upload",
        "has_ended",
        "transport",
        "writable",
    )
    transport: asyncio.Transport  # from connection_made on

    def __init__(self, owner: Owner, wheel: Wheel) -> None:
        self._owner = owner
        self._deadline = Deadline(wheel, self._expire)
        self._answer: Answer | None = None  # of the exchange under way
        self._upload: Exchange | None = None  # writes the request's body
        self._unsent = b""  # a head that waits for the first piece of its body
        self.has_ended = False
        self._is_reading_paused = False
        self._is_writing_paused = False
        self._is_request_cut = False  # its body will never be whole: this exchange is the last one
        self._served = 0
        self._timeouts = _NO_EXCHANGE
        self.writable = Signal()  # rung when the upload may go on

    def __repr__(self) -> str:
        state = "closed" if not self.is_open else "busy" if self._answer is not None else "idle"
        return f"<Connection {state}, {self._served} served>"

    @property
    def is_open(self) -> bool:
        return not self.has_ended and not self.transport.is_closing()

    @property
    def has_room(self) -> bool:
        """Tell whether the transport takes more bytes without piling them up."""
        return not self._is_writing_paused

    # One exchange

    def begin(self, answer: Answer, timeouts: Timeouts) -> None:
        """Start an exchange: what is received from now on belongs to `answer`."""
        self._answer = answer
        self._timeouts = timeouts
        answer.awaited_since = self._deadline.start(timeouts.total_seconds)

    def write(self, data: bytes) -> None:
        """Send bytes; a head that waits goes first, in the same write."""
        if self._unsent:
            data, self._unsent = self._unsent + data, b""
        self.transport.write(data)

    def upload(self, head: bytes, make: Callable[[], Exchange]) -> None:
        """Run the exchange that writes the request's body. The head goes with its first piece, if that is at hand."""
        self._unsent = head
        upload = self._upload = make()
        upload.start()
        if self._unsent and self.is_open:
            self.write(b"")

    def upload_ended(self, error: BaseException | None) -> None:
        """Learn that the request's body has gone out, or why it will not."""
        self._upload = None
        # An upload that was stopped ends in its own time, and says nothing about the answer.
        if error is not None and self._answer is not None and not self._is_request_cut:
            self._break_off(error)

    def stop_clock(self) -> None:
        """Stop the total clock while the client is waited for: it measures the agency alone."""
        if self._answer is not None and self._answer.head is None:
            self._deadline.stop()

    def restart_clock(self) -> None:
        """Give the agency its total time anew: the request has moved on."""
        if self._answer is not None and self._answer.head is None:
            self._deadline.start(self._timeouts.total_seconds)

    def resume(self, answer: Answer) -> None:
        """Go on reading, once what was held of `answer` has been taken."""
        if self._is_reading_paused and self._answer is answer:
            self._is_reading_paused = False
            self.transport.resume_reading()
            self._deadline.start(self._timeouts.read_seconds)

    def give_up(self, answer: Answer) -> None:
        """Close the connection, if `answer` is still under way on it: nobody wants the rest."""
        if self._answer is answer:
            self._answer = None
            answer.fail(BrokeProtocol("given up"))
            self.abort()

    def hand_over(self, heir: asyncio.Protocol) -> bytes:
        """End HTTP after a 101: from now on the transport speaks to `heir`. Return what came behind the head."""
        answer, self._answer = self._answer, None
        assert answer is not None
        self.transport.set_protocol(heir)
        return answer.rest

    def retire(self) -> None:
        """Close, for nothing more is to be sent or read."""
        self._deadline.stop()
        if self.transport.get_write_buffer_size():
            self.transport.abort()  # an agency that does not read would keep the socket open for ever
        else:
            self.transport.close()

    def abort(self) -> None:
        """Close now."""
        self._deadline.stop()
        self._stop_upload()
        self.transport.abort()

    def put_back(self) -> None:
        """Go back to the pool unused."""
        self._owner.give_back(self)

    def wait_idle(self) -> float:
        """Begin to wait for the next exchange; return the monotonic time."""
        return self._deadline.start(IDLE_SECONDS)

    # Called by the transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)  # the loop hands streams both ways to stream protocols

    def data_received(self, data: bytes) -> None:
        answer = self._answer
        if answer is None:
            self.abort()  # nobody asked for anything: the next answer would not be the one to the next request
            return
        try:
            answer.feed(data)
        except UpstreamFault as fault:
            self._break_off(fault)
            return
        if answer.is_complete and answer.status != SWITCHING_PROTOCOLS:
            self._free(answer)
            if not answer.may_continue:  # the usual end
                answer.changed.ring()
                return
        elif answer.is_switch:
            self._pause_reading()
        elif answer.head is not None:
            self._await_more(answer)
        if answer.may_continue:
            self.writable.ring()
        if answer.is_ready:
            answer.changed.ring()
            if answer.held_bytes > MAX_HELD_BYTES and self._answer is answer:
                self._pause_reading()

    def eof_received(self) -> bool:
        answer = self._answer
        if answer is not None and not answer.is_switch:
            try:
                if not was_ended(self.transport):
                    raise BrokeProtocol("the answer was cut off below TLS")
                answer.end_of_stream()
            except UpstreamFault as fault:
                self._break_off(self._blame(answer, fault))
                return False
            self._answer = None
            self._stop_upload()
            answer.changed.ring()
        return False

    def connection_lost(self, error: Exception | None) -> None:
        self.has_ended = True
        self._deadline.stop()
        answer = self._answer
        if answer is not None and not answer.is_switch:
            self._answer = None
            self._stop_upload()
            reason = f"the connection was lost: {error or 'closed early'}"
            answer.fail(self._blame(answer, BrokeProtocol(reason)))
        self._owner.forget(self)
        if answer is not None:
            answer.changed.ring()

    def pause_writing(self) -> None:
        self._is_writing_paused = True

    def resume_writing(self) -> None:
        self._is_writing_paused = False
        self.writable.ring()

    # Within

    def _pause_reading(self) -> None:
        """Let the agency wait; its silence is ours then."""
        if not self._is_reading_paused:
            self._is_reading_paused = True
            self.transport.pause_reading()
            self._deadline.stop()

    def _await_more(self, answer: Answer) -> None:
        """Set the clock for the rest of a body. While a small one is gathered, the total time goes on."""
        if answer.is_ready:
            self._deadline.start(self._timeouts.read_seconds)
        elif self._deadline.at == inf:  # stopped for a client that is still uploading
            self._deadline.start(self._timeouts.total_seconds)
        if answer.status >= 300:
            self._stop_upload()  # the agency has made up its mind; it may well never read the rest

    def _free(self, answer: Answer) -> None:
        """End the exchange: the answer is complete. The connection lives on if both sides can tell where they are."""
        assert answer.head is not None
        self._answer = None
        self._served += 1
        if self._upload is not None:
            self._stop_upload()
        if answer.rest or self._is_request_cut or not answer.head.persistent:
            self.retire()
        self._owner.give_back(self)

    def _break_off(self, failure: BaseException) -> None:
        answer, self._answer = self._answer, None
        self.abort()
        if answer is not None:
            answer.fail(failure)
            answer.changed.ring()

    def _expire(self) -> None:
        """Give up what took too long."""
        answer = self._answer
        if answer is None:
            self.retire()
        elif answer.head is None:
            self._break_off(TimedOut(f"no answer within {self._timeouts.total_seconds:g} s"))
        elif not answer.is_ready:
            answer.stop_gathering()
            self._await_more(answer)
            answer.changed.ring()
        else:
            self._break_off(TimedOut(f"the answer fell silent for {self._timeouts.read_seconds:g} s"))

    def _blame(self, answer: Answer, fault: UpstreamFault) -> UpstreamFault:
        """Tell a kept-alive connection that closed as we sent from an agency that answers badly."""
        if answer.has_begun or not self._served:
            return fault
        return ReusedConnectionLost(fault.reason)

    def _stop_upload(self) -> None:
        upload, self._upload = self._upload, None
        if upload is not None:
            self._is_request_cut = True
            upload.interrupt(asyncio.CancelledError())
