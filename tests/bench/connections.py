"""The connections of a load: one that asks over HTTP/1.1, and one that sends messages over a WebSocket."""

from __future__ import annotations

import asyncio
import re
import time
from collections import deque
from typing import Final, cast

from tests.bench.plan import Plan

_LENGTH: Final = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_MESSAGE: Final = b"m" * 1_024
# RFC 6455 section 5.2: a whole binary message whose length takes two bytes; masked, with zeros, which costs nothing.
_FRAME: Final = b"\x82\xfe" + len(_MESSAGE).to_bytes(2, "big") + bytes(4) + _MESSAGE
_ECHOED_BYTES: Final = 4 + len(_MESSAGE)


class Load:
    """All connections together: what is to be sent, and what was seen so far."""

    def __init__(self, plan: Plan, requests: list[bytes]) -> None:
        self.plan = plan
        self.requests = requests
        self.fresh = plan.fresh.encode()
        self.turn = plan.offset
        self._first_number = time.time_ns() >> 8  # so that no number comes again in a later run
        self.asked = 0
        self.answered = 0
        self.failed = 0
        self.first_failure = ""
        self.bytes_received = 0
        self.latencies: list[float] = []  # seconds
        self.running = True
        self.free: list[Client] = []
        self.due: deque[float] = deque()  # moments of requests that found no free connection
        self.over = asyncio.Event()

    def next(self) -> bytes:
        """Return the next request."""
        request = self.requests[self.turn % len(self.requests)]
        self.turn += 1
        if not self.fresh:
            return request
        return request.replace(self.fresh, b"%0*x" % (len(self.fresh), self._first_number + self.turn))

    def ask(self, due: float) -> None:
        """Send a request that is due on a free connection, or as soon as one is free."""
        if self.free:
            self.free.pop().ask(due)
        else:
            self.due.append(due)

    def fail(self, why: str) -> None:
        """Count something that went wrong."""
        self.failed += 1
        self.first_failure = self.first_failure or why

    def done(self, client: Client, asked: float) -> None:
        """Count an answer, and let the connection ask again when there is something to ask."""
        self.answered += 1
        self.latencies.append(time.perf_counter() - asked)
        if self.plan.rate:
            if self.due:
                client.ask(self.due.popleft())
            else:
                self.free.append(client)
        elif self.running and (not self.plan.count or self.asked < self.plan.count):
            client.ask(time.perf_counter())
        if self.plan.count and self.answered >= self.plan.count:
            self.over.set()


class Client(asyncio.Protocol):
    """One connection over HTTP/1.1 with at most one request under way."""

    def __init__(self, load: Load) -> None:
        self._load = load
        self._transport: asyncio.Transport
        self._buffer = b""
        self._left = 0
        self._asked = 0.0
        self.opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self.opened.set_result(None)

    def ask(self, due: float) -> None:
        """Send the next request; its time runs from when it was due, also when it waited for a connection."""
        self._asked = due
        self._load.asked += 1
        self._transport.write(self._load.next())

    def data_received(self, data: bytes) -> None:
        self._load.bytes_received += len(data)
        if self._left:
            self._left -= len(data)
        else:
            self._buffer += data
            end = self._buffer.find(b"\r\n\r\n")
            if end < 0:
                return
            self._read_head(self._buffer[:end])
            self._left += end + 4 - len(self._buffer)
            self._buffer = b""
        if self._left == 0:
            self._load.done(self, self._asked)

    def _read_head(self, head: bytes) -> None:
        if not head.startswith(b"HTTP/1.1 200"):
            self._load.fail(_status_line(head))
        length = _LENGTH.search(head)
        if length is None:  # nobody here sends these answers in chunks
            self._load.fail("an answer without a length")
            self._transport.abort()
        self._left = int(length[1]) if length is not None else 0

    def connection_lost(self, exc: Exception | None) -> None:
        if self._load.running:
            self._load.fail("a connection was closed")
        if self in self._load.free:
            self._load.free.remove(self)

    def close(self) -> None:
        """End the connection."""
        self._transport.abort()


class Messenger(Client):
    """One connection that was opened for a WebSocket: each message comes back before the next goes out."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._transport.write(self._load.next())

    def ask(self, due: float) -> None:
        """Send a message."""
        self._asked = due
        self._load.asked += 1
        self._left = _ECHOED_BYTES
        self._transport.write(_FRAME)

    def data_received(self, data: bytes) -> None:
        if self.opened.done():
            self._load.bytes_received += len(data)
            self._left -= len(data)
            if self._left == 0:
                self._load.done(self, self._asked)
            return
        self._buffer += data
        if self._buffer.endswith(b"\r\n\r\n"):
            if not self._buffer.startswith(b"HTTP/1.1 101"):
                self._load.fail(_status_line(self._buffer))
            self.opened.set_result(None)


def _status_line(head: bytes) -> str:
    return head.split(b"\r\n", 1)[0].decode("latin-1")
