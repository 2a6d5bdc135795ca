"""What the bench tells: figures, tables, the page, the picture."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree as Xml

import pytest

from tests.bench.loads import Workload
from tests.bench.machine import build_of
from tests.bench.measuring import Cost
from tests.bench.page import BEGIN, END, publish, with_figures
from tests.bench.plan import Plan, quantile
from tests.bench.plot import draw
from tests.bench.reporting import (
    Aim,
    Table,
    aims_table,
    as_markdown,
    as_text,
    cost_table,
    number,
    summary_table,
    tables_of,
)

LOAD = Workload("same head", ("GET / HTTP/1.1\r\n\r\n",))


@pytest.mark.parametrize(
    ("values", "share", "expected"),
    [
        ([], 0.5, 0.0),
        ([7.0], 0.99, 7.0),
        ([1.0, 2.0], 0.5, 1.0),
        ([1.0, 2.0, 3.0], 0.5, 2.0),
        ([float(value) for value in range(1, 101)], 0.99, 99.0),
        ([float(value) for value in range(1, 101)], 1.0, 100.0),
    ],
)
def test_a_quantile_is_the_smallest_value_that_so_many_do_not_exceed(
    values: list[float], share: float, expected: float
) -> None:
    assert quantile(values, share) == expected


def test_costs_are_medians_of_rounds_and_multiples_of_the_yardstick() -> None:
    costs = [Cost("gateway", [30.0, 20.0, 900.0]), Cost("nginx", [10.0, 11.0, 9.0], failed=2)]
    rows = cost_table(LOAD, costs, base="nginx").rows
    assert rows == (
        ("gateway", "30.0", "20.0 … 900.0", "3.00 ×", "0"),
        ("nginx", "10.0", "9.00 … 11.0", "1.00 ×", "2"),
    )


def test_without_the_yardstick_no_ratio_is_told() -> None:
    assert cost_table(LOAD, [Cost("gateway", [30.0])], base="nginx").rows[0][3] == ""


def test_a_program_that_sat_a_load_out_leaves_its_cell_empty() -> None:
    costs = {"one": [Cost("gateway", [30.0]), Cost("nginx", [10.0]), Cost("naive", [900.0])]}
    costs["two"] = [Cost("gateway", [20.0], failed=1), Cost("nginx", [10.0])]
    table = summary_table(costs, base="nginx")
    assert table.columns == ("load", "gateway", "nginx", "naive", "gateway to nginx", "failed")
    assert table.rows[1] == ("two", "20.0", "10.0", "", "2.00 ×", "1")


def test_an_aim_that_is_missed_says_so() -> None:
    told = aims_table([Aim("cheap", 1.4, 1.4), Aim("dear", 1.41, 1.4)]).rows
    assert [row[-1] for row in told] == ["yes", "NO"]


@pytest.mark.parametrize(("value", "text"), [(2_485.4, "2,485"), (16.66, "16.7"), (1.404, "1.40"), (0.0, "0.00")])
def test_figures_have_as_many_digits_as_mean_something(value: float, text: str) -> None:
    assert number(value) == text


def test_a_table_survives_its_file_and_lines_up() -> None:
    table = Table("Title", ("name", "µs"), (("gateway", "9.5"), ("a|b", "10.25")), "A note.")
    assert Table.from_json(json.loads(json.dumps(table.to_json()))) == table
    assert len({len(line) for line in as_text(table).splitlines()[1:4]}) == 1
    assert "| a\\|b | 10.25 |" in as_markdown(table)


def test_figures_without_tables_become_one() -> None:
    (table,) = tables_of({"exact": {"us": 12.0, "held": True}})
    assert table.rows == (("exact: us", "12.0"), ("exact: held", "True"))


def test_words_around_the_figures_stay(tmp_path: Path) -> None:
    page = tmp_path / "performance.md"
    page.write_text(f"# Mine\n\n{BEGIN}\nold\n{END}\n\nmine too\n")
    cost = Cost("gateway", [30.0]).to_json()
    tables = [Table("Hits", ("name", "µs"), (("gateway", "30.0"),)).to_json()]
    for suite in ("cache", "proxy"):
        publish(
            {"suite": suite, "machine": {"kernel": "Linux"}, "tables": tables, "figures": {"hit": {"gateway": cost}}},
            tmp_path,
        )
    written = page.read_text()
    assert written.startswith("# Mine\n\n")
    assert written.endswith("\n\nmine too\n")
    assert "old" not in written
    # A suite that ran later joins the ones before, in the order of the page.
    assert written.index("SUITE=proxy") < written.index("SUITE=cache")
    assert (tmp_path / "performance-proxy.svg").exists()


def test_a_page_without_marks_is_refused() -> None:
    with pytest.raises(ValueError, match="lacks its marks"):
        with_figures("# Page\n", {})


def test_the_picture_is_well_formed_and_a_bar_beyond_all_others_is_cut() -> None:
    picture = draw("A & B", {"load <1>": {"nginx": 10.0, "gateway": 20.0, "naive": 3_000.0}})
    root = Xml.fromstring(picture)  # noqa: S314  # our own
    names = [text.text for text in root.iter("{http://www.w3.org/2000/svg}text")]
    assert "3,000 (cut)" in names
    assert "20.0" in names


@pytest.mark.parametrize(
    ("flags", "distribution", "told"),
    [
        ("-O0 '--enable-optimizations' -O3 -flto", "", "-O3, optimised by profile (PGO), link-time optimised"),
        ("-g -O2", "Debian", "-O2, the build of Debian; its flags name no profile (PGO), no LTO"),
        ("-O3", "", "-O3, not optimised by profile (no --enable-optimizations), no LTO"),
    ],
)
def test_the_build_of_python_is_told(flags: str, distribution: str, told: str) -> None:
    assert build_of(flags, distribution=distribution, compiler="GCC 12") == f"{told}, GCC 12"


def test_a_plan_survives_its_line() -> None:
    plan = Plan(1, ("GET / HTTP/1.1\r\n\r\n",), rate=2.5, tls=True)
    assert Plan.from_json(plan.to_json()) == plan
