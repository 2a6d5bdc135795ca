"""A wire between a gateway and its Redis that can be made slow, deaf or brittle."""

from __future__ import annotations

import asyncio
import socket
import struct

from tests.servers import HOST


class Proxy:
    """Passes bytes both ways. Change the attributes while it runs; they hold for what passes from then on."""

    def __init__(self, target_port: int) -> None:
        self.target_port = target_port
        self.latency_seconds = 0.0  # added to each piece the server sends
        self.reset_every = 0  # of so many pieces the server sends, the last is replaced by a reset; 0: none
        self.is_deaf = False  # connections stand, nothing passes
        self.from_client: list[bytes] = []
        self._pieces = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    @property
    def port(self) -> int:
        assert self._server is not None
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    @property
    def url(self) -> str:
        return f"redis://{HOST}:{self.port}"

    async def __aenter__(self) -> Proxy:
        self._server = await asyncio.start_server(self._accept, HOST, 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for _ in range(5):  # connections just accepted begin, so that they can be ended
            await asyncio.sleep(0)
        await self.cut()
        await self._server.wait_closed()

    async def cut(self) -> None:
        """Drop every connection that stands."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            server_reader, server_writer = await asyncio.open_connection(HOST, self.target_port)
        except OSError:
            writer.transport.abort()
            self._tasks.discard(task)
            return
        pumps = (
            asyncio.ensure_future(self._pump_up(reader, server_writer)),
            asyncio.ensure_future(self._pump_down(server_reader, writer)),
        )
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            pass  # cut: the end of this connection, and of nothing else
        finally:
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)
            for end in (writer, server_writer):
                end.transport.abort()
            self._tasks.discard(task)

    async def _pump_up(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while piece := await reader.read(65_536):
            while self.is_deaf:
                await asyncio.sleep(0.01)
            self.from_client.append(piece)
            writer.write(piece)

    async def _pump_down(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while piece := await reader.read(65_536):
            while self.is_deaf:
                await asyncio.sleep(0.01)
            self._pieces += 1
            if self.reset_every and self._pieces % self.reset_every == 0:
                wire: socket.socket = writer.get_extra_info("socket")
                wire.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                return
            if self.latency_seconds:
                await asyncio.sleep(self.latency_seconds)
            writer.write(piece)
