"""Results as tables: one shape for every suite, shown on the terminal and on the page."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Final

from tests.bench.loads import Workload
from tests.bench.measuring import Cost

_GAP: Final = "  "


@dataclass(frozen=True, slots=True)
class Table:
    """A table whose cells are text already; the first column names the row."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""

    def to_json(self) -> dict[str, object]:
        return asdict(self)

    @classmethod
    def from_json(cls, told: Mapping[str, object]) -> Table:
        """Read back what `to_json` wrote."""
        columns, rows = told["columns"], told["rows"]
        assert isinstance(columns, Sequence)
        assert isinstance(rows, Sequence)
        cells = tuple(tuple(str(cell) for cell in row) for row in rows)
        return cls(str(told["title"]), tuple(str(name) for name in columns), cells, str(told.get("note", "")))


@dataclass(frozen=True, slots=True)
class Aim:
    """A figure, beside the most it should be."""

    what: str
    seen: float
    most: float
    unit: str = "×"

    @property
    def is_met(self) -> bool:
        return self.seen <= self.most


def cost_table(load: Workload, costs: Sequence[Cost], *, base: str) -> Table:
    """Return what everybody cost under a load, also as a multiple of `base`."""
    yardstick = next((cost.middle for cost in costs if cost.name == base), None)
    rows = tuple(
        (
            cost.name,
            number(cost.middle),
            f"{number(min(cost.micros))} … {number(max(cost.micros))}",
            f"{cost.middle / yardstick:.2f} ×" if yardstick else "",
            str(cost.failed),
        )
        for cost in costs
    )
    title = f"{load.name} ({load.connections} connections)"
    why = "; ".join(f"{cost.name} failed first with: {cost.first_failure}" for cost in costs if cost.failed)
    return Table(title, ("program", "µs CPU each", "rounds", f"to {base}", "failed"), rows, why)


def summary_table(costs: Mapping[str, Sequence[Cost]], *, base: str) -> Table:
    """Return all loads at a glance: a row for each, a column for each program; the rounds are in the JSON file."""
    programs = tuple(dict.fromkeys(cost.name for row in costs.values() for cost in row))
    rows = []
    for load, row in costs.items():
        middle = {cost.name: cost.middle for cost in row}
        multiple = f"{middle['gateway'] / middle[base]:.2f} ×" if base in middle else ""
        cells = (number(middle[name]) if name in middle else "" for name in programs)
        rows.append((load, *cells, multiple, str(sum(cost.failed for cost in row))))
    columns = ("load", *programs, f"gateway to {base}", "failed")
    return Table("µs of CPU a request, median of the rounds", columns, tuple(rows))


def aims_table(aims: Iterable[Aim]) -> Table:
    """Return what was aimed at, what was seen, and whether that is enough."""
    rows = tuple(
        (aim.what, f"{number(aim.seen)} {aim.unit}", f"≤ {number(aim.most)} {aim.unit}", "yes" if aim.is_met else "NO")
        for aim in aims
    )
    return Table("Aims", ("what", "seen", "aim", "met"), rows)


def number(value: float) -> str:
    """Write a figure with as many digits as mean something."""
    if abs(value) >= 1_000:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def as_text(table: Table) -> str:
    """Return the table for a terminal: names to the left, figures to the right."""
    lines = [table.columns, *table.rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(table.columns))]
    drawn = [
        _GAP.join(
            cell.ljust(width) if at == 0 else cell.rjust(width) for at, (cell, width) in enumerate(_cells(line, widths))
        )
        for line in lines
    ]
    return "\n".join([table.title, *(f"  {line}" for line in drawn), *([f"  {table.note}"] if table.note else []), ""])


def as_markdown(table: Table) -> str:
    """Return the table for the page."""
    ruler = "|---|" + "---:|" * (len(table.columns) - 1)
    lines = [_row(table.columns), ruler, *(_row(row) for row in table.rows)]
    return "\n".join([f"#### {table.title}", "", *lines, "", *([table.note, ""] if table.note else [])])


def tables_of(result: Mapping[str, object]) -> list[Table]:
    """Return the tables of a suite's result; figures that come without any become one."""
    told = result.get("tables")
    if isinstance(told, Sequence):
        return [Table.from_json(table) for table in told]
    rows = tuple(_flat(result))
    return [Table("Figures", ("what", "seen"), rows)]


def _flat(told: Mapping[str, object], prefix: str = "") -> Iterable[tuple[str, str]]:
    for name, value in told.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}: ")
        elif isinstance(value, bool) or not isinstance(value, int | float):
            yield f"{prefix}{name}", str(value)
        else:
            yield f"{prefix}{name}", number(value)


def _cells(line: Sequence[str], widths: Sequence[int]) -> Iterable[tuple[str, int]]:
    return zip(line, widths, strict=True)


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
