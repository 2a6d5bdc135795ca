"""The command that serves."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Literal

import click

from gateway.cli.options import EPILOG, config_option
from gateway.cli.printing import tell
from gateway.registry.problems import ConfigError


def _count_workers(_context: click.Context, _parameter: click.Parameter, value: str) -> int:
    if value == "auto":
        from gateway.workers import usable_cpus  # which brings the whole gateway along

        return usable_cpus()
    if value.isascii() and value.isdigit() and 1 <= int(value) <= 256:
        return int(value)
    raise click.BadParameter(f"{value} is no number from 1 to 256, nor `auto`")


@click.command(epilog=EPILOG)
@config_option
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
    "--server", "kind", type=click.Choice(["uvicorn", "granian"]), default="uvicorn", show_default=True,
    help="Who has the public port: uvicorn with the direct lane, or granian for HTTP/2 (docs/lanes.md).",
)  # fmt: skip
@click.option(
    "--strict", is_flag=True, help="Refuse to start for any error, also where the last accepted file could serve."
)
def run(
    config: Path, host: str | None, port: int | None, ops_port: int | None, workers: int,
    kind: Literal["uvicorn", "granian"], strict: bool,
) -> None:  # fmt: skip
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
        sys.exit(serve(config, host=host, port=port, ops_port=ops_port, workers=workers, strict=strict, kind=kind))
    except ConfigError as error:
        tell(error)
        sys.exit(1)
