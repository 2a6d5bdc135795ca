"""The process: sockets, signals, the ports it serves, and an end that cuts nobody off.

SIGHUP reloads. SIGTERM drains: readiness fails at once and every answer says `Connection: close`; after the grace
period the listener closes; then what still runs is waited for, and the process ends. A second SIGTERM or SIGINT ends it
now.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import uvicorn
import uvloop
from uvicorn.server import ServerState

from gateway.app import Gateway
from gateway.edge.connection import Connection
from gateway.edge.lane import Lane
from gateway.registry.load import load
from gateway.registry.problems import ConfigError
from gateway.registry.snapshot import ServerPolicy, Snapshot
from gateway.telemetry.logs import open_log

_BACKLOG: Final = 4_096
_KEEP_ALIVE_SECONDS: Final = 75  # longer than the 60 s after which phones' carriers drop an idle connection


class CannotListen(Exception):
    """A port is taken or may not be used; the text names it and how to change it."""


class _Server(uvicorn.Server):
    """uvicorn without its signal handling: this process has its own."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def run(config: Path, *, host: str | None, port: int | None, ops_port: int | None, workers: int, strict: bool) -> int:
    """Serve until told to end; return the exit status. Prints where it listens and what it loaded."""
    try:
        snapshot = load(config, strict=strict)
    except ConfigError as error:
        print(error, file=sys.stderr)
        return 1
    server = snapshot.server
    server = replace(
        server,
        public_host=host or server.public_host,
        public_port=server.public_port if port is None else port,
        ops_port=server.ops_port if ops_port is None else ops_port,
    )
    if workers != 1:
        print("only one worker is available so far; start several gateways on one Redis instead", file=sys.stderr)
        return 2
    try:
        public = _listen(server.public_host, server.public_port, "--port or server.public")
        ops = _listen(server.ops_host, server.ops_port, "--ops-port or server.ops")
    except CannotListen as error:
        print(error, file=sys.stderr)
        return 1
    return uvloop.run(_Process(config, snapshot, server, public, ops).run())


class _Process:
    """One serving process from its first byte to its last."""

    def __init__(
        self, config: Path, snapshot: Snapshot, server: ServerPolicy, public: socket.socket, ops: socket.socket
    ) -> None:
        self._config = config
        self._snapshot = snapshot
        self._server_policy = server
        self._sockets = (public, ops)
        self._log = open_log()
        self._ending = asyncio.Event()
        self._ending_now = asyncio.Event()
        self._tasks: set[asyncio.Task[Any]] = set()

    async def run(self) -> int:
        """Serve, then drain, then end."""
        gateway = Gateway(self._config, self._snapshot, self._log)
        public_socket, ops_socket = self._sockets
        public = _server(gateway.asgi, self._server_policy, lane=gateway.lane)
        ops = _server(gateway.ops, None)
        self._take_signals(gateway, public)
        await gateway.start()
        serving = asyncio.create_task(public.serve([public_socket]))
        watching = asyncio.create_task(ops.serve([ops_socket]))
        self._announce()
        await self._ending.wait()
        await self._drain(gateway, public, serving)
        ops.should_exit = True
        await watching
        await gateway.aclose()
        self._log.info("ended")
        return 0

    async def _drain(self, gateway: Gateway, public: _Server, serving: asyncio.Task[None]) -> None:
        gateway.drain.draining = True
        grace = self._server_policy.drain_grace_seconds
        self._log.info("draining", grace_seconds=grace, timeout_seconds=self._server_policy.drain_timeout_seconds)
        ended = asyncio.create_task(self._ending_now.wait())
        await asyncio.wait((ended,), timeout=grace)
        public.should_exit = True
        public.force_exit = ended.done()
        await asyncio.wait((ended, serving), return_when=asyncio.FIRST_COMPLETED)
        public.force_exit = True
        await serving
        ended.cancel()

    def _take_signals(self, gateway: Gateway, public: _Server) -> None:
        loop = asyncio.get_running_loop()

        def end() -> None:
            (self._ending_now if self._ending.is_set() else self._ending).set()

        def reload() -> None:
            task = asyncio.ensure_future(gateway.reload())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

        loop.add_signal_handler(signal.SIGTERM, end)
        loop.add_signal_handler(signal.SIGINT, end)
        loop.add_signal_handler(signal.SIGHUP, reload)

    def _announce(self) -> None:
        public, ops = (one.getsockname() for one in self._sockets)
        snapshot = self._snapshot
        self._log.info(
            "listening",
            public=f"http://{public[0]}:{public[1]}",
            ops=f"http://{ops[0]}:{ops[1]}",
            services=sorted(snapshot.services),
            routes=len(snapshot.routes),
            registry=snapshot.digest[:12],
        )
        for one in snapshot.quarantined:
            self._log.error("service quarantined", service=one.service, file=one.file, errors=one.errors)


def serving(app: Any, *, lane: Lane | None = None) -> tuple[uvicorn.Server, socket.socket]:
    """Return a server and a socket on a free loopback port for it to listen on; with `lane`, it is the direct lane."""
    return _server(app, None, lane=lane), _listen("127.0.0.1", 0, "")


def _server(app: Any, policy: ServerPolicy | None, *, lane: Lane | None = None) -> _Server:
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
        backlog=_BACKLOG,
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=int(policy.drain_timeout_seconds) if policy is not None else 5,
        ssl_certfile=policy.tls_certificate if policy is not None else None,
        ssl_keyfile=policy.tls_key if policy is not None else None,
    )
    return _Server(config)


def _direct(lane: Lane) -> type[asyncio.Protocol]:
    """Return the class by which uvicorn makes a protocol for each connection; it also tracks them for its shutdown."""

    class Tracked(Connection):
        def __init__(self, *, server_state: ServerState, **_: object) -> None:
            super().__init__(lane)
            self._tracked: set[Any] = server_state.connections

        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            self._tracked.add(self)
            super().connection_made(transport)

        def connection_lost(self, exc: Exception | None) -> None:
            self._tracked.discard(self)
            super().connection_lost(exc)

    return Tracked


def _listen(host: str, port: int, setting: str) -> socket.socket:
    """Return a listening socket; raise CannotListen with the remedy."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise CannotListen(
            f"cannot listen on {host}:{port}: {error.strerror}. Choose another with {setting}."
        ) from error
    listener.setblocking(False)
    return listener
