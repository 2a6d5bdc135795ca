"""An agency for tests: a real HTTP/1.1 server on a real socket that answers as it is told and records every byte."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qs


@dataclass(frozen=True, slots=True)
class Received:
    """One request as the agency got it."""

    method: str
    target: str
    headers: tuple[tuple[str, str], ...]
    body: bytes

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]

    @property
    def query(self) -> Mapping[str, list[str]]:
        return parse_qs(self.target.partition("?")[2], keep_blank_values=True)

    def header(self, name: str) -> str | None:
        """Return the only value of a field; a second one fails the test."""
        values = [value for key, value in self.headers if key == name]
        assert len(values) < 2, f"{name} came {len(values)} times"
        return values[0] if values else None


@dataclass(slots=True)
class Answer:
    """What the agency says. `pieces` streams in chunks instead of `body`."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b'{"ok":true}'
    pieces: Callable[[], AsyncIterator[bytes]] | None = None
    hang_up: bool = False  # close without a word


Handler = Callable[[Received], Awaitable[Answer] | Answer]


class Agency:
    """Start it, tell it what to answer with `handler`, look at `received` and `raw`."""

    def __init__(self, handler: Handler | None = None) -> None:
        self.handler: Handler = handler if handler is not None else lambda _: Answer()
        self.received: list[Received] = []
        self.raw = bytearray()
        self.port = 0
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def start(self) -> None:
        """Listen, on the port it had before if it had one."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Close the listener and every connection, as a process that was killed would."""
        if self._server is not None:
            self._server.close()
            for writer in tuple(self._writers):
                writer.transport.abort()
            for task in tuple(self._tasks):
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            await self._server.wait_closed()
            self._server = None

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                while await self._exchange(reader, writer):
                    pass
        finally:
            self._writers.discard(writer)
            writer.close()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = await reader.readuntil(b"\r\n\r\n")
        self.raw += head
        line, *lines = head[:-4].decode("latin-1").split("\r\n")
        method, target, _ = line.split(" ")
        pairs = [one.partition(":") for one in lines]
        headers = tuple((name.lower(), value.strip()) for name, _, value in pairs)
        body = await self._body(reader, dict(headers))
        self.raw += body
        received = Received(method, target, headers, body)
        self.received.append(received)
        answer = self.handler(received)
        if isinstance(answer, Awaitable):
            answer = await answer
        if answer.hang_up:
            return False
        await self._answer(writer, received, answer)
        return True

    @staticmethod
    async def _body(reader: asyncio.StreamReader, headers: Mapping[str, str]) -> bytes:
        if headers.get("transfer-encoding") != "chunked":
            return await reader.readexactly(int(headers.get("content-length", "0")))
        body = b""
        while True:
            size = int((await reader.readline()).split(b";")[0], 16)
            piece = await reader.readexactly(size + 2)
            if size == 0:
                return body
            body += piece[:-2]

    @staticmethod
    async def _answer(writer: asyncio.StreamWriter, received: Received, answer: Answer) -> None:
        head = [f"HTTP/1.1 {answer.status} X"]
        head += [f"{name}: {value}" for name, value in answer.headers.items()]
        if answer.pieces is not None:
            head.append("transfer-encoding: chunked")
            writer.write("\r\n".join([*head, "", ""]).encode())
            async for piece in answer.pieces():
                writer.write(b"%x\r\n%b\r\n" % (len(piece), piece))
                await writer.drain()
            writer.write(b"0\r\n\r\n")
        elif answer.status in (204, 304):
            writer.write("\r\n".join([*head, "", ""]).encode())
        else:
            head.append(f"content-length: {len(answer.body)}")
            body = b"" if received.method == "HEAD" else answer.body
            writer.write("\r\n".join([*head, "", ""]).encode() + body)
        await writer.drain()
