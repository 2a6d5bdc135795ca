"""A small HTTP/1.1 server on a real socket, answering as a test tells it to; an empty answer hangs up."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

Answer = Callable[[str], Awaitable[bytes]]  # request target -> the whole answer as bytes


def reply(body: object, *, status: str = "200 OK", fields: str = "") -> bytes:
    """Return an answer; a body that is no bytes is written as JSON."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return f"HTTP/1.1 {status}\r\ncontent-length: {len(raw)}\r\n{fields}\r\n".encode() + raw


class Site:
    """Where it listens, what it was asked, and what it answers (one answer for all until changed)."""

    def __init__(self) -> None:
        self.url = ""
        self.targets: list[str] = []
        self.heads: list[bytes] = []
        self.answer: Answer = self._not_set
        self._arrived = asyncio.Condition()
        self._connections: set[asyncio.Task[None]] = set()

    def says(self, answer: bytes) -> None:
        async def fixed(target: str) -> bytes:
            return answer

        self.answer = fixed

    def drop(self) -> None:
        """End every connection, with whatever waits on it, as a restart would."""
        for connection in self._connections:
            connection.cancel()

    async def asked(self, times: int) -> None:
        """Wait until so many requests arrived in all."""
        async with self._arrived:
            await self._arrived.wait_for(lambda: len(self.targets) >= times)

    async def asked_for(self, text: str) -> None:
        """Wait until a request came whose target holds `text`."""
        async with self._arrived:
            await self._arrived.wait_for(lambda: any(text in target for target in self.targets))

    async def _not_set(self, target: str) -> bytes:
        return reply({}, status="404 Not Found")

    def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = asyncio.create_task(self._serve(reader, writer))
        self._connections.add(connection)
        connection.add_done_callback(self._connections.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                self.heads.append(head)
                async with self._arrived:
                    self.targets.append(head.split(b" ")[1].decode())
                    self._arrived.notify_all()
                answer = await self.answer(self.targets[-1])
                writer.write(answer)
                await writer.drain()
                if not answer or b"connection: close" in answer:
                    return
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def open_site() -> AsyncIterator[Site]:
    """Serve on a free port until the block ends."""
    site = Site()
    server = await asyncio.start_server(site._connected, "127.0.0.1", 0)
    site.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield site
    finally:
        server.close()
        site.drop()
        await asyncio.gather(*site._connections, return_exceptions=True)
        await server.wait_closed()
