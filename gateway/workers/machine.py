"""What the workers of one machine come to together: one readiness, one exposition, one list of who they are.

Workers report each second, and are asked once more when somebody looks. One that does not answer is shown by what it
said last, so a hung worker delays nobody who watches.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Final

from gateway.ops.health import Component, Readiness
from gateway.telemetry.metrics import Metrics
from gateway.telemetry.totals import Totals
from gateway.workers.channel import Body
from gateway.workers.generations import Generations
from gateway.workers.member import Member, State

_RANK: Final = {"pass": 0, "warn": 1, "fail": 2}
_SILENT_SECONDS: Final = 5


class Machine:
    """Holds what was reported. `members` are all processes, also those that start or drain; `places` should serve."""

    def __init__(
        self,
        generations: Generations,
        members: Callable[[], Sequence[Member]],
        places: int,
        is_draining: Callable[[], bool],
    ) -> None:
        self._generations = generations
        self._members = members
        self._places = places
        self._since = time.time()
        self.restarts = 0
        self._own = Metrics()
        self.totals = Totals(self._own)
        self.readiness = Readiness(is_draining)
        self.readiness.add(self._components)
        self._observe()

    def serving(self) -> list[Member]:
        return [one for one in self._members() if one.state is State.SERVING]

    def hear(self, member: Member, report: Body) -> None:
        """Take what a worker reports."""
        self.totals.take(member.serial, report["metrics"])

    def tell_siblings(self) -> None:
        """Tell every worker what the others have counted since it was told last."""
        for member in self.serving():
            services = self.totals.siblings_of(member.serial)
            if services:
                member.tell_siblings(self._since, services)

    def bury(self, member: Member) -> None:
        """Keep the totals of a worker that has ended."""
        self.totals.bury(member.serial)

    async def refresh(self) -> None:
        """Ask every worker for its present state, and wait a moment at most."""
        await asyncio.gather(*(member.refresh() for member in self.serving()))

    def roll(self) -> list[Body]:
        """Return who the workers are, and what each serves."""
        return [
            {
                "worker": one.number,
                "pid": one.pid,
                "state": one.state.value,
                "generation": one.generation,
                "digest": one.digest,
                "connections": int(self.totals.gauge_of(one.serial, "gateway_connections")),
            }
            for one in sorted(self._members(), key=lambda member: (member.number, member.serial))
        ]

    def _components(self) -> Iterable[Component]:
        yield self._generations.component(self.serving())
        yield self._workers()
        yield from _worst([(one.number, one.readiness[1]["components"]) for one in self.serving()])

    def _workers(self) -> Component:
        serving = self.serving()
        unready = [one.number for one in serving if one.readiness[0] != 200]
        if not serving:
            return Component("workers", "fail", "no worker serves", critical=True)
        if unready:
            return Component("workers", "fail", f"not ready: {_numbers(unready)}", critical=True)
        missing = sorted(set(range(self._places)) - {one.number for one in serving})
        silent = [one.number for one in serving if one.silent_seconds >= _SILENT_SECONDS]
        troubles = [f"starting: {_numbers(missing)}"] if missing else []
        troubles += [f"silent: {_numbers(silent)}"] if silent else []
        return Component("workers", "warn" if troubles else "pass", "; ".join(troubles) or f"{len(serving)} serve")

    def _observe(self) -> None:
        own, generations = self._own, self._generations
        own.counter("gateway_worker_restarts", "Workers replaced because they had ended.", lambda: self.restarts)
        own.gauges("gateway_worker_up", "1 while the worker serves.", "worker", self._up)
        own.gauges("gateway_worker_generation", "The registry each worker serves.", "worker", self._generation)
        own.gauges("gateway_worker_connections", "Clients connected to each worker.", "worker", self._connections)
        own.counter("gateway_reloads_refused", "Reloads that were refused.", lambda: generations.refusals)
        refused = "1 while the last reload was refused."
        own.gauge("gateway_registry_refused", refused, lambda: int(bool(generations.refused)), merge="most")

    def _up(self) -> list[tuple[str, float]]:
        serving = {one.number for one in self.serving()}
        return [(str(number), float(number in serving)) for number in range(self._places)]

    def _generation(self) -> list[tuple[str, float]]:
        return [(str(one.number), float(one.generation)) for one in self.serving()]

    def _connections(self) -> list[tuple[str, float]]:
        gauge = self.totals.gauge_of
        return [(str(one.number), gauge(one.serial, "gateway_connections")) for one in self.serving()]


def _worst(told: Sequence[tuple[int, Body]]) -> Iterable[Component]:
    """Return each component as the worker sees it that sees it worst, named unless they all agree."""
    names = dict.fromkeys(name for _, components in told for name in components if name != "registry")
    for name in names:
        seen = [(number, components[name]) for number, components in told if name in components]
        number, worst = max(seen, key=lambda one: _RANK[one[1]["status"]])
        alike = all(each["status"] == worst["status"] for _, each in seen)
        detail = worst.get("detail", "")
        since = datetime.fromisoformat(worst["since"]).timestamp() if "since" in worst else None
        yield Component(name, worst["status"], detail if alike else f"worker {number}: {detail}".rstrip(": "), since)


def _numbers(numbers: Iterable[int]) -> str:
    return "worker " + ", ".join(map(str, numbers))
