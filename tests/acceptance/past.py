"""Makes a report older than it is, so that its time limits run out without anybody waiting for weeks."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

_INSTANTS = {"reports": ("received_at", "updated_at", "due_at", "next_check_at"), "report_events": ("at",)}


def move_into_the_past(database: Path, ticket: str, *, days: int) -> None:
    """Move a report and all that happened to it so many days back, while the service runs.

    The database itself refuses to change what happened (its triggers); they are taken off for one transaction.
    """
    with closing(sqlite3.connect(database, timeout=30, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        guards = connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
        for name, _ in guards:
            connection.execute(f"DROP TRIGGER {name}")
        (serial,) = connection.execute("SELECT serial FROM reports WHERE ticket = ?", [ticket]).fetchone()
        for table, columns in _INSTANTS.items():
            for column in columns:
                # As SQLAlchemy writes instants: six digits behind the second.
                older = f"strftime('%Y-%m-%d %H:%M:%f', {column}, ?) || '000'"
                move = f"UPDATE {table} SET {column} = {older} WHERE serial = ?"  # noqa: S608  # names from above
                connection.execute(move, [f"-{days} days", serial])
        connection.execute("UPDATE report_events SET day = date(day, ?) WHERE serial = ?", [f"-{days} days", serial])
        for _, sql in guards:
            connection.execute(sql)
        connection.execute("COMMIT")
