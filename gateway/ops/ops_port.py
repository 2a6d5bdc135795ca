"""How commands ask the ops port of a running gateway, with the operators' token."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import click
import httpx

from gateway.registry.load import load
from gateway.registry.problems import ConfigError

_TIMEOUT_SECONDS = 10.0

config_option = click.option(
    "--config",
    "config",
    type=click.Path(path_type=Path, dir_okay=False),
    default=Path("gateway.yaml"),
    show_default=True,
    help="The gateway's own file: it tells the ops port and the token.",
)
ops_option = click.option(
    "--ops", help="Address of the ops port, such as http://127.0.0.1:9090, in place of `server.ops`."
)


def ask(
    config: Path,
    ops: str | None,
    method: str,
    path: str,
    parameters: Mapping[str, str],
    *,
    body: Mapping[str, str] | None = None,
) -> object:
    """Put one question to the ops port; end with a plain text when it has no answer.

    What names a citizen goes into the `body`: addresses are written down in too many places.
    """
    try:
        server = load(config, strict=True).server
    except ConfigError as error:
        raise click.ClickException(str(error)) from None
    if server.admin_token is None:
        raise click.ClickException("set server.admin_token in gateway.yaml: without it there is no admin API")
    host = f"[{server.ops_host}]" if ":" in server.ops_host else server.ops_host
    base = ops if ops is not None else f"http://{host}:{server.ops_port}"
    headers = {"authorization": f"Bearer {server.admin_token}"}
    try:
        with httpx.Client(trust_env=False, timeout=_TIMEOUT_SECONDS, headers=headers) as client:
            reply = client.request(method, f"{base}{path}", params=dict(parameters), json=body)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise click.ClickException(f"no gateway answers at {base}: {error}. Is it running? See --ops.") from None
    try:
        document = reply.json()
    except ValueError:
        raise click.ClickException(f"{base} is no ops port of a gateway") from None
    if reply.status_code != 200:
        raise click.ClickException(str(document.get("error", document)))
    return document
