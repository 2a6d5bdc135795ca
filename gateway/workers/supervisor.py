"""Keeps the workers: starts them, replaces those that die, restarts them one by one, and ends them all.

Theory
======

Each worker has a place, numbered from 0, and each place a listener of its own on the public address; the kernel spreads
new connections among the listeners. The supervisor holds them all and hands all to every worker. So a worker's queue
outlives it, and who waits there is served by a sibling at once (`_share`), and by the replacement when it is there.

    place 0:  STARTING ──► SERVING ──► DRAINING ──► ENDED        (told to, or by a signal of its own)
                              └──── dies ─────────► ENDED ──► backoff ──► STARTING …

A place has one member, and two for a moment while one replaces the other (SIGUSR2).
"""

from __future__ import annotations

import asyncio
import itertools
import signal
import socket
import time
from collections.abc import Coroutine, Sequence
from pathlib import Path
from typing import Any, Final

from gateway.registry.snapshot import Snapshot
from gateway.telemetry.logs import Log
from gateway.workers.backoff import Backoff
from gateway.workers.channel import CallFailed, PeerGone
from gateway.workers.generations import Generations
from gateway.workers.machine import Machine
from gateway.workers.machine_ops import machine_application
from gateway.workers.member import Member, State
from gateway.workers.port import ServerKind
from gateway.workers.server import server
from gateway.workers.single import announce

_TICK_SECONDS: Final = 1.0
_SHARE_AFTER_SECONDS: Final = 3  # a worker reports each second
_KILL_AFTER_SECONDS: Final = 30  # nothing the gateway does holds its loop that long
_LAST_WORD_SECONDS: Final = 2.0  # from "end now" to a kill
_SPARE_SECONDS: Final = 10.0  # beyond grace and timeout, for a worker's own end


