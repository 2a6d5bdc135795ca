"""Writes docs/store-faults.md from what the suites saw; one section for each server that was asked."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from tests.bench.machine import describe
from tests.bench.reporting import as_markdown, tables_of

_HEAD = """# When the store is in trouble

Written by `python -m tests.bench.faults --write` and `python -m tests.bench.limits --write`, from runs on real servers
with traffic through real gateway processes; change the programs, not this page.

What is promised: a limit declared `open` or `local` never shows a citizen the store's trouble, one declared `closed`
answers 503 with `Retry-After` within the budget (`store.timeout`, 50 ms), and a store that returns is in use again
within 3 s. A limit that is exact admits no more than GCRA allows in any window; a leased one overshoots by at most one
slice for each worker.

On a machine that other work shares, a server can miss a budget of 50 ms without any fault: then `closed` answers 503,
and latencies tell of the machine. `load before` says how busy it was.

## What was tried for the CPU time of a decision

The way of a call through the store alone, CPython 3.11.2, one process, one exact limit, µs of CPU a call with so many
calls at once:

| | 1 | 4 | 32 |
|---|---:|---:|---:|
| redis-py's connection with the hiredis parser, calls of a tick in one pipeline | 53 | 25 | 13.7 |
| connected by redis-py, replies then read here with the same parser, without its coroutines | 40 | 22 | 13.7 |
| and the command for the same limits written once, with a gap for its keys; callers' names remembered | 31 | 16 | 8.7 |
"""


def write_page(result: Mapping[str, object], page: Path) -> None:
    """Put these tables on the page in place of the same suite's last ones on the same server; all others stay."""
    kept = page.with_suffix(".json")
    sections: dict[str, dict[str, object]] = json.loads(kept.read_text()) if kept.exists() else {}
    name = f"{result['suite']} · {result['server']}"
    sections[name] = {"machine": describe(()), **_merged(sections.get(name, {}), result)}
    ordered = dict(sorted(sections.items()))
    kept.write_text(json.dumps(ordered, indent=1, ensure_ascii=False) + "\n")
    page.write_text("\n".join([_HEAD, *(_section(section) for section in ordered.values())]))


def _merged(before: Mapping[str, object], now: Mapping[str, object]) -> dict[str, object]:
    """Keep the tables of the last run that this one has not made anew; `broken` names the table first."""
    tables = {table.title: table for told in (before, now) if "tables" in told for table in tables_of(told)}
    made = {table.title for table in tables_of(now)}
    old, new = before.get("broken", []), now["broken"]
    assert isinstance(old, list)
    assert isinstance(new, list)
    still = [what for what in old if what.partition(": ")[0] not in made]
    return {**now, "tables": [table.to_json() for table in tables.values()], "broken": still + new}


def _section(section: Mapping[str, object]) -> str:
    machine, broken = section["machine"], section["broken"]
    assert isinstance(machine, Mapping)
    assert isinstance(broken, list)
    facts = "\n".join(f"- {name}: {fact}" for name, fact in machine.items())
    verdict = "\n".join(f"- **not kept:** {what}" for what in broken) or "Every promise was kept."
    tables = "\n".join(as_markdown(table) for table in tables_of(section))
    title = {"faults": "Faults", "limits": "Limits"}[str(section["suite"])]
    return f"## {title} on {section['server']}\n\n{facts}\n\n{verdict}\n\n{tables}"
