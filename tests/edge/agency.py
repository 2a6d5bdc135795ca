"""An agency that records every byte, and answers by a script instead of by the rules."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import Awaitable, Callable

from tests.city.agency import Agency

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Wire:
    """One connection of the gateway to the agency, seen from the agency. What is read is recorded."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.received = bytearray()
        self.heads: list[bytes] = []
        self.ended = asyncio.Event()

    async def head(self) -> bytes:
        """Read a head; what came before its empty line is all of it."""
        head = await self.reader.readuntil(b"\r\n\r\n")
        self.received += head
        self.heads.append(head)
        return head

    async def exactly(self, count: int) -> bytes:
        data = await self.reader.readexactly(count)
        self.received += data
        return data

    async def until(self, end: bytes) -> bytes:
        data = await self.reader.readuntil(end)
        self.received += data
        return data

    async def request(self) -> bytes:
        """Read a whole request, framed as the gateway frames."""
        head = await self.head()
        fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:-2])
        if b"transfer-encoding" in fields:
            return head + await self._chunks()
        return head + await self.exactly(int(fields.get(b"content-length", b"0")))

    async def _chunks(self) -> bytes:
        raw = b""
        while size := await self.until(b"\r\n"):
            raw += size
            if size == b"0\r\n":
                break
            raw += await self.exactly(int(size, 16) + 2)
        while not raw.endswith(b"\r\n\r\n"):
            raw += await self.until(b"\r\n")
        return raw

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def gone(self) -> None:
        """Read on until the gateway closes or resets."""
        with contextlib.suppress(OSError):
            while data := await self.reader.read(65_536):
                self.received += data

    def reset(self) -> None:
        """Break the connection with an RST."""
        reset(self.writer)


Play = Callable[[Wire], Awaitable[None]]


class RawAgency(Agency):
    """Set `play` to what it does with each connection, or tell it with `say` what to answer; else it says `ok`."""

    def __init__(self) -> None:
        super().__init__()
        self.play: Play = self._obey
        self.wires: list[Wire] = []
        self._words = OK
        self._then_close = False

    async def _obey(self, wire: Wire) -> None:
        while True:
            await wire.request()
            await wire.send(self._words)
            if self._then_close:
                return

    def say(self, answer: bytes, *, then_close: bool = False) -> None:
        """Answer every request from now on with these bytes."""
        self._words = answer
        self._then_close = then_close

    async def forget(self) -> None:
        """Be as good as new, once every connection has ended."""
        for wire in self.wires:
            wire.writer.transport.abort()
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self.wires.clear()
        self.play = self._obey
        self.say(OK)

    @property
    def bytes_received(self) -> bytes:
        return b"".join(bytes(wire.received) for wire in self.wires)

    @property
    def heads(self) -> list[bytes]:
        return [head for wire in self.wires for head in wire.heads]

    @property
    def lines(self) -> list[bytes]:
        """The request lines that came."""
        return [head.partition(b"\r\n")[0] for head in self.heads]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        wire = Wire(reader, writer)
        self.wires.append(wire)
        self._writers.add(writer)
        try:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                await self.play(wire)
        finally:
            self._writers.discard(writer)
            writer.close()
            wire.ended.set()


def reset(writer: asyncio.StreamWriter) -> None:
    """Close with an RST instead of a FIN."""
    sock = writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
