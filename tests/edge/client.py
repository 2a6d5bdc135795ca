"""A client that sends bytes as they stand and reads answers one by one."""

from __future__ import annotations

import asyncio
import contextlib
import json
from dataclasses import dataclass
from ssl import SSLContext
from typing import Any

from tests.edge.agency import reset


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer as it came; `raw` is its head."""

    status: int
    fields: tuple[tuple[str, str], ...]
    body: bytes
    raw: bytes
    trailers: bytes = b""

    def field(self, name: str) -> str | None:
        """Return the only value of a field; a second one fails the test."""
        found = [value for key, value in self.fields if key == name]
        assert len(found) < 2, f"{name} came {len(found)} times"
        return found[0] if found else None

    @property
    def problem(self) -> dict[str, Any]:
        """What a problem document says."""
        assert self.field("content-type") == "application/problem+json"
        found: dict[str, Any] = json.loads(self.body)
        return found


class Client:
    """One connection. Read strictly: an answer that cannot be framed fails the test."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    @classmethod
    async def connect(cls, port: int, *, tls: SSLContext | None = None, receive_buffer: int | None = None) -> Client:
        """Connect; with a small receive buffer, the client is slow to read once it does not."""
        limit = receive_buffer if receive_buffer is not None else 65_536
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=tls, limit=limit)
        return cls(reader, writer)

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        with contextlib.suppress(ConnectionError):
            await self.writer.drain()

    async def answer(self, method: str = "GET") -> Answer:
        """Read the next answer, final or interim."""
        raw = await self.reader.readuntil(b"\r\n\r\n")
        line, *lines = raw[:-4].decode("latin-1").split("\r\n")
        pairs = (one.partition(":") for one in lines)
        fields = tuple((name.lower(), value.strip()) for name, _, value in pairs)
        status = int(line.split(" ")[1])
        told = dict(fields)
        body, trailers = b"", b""
        if method != "HEAD" and status >= 200 and status not in (204, 304):
            if told.get("transfer-encoding") == "chunked":
                body, trailers = await self._chunks()
            elif "content-length" in told:
                body = await self.reader.readexactly(int(told["content-length"]))
            else:
                body = await self.reader.read()
        return Answer(status, fields, body, raw, trailers)

    async def _chunks(self) -> tuple[bytes, bytes]:
        body = b""
        while size := int((await self.reader.readuntil(b"\r\n"))[:-2], 16):
            body += (await self.reader.readexactly(size + 2))[:-2]
        trailers = b""
        while (line := await self.reader.readuntil(b"\r\n")) != b"\r\n":
            trailers += line
        return body, trailers

    async def ask(self, data: bytes, method: str = "GET") -> Answer:
        await self.send(data)
        return await self.answer(method)

    async def rest(self) -> bytes:
        """Read everything until the connection ends, in whatever way."""
        data = b""
        with contextlib.suppress(ConnectionError):
            while piece := await self.reader.read(65_536):
                data += piece
        return data

    async def is_closed(self) -> bool:
        """Wait for the end of the connection; tell whether nothing more came before it."""
        return await self.rest() == b""

    def end(self) -> None:
        """Send no more, and go on reading."""
        self.writer.write_eof()

    def close(self) -> None:
        self.writer.close()

    def reset(self) -> None:
        reset(self.writer)


def request(
    *lines: bytes,
    path: bytes = b"/v1/permits/x",
    method: bytes = b"GET",
    version: bytes = b"HTTP/1.1",
    host: bool = True,
    body: bytes = b"",
) -> bytes:
    """Write a request with these field lines, right in everything that is not said."""
    fields = (b"Host: city.example", *lines) if host else lines
    return b"\r\n".join([b"%b %b %b" % (method, path, version), *fields, b"", b""]) + body


def post(*lines: bytes, body: bytes = b"", version: bytes = b"HTTP/1.1") -> bytes:
    return request(*lines, method=b"POST", body=body, version=version)


def sized(body: bytes, *lines: bytes, version: bytes = b"HTTP/1.1") -> bytes:
    return post(b"Content-Length: %d" % len(body), *lines, body=body, version=version)


def chunked(body: bytes, *lines: bytes) -> bytes:
    """Write a request whose chunked body is given with its framing."""
    return post(b"Transfer-Encoding: chunked", *lines, body=body)
