"""The command `gateway limits`: it asks a running gateway how much of their budgets a citizen has used."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from gateway.ops.ops_port import ask, config_option, ops_option
from gateway.registry.units import write

issuer_option = click.option("--issuer", help="The issuer that knows them, when gateway.yaml lists several.")

_RATES = ("LIMIT", "ALLOWS", "USED", "LEFT", "FULL AGAIN", "NEXT REQUEST", "")
_CONCURRENCY = ("IN FLIGHT", "ALLOWS", "USED", "LEFT", "")


@click.command(epilog="Works on gateway.yaml of this folder unless --config says otherwise.")
@config_option
@ops_option
@issuer_option
@click.option("--reset", is_flag=True, help="Forget what they have used; requests in flight stay counted.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object, for other programs.")
@click.argument("citizen")
def limits(config: Path, ops: str | None, issuer: str | None, citizen: str, reset: bool, as_json: bool) -> None:
    """Tell how a citizen stands with each limit that counts citizens: used, left, and when it is full again.

    CITIZEN is the subject (`sub`) their issuer knows them under. It is told to the gateway alone, and written nowhere.

    \b
    gateway limits 7f3c9a52
    gateway limits 7f3c9a52 --reset
    """
    named = citizen_body(citizen, issuer)
    if reset:
        ask(config, ops, "POST", "/admin/limits/reset", {}, body=named)
    state = ask(config, ops, "POST", "/admin/limits", {}, body=named)
    if as_json:
        click.echo(json.dumps(state, ensure_ascii=False, indent=2))
        return
    for line in state_lines(state):
        click.echo(line)
    if reset:
        click.echo("forgotten: they may use all of it again")


def citizen_body(citizen: str, issuer: str | None) -> dict[str, str]:
    """Name a citizen as the admin API takes it."""
    return {"citizen": citizen} | ({} if issuer is None else {"issuer": issuer})


def state_lines(state: object) -> Iterator[str]:
    """Yield what the admin API answered as tables; what was used most stands first."""
    assert isinstance(state, dict)
    rates = sorted(_each(state, "limits"), key=lambda one: -one["used"] / one["burst"])
    crowds = sorted(_each(state, "concurrency"), key=lambda one: -one["in_flight"] / one["limit"])
    if not rates and not crowds:
        yield "no limit counts citizens here"
    if rates:
        yield from table([_RATES, *map(_rate_row, rates)])
    if rates and crowds:
        yield ""
    if crowds:
        yield from table([_CONCURRENCY, *map(_concurrency_row, crowds)])


def table(rows: Sequence[tuple[str, ...]]) -> Iterator[str]:
    """Yield rows in columns; the first row is the heading."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def _each(state: Mapping[str, Any], kind: str) -> list[dict[str, Any]]:
    """Return the limits of one kind; those that each worker counts for itself as each worker tells them."""
    told: list[dict[str, Any]] = []
    for index, one in enumerate(state[kind]):
        workers = state.get("workers", ()) if one["accuracy"] == "local" else ()
        told += [own[kind][index] | {"worker": own["worker"]} for own in workers] or [one]
    return told


def _rate_row(one: Mapping[str, Any]) -> tuple[str, ...]:
    allows = f"{one['limit']} every {write('duration', one['every_seconds'])}"
    if one["burst"] != one["limit"]:
        allows += f", {one['burst']} at once"
    full, another = _in(one["full_again_seconds"]), _in(one["next_request_seconds"])
    return one["name"], allows, str(one["used"]), str(one["left"]), full, another, _note(one)


def _concurrency_row(one: Mapping[str, Any]) -> tuple[str, ...]:
    return one["name"], f"{one['limit']} at once", str(one["in_flight"]), str(one["left"]), _note(one)


def _in(seconds: int) -> str:
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    pieces = ((hours, "h"), (minutes, "m"), (rest, "s"))
    return "in " + " ".join(f"{number}{unit}" for number, unit in pieces if number) if seconds else "now"


def _note(one: Mapping[str, Any]) -> str:
    notes = ["shadow: stops nobody"] if one["mode"] == "shadow" else []
    notes += [f"worker {one['worker']}"] if "worker" in one else []
    return ", ".join(notes)
