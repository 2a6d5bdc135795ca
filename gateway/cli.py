"""The command `gateway`: it reads arguments, prints, and leaves the work to others.

A configuration that is refused is told problem by problem with its place and its remedy, never as a traceback.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final

import click

from gateway.identity.signing import complete, make_pairwise_secret, make_signing_key
from gateway.ops.cache_commands import cache as cache_commands
from gateway.registry.documentation import documentation
from gateway.registry.explain import Explained, explain
from gateway.registry.json_schema import MODELS, FileKind, json_schema
from gateway.registry.keyfiles import KeyFilesExist, write_first, write_next
from gateway.registry.load import load
from gateway.registry.problems import ConfigError, ConfigProblem
from gateway.registry.snapshot import Route, Snapshot
from gateway.registry.units import write

_EPILOG: Final = "Settings are described in docs/configuration.md, or by `gateway docs`."

_config = click.option(
    "--config",
    "config",
    type=click.Path(path_type=Path, dir_okay=False),
    default=Path("gateway.yaml"),
    show_default=True,
    help="The gateway's own file; it names the services' files.",
)


def _count_workers(_context: click.Context, _parameter: click.Parameter, value: str) -> int:
    if value == "auto":
        from gateway.workers import usable_cpus  # which brings the whole gateway along

        return usable_cpus()
    if value.isascii() and value.isdigit() and 1 <= int(value) <= 256:
        return int(value)
    raise click.BadParameter(f"{value} is no number from 1 to 256, nor `auto`")


def _version() -> str:
    try:
        return version("tangerang-gateway")
    except PackageNotFoundError:  # run from its source tree
        return "of this source tree"


@click.group(context_settings={"help_option_names": ["-h", "--help"]}, epilog=_EPILOG)
@click.version_option(_version(), prog_name="gateway")
def main() -> None:
    """The API gateway of a city: citizens sign in once and reach every agency's service, declared in YAML.

    \b
    gateway check                          is the configuration right?
    gateway explain GET /v1/permits/types  what applies to this request, and who says so?
    gateway run                            serve
    """


main.add_command(cache_commands)


@main.command(epilog=_EPILOG)
@_config
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
            _tell(error)
        sys.exit(1)
    warnings = _warnings(snapshot)
    failed = strict and bool(warnings)
    if as_json:
        click.echo(_report(snapshot, (), warnings, ok=not failed))
    else:
        for warning in warnings:
            click.echo(f"{click.style('warning', fg='yellow')}: {warning}", err=failed)
        word = click.style("not ok", fg="red") if failed else click.style("ok", fg="green")
        click.echo(f"{word}: {_count(len(snapshot.services), 'service')}, {_count(len(snapshot.routes), 'route')}")
    sys.exit(1 if failed else 0)


@main.command(epilog=_EPILOG)
@_config
def routes(config: Path) -> None:
    """List every public path: who may use it, what limits and keeps its answers, and where it is declared.

    \b
    gateway routes
    gateway routes | grep emergency
    """
    snapshot = _loaded(config)
    rows: list[tuple[str, ...]] = [("METHODS", "PATH", "SERVICE", "SIGN-IN", "LIMITS", "CACHE", "DECLARED")]
    rows += [_row(route) for route in sorted(snapshot.routes, key=lambda route: route.template)]
    _print_table(rows)


@main.command("explain", epilog=_EPILOG)
@_config
@click.argument("method")
@click.argument("path")
def explain_command(config: Path, method: str, path: str) -> None:
    """Tell what applies to a request: each value, and the file, line and column that say so (or `default`).

    Ends with 1 when no route answers, and tells why: 400, 404 or 405.

    \b
    gateway explain GET /v1/permits/types/pbg
    gateway explain DELETE /v1/identity/sessions/7
    """
    told = explain(_loaded(config), method, path)
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
    _print_table(rows)


@main.command(epilog=_EPILOG)
@click.argument("kind", type=click.Choice(list(MODELS)), default="gateway")
@_config
def schema(kind: FileKind, config: Path) -> None:
    """Print the JSON Schema of gateway.yaml, or of a service's file, for editors.

    \b
    gateway schema service > service.schema.json
    # then, as the first line of a service's file:
    # yaml-language-server: $schema=service.schema.json
    """
    click.echo(json.dumps(json_schema(kind), ensure_ascii=False, indent=2))


@main.command(epilog=_EPILOG)
@_config
@click.option(
    "--out", type=click.Path(path_type=Path, file_okay=False), default=Path("keys"), show_default=True,
    help="Folder for the files.",
)  # fmt: skip
@click.option("--rotate", is_flag=True, help="Make one more assertion key beside those that are there.")
def keys(config: Path, out: Path, rotate: bool) -> None:
    """Make the key that signs assertions (ES256, PEM) and the secret behind pseudonyms; print the lines to paste.

    Existing files are never overwritten. The key may be changed at any time, with --rotate. The pairwise secret may
    not: whoever changes it makes every citizen a new person for every agency, and nobody finds their applications and
    reports again.

    \b
    gateway keys --out keys
    gateway keys --out keys --rotate
    """
    try:
        if rotate:
            report = write_next(out, config.parent, key=make_signing_key())
        else:
            report = write_first(out, config.parent, key=make_signing_key(), secret=make_pairwise_secret())
    except KeyFilesExist as error:
        raise click.ClickException(str(error)) from None
    except OSError as error:
        raise click.ClickException(f"{error.filename}: {error.strerror}") from None
    click.echo(report)


@main.command(epilog=_EPILOG)
@_config
@click.option(
    "--out", type=click.Path(path_type=Path, dir_okay=False), default=Path("docs/configuration.md"), show_default=True,
    help="The file to write; `-` prints.",
)  # fmt: skip
def docs(config: Path, out: Path) -> None:
    """Write the description of every setting, from the same models that check them.

    \b
    gateway docs
    gateway docs --out -
    """
    if str(out) == "-":
        click.echo(documentation(), nl=False)
        return
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(documentation(), encoding="utf-8")
    click.echo(f"wrote {out}")


@main.command(epilog=_EPILOG)
@_config
@click.option("--host", help="Public address to listen on, in place of `server.public`.")
@click.option("--port", type=click.IntRange(0, 65_535), help="Public port, in place of `server.public`.")
@click.option(
    "--ops-port", type=click.IntRange(0, 65_535), help="Port of health and metrics, in place of `server.ops`."
)
@click.option(
    "--workers", default="1", show_default=True, callback=_count_workers, metavar="N|auto",
    help="Processes that serve; `auto`: one a processor.",
)  # fmt: skip
@click.option(
    "--strict", is_flag=True, help="Refuse to start for any error, also where the last accepted file could serve."
)
def run(config: Path, host: str | None, port: int | None, ops_port: int | None, workers: int, strict: bool) -> None:
    """Serve. SIGHUP loads the configuration anew (a bad one is refused and the old serves on), SIGTERM drains, SIGUSR2
    replaces workers one by one.

    An error in one service's file leaves that service with its last accepted version, or without one; all others serve.
    More than one worker needs a store they share, such as redis://.

    \b
    gateway run
    gateway run --config /etc/gateway/gateway.yaml --workers 4
    kill -HUP <pid>
    """
    from gateway.workers import run as serve  # the whole gateway is needed by this command only

    try:
        sys.exit(serve(config, host=host, port=port, ops_port=ops_port, workers=workers, strict=strict))
    except ConfigError as error:
        _tell(error)
        sys.exit(1)


def _loaded(config: Path) -> Snapshot:
    try:
        return load(config, strict=True)
    except ConfigError as error:
        _tell(error)
        sys.exit(1)


def _tell(error: ConfigError) -> None:
    head, *_ = str(error).split("\n", 1)
    click.echo(click.style(head, fg="red"), err=True)
    for problem in error.problems:
        place, _, rest = str(problem).partition(": ")
        click.echo(f"{click.style(place, bold=True)}: {rest}", err=True)


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


def _count(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 else f"{number} {word}s"


def _row(route: Route) -> tuple[str, ...]:
    limits = [f"{one.limit}/{write('duration', one.period_seconds)} by {one.by.kind}" for one in route.limits]
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


def _print_table(rows: Sequence[tuple[str, ...]]) -> None:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for number, row in enumerate(rows):
        line = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        click.echo(click.style(line, bold=True) if number == 0 else line)
