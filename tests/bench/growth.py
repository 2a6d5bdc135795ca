"""What a request costs when the city grows: more routes beside the asked ones, more citizens beside the asking one."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from tests.bench.contenders import Contender
from tests.bench.gateway_setup import GatewaySetup
from tests.bench.loads import request
from tests.bench.measuring import Effort
from tests.bench.plan import Plan
from tests.bench.progress import Progress
from tests.bench.reporting import Aim, Table, number
from tests.bench.site_setup import Field

_ASKED_ROUTES: Final = 10
_FIRST_VISITS_SECONDS: Final = 110.0  # each checks a signature and makes one; a busy machine may not finish all


@dataclass(frozen=True, slots=True)
class Comparison:
    """What a request costs without and with much of something, in CPU microseconds; one figure a round."""

    what: str
    few: Sequence[float]
    many: Sequence[float]
    most: float  # the ratio aimed at

    @property
    def ratio(self) -> float:
        """The middle of the rounds' ratios: what both suffered in one round cancels out."""
        return statistics.median(many / few for few, many in zip(self.few, self.many, strict=True))

    def aim(self) -> Aim:
        return Aim(f"{self.what}: CPU", self.ratio, self.most)


@dataclass(frozen=True, slots=True)
class FirstVisits:
    """What citizens cost who come for the first time."""

    citizens: int
    micros_each: float
    bytes_each: float


def many_routes(field: Field, routes: int, effort: Effort, progress: Progress) -> Comparison:
    """Ask the same ten routes of a gateway that has them alone, and of one that has thousands beside them."""
    progress.step(f"reading {routes:,} routes")
    few = field.gateway(GatewaySetup("ten routes", routes=_ASKED_ROUTES))
    many = field.gateway(GatewaySetup("many routes", routes=routes))
    token = field.tokens.make(0)
    asked = tuple(request(token, path=f"/v1/s0/r{number}/x") for number in range(_ASKED_ROUTES))
    plans = [Plan(one.port, asked, seconds=effort.seconds) for one in (few, many)]
    micros = _compare(field, (few, many), plans, effort, progress, "routes")
    for one in (few, many):
        one.end()
    return Comparison(f"10 → {routes:,} routes", *micros, most=1.03)


def many_citizens(
    field: Field, citizens: int, effort: Effort, progress: Progress
) -> tuple[FirstVisits, list[Comparison]]:
    """Compare a gateway that knows one citizen with one that has met many, of whom one asks, or all ask in turn."""
    few, many = field.gateway(GatewaySetup("one citizen")), field.gateway(GatewaySetup("many citizens"))
    progress.step(f"signing {citizens:,} tokens")
    file = field.site.directory / "citizens"
    with file.open("wb") as out:
        for number in range(citizens):
            out.write(request(field.tokens.make(number)).encode() + b"\0")
    progress.step(f"{citizens:,} citizens come for the first time")
    visits = _first_visits(field, many, Plan(many.port, requests_file=str(file), count=citizens))
    one, seconds = request(field.tokens.make(0)), effort.seconds
    alone, among_many = (Plan(gateway.port, (one,), seconds=seconds) for gateway in (few, many))
    in_turn = Plan(many.port, requests_file=str(file), seconds=seconds)
    comparisons = [
        Comparison(f"1 → {visits.citizens:,} citizens, {who}", *micros, most=1.1)
        for who, micros in (
            (
                "one of them asks",
                _compare(field, (few, many), (alone, among_many), effort, progress, "one citizen asks"),
            ),
            ("all ask in turn", _compare(field, (few, many), (alone, in_turn), effort, progress, "all citizens ask")),
        )
    ]
    for gateway in (few, many):
        gateway.end()
    return visits, comparisons


def _first_visits(field: Field, gateway: Contender, plan: Plan) -> FirstVisits:
    cpu, memory = gateway.cpu_seconds(), gateway.memory_bytes()
    seen = field.driver.run(plan.lasting(_FIRST_VISITS_SECONDS))
    if seen.failed:
        raise RuntimeError(f"{seen.failed} first visits failed")
    spent, grown = gateway.cpu_seconds() - cpu, gateway.memory_bytes() - memory
    return FirstVisits(seen.answered, spent / seen.answered * 1e6, grown / seen.answered)


def _compare(
    field: Field,
    contenders: Sequence[Contender],
    plans: Sequence[Plan],
    effort: Effort,
    progress: Progress,
    what: str,
) -> tuple[Sequence[float], Sequence[float]]:
    micros: tuple[list[float], list[float]] = ([], [])
    asked = [0, 0]
    for turn in range(effort.rounds + 1):
        progress.step(f"{what}: round {turn} of {effort.rounds}")
        for at, (contender, plan) in enumerate(zip(contenders, plans, strict=True)):
            before = contender.cpu_seconds()
            seen = field.driver.run(plan.beginning_at(asked[at]))
            asked[at] += seen.answered
            if seen.failed:
                raise RuntimeError(f"{seen.failed} requests failed at {contender.name}")
            if turn:  # the first warms up
                micros[at].append((contender.cpu_seconds() - before) / seen.answered * 1e6)
    return micros


def growth_table(comparisons: Sequence[Comparison], visits: FirstVisits) -> Table:
    """Return what growth costs."""
    rows = tuple(
        (one.what, number(statistics.median(one.few)), number(statistics.median(one.many)), f"{one.ratio:.3f} ×")
        for one in comparisons
    )
    note = (
        f"A first visit (a signature checked, an assertion signed) cost {number(visits.micros_each)} µs of CPU, and "
        f"{visits.citizens:,} of them {number(visits.bytes_each * visits.citizens / 1e6)} MB of memory."
    )
    return Table(
        "What a request costs when the city grows", ("what", "µs CPU with few", "with many", "ratio"), rows, note
    )
