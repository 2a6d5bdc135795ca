"""What citizens notice when the store is in trouble: `make bench SUITE=faults`, or `python -m tests.bench.faults`.

Every fault befalls real servers while citizens ask two real gateway processes for three routes, one for each declared
behaviour (`on_store_failure: open`, `local`, `closed`). The result is written to docs/store-faults.md as well.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.bench.citizens import Answer, Crowd
from tests.bench.fault_more import clock_ahead, killed_worker, logout_while_cut_off
from tests.bench.fault_page import write_page
from tests.bench.fault_scenes import FAULTS, Fault
from tests.bench.ground import GatewaySetting, Ground, ground, request, server_version
from tests.bench.options import Options
from tests.bench.reporting import Table, as_text

BUDGET_SECONDS = 0.05  # the default of `store.timeout`
DECLARED = ("open", "local", "closed")
_GRACE_SECONDS = 0.01  # for all of an answer that is not the store's
_CITIZENS = 48
_CONNECTIONS = 6  # to each route of each gateway
_PACE_SECONDS = 0.05
_WARM_SECONDS = 1.5  # until every token was verified once
_CALM_SECONDS = 3.0  # before the harm, for comparison
_AFTER_SECONDS = 4.0  # after the healing: a store that returns is in use again within three seconds
_ENOUGH = "limit: 1000000, every: 1m, by: citizen"  # whoever is refused is refused for the fault

ROUTES = "".join(
    f"  - {{path: /v1/permits/{name}, methods: [GET], rate_limit: {{{_ENOUGH}, on_store_failure: {name}}}}}\n"
    for name in DECLARED
)


@dataclass(frozen=True, slots=True)
class Seen:
    """What citizens saw of one fault. Times are the client's, in seconds of its monotonic clock."""

    name: str
    answers: dict[str, list[Answer]]  # by what is declared
    closed_by_gateway: list[list[Answer]]
    warm: float
    harmed: float
    healed: float

    def calm(self, *declared: str) -> list[Answer]:
        return [
            one
            for name in declared
            for one in self.answers[name]
            if one.asked > self.warm and one.answered < self.harmed
        ]

    def troubled(self, *declared: str) -> list[Answer]:
        """Answers that were under way between the harm and the return of the store."""
        until = self.healed + self.return_seconds
        return [
            one for name in declared for one in self.answers[name] if one.answered >= self.harmed and one.asked <= until
        ]

    def failures(self, declared: str) -> int:
        """Answers of 500 and above, and connections that broke."""
        return sum(one.status >= 500 or one.status == 0 for one in self.answers[declared])

    @property
    def refused(self) -> list[Answer]:
        return [one for one in self.answers["closed"] if one.status == 503]

    @property
    def return_seconds(self) -> float:
        """From the healing until every gateway has decided by the store again; infinite when one never did."""
        first = [
            min((one.answered for one in told if one.asked >= self.healed and one.status == 200), default=float("inf"))
            for told in self.closed_by_gateway
        ]
        return max(first) - self.healed

    def broken_promises(self) -> list[str]:
        """Tell which promises were not kept."""
        told = [f"{self.failures(name)} × 5xx of `{name}`" for name in ("open", "local") if self.failures(name)]
        others = self.failures("closed") - len(self.refused)
        told += [f"{others} × 5xx of `closed` that were not 503"] if others else []
        mute = sum(not one.has_retry_after for one in self.refused)
        told += [f"{mute} × 503 without Retry-After"] if mute else []
        late = sum(one.seconds > BUDGET_SECONDS + _GRACE_SECONDS for one in self.refused)
        told += [f"{late} of {len(self.refused)} × 503 came later than the budget"] if late else []
        told += [f"in use again only after {self.return_seconds:.1f} s"] if self.return_seconds > 3 else []
        return told


async def observe(place: Ground, fault: Fault) -> Seen:
    """Let one fault happen under traffic."""
    scene = await fault.scene(place)
    name = fault.name.split()[0].strip(":")
    gateways = [
        await asyncio.to_thread(place.gateway, f"{name}-{at}-{id(scene)}", GatewaySetting(scene.url, ROUTES))
        for at in ("here", "there")
    ]
    crowds = [(declared, _crowd(place, gateway.port, declared)) for gateway in gateways for declared in DECLARED]
    for _, crowd in crowds:
        crowd.start()
    await asyncio.sleep(_WARM_SECONDS)
    warm = time.perf_counter()
    await asyncio.sleep(_CALM_SECONDS)
    harmed = time.perf_counter()
    await scene.harm()
    await asyncio.sleep(fault.seconds)
    await scene.heal()
    healed = time.perf_counter()
    await asyncio.sleep(_AFTER_SECONDS)
    await asyncio.gather(*(crowd.stop() for _, crowd in crowds))
    await asyncio.gather(*(asyncio.to_thread(gateway.process.end) for gateway in gateways))
    await scene.aclose()
    answers: dict[str, list[Answer]] = {declared: [] for declared in DECLARED}
    for declared, crowd in crowds:
        answers[declared] += crowd.answers
    closed = [crowd.answers for declared, crowd in crowds if declared == "closed"]
    return Seen(fault.name, answers, closed, warm, harmed, healed)


