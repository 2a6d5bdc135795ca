"""Searches what the programs have written for what should not be there."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import jwt

from gateway.clock import SystemClock
from gateway.identity.assertion import Minter
from gateway.registry.load import load
from gateway.rules.access import AuthPolicy, Identity
from services.complaints.vault import open_vault
from tests.acceptance.people import City

_GATEWAY = Path(__file__).parents[2] / "gateway.yaml"


def known_as(city: City, account: str) -> tuple[str, str]:
    """Return what Laksa is told of an account: the pseudonym, and what the vault keeps in its place."""
    snapshot = load(_GATEWAY, strict=True, environment=city.demo.plan.environment)
    clock, [issuer] = SystemClock(), snapshot.issuers
    caller = Identity(issuer.issuer, account, None, expires_at=clock.wall() + 60, issued_at=clock.wall())
    assertion = Minter(snapshot.assertion, clock).mint(caller, snapshot.services["complaints"], AuthPolicy())
    subject: str = jwt.decode(assertion, options={"verify_signature": False})["sub"]
    return subject, open_vault(city.demo.plan.directory / "complaints").person(subject)


def tables_holding(city: City, secret: str) -> list[str]:
    """Return the tables of Laksa in which this stands."""
    with closing(sqlite3.connect(city.demo.plan.directory / "complaints" / "complaints.sqlite3")) as connection:
        names = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return [name for name in names if secret in str(connection.execute(f"SELECT * FROM {name}").fetchall())]  # noqa: S608  # its own tables


def files_holding(city: City, *secrets: str) -> list[str]:
    """Return the names of the files in which one of these stands, whatever program wrote them."""
    for database in city.demo.plan.directory.rglob("*.sqlite3"):
        with closing(sqlite3.connect(database, timeout=30)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    told = ("demo.json", "accounts.json")  # the demo's own list of example accounts
    files = [path for path in city.demo.plan.directory.rglob("*") if path.is_file() and path.name not in told]
    assert len(files) > 20
    return [path.name for path in files if any(one.encode() in path.read_bytes() for one in secrets)]


def logged(city: City, *secrets: str) -> list[tuple[str, str]]:
    """Return each of these that some program has logged, and in which file."""
    logs = {path.name: path.read_text() for path in city.demo.plan.directory.glob("*.log")}
    assert len(logs) == len(city.demo.plan.programs)
    assert all(logs.values())
    return [(name, one) for name, text in logs.items() for one in secrets if one in text]
