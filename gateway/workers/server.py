"""The public port of one process: uvicorn with the direct lane, and an end that cuts nobody off."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

import uvicorn

from gateway.app import Gateway
from gateway.edge.connection import Connection
from gateway.edge.lane import Lane
from gateway.edge.tls import PublicTls
from gateway.registry.snapshot import ServerPolicy
from gateway.telemetry.logs import Log
from gateway.workers.sockets import BACKLOG, bound

_KEEP_ALIVE_SECONDS: Final = 75  # longer than the 60 s after which phones' carriers drop an idle connection


class Server(uvicorn.Server):
    """uvicorn without its signal handling, which tells when it listens."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listening = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.listening.set()


class PublicPort:
    """One process's share of the public port; `listeners` are all it inherited, `own` the one it accepts from.

    The others belong to siblings; it minds one whose owner is dead or stuck, so that nobody waits in its queue.
    """

    def __init__(
        self, gateway: Gateway, policy: ServerPolicy, log: Log, listeners: Sequence[socket.socket], own: int = 0
    ) -> None:
        self._gateway = gateway
        self._policy = policy
        self._log = log
        self._listeners = listeners
        self._own = own
        self._server = server(gateway.asgi, policy, lane=gateway.lane, tls=gateway.tls)
        self._serving: asyncio.Task[None]
        self._minded: dict[int, asyncio.Server] = {}
        self._is_listening = True

    async def open(self) -> None:
        """Begin to accept; returns once it does, and raises what keeps it from it."""
        self._serving = asyncio.create_task(self._server.serve([self._listeners[self._own]]))
        listening = asyncio.create_task(self._server.listening.wait())
        await asyncio.wait((self._serving, listening), return_when=asyncio.FIRST_COMPLETED)
        listening.cancel()
        if self._serving.done():
            self._serving.result()

    async def mind(self, numbers: Iterable[int]) -> None:
        """Accept from these siblings' listeners too, and from no others any more."""
        wanted = set(numbers) - {self._own} if self._is_listening else set()
        for number in self._minded.keys() - wanted:
            self._minded.pop(number).close()
        for number in wanted - self._minded.keys():
            self._minded[number] = await self._accept_from(self._listeners[number])

    async def _accept_from(self, listener: socket.socket) -> asyncio.Server:
        protocol, tls = _direct(self._gateway.lane), self._server.config.ssl
        # A copy, for closing the server closes its socket, and this one may have to be minded again.
        return await asyncio.get_running_loop().create_server(protocol, sock=listener.dup(), ssl=tls, backlog=BACKLOG)

    def stop_listening(self) -> None:
        """Accept nobody any more and let go of every listener; who waits in a queue is another's, or is refused."""
        self._is_listening = False
        for one in (*self._server.servers, *self._minded.values()):
            one.close()
        self._minded.clear()
        for listener in self._listeners:
            listener.close()

    async def drain(self, ending_now: asyncio.Event) -> None:
        """Say `Connection: close` for the grace period, stop listening, wait for what runs; at most until the event."""
        self._gateway.drain.draining = True
        grace = self._policy.drain_grace_seconds
        self._log.info("draining", grace_seconds=grace, timeout_seconds=self._policy.drain_timeout_seconds)
        ended = asyncio.create_task(ending_now.wait())
        await asyncio.wait((ended,), timeout=grace)
        self.stop_listening()
        self._server.should_exit = True
        self._server.force_exit = ended.done()
        await asyncio.wait((ended, self._serving), return_when=asyncio.FIRST_COMPLETED)
        self._server.force_exit = True
        await self._serving
        self._gateway.lane.cut()
        ended.cancel()


def serving(app: Any, *, lane: Lane | None = None, tls: PublicTls | None = None) -> tuple[Server, socket.socket]:
    """Return a server and a socket on a free loopback port for it to listen on; with `lane`, it is the direct lane."""
    return server(app, None, lane=lane, tls=tls), bound("127.0.0.1", 0, "")


def server(app: Any, policy: ServerPolicy | None, *, lane: Lane | None = None, tls: PublicTls | None = None) -> Server:
    """Return a server of an ASGI application; with `lane`, it is the direct lane."""
    config = uvicorn.Config(
        app,
        http=_direct(lane) if lane is not None else "httptools",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=False,  # an answer has the date of its origin; the edge dates the gateway's own
        proxy_headers=False,
        backlog=BACKLOG,
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=int(policy.drain_timeout_seconds) if policy is not None else 5,
        ssl_context_factory=None if tls is None else lambda *_: tls.listener,
    )
    made = Server(config)
    if lane is not None:
        made.server_state.connections = lane.connections  # whom its shutdown tells and waits for
    return made


def _direct(lane: Lane) -> type[asyncio.Protocol]:
    """Return the class by which uvicorn makes a protocol for each connection."""

    class OfLane(Connection):
        __slots__ = ()

        def __init__(self, **_: object) -> None:
            super().__init__(lane)

    return OfLane
