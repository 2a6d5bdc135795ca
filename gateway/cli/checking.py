"""Commands that look at the configuration and tell about it; nothing is started, and nothing but files is read."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import click

from gateway.cli.options import EPILOG, config_option
from gateway.cli.printing import counted, loaded, print_table, tell
from gateway.identity.signing import complete
from gateway.ops.limits_commands import citizen_body, issuer_option, state_lines
from gateway.ops.ops_port import ask, ops_option
from gateway.registry.explain import Explained, explain
from gateway.registry.load import load
from gateway.registry.problems import ConfigError, ConfigProblem
from gateway.registry.snapshot import Route, Snapshot
from gateway.registry.units import write


@click.command(epilog=EPILOG)
@config_option
@click.option("--strict", is_flag=True, help="Let warnings fail too.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object, for other programs.")
def check(config: Path, strict: bool, as_json: bool) -> None:
    """Tell whether the configuration is right: every problem at once, each with its place and its remedy.

    Ends with 0 when it is, else with 1. Nothing is started, and nothing but files is read.

    \b
    gateway check
    gateway check --config /etc/gateway/gateway.yaml --strict
    gateway check --json | jq '.problems[].line'
    """
    try:
        snapshot = load(config, strict=True)
    except ConfigError as error:
        if as_json:
            click.echo(_report(None, error.problems, (), ok=False))
        else:
            tell(error)
        sys.exit(1)
    warnings = _warnings(snapshot)
    failed = strict and bool(warnings)
    if as_json:
        click.echo(_report(snapshot, (), warnings, ok=not failed))
    else:
        for warning in warnings:
            click.echo(f"{click.style('warning', fg='yellow')}: {warning}", err=failed)
        word = click.style("not ok", fg="red") if failed else click.style("ok", fg="green")
        click.echo(f"{word}: {counted(len(snapshot.services), 'service')}, {counted(len(snapshot.routes), 'route')}")
    sys.exit(1 if failed else 0)


@click.command(epilog=EPILOG)
@config_option
def routes(config: Path) -> None:
    """List every public path: who may use it, what limits and keeps its answers, and where it is declared.

    \b
    gateway routes
    gateway routes | grep emergency
    """
    snapshot = loaded(config)
    rows: list[tuple[str, ...]] = [("METHODS", "PATH", "SERVICE", "SIGN-IN", "LIMITS", "CACHE", "DECLARED")]
    rows += [_row(route) for route in sorted(snapshot.routes, key=lambda route: route.template)]
    print_table(rows)


@click.command("explain", epilog=EPILOG)
@config_option
@click.option("--citizen", help="Ask the running gateway too how this citizen (`sub`) stands with the limits.")
@issuer_option
@ops_option
@click.argument("method")
@click.argument("path")
def explain_command(
    config: Path, citizen: str | None, issuer: str | None, ops: str | None, method: str, path: str
) -> None:
    """Tell what applies to a request: each value, and the file, line and column that say so (or `default`).

    Ends with 1 when no route answers, and tells why: 400, 404 or 405.

    \b
    gateway explain GET /v1/permits/types/pbg
    gateway explain DELETE /v1/identity/sessions/7
    gateway explain GET /v1/permits/applications --citizen 7f3c9a52
    """
    told = explain(loaded(config), method, path)
    if not isinstance(told, Explained):
        click.echo(f"{method} {path}: {click.style(str(told.status), fg='red')}, {told.reason}")
        click.echo(f"    fix: {told.remedy}")
        sys.exit(1)
    click.echo(f"{method} {path} is answered by {click.style(told.route.template, bold=True)}")
    for name, value in told.parameters:
        click.echo(f"  {{{name}}} = {value}")
    click.echo()
    rows = [("SETTING", "VALUE", "FROM")]
    rows += [(one.setting, one.value, str(one.origin or "default")) for one in told.settings]
    print_table(rows)
    if citizen is not None:
        click.echo()
        asked = citizen_body(citizen, issuer) | {"method": method, "path": path}
        for line in state_lines(ask(config, ops, "POST", "/admin/limits", {}, body=asked)):
            click.echo(line)


def _warnings(snapshot: Snapshot) -> tuple[str, ...]:
    if not snapshot.issuers:
        return snapshot.warnings
    return snapshot.warnings + complete(snapshot.assertion)[1]


def _report(
    snapshot: Snapshot | None, problems: tuple[ConfigProblem, ...], warnings: tuple[str, ...], *, ok: bool
) -> str:
    report: dict[str, Any] = {"ok": ok}  # JSON takes anything
    if snapshot is not None:
        report |= {"services": len(snapshot.services), "routes": len(snapshot.routes), "digest": snapshot.digest}
    report["problems"] = [
        {
            **{name: getattr(problem.origin, name) for name in ("file", "line", "column")},
            **{name: getattr(problem, name) for name in ("value", "reason", "remedy")},
        }
        for problem in problems
    ]
    report["warnings"] = list(warnings)
    return json.dumps(report, ensure_ascii=False, indent=2)


def _row(route: Route) -> tuple[str, ...]:
    limits = [f"{one.limit}/{write('duration', one.period_seconds)} by {one.by.kind}" for one in route.limits]
    limits += [f"{one.limit} at once by {one.by.kind}" for one in route.concurrency]
    cache = "-"
    if route.cache is not None:
        cache = route.cache.scope if route.cache.ttl_seconds is None else write("duration", route.cache.ttl_seconds)
    service = "(aggregate)" if route.service is None else route.service.name
    return (
        ",".join(sorted(method.decode() for method in route.methods)) or "*",
        route.template,
        service + (" !112" if route.emergency else ""),
        route.auth.mode,
        ", ".join(limits) or "-",
        cache,
        str(route.origins["path"]),
    )
