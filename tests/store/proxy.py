"""A wire between a gateway and its Redis that can be made slow, deaf or brittle."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections import deque

from tests.certificates import HOST


class Proxy:
    """Passes bytes both ways. Change the attributes while it runs; they hold for what passes from then on."""

    def __init__(self, target_port: int) -> None:
        self.target_port = target_port  # new connections go there; 1 is a port where nobody listens
        self.latency_seconds = 0.0  # added to each piece the server sends
        self.reset_every = 0  # of so many pieces the server sends, the last is replaced by a reset; 0: none
        self.from_client: list[bytes] = []
        self.pieces_from_server = 0
        self._is_deaf = False
        self._ends: set[_End] = set()
        self._dialling: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    @property
    def is_deaf(self) -> bool:
        """While deaf, connections stand and nothing passes; it passes afterwards."""
        return self._is_deaf

    @is_deaf.setter
    def is_deaf(self, deaf: bool) -> None:
        self._is_deaf = deaf
        for end in tuple(self._ends):
            end.pass_on()

    @property
    def port(self) -> int:
        assert self._server is not None
        bound: tuple[str, int] = self._server.sockets[0].getsockname()
        return bound[1]

    @property
    def url(self) -> str:
        return f"redis://{HOST}:{self.port}"

    async def __aenter__(self) -> Proxy:
        self._server = await asyncio.get_running_loop().create_server(lambda: _End(self), HOST, 0)
        return self

    async def __aexit__(self, *ending: object) -> None:
        assert self._server is not None
        for _ in range(5):  # a connection accepted in the moment the server closes would never be closed itself
            await asyncio.sleep(0)
        self._server.close()
        await self.cut()
        await self._server.wait_closed()

    async def cut(self) -> None:
        """Drop every connection that stands or is about to."""
        for _ in range(5):  # those just accepted begin, so that they can be ended; those ended come to their end
            for task in self._dialling:
                task.cancel()
            await asyncio.gather(*self._dialling, return_exceptions=True)
            for end in tuple(self._ends):
                end.abort()
            await asyncio.sleep(0)

    @property
    def held(self) -> int:
        """Tell how many pieces lie on the wire while it is deaf."""
        return sum(len(end.held) for end in self._ends)

    def say(self, words: bytes) -> None:
        """Put words into the server's mouth, on every connection."""
        for end in self._ends:
            if not end.is_server:
                end.write(words)

    def begun(self, end: _End) -> None:
        """A client has come: find it the server."""
        self._ends.add(end)
        if end.peer is None:
            task = asyncio.get_running_loop().create_task(self._dial(end))
            self._dialling.add(task)
            task.add_done_callback(self._dialling.discard)

    def ended(self, end: _End) -> None:
        self._ends.discard(end)
        if end.peer is not None:
            end.peer.abort()

    async def _dial(self, client: _End) -> None:
        server = _End(self, client)
        try:
            await asyncio.get_running_loop().create_connection(lambda: server, HOST, self.target_port)
        except OSError:
            client.abort()
            return
        client.peer = server
        client.pass_on()


class _End(asyncio.Protocol):
    """One end of a connection; what it receives goes to its peer."""

    def __init__(self, proxy: Proxy, client: _End | None = None) -> None:
        self._proxy = proxy
        self.is_server = client is not None
        self.peer = client
        self.held: deque[bytes] = deque()
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._proxy.begun(self)

    def data_received(self, piece: bytes) -> None:
        self.held.append(piece)
        self.pass_on()

    def connection_lost(self, error: Exception | None) -> None:
        self._proxy.ended(self)

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def write(self, piece: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(piece)

    def pass_on(self) -> None:
        """Hand what is held to the peer, as far as the wire lets it."""
        while self.held and self.peer is not None and not self._proxy.is_deaf:
            piece = self.held.popleft()
            if self.is_server:
                self._pass_down(self.peer, piece)
            else:
                self._proxy.from_client.append(piece)
                self.peer.write(piece)

    def _pass_down(self, client: _End, piece: bytes) -> None:
        self._proxy.pieces_from_server += 1
        if self._proxy.reset_every and self._proxy.pieces_from_server % self._proxy.reset_every == 0:
            client.reset()
        elif self._proxy.latency_seconds:
            asyncio.get_running_loop().call_later(self._proxy.latency_seconds, client.write, piece)
        else:
            client.write(piece)

    def reset(self) -> None:
        """End with a reset instead of a goodbye."""
        assert self._transport is not None
        wire: socket.socket = self._transport.get_extra_info("socket")
        wire.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._transport.abort()
