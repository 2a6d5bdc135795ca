"""Commands that make what is kept beside the configuration: schemas, keys, the description of every setting."""

from __future__ import annotations

import json
from pathlib import Path

import click

from gateway.cli.options import EPILOG, config_option
from gateway.identity.signing import make_pairwise_secret, make_signing_key
from gateway.registry.documentation import documentation
from gateway.registry.json_schema import MODELS, FileKind, json_schema
from gateway.registry.keyfiles import KeyFilesExist, write_first, write_next


@click.command(epilog=EPILOG)
@click.argument("kind", type=click.Choice(list(MODELS)), default="gateway")
@config_option
def schema(kind: FileKind, config: Path) -> None:
    """Print the JSON Schema of gateway.yaml, or of a service's file, for editors.

    \b
    gateway schema service > service.schema.json
    # then, as the first line of a service's file:
    # yaml-language-server: $schema=service.schema.json
    """
    click.echo(json.dumps(json_schema(kind), ensure_ascii=False, indent=2))


@click.command(epilog=EPILOG)
@config_option
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


@click.command(epilog=EPILOG)
@config_option
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
