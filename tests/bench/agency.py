"""The agency of the bench: answers everything with 1 KB of JSON, as cheaply as Python can, and publishes a key set.

Run as a process of its own: `python -m tests.bench.agency PORT JWKS_FILE`.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import cast

import uvloop

_BODY = b'{"filler":"' + b"x" * 1_011 + b'"}'


def _answer(body: bytes, media_type: bytes = b"application/json") -> bytes:
    head = b"HTTP/1.1 200 OK\r\ndate: Tue, 24 Nov 2026 00:00:00 GMT\r\ncontent-type: %b\r\n" % media_type
    return head + b"cache-control: max-age=600\r\ncontent-length: %d\r\n\r\n" % len(body) + body


class Agency(asyncio.Protocol):
    """One connection. Requests have bodies of a length told beforehand, or none."""

    def __init__(self, page: bytes, jwks: bytes, large: bytes) -> None:
        self._page = page
        self._jwks = jwks
        self._large = large
        self._transport: asyncio.Transport
        self._buffer = b""
        self._left = 0  # of a body that is thrown away

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        if self._left:
            taken = min(self._left, len(data))
            self._left -= taken
            data = data[taken:]
            if self._left:
                return
            self._transport.write(self._page)
        self._buffer += data
        while (end := self._buffer.find(b"\r\n\r\n")) >= 0:
            head, self._buffer = self._buffer[:end].lower(), self._buffer[end + 4 :]
            at = head.find(b"\r\ncontent-length:")
            length = int(head[at + 17 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
            if length > len(self._buffer):
                self._left = length - len(self._buffer)
                self._buffer = b""
                return
            self._buffer = self._buffer[length:]
            target = head.split(b" ", 2)[1]
            self._transport.write(
                self._jwks if b"/jwks" in target else self._large if b"/large" in target else self._page
            )


async def main(port: int, jwks: Path) -> None:
    """Serve until ended."""
    page, keys, large = _answer(_BODY), _answer(jwks.read_bytes()), _answer(b"y" * 1_048_576, b"application/zip")
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Agency(page, keys, large), "127.0.0.1", port, backlog=1024)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1]), Path(sys.argv[2])))
