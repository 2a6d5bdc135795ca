"""Measures CPU time an answer, in interleaved rounds: each asks every contender, so that all see the same hour."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from tests.bench.contenders import Contender
from tests.bench.driver import Driver, plan_of
from tests.bench.loads import Workload
from tests.bench.plan import Seen
from tests.bench.progress import Progress

OPEN_CONNECTIONS: Final = 64  # so many that a request hardly ever waits for one
_WARM_UP_SECONDS: Final = 0.3


@dataclass(frozen=True, slots=True)
class Effort:
    """How long is measured: rounds, and seconds for each contender in each."""

    rounds: int
    seconds: float


@dataclass(slots=True)
class Cost:
    """What one contender cost under one load: CPU microseconds an answer, one figure a round."""

    name: str
    micros: list[float] = field(default_factory=list)
    a_second: list[float] = field(default_factory=list)
    failed: int = 0
    first_failure: str = ""

    @property
    def middle(self) -> float:
        return statistics.median(self.micros)

    def add(self, cpu_seconds: float, seen: Seen) -> None:
        """Take in one round."""
        self.micros.append(cpu_seconds / max(1, seen.answered) * 1e6)
        self.a_second.append(seen.a_second)
        self.failed += seen.failed
        self.first_failure = self.first_failure or seen.first_failure

    def to_json(self) -> dict[str, object]:
        return {
            "median_us": self.middle,
            "rounds_us": self.micros,
            "failed": self.failed,
            "first_failure": self.first_failure,
        }


@dataclass(frozen=True, slots=True)
class Latency:
    """What citizens waited at a fixed rate, in milliseconds: the middle over the rounds."""

    name: str
    p50_ms: float
    p99_ms: float
    failed: int


def measure_costs(
    driver: Driver, contenders: Sequence[Contender], load: Workload, effort: Effort, progress: Progress
) -> list[Cost]:
    """Measure all contenders in turn, round after round."""
    costs = [Cost(contender.name) for contender in contenders]
    for contender in contenders:
        progress.step(f"{load.name}: warming up {contender.name}")
        driver.run(plan_of(load, contender.port, _WARM_UP_SECONDS))
    for number in range(effort.rounds):
        for contender, cost in zip(contenders, costs, strict=True):
            progress.step(f"{load.name}: round {number + 1} of {effort.rounds}, {contender.name}")
            before = contender.cpu_seconds()
            seen = driver.run(plan_of(load, contender.port, effort.seconds))
            cost.add(contender.cpu_seconds() - before, seen)
    return costs


def measure_latencies(
    driver: Driver, contenders: Sequence[Contender], load: Workload, rate: float, effort: Effort, progress: Progress
) -> list[Latency]:
    """Measure what is waited at a fixed open rate (requests a second), in turn, round after round."""
    load = replace(load, connections=OPEN_CONNECTIONS)
    rounds: dict[str, list[Seen]] = {contender.name: [] for contender in contenders}
    for number in range(effort.rounds):
        for contender in contenders:
            progress.step(f"{rate:,.0f} a second: round {number + 1} of {effort.rounds}, {contender.name}")
            rounds[contender.name].append(driver.run(plan_of(load, contender.port, effort.seconds, rate)))
    return [
        Latency(
            name,
            p50_ms=statistics.median(one.p50_ms for one in seen),
            p99_ms=statistics.median(one.p99_ms for one in seen),
            failed=sum(one.failed for one in seen),
        )
        for name, seen in rounds.items()
    ]
