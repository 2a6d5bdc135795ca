"""For the services' tests: the way up from every revision a service ever had, with data in place.

Each table of the earlier schema gets rows made from nothing but its columns; after the migration to the newest schema
each of them is still there, and every column that both schemas have holds what it held.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from services.kit.database import migrate, open_engine, writing

_ROWS = 3
_ALEMBICS_OWN = "alembic_version"
_Row = Mapping[str, Any]  # Any: a value of any column


def revisions_of(migrations: Path) -> list[str]:
    """Return every revision from the first to the newest; the newest stands for a second start."""
    return [each.revision for each in ScriptDirectory(str(migrations)).walk_revisions()][::-1]


def check_way_up(url: str, migrations: Path, metadata: sa.MetaData, revision: str) -> None:
    """Fill an empty database at this revision, migrate it, and raise where anything was lost or is not as declared."""
    engine = open_engine(url)
    try:
        with writing(engine).begin() as connection:
            _upgrade(connection, migrations, revision)
        filled = _fill(engine)
        assert filled, "a schema without tables keeps nothing"
        for _ in range(2):  # and a second start changes nothing
            migrate(url, migrations)
        with engine.connect() as connection:
            assert compare_metadata(MigrationContext.configure(connection), metadata) == []
            for table, rows in filled.items():
                _check_kept(connection, table, rows)
    finally:
        engine.dispose()


def _upgrade(connection: sa.Connection, migrations: Path, revision: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(migrations))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    command.upgrade(config, revision)


def _fill(engine: sa.Engine) -> dict[str, Sequence[_Row]]:
    """Write rows to every table, those first that others refer to; return them by table."""
    schema = sa.MetaData()
    schema.reflect(engine)
    tables = [table for table in schema.sorted_tables if table.name != _ALEMBICS_OWN]
    filled = dict[str, Sequence[_Row]]()
    with writing(engine).begin() as connection:
        for table in tables:
            rows = [{column.name: _value(column, number) for column in table.columns} for number in range(1, _ROWS + 1)]
            connection.execute(sa.insert(table), rows)
            filled[table.name] = rows
    return filled


def _value(column: "sa.Column[Any]", number: int) -> object:
    """Make a value that fits the column and differs from row to row; references find their row by it."""
    kind = column.type
    if isinstance(kind, sa.String):
        return f"{number:04d}"[: kind.length]
    if isinstance(kind, sa.DateTime):
        return datetime(2026, 11, 24, 2, tzinfo=UTC).replace(tzinfo=UTC if kind.timezone else None) + timedelta(number)
    if isinstance(kind, sa.Date):
        return date(2026, 11, 24) + timedelta(number)
    if isinstance(kind, sa.Boolean):
        return number % 2 == 0
    if isinstance(kind, sa.LargeBinary):
        return b"%d" % number
    if isinstance(kind, sa.JSON):
        return {"number": number}
    if isinstance(kind, sa.Integer | sa.Float | sa.Numeric):
        return number
    raise AssertionError(f"no value is known for {column.table.name}.{column.name}: {kind!r}")


def _check_kept(connection: sa.Connection, name: str, rows: Sequence[_Row]) -> None:
    table = sa.Table(name, sa.MetaData(), autoload_with=connection)
    kept = [dict(row) for row in connection.execute(sa.select(table)).mappings()]
    shared = [column for column in rows[0] if column in table.columns]
    assert shared, f"{name} has no column left"
    for row in rows:
        expected = {column: row[column] for column in shared}
        assert any(expected.items() <= each.items() for each in kept), f"{name} lost or changed {expected}"
