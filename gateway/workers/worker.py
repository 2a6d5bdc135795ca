"""A worker: one process's gateway on its share of the public port, told what to do by the supervisor.

It ends gracefully when it is told to, by SIGTERM, and when the supervisor is gone, for then nobody would ever end it.
"""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import httpx
import uvloop

from gateway.app import Gateway, Prepared
from gateway.identity.signing import BadSigningKey
from gateway.registry.problems import ConfigError
from gateway.telemetry.logs import Log, open_log
from gateway.telemetry.totals import Reporter
from gateway.workers.channel import Body, Channel, PeerGone
from gateway.workers.handover import Handover
from gateway.workers.heap import settle_heap
from gateway.workers.port import Port, ServerKind, public_port, server_kind

_REPORT_SECONDS: Final = 1.0  # at most this much of what it counted is lost with a worker that is killed
_SPARED_SIGNALS: Final = (signal.SIGINT, signal.SIGHUP, signal.SIGUSR2)  # meant for the supervisor, whoever sent them


def main(arguments: Sequence[str]) -> int:
    """Run a worker of the supervisor that started this process; return the exit status."""
    config, number, kind, channel, listeners = arguments
    for one in _SPARED_SIGNALS:
        signal.signal(one, signal.SIG_IGN)
    pair = socket.socket(fileno=int(channel))
    inherited = [socket.socket(fileno=int(listener)) for listener in listeners.split(",")]
    worker = Worker(Path(config), int(number), inherited, open_log().bind(worker=int(number)), server_kind(kind))
    return uvloop.run(worker.run(pair))


class Worker:
    """One worker from its first word to its last."""

    def __init__(
        self, config: Path, number: int, listeners: Sequence[socket.socket], log: Log, kind: ServerKind
    ) -> None:
        self._config = config
        self._number = number
        self._listeners = listeners
        self._log = log
        self._kind = kind
        self._gateway: Gateway
        self._port: Port
        self._reporter: Reporter
        self._has_begun = asyncio.Event()
        self._prepared: tuple[Prepared, Handover] | None = None
        self._generation = 0
        self._ending = asyncio.Event()
        self._ending_now = asyncio.Event()
        self._keep_listening = True
        self._channel = Channel(
            {
                "start": self._start,
                "prepare": self._prepare,
                "commit": self._commit,
                "abandon": self._abandon,
                "mind": self._mind,
                "siblings": self._siblings,
                "drain": self._drain,
                "report": self._report,
                "ask": self._ask,
            }
        )

    async def run(self, pair: socket.socket) -> int:
        """Serve what the supervisor says until it or a signal ends it; return the exit status."""
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, self._ending.set)
        await self._channel.open(pair)
        hearing = asyncio.create_task(self._channel.serve())
        reporting = asyncio.create_task(self._report_forever())
        ending = asyncio.create_task(self._ending.wait())
        await asyncio.wait((hearing, ending), return_when=asyncio.FIRST_COMPLETED)
        ending.cancel()
        if not self._has_begun.is_set():
            return 1  # nothing serves yet that could be drained
        if hearing.done() or not self._keep_listening:
            # Siblings or a successor take who comes now; an orphan must leave the port to the next gateway.
            self._port.stop_listening()
        await self._port.drain(self._ending_now)
        reporting.cancel()
        await self._tell_the_last()
        await self._gateway.aclose()
        return 0

    # ---- what the supervisor calls

    async def _start(self, body: Body) -> Body:
        handover = Handover.from_json(body)
        snapshot = handover.build(self._config)
        self._gateway = Gateway(self._config, snapshot, self._log, generation=handover.generation, keeps_registry=False)
        self._reporter = Reporter(self._gateway.metrics)
        self._port = public_port(self._kind, self._gateway, snapshot.server, self._log, self._listeners, self._number)
        await self._gateway.start()
        settle_heap()
        await self._port.open()
        self._has_begun.set()
        return self._standing()

    async def _prepare(self, body: Body) -> Body:
        await self._has_begun.wait()
        handover = Handover.from_json(body)
        try:
            prepared = await self._gateway.prepare(lambda: handover.build(self._config))
        except ConfigError as error:
            return {"errors": [problem.line for problem in error.problems]}
        except (BadSigningKey, OSError) as error:
            return {"errors": [str(error)]}
        self._prepared = (prepared, handover)
        return {"errors": []}

    async def _commit(self, _: Body) -> Body:
        assert self._prepared is not None  # the supervisor commits what was prepared
        (prepared, handover), self._prepared = self._prepared, None
        await self._gateway.commit(prepared, handover.generation)
        return self._standing()

    async def _abandon(self, _: Body) -> Body:
        self._prepared = None
        return {}

    async def _mind(self, body: Body) -> Body:
        await self._has_begun.wait()
        await self._port.mind(body["listeners"])
        return {}

    async def _siblings(self, body: Body) -> Body:
        await self._has_begun.wait()
        self._gateway.siblings.hear(body["since"], body["services"])
        return {}

    async def _drain(self, body: Body) -> Body:
        self._keep_listening = body["keep_listening"]
        self._ending.set()
        if body["now"]:
            self._ending_now.set()
        return {}

    async def _report(self, _: Body) -> Body:
        await self._has_begun.wait()
        return self._whole_report()

    async def _ask(self, body: Body) -> Body:
        """Answer an operator's request as the ops port of a lone gateway would."""
        await self._has_begun.wait()
        transport = httpx.ASGITransport(app=self._gateway.ops)
        async with httpx.AsyncClient(transport=transport, base_url="http://worker") as client:
            reply = await client.request(
                body["method"], body["target"], headers=body["headers"], content=body["content"].encode("latin-1")
            )
        kind = reply.headers.get("content-type", "")
        return {"status": reply.status_code, "type": kind, "content": reply.content.decode("latin-1")}

    # ---- what it tells

    def _standing(self) -> Body:
        edition = self._gateway.edition
        return {"generation": edition.generation, "digest": edition.snapshot.digest}

    def _whole_report(self) -> Body:
        return {
            "metrics": self._reporter.report(),
            "readiness": self._gateway.readiness.report(),
            "draining": self._gateway.drain.draining,
            **self._standing(),
        }

    async def _report_forever(self) -> None:
        await self._has_begun.wait()
        while True:
            try:
                self._channel.tell("report", self._whole_report())
            except PeerGone:
                return
            await asyncio.sleep(_REPORT_SECONDS)

    async def _tell_the_last(self) -> None:
        try:
            self._channel.tell("report", self._whole_report())
        except PeerGone:
            return
        await self._channel.aclose()