class Supervisor:
    """The parent of all workers. `publics` are the listeners, one a worker; `ops` is bound for the ops port."""

    def __init__(
        self, config: Path, snapshot: Snapshot, log: Log, *, publics: Sequence[socket.socket], ops: socket.socket,
        kind: ServerKind = "uvicorn",
    ) -> None:  # fmt: skip
        self._config = config
        self._log = log
        self._publics = publics
        self._ops = ops
        self._kind = kind
        self._places = range(len(publics))
        self._members: list[Member] = []
        self._serials = itertools.count(1)
        self._minded: object = None
        self._restarting = asyncio.Lock()
        self._ending = asyncio.Event()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._generations = Generations(config, snapshot, len(publics), log)
        self._machine = Machine(self._generations, lambda: self._members, len(publics), self._ending.is_set)

    async def run(self) -> int:
        """Serve until told to end; return the exit status. Ends with 1 when not every worker could be started."""
        application = machine_application(
            self._machine,
            reload=self.reload,
            registry=self._generations.view,
            token=lambda: self._generations.snapshot.server.admin_token,
        )
        ops = server(application, None)
        watching = asyncio.create_task(ops.serve([self._ops]))
        has_begun = await self._begin()
        if has_begun:
            self._spawn(self._tick_forever())
            for number in self._places:
                self._spawn(self._keep(number))
            await self._ending.wait()
        has_failed = not has_begun and not self._ending.is_set()
        self._ending.set()
        await self._end_all()
        for task in self._tasks:
            task.cancel()
        ops.should_exit = True
        await watching
        self._log.info("ended")
        return int(has_failed)

    def take_signals(self) -> None:
        """Obey this process's signals from now on."""
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, self.end)
        loop.add_signal_handler(signal.SIGINT, self.end)
        loop.add_signal_handler(signal.SIGHUP, lambda: self._spawn(self.reload()))
        loop.add_signal_handler(signal.SIGUSR2, lambda: self._spawn(self.restart()))

    def end(self) -> None:
        """Drain all workers and end; the second time, end now."""
        if not self._ending.is_set():
            self._ending.set()
            return
        for member in self._members:
            member.drain(keep_listening=False, now=True)
            # One that is stuck hears nothing.
            asyncio.get_running_loop().call_later(_LAST_WORD_SECONDS, member.kill)

    async def reload(self) -> tuple[str, ...]:
        """Have all workers serve what the files say now, or none; return why not."""
        return await self._generations.next(lambda: [one for one in self._members if one.state is not State.DRAINING])

    async def restart(self) -> None:
        """Replace every worker, one after the other: each replacement serves before its predecessor drains."""
        async with self._restarting:
            self._log.info("rolling restart begins")
            for number in self._places:
                former = self._newest(number)
                if former is None or former.state is not State.SERVING:
                    continue  # it is being replaced anyway
                if not await self._hire(number):
                    self._log.error("rolling restart stopped: a new worker did not start, the old ones serve on")
                    return
                former.drain(keep_listening=False)
                await former.gone.wait()
            self._log.info("rolling restart ended")

    # ---- one place

    async def _keep(self, number: int) -> None:
        """See that this place has a worker, whatever happens to it."""
        backoff = Backoff()
        began = time.monotonic()
        while not self._ending.is_set():
            while (member := self._newest(number)) is not None:
                await member.gone.wait()
            if self._ending.is_set():
                return
            pause = backoff.after(time.monotonic() - began)
            self._machine.restarts += 1
            self._log.warning("worker restarts", worker=number, pause_seconds=round(pause, 3))
            await asyncio.sleep(pause)
            began = time.monotonic()
            await self._hire(number)

    async def _hire(self, number: int) -> bool:
        """Start a worker in this place; tell whether it serves. If not, it is gone already."""
        member = Member(number, next(self._serials), self._machine.hear)
        async with self._generations.unchanging() as handover:
            if self._ending.is_set():
                return False
            try:
                await member.launch(self._config, self._publics, self._kind)
            except OSError as error:
                self._log.error("worker could not be started", worker=number, reason=str(error))
                return False
            self._members.append(member)
            self._spawn(self._watch(member))
        try:
            await member.start(handover.to_json())
        except (CallFailed, PeerGone, TimeoutError) as error:
            self._log.error("worker did not start", worker=number, pid=member.pid, reason=str(error) or repr(error))
            member.kill()
            await member.gone.wait()
            return False
        self._log.info("worker serves", worker=number, pid=member.pid, generation=member.generation)
        self._share()
        return True

    async def _watch(self, member: Member) -> None:
        """See a worker to its end, whichever it is."""
        status = await member.ended()
        told = {"worker": member.number, "pid": member.pid, "status": status}
        if member.state is State.DRAINING and status == 0:
            self._log.info("worker ended", **told)
        else:
            self._log.error("worker died", **told)
        member.state = State.ENDED
        self._members.remove(member)
        self._machine.bury(member)
        self._share()
        member.gone.set()

    def _newest(self, number: int) -> Member | None:
        return next((one for one in reversed(self._members) if one.number == number), None)

    # ---- all of them

    async def _begin(self) -> bool:
        """Start every worker; tell whether all serve."""
        begun = await asyncio.gather(*(self._hire(number) for number in self._places))
        if not all(begun):
            return False
        await self._generations.keep()
        announce(self._log, self._generations.snapshot, self._publics[0], self._ops, workers=len(begun))
        return True

    async def _end_all(self) -> None:
        policy = self._generations.snapshot.server
        grace, timeout = policy.drain_grace_seconds, policy.drain_timeout_seconds
        self._log.info("draining", grace_seconds=grace, timeout_seconds=timeout)
        for listener in self._publics:
            listener.close()  # the workers hold them as long as they want to listen
        for member in self._members:
            if member.state is State.STARTING:
                member.kill()
            else:
                member.drain(keep_listening=True)
        try:
            async with asyncio.timeout(grace + timeout + _SPARE_SECONDS):
                await self._all_gone()
        except TimeoutError:
            for member in self._members:
                self._log.error("worker did not end in time: killed", worker=member.number, pid=member.pid)
                member.kill()
            await self._all_gone()

    async def _all_gone(self) -> None:
        while self._members:
            await self._members[0].gone.wait()

    async def _tick_forever(self) -> None:
        while True:
            # Counted in ticks, so that a machine which was suspended does not find all its workers silent for hours.
            await asyncio.sleep(_TICK_SECONDS)
            for member in self._members:
                if member.state is State.STARTING:
                    continue
                member.silent_seconds += 1
                if member.silent_seconds >= _KILL_AFTER_SECONDS:
                    self._log.error("worker hangs: killed", worker=member.number, pid=member.pid)
                    member.kill()
            self._machine.tell_siblings()
            self._share()

    def _share(self) -> None:
        """Have those who serve accept from the listeners of those who do not."""
        wanted = State.DRAINING if self._ending.is_set() else State.SERVING
        serving = [one for one in self._members if one.state is wanted]
        heard = {one.number for one in serving if one.silent_seconds < _SHARE_AFTER_SECONDS}
        orphaned = [number for number in self._places if number not in heard]
        told = (orphaned, [one.serial for one in serving])
        if told != self._minded:
            self._minded = told
            for member in serving:
                member.mind(orphaned)

    def _spawn(self, work: Coroutine[Any, Any, Any]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
