"""The agency of the bench: answers everything with 1 KB of JSON, as cheaply as Python can, and publishes a key set.

Paths that hold `/large` and `/huge` are answered with 1 MB and 16 MB, `/echo` becomes a WebSocket that sends back each
message, `/count` tells how many requests came so far (so that a cache's hits can be proved). Bodies may have a length
told beforehand or come in chunks: proxies choose. Whatever is no request is answered 400, never with a traceback.
Run as a process of its own: `python -m tests.bench.agency PORT JWKS_FILE`.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from email.utils import formatdate
from pathlib import Path
from typing import Final, cast

import uvloop

_BODY: Final = b'{"filler":"' + b"x" * 1_011 + b'"}'
_MORE_NEEDED: Final = -1
_REQUEST: Final = re.compile(rb"[a-z]+ (\S+) http/1\.[01](?:\r\n|$)")
_LENGTH: Final = re.compile(rb"\r\ncontent-length: *(\d+)")
_KEY: Final = re.compile(rb"\r\nsec-websocket-key: *(\S+)", re.IGNORECASE)
_ACCEPT_SUFFIX: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455 section 1.3
_LONG_LENGTH: Final = 126  # RFC 6455 section 5.2: then two bytes tell the length


def _answer(body: bytes, media_type: bytes = b"application/json", status: bytes = b"200 OK") -> bytes:
    # The present date: caches count the age of an answer from it.
    date = formatdate(usegmt=True).encode()
    head = b"HTTP/1.1 %b\r\ndate: %b\r\ncontent-type: %b\r\n" % (status, date, media_type)
    return head + b"cache-control: max-age=3600\r\ncontent-length: %d\r\n\r\n" % len(body) + body


@dataclass(slots=True)
class Pages:
    """What this agency answers, made once; and how often it was asked."""

    page: bytes
    keys: bytes
    large: bytes
    huge: bytes
    asked: int = 0

    def answer(self, target: bytes) -> bytes:
        """Return the whole answer to a request for `target`."""
        if b"/count" in target:
            return _answer(b"%d" % self.asked)
        if b"/jwks" in target:
            return self.keys
        self.asked += 1
        return self.large if b"/large" in target else self.huge if b"/huge" in target else self.page


class Agency(asyncio.Protocol):
    """One connection. Each reader takes from `data` at an offset and returns the next, or that more is needed."""

    def __init__(self, pages: Pages) -> None:
        self._pages = pages
        self._transport: asyncio.Transport
        self._unread = b""
        self._reader: Callable[[bytes, int], int] = self._head
        self._left = 0  # bytes of a body, or of a chunk, that are thrown away
        self._reply = b""  # goes out when the request is complete

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        if self._unread:
            data = self._unread + data
        at = 0
        while at < len(data) and (taken := self._reader(data, at)) != _MORE_NEEDED:
            at = taken
        self._unread = data[at:]

    def _head(self, data: bytes, at: int) -> int:
        end = data.find(b"\r\n\r\n", at)
        if end < 0:
            return _MORE_NEEDED
        head = data[at:end]
        lowered = head.lower()
        line = _REQUEST.match(lowered)
        if line is None:
            return self._refuse(data)
        target = line[1]
        if b"/echo" in target and b"\r\nupgrade: websocket" in lowered:
            self._open_echo(head)
            return end + 4
        self._reply = self._pages.answer(target)
        if b"\r\ntransfer-encoding: chunked" in lowered:
            self._reader = self._chunk_size
            return end + 4
        length = _LENGTH.search(lowered)
        self._left = int(length[1]) if length is not None else 0
        if self._left:
            self._reader = self._body
        else:
            self._transport.write(self._reply)
        return end + 4

    def _body(self, data: bytes, at: int) -> int:
        taken = min(self._left, len(data) - at)
        self._left -= taken
        if not self._left:
            self._complete()
        return at + taken

    def _chunk_size(self, data: bytes, at: int) -> int:
        end = data.find(b"\r\n", at)
        if end < 0:
            return _MORE_NEEDED
        try:
            size = int(data[at:end].split(b";")[0], 16)
        except ValueError:
            return self._refuse(data)
        self._left = size + 2  # with the line end behind it
        self._reader = self._chunk if size else self._trailers
        return end + 2

    def _chunk(self, data: bytes, at: int) -> int:
        taken = min(self._left, len(data) - at)
        self._left -= taken
        if not self._left:
            self._reader = self._chunk_size
        return at + taken

    def _trailers(self, data: bytes, at: int) -> int:
        end = data.find(b"\r\n", at)
        if end < 0:
            return _MORE_NEEDED
        if end == at:
            self._complete()
        return end + 2

    def _complete(self) -> None:
        self._reader = self._head
        self._transport.write(self._reply)

    def _refuse(self, data: bytes) -> int:
        self._transport.write(_answer(b"{}", status=b"400 Bad Request"))
        self._transport.close()
        return len(data)

    def _open_echo(self, head: bytes) -> None:
        key = _KEY.search(head)
        digest = hashlib.sha1((key[1] if key else b"") + _ACCEPT_SUFFIX, usedforsecurity=False).digest()
        accept = base64.b64encode(digest)
        self._transport.write(
            b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\n"
            b"sec-websocket-accept: %b\r\n\r\n" % accept
        )
        self._reader = self._frame

    def _frame(self, data: bytes, at: int) -> int:
        """Send a message back. The load masks with zeros, so that what is masked is already the message."""
        if len(data) - at < 8:
            return _MORE_NEEDED
        size, head = data[at + 1] & 0x7F, 6
        if size == _LONG_LENGTH:
            size, head = int.from_bytes(data[at + 2 : at + 4], "big"), 8
        end = at + head + size
        if end > len(data):
            return _MORE_NEEDED
        unmasked_head = bytes((data[at], data[at + 1] & 0x7F)) + data[at + 2 : at + head - 4]
        self._transport.write(unmasked_head + data[at + head : end])
        return end


async def main(port: int, jwks: Path) -> None:
    """Serve until ended."""
    large, huge = (_answer(b"y" * (size << 20), b"application/zip") for size in (1, 16))
    pages = Pages(_answer(_BODY), _answer(jwks.read_bytes()), large, huge)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Agency(pages), "127.0.0.1", port, backlog=1024)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1]), Path(sys.argv[2])))
