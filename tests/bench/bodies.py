"""Large bodies: what moving them costs and holds in memory, and what a slow reader makes a gateway keep for it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from tests.bench.contenders import Contender
from tests.bench.holding import Holding
from tests.bench.loads import request
from tests.bench.plan import Plan
from tests.bench.progress import Progress
from tests.bench.reporting import Aim, Table, number
from tests.bench.site_setup import Field

_CONNECTIONS: Final = 64
_MEGABYTE: Final = 1_048_576
_GROWTH_AIM_MB: Final = 32.0
_AIM_TO_NGINX: Final = 1.3
_MOVED_WITHIN_SECONDS: Final = 100.0
_SLOW_READERS: Final = 64
_SLOW_SECONDS: Final = 4.0


@dataclass(frozen=True, slots=True)
class Moved:
    """What moving bodies in one direction cost one program."""

    name: str
    what: str
    micros_a_megabyte: float
    growth_bytes: int  # most memory held while moving, beyond what it held before

    def aims(self, others: Sequence[Moved]) -> list[Aim]:
        """Return what is aimed at: memory, and the cost beside nginx where that was measured."""
        growth = Aim(f"{self.what}: memory grows", self.growth_bytes / 1e6, _GROWTH_AIM_MB, "MB")
        to_nginx = self.to(others)
        return [growth, *([Aim(f"{self.what}: CPU a MB, to nginx", to_nginx, _AIM_TO_NGINX)] if to_nginx else [])]

    def to(self, others: Sequence[Moved], peer: str = "nginx") -> float:
        """Return the cost as a multiple of a peer's; 0 when it was not measured."""
        theirs = (one.micros_a_megabyte for one in others if one.name == peer and one.what == self.what)
        return next((self.micros_a_megabyte / micros for micros in theirs), 0.0)


@dataclass(frozen=True, slots=True)
class Slow:
    """What slow readers of 16 MB each made one program hold for each of them."""

    name: str
    readers: int
    growth_bytes: int


def move_bodies(field: Field, contenders: Sequence[Contender], megabytes: int, progress: Progress) -> list[Moved]:
    """Move so many bodies of 1 MB up, and as many down, through each in turn."""
    token = field.tokens.make(0)
    upload = request(token, method="POST", body="z" * _MEGABYTE)
    download = request(token, path="/v1/permits/large")
    moved = []
    for what, asked in ((f"{megabytes:,} MB up", upload), (f"{megabytes:,} MB down", download)):
        for contender in contenders:
            progress.step(f"{what}: {contender.name}")
            moved.append(_move(field, contender, what, asked, megabytes))
    return moved


def _move(field: Field, contender: Contender, what: str, asked: str, megabytes: int) -> Moved:
    field.driver.run(Plan(contender.port, (asked,), connections=1, count=1))
    before, held = contender.cpu_seconds(), contender.memory_bytes()
    contender.reset_peak()
    plan = Plan(contender.port, (asked,), connections=_CONNECTIONS, count=megabytes, seconds=_MOVED_WITHIN_SECONDS)
    seen = field.driver.run(plan)
    if seen.failed or seen.answered < megabytes:
        raise RuntimeError(f"{contender.name} moved {seen.answered} of {megabytes} bodies, {seen.failed} badly")
    spent = contender.cpu_seconds() - before
    return Moved(contender.name, what, spent / seen.answered * 1e6, contender.peak_bytes() - held)


def bodies_table(moved: Sequence[Moved], megabytes: int) -> Table:
    """Return what moving bodies cost."""
    rows = tuple(
        (
            f"{one.what}, {one.name}",
            number(one.micros_a_megabyte),
            f"{one.to(moved):.2f} ×" if one.to(moved) else "",
            f"{one.growth_bytes / 1e6:.1f}",
        )
        for one in moved
    )
    title = f"{megabytes:,} MB up and down through {_CONNECTIONS} connections"
    return Table(title, ("what", "µs CPU a MB", "to nginx", "memory grew, MB"), rows)


def read_slowly(field: Field, contenders: Sequence[Contender], progress: Progress) -> list[Slow]:
    """Let readers take 16 MB each at 64 KB a second, for a while, from each in turn."""
    asked = request(field.tokens.make(0), path="/v1/permits/huge")
    seen = []
    for contender in contenders:
        progress.step(f"slow readers: {contender.name}")
        held = contender.memory_bytes()
        contender.reset_peak()
        with Holding("slow", contender.port, _SLOW_READERS, asked, field.site.directory) as holding:
            time.sleep(_SLOW_SECONDS)
            readers = holding.end()
        seen.append(Slow(contender.name, readers, max(0, contender.peak_bytes() - held)))
    return seen


def slow_table(seen: Sequence[Slow]) -> Table:
    """Return what slow readers made everybody hold."""
    rows = tuple(
        (one.name, str(one.readers), f"{one.growth_bytes / 1e6:.1f}", number(one.growth_bytes / _SLOW_READERS / 1024))
        for one in seen
    )
    title = f"{_SLOW_READERS} readers of 16 MB each, at 64 KB a second"
    return Table(title, ("program", "still served", "memory grew, MB", "KB a reader"), rows)
