"""Options that several commands take, and what all say at the end of their help."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import click

EPILOG: Final = "Settings are described in docs/configuration.md, or by `gateway docs`."

config_option = click.option(
    "--config",
    "config",
    type=click.Path(path_type=Path, dir_okay=False),
    default=Path("gateway.yaml"),
    show_default=True,
    help="The gateway's own file; it names the services' files.",
)
