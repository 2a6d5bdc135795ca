"""Writes what was measured into docs/performance.md, between two marks, from docs/performance.json; words around stay.

The JSON file holds the last published run of each suite, so that a run of one leaves the others as they were.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from tests.bench.plot import draw
from tests.bench.reporting import as_markdown, tables_of

BEGIN: Final = (
    "<!-- figures: written by `make bench PUBLISH=1` from performance.json; change nothing between the marks -->"
)
END: Final = "<!-- end of figures -->"
_TITLES: Final = {
    "proxy": "The whole job beside others",
    "cache": "A cache hit beside others",
    "scale": "Many routes, many citizens, large bodies, idle connections",
    "limits": "Limits",
    "faults": "Faults",
}


def publish(result: Mapping[str, object], folder: Path) -> list[Path]:
    """Put the result of one suite among the published ones and write page and plots anew; return what was written."""
    figures, page = folder / "performance.json", folder / "performance.md"
    published: dict[str, Mapping[str, object]] = json.loads(figures.read_text()) if figures.exists() else {}
    published[str(result["suite"])] = result
    ordered = {suite: published[suite] for suite in _TITLES if suite in published}
    figures.write_text(json.dumps(ordered, indent=1, ensure_ascii=False) + "\n")
    page.write_text(with_figures(page.read_text(), ordered))
    plots = []
    for suite, told in ordered.items():
        groups = bars_of(told)
        if groups:
            plots.append(folder / plot_name(suite))
            plots[-1].write_text(draw(f"{_TITLES[suite]}: µs CPU each (less is better)", groups))
    return [figures, page, *plots]


def with_figures(page: str, published: Mapping[str, Mapping[str, object]]) -> str:
    """Return the page with these figures between its marks."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the page lacks its marks: {BEGIN} and {END}")
    sections = (_section(suite, told) for suite, told in published.items())
    return f"{before}{BEGIN}\n\n" + "\n".join(sections) + f"{END}{after}"


def bars_of(result: Mapping[str, object]) -> dict[str, dict[str, float]]:
    """Return the medians of each load and program, where a suite's figures are of this kind."""
    figures = result.get("figures")
    if not isinstance(figures, Mapping):
        return {}
    return {
        load: {name: cost["median_us"] for name, cost in costs.items()}
        for load, costs in figures.items()
        if isinstance(costs, Mapping)
        and all(isinstance(cost, Mapping) and "median_us" in cost for cost in costs.values())
    }


def plot_name(suite: str) -> str:
    """Return the name of a suite's picture."""
    return f"performance-{suite}.svg"


def _section(suite: str, told: Mapping[str, object]) -> str:
    machine = told["machine"]
    assert isinstance(machine, Mapping)
    store = {"store": told["server"]} if "server" in told else {}
    facts = "\n".join(f"- {name}: {fact}" for name, fact in {**machine, **store}.items())
    short = "A quick run: few rounds, so figures wobble.\n\n" if told.get("quick") else ""
    picture = f"![{_TITLES[suite]}]({plot_name(suite)})\n\n" if bars_of(told) else ""
    tables = "\n".join(as_markdown(table) for table in tables_of(told))
    return f"### {_TITLES[suite]}\n\n`make bench SUITE={suite}`\n\n{facts}\n\n{short}{picture}{tables}"
