"""One database per service, by SQLAlchemy 2: SQLite in WAL mode or PostgreSQL, chosen by URL.

The engine is synchronous and its work runs in a bounded number of threads, so that the event loop never
waits for a disk. A function given to `Database` is one transaction, and may be run again from the start when
PostgreSQL reports a conflict: it must do nothing but database work.
"""

import random
import sqlite3
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TypeVar

import anyio
import anyio.to_thread
from alembic import command, context
from alembic.config import Config
from sqlalchemy import Connection, DateTime, Engine, MetaData, create_engine, event, make_url, text
from sqlalchemy.engine import Dialect
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import Session
from sqlalchemy.pool import ConnectionPoolEntry
from sqlalchemy.types import TypeDecorator

from services.kit.problem import unavailable
from services.kit.turns import Turns

Result = TypeVar("Result")

_THREADS = 8
_BUSY_TIMEOUT_MS = 5_000
_CONFLICT_ATTEMPTS = 20
_ATTEMPTS_TOGETHER = 4  # then a write goes alone, or under steady load the unlucky would never get through
_MAX_PAUSE_SECONDS = 0.25
_CONFLICT_STATES = frozenset({"40001", "40P01"})  # serialization failure, deadlock detected
_UNIQUE_VIOLATION = "23505"
_MIGRATION_LOCK = 3_671  # any number, the same for every process that migrates this database
_WRITES = "kit_writes"


class UtcDateTime(TypeDecorator[datetime]):
    """An aware instant, kept in UTC on every database; a naive one is a defect and is refused."""

    impl = DateTime(timezone=True)
    cache_ok = True

    @property
    def python_type(self) -> type[datetime]:
        return datetime

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a naive datetime has no place in the database")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        # SQLite forgets the zone; what is stored there was UTC.
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def open_engine(url: str, *, foreign_keys: bool = True) -> Engine:
    """Open the database; a missing SQLite folder is made. Statements' values never reach a log."""
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite":
        return create_engine(
            parsed,
            isolation_level="SERIALIZABLE",
            hide_parameters=True,
            pool_pre_ping=True,
            pool_size=_THREADS,
            pool_timeout=5,
        )
    if parsed.database:
        Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(parsed, hide_parameters=True, pool_size=_THREADS + 1)
    _prepare_sqlite(engine, foreign_keys=foreign_keys)
    return engine


