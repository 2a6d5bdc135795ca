"""The gateway in one process: the easiest to watch and to debug.

SIGHUP reloads. SIGTERM drains: readiness fails at once and every answer says `Connection: close`; after the grace
period the listener closes; then what still runs is waited for, and the process ends. A second SIGTERM or SIGINT ends it
now.
"""

from __future__ import annotations

import asyncio
import signal
import socket
from pathlib import Path
from typing import Any

from gateway.app import Gateway
from gateway.registry.snapshot import ServerPolicy, Snapshot
from gateway.telemetry.logs import Log
from gateway.workers.heap import settle_heap
from gateway.workers.port import ServerKind, public_port
from gateway.workers.server import server
from gateway.workers.sockets import address


class Single:
    """One serving process from its first byte to its last."""

    def __init__(
        self, config: Path, snapshot: Snapshot, policy: ServerPolicy, log: Log, *, public: socket.socket,
        ops: socket.socket, kind: ServerKind = "uvicorn",
    ) -> None:  # fmt: skip
        self._config = config
        self._snapshot = snapshot
        self._policy = policy
        self._log = log
        self._public = public
        self._ops = ops
        self._kind = kind
        self._ending = asyncio.Event()
        self._ending_now = asyncio.Event()
        self._tasks: set[asyncio.Task[Any]] = set()

    async def run(self) -> int:
        """Serve, then drain, then end; return the exit status."""
        gateway = Gateway(self._config, self._snapshot, self._log)
        port = public_port(self._kind, gateway, self._policy, self._log, [self._public])
        ops = server(gateway.ops, None)
        self._take_signals(gateway)
        await gateway.start()
        settle_heap()
        announce(self._log, self._snapshot, self._public, self._ops, workers=1)
        watching = asyncio.create_task(ops.serve([self._ops]))
        await port.open()
        await self._ending.wait()
        await port.drain(self._ending_now)
        ops.should_exit = True
        await watching
        await gateway.aclose()
        self._log.info("ended")
        return 0

    def _take_signals(self, gateway: Gateway) -> None:
        loop = asyncio.get_running_loop()

        def end() -> None:
            (self._ending_now if self._ending.is_set() else self._ending).set()

        def reload() -> None:
            task = asyncio.ensure_future(gateway.reload())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

        def restart() -> None:
            self._log.warning("SIGUSR2 replaces workers one by one, which takes more than one: run with --workers 2")

        loop.add_signal_handler(signal.SIGTERM, end)
        loop.add_signal_handler(signal.SIGINT, end)
        loop.add_signal_handler(signal.SIGHUP, reload)
        loop.add_signal_handler(signal.SIGUSR2, restart)


def announce(log: Log, snapshot: Snapshot, public: socket.socket, ops: socket.socket, *, workers: int) -> None:
    """Log where the gateway listens, what it loaded, and what it had to leave out."""
    log.info(
        "listening",
        public=f"{'http' if snapshot.server.tls_key is None else 'https'}://{address(public)}",
        ops=f"http://{address(ops)}",
        services=sorted(snapshot.services),
        routes=len(snapshot.routes),
        registry=snapshot.digest[:12],
        workers=workers,
    )
    for one in snapshot.quarantined:
        log.error("service quarantined", service=one.service, file=one.file, errors=one.errors)