def _crowd(place: Ground, port: int, declared: str) -> Crowd:
    tokens = (place.signer.token(f"citizen-{number}") for number in range(_CITIZENS))
    requests = [request(token, f"/v1/permits/{declared}").encode() for token in tokens]
    return Crowd(port, requests, _CONNECTIONS, _PACE_SECONDS)


def fault_table(seen: Sequence[Seen]) -> Table:
    """Return the table of all faults."""
    columns = ("fault", "answers", "5xx open", "5xx local", "closed: 503", "503 p50", "503 p99",
               "503 slowest", "p50 before", "added p50",
               "added p99", "slowest", "in use again")  # fmt: skip
    note = (
        "Two gateways, 18 connections each, 48 citizens, budget 50 ms. Latencies in ms, of `open` and `local` "
        "together: `before` the harm, `added` from the harm to the return of the store. `503 p50, p99, slowest`: of "
        "`closed`, whose budget the whole answer includes. "
        "`in use again`: seconds from the healing until both gateways decided by the store."
    )
    return Table("The fault table", columns, tuple(_row(one) for one in seen), note)


def _row(seen: Seen) -> tuple[str, ...]:
    calm, troubled = seen.calm("open", "local"), seen.troubled("open", "local")
    slowest = max((one.seconds for one in troubled), default=0.0)
    return (
        seen.name,
        f"{sum(map(len, seen.answers.values())):,}",
        str(seen.failures("open")),
        str(seen.failures("local")),
        str(len(seen.refused)),
        *((_ms(percentile(seen.refused, share)) for share in (0.5, 0.99, 1.0)) if seen.refused else ("-",) * 3),
        _ms(percentile(calm, 0.5)),
        _ms(percentile(troubled, 0.5) - percentile(calm, 0.5)),
        _ms(percentile(troubled, 0.99) - percentile(calm, 0.99)),
        _ms(slowest),
        f"{seen.return_seconds:.2f}",
    )


def percentile(answers: Iterable[Answer], share: float) -> float:
    """Return the latency that this share of the answers does not exceed, in seconds; 0 without answers."""
    ordered = sorted(one.seconds for one in answers)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else 0.0


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.1f}"


def run(options: Options) -> dict[str, object]:
    """Run the suite; `only` names faults by a part of their names. `broken` lists what was not as promised."""
    with ground() as place:
        tables, broken = asyncio.run(_run(place, options))
    told: dict[str, object] = {"tables": [table.to_json() for table in tables], "broken": broken}
    return told | {"suite": "faults", "server": server_version()}


async def _run(place: Ground, options: Options) -> tuple[list[Table], list[str]]:
    tables, broken = [], []
    seen = []
    for fault in FAULTS:
        if options.only is None or any(part in fault.name for part in options.only):
            print(f"{fault.name} …", file=sys.stderr, flush=True)
            seen.append(await observe(place, fault))
            told = [f"{fault.name}: {what}" for what in seen[-1].broken_promises()]
            print("\n".join([as_text(fault_table(seen[-1:])), *told]), file=sys.stderr, flush=True)
            broken += [f"{fault_table(()).title}: {what}" for what in told]
    if seen:
        tables.append(fault_table(seen))
    cut_off = 8.0 if options.quick else 30.0
    for name, more in (
        ("clock", clock_ahead(place)),
        ("worker", killed_worker(place)),
        ("logout", logout_while_cut_off(place, cut_off)),
    ):
        if options.only is not None and name not in options.only:
            more.close()
            continue
        table, told = await more
        print(as_text(table), *told, file=sys.stderr, flush=True)
        tables.append(table)
        broken += [f"{table.title}: {what}" for what in told]
    return tables, broken


def main() -> int:
    """Run the suite by itself: `python -m tests.bench.faults [--quick] [--write] [PART OF A NAME …]`."""
    flags = [word for word in sys.argv[1:] if word.startswith("--")]
    words = tuple(word for word in sys.argv[1:] if not word.startswith("--"))
    result = run(Options("faults", quick="--quick" in flags, only=words or None))
    if "--write" in flags:
        write_page(result, Path(__file__).resolve().parents[2] / "docs" / "store-faults.md")
    broken = result["broken"]
    assert isinstance(broken, list)
    print("\n".join(broken) or "every promise was kept")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
