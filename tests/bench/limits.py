"""What limits cost and whether they hold: `make bench SUITE=limits`, or `python -m tests.bench.limits`.

Three questions: the CPU time of a decision beside no limit at all; whether four gateway processes on one Redis together
admit no more than the limit allows, for a minute; what a million citizens leave in Redis and in the gateways' memory.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Coroutine, Iterator
from pathlib import Path

import uvloop

from tests.bench.decision_cost import Cost, cpu_a_decision
from tests.bench.fault_page import write_page
from tests.bench.ground import Ground, ground, server_version
from tests.bench.many_citizens import many_citizens
from tests.bench.one_minute import one_minute
from tests.bench.options import Options
from tests.bench.reporting import Table, as_text

_AIMS = {"memory": 2.0, "leased": 3.0, "exact": 45.0}  # microseconds of CPU added to a request


def run(options: Options) -> dict[str, object]:
    """Run the suite; `only` names parts of it (cost, minute, citizens). `broken` lists what was not as promised."""
    # Where the processors stand before: the first part takes one for itself, the others use what there is.
    cpus = os.sched_getaffinity(0)
    told: dict[str, object] = {"suite": "limits", "server": server_version()}
    tables: list[Table] = []
    broken: list[str] = []
    with ground() as place:
        if _is_chosen(options, "cost"):
            costs = uvloop.run(cpu_a_decision(place, slices=15 if options.quick else 80))
            os.sched_setaffinity(0, cpus)
            tables.append(_cost_table(costs))
            told["figures"] = {kind: cost.figures() for kind, cost in costs.items()}
            print(as_text(tables[-1]), file=sys.stderr, flush=True)
        for part in _parts(place, options):
            table, failures = uvloop.run(part)
            print(as_text(table), *failures, file=sys.stderr, flush=True)
            tables.append(table)
            broken += [f"{table.title}: {failure}" for failure in failures]
    return told | {"tables": [table.to_json() for table in tables], "broken": broken}


def _parts(place: Ground, options: Options) -> Iterator[Coroutine[object, object, tuple[Table, list[str]]]]:
    if _is_chosen(options, "minute"):
        yield one_minute(place, 10.0 if options.quick else 60.0)
    if _is_chosen(options, "citizens"):
        yield many_citizens(place, 50_000 if options.quick else 1_000_000)


def _is_chosen(options: Options, part: str) -> bool:
    return options.only is None or part in options.only


def _cost_table(costs: dict[str, Cost]) -> Table:
    rows = tuple(
        (
            kind,
            f"{cost.free_micros:.1f}",
            f"{cost.added_micros:.1f}",
            f"{cost.spread[0]:.1f} … {cost.spread[1]:.1f}",
            f"≤ {_AIMS[kind]:.0f}",
            "yes" if cost.added_micros <= _AIMS[kind] else "no",
        )
        for kind, cost in costs.items()
    )
    note = "32 connections, one citizen, one limit; medians of slices that take turns with slices without a limit."
    columns = ("limit", "µs without", "µs added", "middle half of the slices", "aim", "met")
    return Table("CPU time of a decision in the gateway", columns, rows, note)


def main() -> int:
    """Run the suite by itself: `python -m tests.bench.limits [--quick] [--write] [PART …]`."""
    flags = [word for word in sys.argv[1:] if word.startswith("--")]
    words = tuple(word for word in sys.argv[1:] if not word.startswith("--"))
    result = run(Options("limits", quick="--quick" in flags, only=words or None))
    if "--write" in flags:
        write_page(result, Path(__file__).resolve().parents[2] / "docs" / "store-faults.md")
    broken = result["broken"]
    assert isinstance(broken, list)
    print("\n".join(broken) or "every promise was kept")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
