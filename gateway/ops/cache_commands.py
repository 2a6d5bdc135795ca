"""The commands `gateway cache …`: they ask the ops port of a running gateway, with the operators' token."""

from __future__ import annotations

import json
from pathlib import Path

import click

from gateway.ops.ops_port import ask, config_option, ops_option


@click.group()
def cache() -> None:
    """See what a running gateway keeps of agencies' answers, and have it forgotten.

    \b
    gateway cache stats
    gateway cache inspect '/v1/permits/types?page=2'
    gateway cache purge --service permits --soft
    """


@cache.command(epilog="Works on gateway.yaml of this folder unless --config says otherwise.")
@config_option
@ops_option
def stats(config: Path, ops: str | None) -> None:
    """Tell how full the cache is, and how many addresses of each service it holds.

    \b
    gateway cache stats
    """
    _show(ask(config, ops, "GET", "/admin/cache", {}))


@cache.command(epilog="Works on gateway.yaml of this folder unless --config says otherwise.")
@config_option
@ops_option
@click.argument("url")
def inspect(config: Path, ops: str | None, url: str) -> None:
    """Tell what is stored under a public address: age, time left, variants. Bodies are never shown.

    \b
    gateway cache inspect '/v1/permits/types?page=2'
    """
    _show(ask(config, ops, "GET", "/admin/cache/inspect", {"url": url}))


@cache.command(epilog="Works on gateway.yaml of this folder unless --config says otherwise.")
@config_option
@ops_option
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
    _show(ask(config, ops, "POST", "/admin/cache/purge", named | ({"soft": "true"} if soft else {})))


def _show(document: object) -> None:
    click.echo(json.dumps(document, ensure_ascii=False, indent=2))
