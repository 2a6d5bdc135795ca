"""The registry of all workers: each generation is accepted by all of them or by none.

The supervisor reads the files once. Every worker builds the same texts aside (prepare); when all have, all swap
(commit); when one refuses, nobody does. A worker that is started meanwhile waits for the outcome.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

from gateway.identity.signing import complete, complete_with
from gateway.ops.health import Component
from gateway.registry.accepted import NotRemembered, remember
from gateway.registry.load import reload
from gateway.registry.problems import ConfigError
from gateway.registry.snapshot import Snapshot
from gateway.telemetry.logs import Log
from gateway.workers.handover import Handover
from gateway.workers.member import Member
from gateway.workers.shared_state import refuse_memory_store


class Generations:
    """What all workers serve now, and how they come to serve the next."""

    def __init__(self, config: Path, snapshot: Snapshot, workers: int, log: Log) -> None:
        self._config = config
        self._workers = workers
        self._log = log
        self._changing = asyncio.Lock()
        self._made, warnings = complete(snapshot.assertion)
        self._since: float | None = None
        self.refused: tuple[str, ...] = ()
        self.refusals = 0
        self.generation = 1
        self.snapshot = replace(snapshot, assertion=self._made)
        for warning in (*snapshot.warnings, *warnings):
            log.warning("registry", warning=warning)

    @asynccontextmanager
    async def unchanging(self) -> AsyncIterator[Handover]:
        """What a worker that starts now shall serve; while inside, no other generation begins."""
        async with self._changing:
            yield self._handover(self.snapshot, self.generation)

    async def keep(self) -> None:
        """Keep what was accepted for the next cold start; a full disk must not stop the city, but is told."""
        try:
            await asyncio.to_thread(remember, self.snapshot)
        except NotRemembered as error:
            self._log.warning("the accepted registry could not be kept for a cold start", reason=str(error))

    async def next(self, members: Callable[[], Sequence[Member]]) -> tuple[str, ...]:
        """Have all members serve what the files say now; return why not, nothing when they do."""
        async with self._changing:
            try:
                snapshot = await asyncio.to_thread(self._read)
            except ConfigError as error:
                return self._refuse(tuple(problem.line for problem in error.problems))
            generation = self.generation + 1
            everyone = members()
            errors = await self._prepare(everyone, snapshot, generation)
            if errors:
                for member in everyone:
                    member.abandon()
                return self._refuse(errors)
            self.snapshot, self.generation = snapshot, generation
            self.refused, self._since = (), None
            await self._commit(everyone)
            await self.keep()
            self._log.info("registry accepted", **self.view())
            return ()

    def view(self) -> dict[str, object]:
        snapshot = self.snapshot
        return {
            "digest": snapshot.digest,
            "generation": self.generation,
            "services": len(snapshot.services),
            "routes": len(snapshot.routes),
            "last_refused": list(self.refused) or None,
        }

    def component(self, members: Sequence[Member]) -> Component:
        """Tell readiness how the registry is: the supervisor's own view, which is every worker's too."""
        snapshot = self.snapshot
        if self.refused:
            return Component("registry", "warn", "reload refused: " + "; ".join(self.refused), self._since)
        troubles = [*snapshot.refused, *(error for one in snapshot.quarantined for error in one.errors)]
        troubles += [
            f"worker {member.number} has read other secrets than were accepted; reload"
            for member in members
            if member.generation == self.generation and member.digest != snapshot.digest
        ]
        if troubles:
            return Component("registry", "warn", "; ".join(troubles))
        return Component("registry", "pass", f"generation {self.generation}, {snapshot.digest[:12]}")

    def _read(self) -> Snapshot:
        snapshot = reload(self._config)
        refuse_memory_store(self._config, snapshot, self._workers)
        return replace(snapshot, assertion=complete_with(snapshot.assertion, self._made))

    def _handover(self, snapshot: Snapshot, generation: int) -> Handover:
        return Handover.of(self._config, snapshot, self._made, generation)

    async def _prepare(self, members: Sequence[Member], snapshot: Snapshot, generation: int) -> tuple[str, ...]:
        body = self._handover(snapshot, generation).to_json()
        answers = await asyncio.gather(*(member.prepare(body) for member in members))
        return tuple(dict.fromkeys(error for errors in answers for error in errors))

    async def _commit(self, members: Sequence[Member]) -> None:
        done = await asyncio.gather(*(member.commit() for member in members))
        for member, committed in zip(members, done, strict=True):
            if not committed:
                # All the others serve the next generation already: this one may not serve the former any longer.
                self._log.error("a worker did not take the registry it had prepared: it is replaced", pid=member.pid)
                member.kill()

    def _refuse(self, errors: tuple[str, ...]) -> tuple[str, ...]:
        self.refused, self._since = errors, time.time()
        self.refusals += 1
        self._log.error("registry refused, the old one serves on", errors=errors)
        return errors