def _prepare_sqlite(engine: Engine, *, foreign_keys: bool) -> None:
    def on_connect(connection: sqlite3.Connection, _record: ConnectionPoolEntry) -> None:
        # Python's driver opens transactions late and commits around DDL; we say BEGIN ourselves.
        connection.isolation_level = None
        for pragma in (
            "journal_mode=WAL",
            "synchronous=FULL",  # WAL with NORMAL may lose the last commits when power fails
            f"busy_timeout={_BUSY_TIMEOUT_MS}",
            f"foreign_keys={'ON' if foreign_keys else 'OFF'}",
        ):
            connection.execute(f"PRAGMA {pragma}")

    def on_begin(connection: Connection) -> None:
        # A transaction that reads first and writes later would fail at once if another writer came
        # between (SQLITE_BUSY_SNAPSHOT, no timeout helps), so writers take their lock at the start.
        writes = connection.get_execution_options().get(_WRITES, False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    event.listen(engine, "connect", on_connect)
    event.listen(engine, "begin", on_begin)


def writing(engine: Engine) -> Engine:
    """Return the same engine whose transactions are announced as writes."""
    return engine.execution_options(**{_WRITES: True})


async def in_thread(fn: Callable[..., Result], *args: object, limiter: anyio.CapacityLimiter | None = None) -> Result:
    """Run blocking work off the event loop. Once begun it is finished, even if the client has gone."""
    return await anyio.to_thread.run_sync(fn, *args, limiter=limiter)


class Database:
    """Transactions on one engine. It owns the engine and disposes of it in `close`."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._writing = writing(engine)
        self._turns = Turns()
        single_writer = engine.dialect.name == "sqlite"
        # With one writer there is no other whose work a transaction could miss.
        level = "SERIALIZABLE" if single_writer else "REPEATABLE READ"
        self._on_snapshot = self._writing.execution_options(isolation_level=level)
        self._readers = anyio.CapacityLimiter(_THREADS)
        # SQLite has one writer; queueing here is fair and costs no busy waiting in the database.
        self._writers = anyio.CapacityLimiter(1) if single_writer else self._readers

    async def read(self, fn: Callable[[Session], Result]) -> Result:
        """Run `fn` in a transaction that sees one state of the database and changes nothing."""
        return await in_thread(self.read_now, fn, limiter=self._readers)

    async def write(self, fn: Callable[[Session], Result], *, on_snapshot: bool = False) -> Result:
        """Run `fn` and commit; when this returns, the change is on disk.

        Writes are serializable, for which PostgreSQL remembers what each has read, by whole pages of an index or even
        whole tables: two that add rows side by side count as a conflict. With `on_snapshot` nothing read is
        remembered. That is for writes that rely on nothing they read but what a unique constraint guards or what they
        write themselves: of two with the same key, or that change the same row, one is still run again.
        """
        return await in_thread(partial(self.write_now, on_snapshot=on_snapshot), fn, limiter=self._writers)

    def read_now(self, fn: Callable[[Session], Result]) -> Result:
        """Like `read`, in the calling thread: for commands and seeding."""
        return self._attempts(lambda _attempt: _transaction(self.engine, fn, commits=False))

    def write_now(self, fn: Callable[[Session], Result], *, on_snapshot: bool = False) -> Result:
        """Like `write`, in the calling thread: for commands and seeding."""
        engine = self._on_snapshot if on_snapshot else self._writing

        def once(attempt: int) -> Result:
            with self._turns.together() if attempt <= _ATTEMPTS_TOGETHER else self._turns.alone():
                return _transaction(engine, fn, commits=True)

        return self._attempts(once, on_snapshot=on_snapshot)

    def is_alive(self) -> bool:
        """Tell whether the database answers, in the calling thread."""
        try:
            with self.engine.connect() as connection:
                connection.execute(text("SELECT 1"))
        except (DBAPIError, PoolTimeout):
            return False
        return True

    async def close(self) -> None:
        """Close every connection."""
        await in_thread(self.engine.dispose)

    def _attempts(self, transaction: Callable[[int], Result], *, on_snapshot: bool = False) -> Result:
        for attempt in range(1, _CONFLICT_ATTEMPTS + 1):
            try:
                return transaction(attempt)
            except DBAPIError as exc:
                if attempt < _CONFLICT_ATTEMPTS and _is_conflict(exc, attempt, on_snapshot=on_snapshot):
                    time.sleep(_pause_seconds(attempt))
                    continue
                if isinstance(exc, OperationalError) or _is_conflict(exc, attempt):
                    raise unavailable("database-unavailable") from exc
                raise
            except PoolTimeout as exc:
                raise unavailable("database-unavailable") from exc
        raise AssertionError("the last attempt returns or raises")


def _transaction(engine: Engine, fn: Callable[[Session], Result], *, commits: bool) -> Result:
    # Objects stay readable after the commit: what `fn` returns is used outside the session.
    with Session(engine, expire_on_commit=False) as session:
        result = fn(session)
        if commits:
            session.commit()
        return result


def _pause_seconds(attempt: int) -> float:
    # Random, or those who collided would collide again.
    return random.uniform(0, min(_MAX_PAUSE_SECONDS, 0.002 * 2**attempt))  # noqa: S311 - no secret


def _is_conflict(exc: DBAPIError, attempt: int, *, on_snapshot: bool = False) -> bool:
    state = getattr(exc.orig, "sqlstate", None)
    if on_snapshot and state == _UNIQUE_VIOLATION:
        # Told by the constraint alone: the snapshot did not show the other's row. The next one does, so whoever
        # breaks the constraint again and again does so by itself.
        return attempt < _ATTEMPTS_TOGETHER
    return state in _CONFLICT_STATES


def migrate(url: str, migrations_dir: Path) -> None:
    """Bring the schema to the newest revision, whole or not at all; safe when two processes start at once."""
    config = Config()
    config.set_main_option("script_location", str(migrations_dir).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    # Changing a table on SQLite means rebuilding it, which live foreign keys would turn into deletes.
    engine = open_engine(url, foreign_keys=False)
    try:
        with writing(engine).begin() as connection:
            if connection.dialect.name == "postgresql":
                connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _MIGRATION_LOCK})
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
    finally:
        engine.dispose()


def run_migrations(metadata: MetaData) -> None:
    """Be the whole `env.py` of a service's migrations folder; called by Alembic inside `migrate`."""
    connection = context.config.attributes["connection"]
    context.configure(connection=connection, target_metadata=metadata, render_as_batch=True, transactional_ddl=True)
    with context.begin_transaction():
        context.run_migrations()
