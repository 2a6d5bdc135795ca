"""Citizens who ask a gateway over kept connections, one request after the other, and remember what they were told."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, cast

from tests.certificates import HOST

_AGAIN_SECONDS = 0.05  # until a citizen whose connection broke comes back


class Answer(NamedTuple):
    """One answer; times are of the client's monotonic clock."""

    asked: float
    answered: float
    status: int  # 0: the connection broke
    has_retry_after: bool

    @property
    def seconds(self) -> float:
        return self.answered - self.asked


class Citizen(asyncio.Protocol):
    """One connection with at most one request under way; whole answers only, as the bench's agency gives them."""

    def __init__(self, on_answer: Callable[[Citizen, Answer], object]) -> None:
        self._on_answer = on_answer
        self._transport: asyncio.Transport
        self._buffer = b""
        self._length = -1  # of head and body, once known
        self._asked = 0.0
        self._waits = False
        self.is_connected = False
        self.port = 0  # where the other end listens

    def ask(self, request: bytes) -> None:
        """Send a request; `on_answer` is called with its answer."""
        self._asked = time.perf_counter()
        self._waits = True
        self._transport.write(request)

    def leave(self) -> None:
        self._waits = False
        self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self.is_connected = True
        self.port = int(transport.get_extra_info("peername")[1])

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if self._length < 0:
            end = self._buffer.find(b"\r\n\r\n")
            if end < 0:
                return
            at = self._buffer.find(b"content-length: ", 0, end)
            self._length = end + 4 + int(self._buffer[at + 16 : self._buffer.index(b"\r", at)])
        if len(self._buffer) >= self._length:
            head, self._buffer, self._length, self._waits = self._buffer, b"", -1, False
            has_retry_after = b"\r\nretry-after: " in head
            self._on_answer(self, Answer(self._asked, time.perf_counter(), int(head[9:12]), has_retry_after))

    def connection_lost(self, error: Exception | None) -> None:
        self.is_connected = False
        if self._waits:
            self._waits = False
            self._on_answer(self, Answer(self._asked, time.perf_counter(), 0, has_retry_after=False))


async def connect(port: int, on_answer: Callable[[Citizen, Answer], object]) -> Citizen:
    """Open a connection to the gateway on this port."""
    _, citizen = await asyncio.get_running_loop().create_connection(lambda: Citizen(on_answer), HOST, port)
    return citizen


@dataclass(slots=True)
class Crowd:
    """So many connections to one gateway; each asks for one thing after the other at its own pace.

    `requests` are taken in turn, each by all connections. What is answered is added to `answers`.
    """

    port: int
    requests: Sequence[bytes]
    connections: int
    pace_seconds: float  # between an answer and the same connection's next request
    answers: list[Answer] = field(default_factory=list)
    turn: int = 0
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)
    _is_over: bool = False

    def start(self) -> None:
        self._tasks = [asyncio.create_task(self._come(number)) for number in range(self.connections)]

    async def stop(self) -> None:
        """Let what is under way be answered, and leave."""
        self._is_over = True
        await asyncio.gather(*self._tasks)

    async def _come(self, number: int) -> None:
        await asyncio.sleep(self.pace_seconds * number / self.connections)
        while not self._is_over:
            told: asyncio.Queue[Answer] = asyncio.Queue()
            try:
                citizen = await connect(self.port, lambda _, answer, told=told: told.put_nowait(answer))  # type: ignore[misc]
            except OSError:
                await asyncio.sleep(_AGAIN_SECONDS)
                continue
            while citizen.is_connected and not self._is_over:
                self.turn += 1
                citizen.ask(self.requests[self.turn % len(self.requests)])
                self.answers.append(await told.get())
                await asyncio.sleep(self.pace_seconds)
            citizen.leave()
