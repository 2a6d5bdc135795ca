"""How commands print: tables, counts, and a refused configuration problem by problem, never as a traceback."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import click

from gateway.registry.load import load
from gateway.registry.problems import ConfigError
from gateway.registry.snapshot import Snapshot


def loaded(config: Path) -> Snapshot:
    """Return the registry, or tell what is wrong with it and end with 1."""
    try:
        return load(config, strict=True)
    except ConfigError as error:
        tell(error)
        sys.exit(1)


def tell(error: ConfigError) -> None:
    """Print each problem with its place and its remedy to the standard error."""
    head, *_ = str(error).split("\n", 1)
    click.echo(click.style(head, fg="red"), err=True)
    for problem in error.problems:
        place, _, rest = str(problem).partition(": ")
        click.echo(f"{click.style(place, bold=True)}: {rest}", err=True)


def counted(number: int, word: str) -> str:
    """Return "1 route", "2 routes"."""
    return f"{number} {word}" if number == 1 else f"{number} {word}s"


def print_table(rows: Sequence[tuple[str, ...]]) -> None:
    """Print rows in columns; the first row is the heading."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for number, row in enumerate(rows):
        line = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        click.echo(click.style(line, bold=True) if number == 0 else line)
