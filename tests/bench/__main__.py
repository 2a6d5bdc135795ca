"""Measures side by side, in one run, on the same work: `make bench`, with SUITE=… and QUICK=1.

The measured program has one processor to itself, load and agency the other. What counts is the kernel's accounting of
the measured process tree divided by the answers it gave; latencies are taken at a fixed open rate. Figures of one run
are to be compared with one another, not with those of another day or machine.
"""

from __future__ import annotations

import argparse
import importlib
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final, cast

from tests.bench.driver import ROOT
from tests.bench.machine import describe
from tests.bench.options import Options
from tests.bench.page import publish
from tests.bench.peer_setup import programs_of
from tests.bench.programs import install_missing
from tests.bench.reporting import as_text, tables_of

_SUITES: Final = {
    "proxy": ("nginx", "haproxy", "envoy"),
    "cache": ("nginx cache", "varnish", "envoy cache"),
    "scale": ("nginx",),
    "limits": (),
    "faults": (),
}
_SHOWS_ITSELF: Final = frozenset({"proxy", "cache", "scale"})  # table by table, as they come


def main() -> int:
    """Run one suite."""
    options = _options()
    peers = programs_of(options.chosen(_SUITES[options.suite]))
    for regret in install_missing(peers):
        print(regret)
    facts = describe(peers)
    for name, fact in facts.items():
        print(f"{name + ':':<14}{fact}")
    print(flush=True)
    result = _suite(options.suite)(options)
    if options.suite not in _SHOWS_ITSELF:
        print("\n".join(as_text(table) for table in tables_of(result)))
    _write({"suite": options.suite, "quick": options.quick, "machine": facts, **result}, options)
    broken = result.get("broken")
    for promise in broken if isinstance(broken, list) else []:
        print(f"not as promised: {promise}")
    return 1 if broken else 0


def _options() -> Options:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--suite", choices=_SUITES, default="proxy")
    parser.add_argument("--quick", action="store_true", help="fewer loads and rounds: a minute at most")
    parser.add_argument("--only", nargs="*", help="measure only these peers beside the gateway")
    parser.add_argument("--loads", nargs="*", help="measure only the loads whose names hold one of these words")
    parser.add_argument("--json", type=Path, help="write the figures here as well")
    parser.add_argument("--publish", action="store_true", help="put the result into docs/performance.md")
    told = parser.parse_args()
    only = None if told.only is None else tuple(told.only)
    loads = None if told.loads is None else tuple(told.loads)
    return Options(told.suite, quick=told.quick, only=only, loads=loads, json=told.json, publish=told.publish)


def _suite(name: str) -> Callable[[Options], dict[str, object]]:
    # Only the chosen one is loaded: others need servers that this run does not.
    return cast("Callable[[Options], dict[str, object]]", importlib.import_module(f"tests.bench.{name}").run)


def _write(result: dict[str, object], options: Options) -> None:
    text = json.dumps(result, indent=1, ensure_ascii=False) + "\n"
    kept = ROOT / ".bench" / f"{options.suite}.json"
    kept.parent.mkdir(exist_ok=True)
    for target in (kept, *([options.json] if options.json is not None else [])):
        target.write_text(text)
        print(f"figures: {target}")
    if options.publish:
        for changed in publish(result, ROOT / "docs"):
            print(f"written: {changed}")


if __name__ == "__main__":
    sys.exit(main())
