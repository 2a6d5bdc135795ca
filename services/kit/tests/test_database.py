import sqlite3
import threading
from datetime import UTC, datetime
from pathlib import Path

import anyio
import pytest
from sqlalchemy import Engine, create_engine, func, inspect, select, text, update
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError, StatementError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import Session

from services.kit.database import Database, migrate, open_engine
from services.kit.problem import Problem

from .conftest import Note, Notebook


@pytest.mark.parametrize("empty_database_url", ["sqlite"], indirect=True)
async def test_sqlite_runs_in_wal_and_syncs_every_commit(notebook: Notebook) -> None:
    def pragmas(session: Session) -> list[object]:
        names = ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        return [session.scalar(text(f"PRAGMA {name}")) for name in names]

    assert await notebook.database.read(pragmas) == ["wal", 2, 1, 5000]


async def test_a_write_that_raises_leaves_nothing(notebook: Notebook) -> None:
    def act(session: Session) -> None:
        session.add(Note(word="x", written_at=notebook.issuer.now()))
        session.flush()
        raise LookupError

    with pytest.raises(LookupError):
        await notebook.database.write(act)
    assert await notebook.count() == 0


async def test_a_read_changes_nothing(notebook: Notebook) -> None:
    def act(session: Session) -> None:
        session.add(Note(word="x", written_at=notebook.issuer.now()))
        session.flush()

    await notebook.database.read(act)
    assert await notebook.count() == 0


async def test_read_then_write_by_many_at_once_loses_no_update(notebook: Notebook) -> None:
    await notebook.write("0")

    def increment(session: Session) -> None:
        word = session.scalars(select(Note)).one().word
        session.execute(update(Note).values(word=str(int(word) + 1)))

    other = Database(open_engine(str(notebook.database.engine.url)))
    async with anyio.create_task_group() as group:
        for _ in range(20):
            group.start_soon(notebook.database.write, increment)
            group.start_soon(other.write, increment)
    await other.close()
    assert await notebook.database.read(lambda session: session.scalars(select(Note)).one().word) == "40"


async def test_database_work_leaves_the_event_loop_free(notebook: Notebook) -> None:
    here = threading.get_ident()
    assert await notebook.database.read(lambda _session: threading.get_ident()) != here


async def test_instants_come_back_aware_and_equal(notebook: Notebook) -> None:
    await notebook.write("x")
    written = await notebook.database.read(lambda session: session.scalars(select(Note)).one().written_at)
    assert written == notebook.issuer.now()
    assert written.tzinfo is UTC


async def test_a_naive_instant_is_refused(notebook: Notebook) -> None:
    def act(session: Session) -> None:
        session.add(Note(word="x", written_at=datetime(2026, 1, 1)))

    with pytest.raises(StatementError, match="naive"):
        await notebook.database.write(act)


async def test_a_broken_constraint_is_the_services_to_handle(notebook: Notebook) -> None:
    await notebook.write("x")

    def act(session: Session) -> None:
        session.execute(text("INSERT INTO notes SELECT * FROM notes"))

    with pytest.raises(IntegrityError):
        await notebook.database.write(act)


class Conflict(sqlite3.Error):
    sqlstate = "40001"


@pytest.mark.parametrize("empty_database_url", ["sqlite"], indirect=True)  # which is of no matter here
@pytest.mark.parametrize(
    ("failure", "times", "outcome"),
    [
        (DBAPIError("", None, Conflict()), 3, "done"),
        (DBAPIError("", None, Conflict()), 20, 503),
        (OperationalError("", None, sqlite3.OperationalError("disk I/O error")), 1, 503),
        (PoolTimeout(), 1, 503),
    ],
)
async def test_conflicts_are_tried_again_and_outages_are_503(
    notebook: Notebook, failure: Exception, times: int, outcome: object
) -> None:
    failures = [failure] * times

    def act(_session: Session) -> str:
        if failures:
            raise failures.pop()
        return "done"

    try:
        got: object = await notebook.database.write(act)
    except Problem as problem:
        got = problem.status
    assert got == outcome


def test_postgresql_is_serializable_and_never_logs_values() -> None:
    engine = open_engine("postgresql+psycopg://nobody@127.0.0.1:1/none")
    assert engine.hide_parameters
    assert engine.dialect._on_connect_isolation_level == "SERIALIZABLE"
    engine.dispose()


ENV = """
from sqlalchemy import MetaData
from services.kit.database import run_migrations
run_migrations(MetaData())
"""
REVISION = """
import sqlalchemy as sa
from alembic import op
revision, down_revision = {revision!r}, {down!r}
def upgrade():
    {body}
"""


@pytest.fixture
def migrations(tmp_path: Path) -> Path:
    folder = tmp_path / "migrations"
    (folder / "versions").mkdir(parents=True)
    (folder / "env.py").write_text(ENV)
    add(folder, "0001", None, "op.create_table('a', sa.Column('id', sa.Integer, primary_key=True))")
    return folder


def add(folder: Path, revision: str, down: str | None, body: str) -> None:
    source = REVISION.format(revision=revision, down=down, body=body)
    (folder / "versions" / f"{revision}.py").write_text(source)


def tables(url: str) -> set[str]:
    engine: Engine = create_engine(url)
    found = set(inspect(engine).get_table_names())
    engine.dispose()
    return found


def test_migrate_brings_the_schema_to_head_and_may_run_again(empty_database_url: str, migrations: Path) -> None:
    migrate(empty_database_url, migrations)
    migrate(empty_database_url, migrations)
    assert tables(empty_database_url) == {"a", "alembic_version"}


def test_a_failed_migration_changes_nothing(empty_database_url: str, migrations: Path) -> None:
    migrate(empty_database_url, migrations)
    add(migrations, "0002", "0001", "op.create_table('b', sa.Column('id', sa.Integer)); 1 / 0")
    with pytest.raises(ZeroDivisionError):
        migrate(empty_database_url, migrations)
    assert tables(empty_database_url) == {"a", "alembic_version"}


async def test_work_in_the_calling_thread_serves_commands(notebook: Notebook) -> None:
    notebook.database.write_now(lambda session: session.add(Note(word="x", written_at=notebook.issuer.now())))
    assert notebook.database.read_now(lambda session: session.scalar(select(func.count(Note.id)))) == 1
