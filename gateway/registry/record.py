"""What became of the registries that a serving process was given: the last refusal is told until one is accepted."""

from __future__ import annotations

import asyncio

from gateway.clock import Clock
from gateway.registry.accepted import NotRemembered, remember
from gateway.registry.problems import ConfigError
from gateway.registry.snapshot import Snapshot
from gateway.telemetry.logs import Log


class RegistryRecord:
    """`keeps`: what is accepted is kept on disk for a cold start; among workers their supervisor does that."""

    def __init__(self, clock: Clock, log: Log, *, keeps: bool) -> None:
        self.refused_at = 0.0  # wall seconds; of the last refusal
        self.problems: tuple[str, ...] = ()  # why it was refused; none once a registry was accepted
        self.refusals = 0
        self._clock = clock
        self._log = log
        self._keeps = keeps

    def refuse(self, error: Exception) -> tuple[str, ...]:
        """Note why a registry does not serve, problem by problem, and return that."""
        self.problems = tuple(map(str, error.problems)) if isinstance(error, ConfigError) else (str(error),)
        self.refused_at = self._clock.wall()
        self.refusals += 1
        self._log.error("registry refused, the old one serves on", errors=self.problems)
        return self.problems

    async def accept(self, snapshot: Snapshot) -> None:
        """Keep what serves now for the next cold start; a full disk must not stop the city, but is told."""
        self.problems = ()
        if not self._keeps:
            return
        try:
            await asyncio.to_thread(remember, snapshot)
        except NotRemembered as error:
            self._log.warning("the accepted registry could not be kept for a cold start", reason=str(error))
