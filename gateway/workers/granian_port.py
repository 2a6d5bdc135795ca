"""The public port under Granian: HTTP/1.1 and HTTP/2 (RFC 9113) read by hyper, and the ASGI lane behind it.

Granian binds by itself; our listeners were bound before anything started and are handed from one worker to the next. So
a server here is made on a copy of a listener, and several may accept from one: that is how siblings are minded, and how
a renewed certificate is served while the connections that began with the old one come to their end.
"""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import Iterable, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Final

from granian.constants import Interfaces, SSLProtocols
from granian.http import HTTP1Settings, HTTP2Settings
from granian.net import SocketHolder  # type: ignore[attr-defined]  # where Granian's own servers have it from
from granian.server.embed import Server

from gateway.app import Gateway
from gateway.edge.asgi import AsgiEdge
from gateway.edge.tls import PublicTls
from gateway.registry.snapshot import ClientLimits, ServerPolicy
from gateway.telemetry.logs import Log
from gateway.workers.sockets import BACKLOG

_STREAMS: Final = 128  # requests at once of one HTTP/2 connection; RFC 9113 section 6.5.2 advises 100 or more
_LAST_WORD_SECONDS: Final = 1.0  # from "end now" to the end of whatever still runs
_LEAST_BUFFER_BYTES: Final = 8_192  # hyper takes no less


class _Serving(Server):
    """One server on a copy of one listener, from `start` to the end of `task`."""

    task: asyncio.Task[None]

    def __init__(self, app: AsgiEdge, listener: socket.socket, limits: ClientLimits, tls: PublicTls | None) -> None:
        self._listener = listener
        super().__init__(
            app,
            interface=Interfaces.ASGINL,
            websockets=False,
            log_enabled=False,
            backlog=BACKLOG,
            backpressure=limits.max_connections,
            http1_settings=HTTP1Settings(
                header_read_timeout=int(limits.head_seconds * 1_000),
                max_buffer_size=max(limits.max_head_bytes, _LEAST_BUFFER_BYTES),
            ),
            http2_settings=HTTP2Settings(
                max_concurrent_streams=_STREAMS,
                max_headers_size=limits.max_head_bytes,
                keep_alive_interval=int(limits.idle_seconds * 1_000),
            ),
            ssl_cert=None if tls is None else Path(tls.certificate),
            ssl_key=None if tls is None else Path(tls.key),
            ssl_protocol_min=SSLProtocols.tls12,
        )

    def start(self) -> None:
        """Accept from now on."""
        self._listener.listen(BACKLOG)
        self.task = asyncio.create_task(self.serve(), name="granian")

    def _init_shared_socket(self) -> None:
        """Take the listener there is, where Granian would bind one (its port is chosen, perhaps shared, already)."""
        holder = SocketHolder(self._listener.dup().detach(), False, BACKLOG)  # type: ignore[call-arg]  # of Rust
        self._shd = holder  # type: ignore[assignment]


class GranianPort:
    """One process's share of the public port, served by Granian. Implements `Port`."""

    def __init__(
        self, gateway: Gateway, policy: ServerPolicy, log: Log, listeners: Sequence[socket.socket], own: int = 0
    ) -> None:
        self._gateway = gateway
        self._policy = policy
        self._log = log
        self._listeners = listeners
        self._own = own
        self._serving: dict[int, _Serving] = {}  # by the number of the listener
        self._ending: set[asyncio.Task[None]] = set()
        self._is_listening = True
        self._certificate = _fingerprint(gateway.tls)
        if gateway.tls is not None:
            gateway.tls.on_succession = self._renew

    async def open(self) -> None:
        """See `Port.open`."""
        self._start(self._own)
        await asyncio.sleep(0)  # until its task has begun
        if self._serving[self._own].task.done():
            self._serving[self._own].task.result()

    async def mind(self, numbers: Iterable[int]) -> None:
        """See `Port.mind`."""
        wanted = {self._own, *numbers} if self._is_listening else set()
        for number in self._serving.keys() - wanted:
            self._end(self._serving.pop(number))
        for number in wanted - self._serving.keys():
            self._start(number)

    def stop_listening(self) -> None:
        """See `Port.stop_listening`. Connections are told to end with what runs on them (GOAWAY in HTTP/2)."""
        self._is_listening = False
        while self._serving:
            self._end(self._serving.popitem()[1])
        for listener in self._listeners:
            listener.close()

    async def drain(self, ending_now: asyncio.Event) -> None:
        """See `Port.drain`."""
        self._gateway.drain.draining = True
        grace, timeout = self._policy.drain_grace_seconds, self._policy.drain_timeout_seconds
        self._log.info("draining", grace_seconds=grace, timeout_seconds=timeout)
        ended = asyncio.create_task(ending_now.wait())
        await asyncio.wait((ended,), timeout=grace)
        self.stop_listening()
        tasks = set(self._ending)
        finished = asyncio.gather(*tasks)
        await asyncio.wait((ended, finished), timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
        await asyncio.wait((finished,), timeout=_LAST_WORD_SECONDS)  # its threads say goodbye to idle connections
        for task in tasks:
            task.cancel()
        await asyncio.gather(finished, return_exceptions=True)
        ended.cancel()

    def _start(self, number: int) -> None:
        server = _Serving(self._gateway.asgi, self._listeners[number], self._policy.limits, self._gateway.tls)
        server.start()
        server.task.add_done_callback(self._note_end)
        self._serving[number] = server

    def _end(self, server: _Serving) -> None:
        self._ending.add(server.task)
        server.stop()  # type: ignore[no-untyped-call]

    def _note_end(self, task: asyncio.Task[None]) -> None:
        """A server that ends by itself takes the process along: one that is alive and deaf would never be replaced."""
        if task in self._ending:
            self._ending.discard(task)
            return
        self._log.error(
            "the server ended by itself", reason="cancelled" if task.cancelled() else repr(task.exception())
        )
        signal.raise_signal(signal.SIGTERM)

    def _renew(self) -> None:
        """Serve a renewed certificate: new servers first, then the old ones end with what runs on them."""
        certificate = _fingerprint(self._gateway.tls)
        if certificate == self._certificate or not self._is_listening:
            return
        self._certificate = certificate
        old, self._serving = self._serving, {}
        for number in old:
            self._start(number)
        for server in old.values():
            self._end(server)


def _fingerprint(tls: PublicTls | None) -> bytes:
    """Return what tells one certificate from its successor, which may have its names."""
    if tls is None:
        return b""
    return sha256(Path(tls.certificate).read_bytes() + Path(tls.key).read_bytes()).digest()
