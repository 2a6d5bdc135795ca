"""Raw servers that play agencies, well-behaved and not, and builders for what is sent to them."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from ssl import SSLContext

from gateway.errors import GatewayError
from gateway.fields import Block, Fields
from gateway.rules.delivery import Target, Timeouts
from gateway.upstream.ports import RequestBody, ResponseBody, UpstreamRequest, UpstreamResponse

PATIENT = Timeouts(connect_seconds=20, read_seconds=20, total_seconds=20)


@dataclass(frozen=True, slots=True)
class Received:
    """A request as it came off the wire; `body` is still chunked when it came so."""

    line: bytes
    fields: dict[bytes, bytes]
    body: bytes


class Wire:
    """One connection to an agency, seen from the agency."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def head(self) -> tuple[bytes, dict[bytes, bytes]]:
        """Read a request's head: its first line and its fields, names lower-cased."""
        head = await self.reader.readuntil(b"\r\n\r\n")
        line, *rest = head[:-4].split(b"\r\n")
        pairs = (field.partition(b":") for field in rest)
        return line, {name.lower(): value.strip() for name, _, value in pairs}

    async def request(self) -> Received:
        """Read a whole request."""
        line, fields = await self.head()
        if b"transfer-encoding" in fields:
            body = await self.reader.readuntil(b"0\r\n\r\n")
        else:
            body = await self.reader.readexactly(int(fields.get(b"content-length", b"0")))
        return Received(line, fields, body)

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def gone(self) -> None:
        """Wait until the other end closes or resets, whatever it still sends."""
        with contextlib.suppress(OSError):
            while await self.reader.read(65_536):
                pass

    def reset(self) -> None:
        """Break the connection with an RST."""
        sock = self.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


Handler = Callable[[Wire], Awaitable[None]]


@dataclass(slots=True)
class Agency:
    """A running raw server."""

    target: Target
    received: list[Received] = field(default_factory=list)
    connections: int = 0
    failures: list[BaseException] = field(default_factory=list)


@asynccontextmanager
async def agency(
    handler: Handler | None = None, *, tls: SSLContext | None = None, host: str = "127.0.0.1", name: str | None = None
) -> AsyncIterator[Agency]:
    """Run an agency; without a handler it answers every request with `ok`. `name` is what the target calls its host."""
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        running.connections += 1
        try:
            await play(Wire(reader, writer))
        except (OSError, asyncio.IncompleteReadError):
            pass  # the client closed: tests look at what it received instead
        except asyncio.CancelledError:
            pass  # the test is over
        except BaseException as error:
            running.failures.append(error)
        finally:
            writer.close()
            tasks.discard(task)

    async def answer_all(wire: Wire) -> None:
        while True:
            running.received.append(await wire.request())
            await wire.send(OK)

    play = handler if handler is not None else answer_all
    server = await asyncio.start_server(serve, host, 0, ssl=tls, limit=1_048_576)
    port = server.sockets[0].getsockname()[1]
    scheme = "https" if tls is not None else "http"
    shown = name if name is not None else host
    running = Agency(Target(url=f"{scheme}://{shown}:{port}", scheme=scheme, host=shown, port=port))
    try:
        yield running
    finally:
        server.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert not running.failures, running.failures


def dead_target() -> Target:
    """A target whose port was just freed: nobody listens there."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
    return Target(url=f"http://127.0.0.1:{port}", scheme="http", host="127.0.0.1", port=port)


OK = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nok"


def answer(body: bytes, *, status: bytes = b"200 OK", fields: bytes = b"") -> bytes:
    """An answer framed by its length."""
    return b"HTTP/1.1 %b\r\n%bContent-Length: %d\r\n\r\n%b" % (status, fields, len(body), body)


def scripted(*answers: bytes) -> Handler:
    """Read a whole request before each answer; close after the last."""

    async def play(wire: Wire) -> None:
        for data in answers:
            await wire.request()
            await wire.send(data)

    return play


class Pieces:
    """A request body in pieces; an exception among them is raised in its place, an event is awaited."""

    def __init__(self, *pieces: bytes | GatewayError | asyncio.Event, length: int | None = None) -> None:
        self._pieces = list(pieces)
        self.length = length
        self.reads = 0

    async def read(self) -> bytes:
        self.reads += 1
        while self._pieces:
            piece = self._pieces.pop(0)
            if isinstance(piece, bytes):
                return piece
            if isinstance(piece, GatewayError):
                raise piece
            await piece.wait()
        return b""


def request(
    method: bytes = b"GET",
    path: bytes = b"/types",
    *,
    query: bytes = b"",
    passed: Fields = (),
    added: Fields = (),
    body: RequestBody | None = None,
) -> UpstreamRequest:
    """A request as the pipeline would send it."""
    return UpstreamRequest(method, path, query, Block(fields=passed), added, body)


async def read_all(body: ResponseBody) -> bytes:
    """Read a body to its end and close it."""
    pieces = []
    try:
        while piece := await body.read():
            pieces.append(piece)
    finally:
        await body.aclose()
    return b"".join(pieces)


async def whole(response: UpstreamResponse) -> bytes:
    """The answer's body, however it came."""
    if response.content is not None:
        return response.content
    assert response.body is not None
    return await read_all(response.body)
