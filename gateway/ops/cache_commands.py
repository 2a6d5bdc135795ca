"""The commands `gateway cache …`: they ask the ops port of a running gateway, with the operators' token."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import click
import httpx

from gateway.registry.load import load
from gateway.registry.problems import ConfigError

_TIMEOUT_SECONDS = 10.0

_config = click.option(
    "--config",
    "config",
    type=click.Path(path_type=Path, dir_okay=False),
    default=Path("gateway.yaml"),
    show_default=True,
    help="The gateway's own file: it tells the ops port and the token.",
)
_ops = click.option("--ops", help="Address of the ops port, such as http://127.0.0.1:9090, in place of `server.ops`.")


@click.group()
def cache() -> None:
    """See what a running gateway keeps of agencies' answers, and have it forgotten.

    \b
    gateway cache stats
    gateway cache inspect '/v1/permits/types?page=2'
    gateway cache purge --service permits --soft
    """


@cache.command(epilog="Works on gateway.yaml of this folder unless --config says otherwise.")
@_config
@_ops
def stats(config: Path, ops: str | None) -> None:
    """Tell how full the cache is, and how many addresses of each service it holds.

    \b
    gateway cache stats
    """
    _show(_ask(config, ops, "GET", "/admin/cache", {}))


@cache.command(epilog="Works on gateway.yaml of this folder unless --config says otherwise.")
@_config
@_ops
@click.argument("url")
def inspect(config: Path, ops: str | None, url: str) -> None:
    """Tell what is stored under a public address: age, time left, variants. Bodies are never shown.

    \b
    gateway cache inspect '/v1/permits/types?page=2'
    """
    _show(_ask(config, ops, "GET", "/admin/cache/inspect", {"url": url}))


@cache.command(epilog="Works on gateway.yaml of this folder unless --config says otherwise.")
@_config
@_ops
@click.option("--service", help="Only answers of this service.")
@click.option("--url", help="Only this public address; without a query, with every query.")
@click.option("--tag", help="Only answers their agency tagged so (Cache-Tag, Surrogate-Key).")
@click.option("--soft", is_flag=True, help="Mark as stale instead: asked about before use, still there in an outage.")
@click.option("--all", "everything", is_flag=True, help="Everything; needed when nothing else is named.")
def purge(
    config: Path, ops: str | None, service: str | None, url: str | None, tag: str | None, soft: bool, everything: bool
) -> None:
    """Have stored answers forgotten, in every process that shares the store.

    \b
    gateway cache purge --url /v1/permits/types
    gateway cache purge --tag fees --soft
    gateway cache purge --all
    """
    named = {name: value for name, value in (("service", service), ("url", url), ("tag", tag)) if value is not None}
    if bool(named) == everything:
        raise click.UsageError("name what is to go by --service, --url or --tag, or say --all")
    _show(_ask(config, ops, "POST", "/admin/cache/purge", named | ({"soft": "true"} if soft else {})))


def _ask(config: Path, ops: str | None, method: str, path: str, parameters: Mapping[str, str]) -> object:
    """Put one question to the ops port; end with a plain text when it has no answer."""
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
            reply = client.request(method, f"{base}{path}", params=dict(parameters))
    except httpx.HTTPError as error:
        raise click.ClickException(f"no gateway answers at {base}: {error}. Is it running? See --ops.") from None
    try:
        document = reply.json()
    except ValueError:
        raise click.ClickException(f"{base} is no ops port of a gateway") from None
    if reply.status_code != 200:
        raise click.ClickException(str(document.get("error", document)))
    return document


def _show(document: object) -> None:
    click.echo(json.dumps(document, ensure_ascii=False, indent=2))
