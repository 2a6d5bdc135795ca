"""One worker as the supervisor sees it: its process, the channel to it, and what it told last."""

from __future__ import annotations

import asyncio
import signal
import socket
import sys
from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from pathlib import Path
from typing import Final

from gateway.workers.channel import Body, CallFailed, Channel, PeerGone
from gateway.workers.port import ServerKind

_START_SECONDS: Final = 120.0  # 40,000 routes on a busy machine
_CALL_SECONDS: Final = 60.0
_ASK_SECONDS: Final = 2.0  # for what an operator waits for; who does not answer is told by what it said last


class State(Enum):
    STARTING = "starting"
    SERVING = "serving"
    DRAINING = "draining"
    ENDED = "ended"


class Member:
    """A worker, once `launch` has started it. `number` is its place's; its `serial` no other ever has again."""

    def __init__(self, number: int, serial: int, on_report: Callable[[Member, Body], None]) -> None:
        self.number = number
        self.serial = serial
        self.state = State.STARTING
        self.generation = 0
        self.digest = ""
        self.readiness: tuple[int, Body] = (503, {"status": "fail", "components": {}})
        self.silent_seconds = 0  # since it reported last, counted by the supervisor's own ticks
        self.pid = 0
        self.gone = asyncio.Event()
        self._on_report = on_report
        self._channel = Channel({"report": self._hear})
        self._process: asyncio.subprocess.Process
        self._hearing: asyncio.Task[None]

    async def launch(self, config: Path, listeners: Sequence[socket.socket], kind: ServerKind) -> None:
        """Start the process. It inherits every listener and one end of a socket pair, and nothing else."""
        ours, theirs = socket.socketpair()
        numbers = [listener.fileno() for listener in listeners]
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "gateway.workers", str(config), str(self.number), kind, str(theirs.fileno())),
            ",".join(map(str, numbers)),
            stdin=asyncio.subprocess.DEVNULL,
            pass_fds=(*numbers, theirs.fileno()),
            process_group=0,  # Ctrl-C at a terminal is for the supervisor, which drains; the workers follow
        )
        theirs.close()
        self.pid = self._process.pid
        await self._channel.open(ours)
        self._hearing = asyncio.create_task(self._channel.serve())

    async def start(self, handover: Body) -> None:
        """Give it what it shall serve; returns when it does. Raises CallFailed, PeerGone or TimeoutError."""
        self._note(await self._channel.call("start", handover, timeout_seconds=_START_SECONDS))
        if self.state is State.STARTING:
            self.state = State.SERVING

    async def prepare(self, handover: Body) -> tuple[str, ...]:
        """Have it build a registry aside; return why it refuses. One that is gone refuses nothing."""
        try:
            answer = await self._channel.call("prepare", handover, timeout_seconds=_CALL_SECONDS)
        except (PeerGone, TimeoutError, CallFailed) as error:
            return () if isinstance(error, PeerGone) else (f"worker {self.number}: {error or 'it does not answer'}",)
        return tuple(answer["errors"])

    async def commit(self) -> bool:
        """Have it serve what it prepared; False when it did not, and so must be replaced."""
        try:
            self._note(await self._channel.call("commit", {}, timeout_seconds=_CALL_SECONDS))
        except (PeerGone, TimeoutError, CallFailed):
            return False
        return True

    async def ask(self, request: Body) -> Body | None:
        """Put an operator's request to it; None when it does not answer in time."""
        try:
            return await self._channel.call("ask", request, timeout_seconds=_ASK_SECONDS)
        except (PeerGone, TimeoutError, CallFailed):
            return None

    async def refresh(self) -> None:
        """Have it report now, so that what is shown is fresh; one that does not answer keeps its last report."""
        try:
            await self._hear(await self._channel.call("report", {}, timeout_seconds=_ASK_SECONDS))
        except (PeerGone, TimeoutError, CallFailed):
            return

    def abandon(self) -> None:
        self._tell("abandon", {})

    def mind(self, numbers: Sequence[int]) -> None:
        """Have it accept from these listeners beside its own."""
        self._tell("mind", {"listeners": list(numbers)})

    def tell_siblings(self, since: float, services: Mapping[str, Sequence[float]]) -> None:
        """Tell it what the others have counted, so that its pages speak for all."""
        self._tell("siblings", {"since": since, "services": dict(services)})

    def drain(self, *, keep_listening: bool, now: bool = False) -> None:
        """Have it end gracefully, listening until its grace is over or no longer at all; `now` cuts what still runs."""
        self.state = State.DRAINING
        self._tell("drain", {"keep_listening": keep_listening, "now": now})

    def kill(self) -> None:
        """End it at once."""
        if self._process.returncode is None:
            self._process.send_signal(signal.SIGKILL)

    async def ended(self) -> int:
        """Wait for its end and everything it said before; return its exit status, negative for a signal."""
        status = await self._process.wait()
        await asyncio.wait((self._hearing,))
        return status

    def _tell(self, name: str, body: Body) -> None:
        try:
            self._channel.tell(name, body)
        except PeerGone:
            return  # its end is noticed by who waits for it

    def _note(self, answer: Body) -> None:
        self.generation, self.digest = answer["generation"], answer["digest"]

    async def _hear(self, report: Body) -> Body:
        self.silent_seconds = 0
        status, document = report["readiness"]
        self.readiness = (status, document)
        self._note(report)
        if report["draining"] and self.state is State.SERVING:
            self.state = State.DRAINING  # somebody ended this one worker
        self._on_report(self, report)
        return {}
