"""The command itself: what it is called, what it says of itself, and where its commands come from."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

import click

from gateway.cli.checking import check, explain_command, routes
from gateway.cli.options import EPILOG
from gateway.cli.serving import run
from gateway.cli.writing import docs, keys, schema
from gateway.ops.cache_commands import cache
from gateway.ops.limits_commands import limits


def _version() -> str:
    try:
        return version("tangerang-gateway")
    except PackageNotFoundError:  # run from its source tree
        return "of this source tree"


@click.group(context_settings={"help_option_names": ["-h", "--help"]}, epilog=EPILOG)
@click.version_option(_version(), prog_name="gateway")
def main() -> None:
    """The API gateway of a city: citizens sign in once and reach every agency's service, declared in YAML.

    \b
    gateway check                          is the configuration right?
    gateway explain GET /v1/permits/types  what applies to this request, and who says so?
    gateway run                            serve
    """


for command in (cache, check, docs, explain_command, keys, limits, routes, run, schema):
    main.add_command(command)
