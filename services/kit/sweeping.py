"""Deletes what has outlived its use, now and then and apart from anybody's request.

A request that also deleted others' old rows would read all of a table's age, and so, on PostgreSQL, conflict with
every other request that adds a row.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from sqlalchemy import Table, delete, select
from sqlalchemy.orm import Session
from structlog.typing import FilteringBoundLogger

from services.kit.clock import Now
from services.kit.database import Database

_EVERY_SECONDS = 900.0
_BATCH = 500  # rows a transaction, so that people's writes get their turn in between


@dataclass(frozen=True, slots=True)
class Leftovers:
    """Rows of one table that nobody needs any more, by the columns of their key and of the instant they count from.

    They are kept for a while, by the clock `now`.
    """

    table: Table
    key: str
    since: str
    kept_for: timedelta
    now: Now


async def sweep(database: Database, leftovers: Leftovers) -> int:
    """Delete what is too old, in small transactions; return how many rows."""
    before, swept = leftovers.now() - leftovers.kept_for, 0
    while keys := await database.read(partial(_too_old, leftovers=leftovers, before=before)):
        swept += await database.write(partial(_delete, leftovers=leftovers, before=before, keys=keys), on_snapshot=True)
    return swept


@asynccontextmanager
async def sweeping(
    database: Database, leftovers: Sequence[Leftovers], log: FilteringBoundLogger
) -> AsyncIterator[None]:
    """Sweep while inside: at the start, and now and then."""
    stop = asyncio.Event()
    task = asyncio.create_task(_sweep_until(stop, database, leftovers, log), name="sweeping")
    try:
        yield
    finally:
        # Told to stop rather than cancelled: a thread at work in the database outlives the cancelling of its task.
        stop.set()
        await task


async def _sweep_until(
    stop: asyncio.Event, database: Database, leftovers: Sequence[Leftovers], log: FilteringBoundLogger
) -> None:
    while leftovers and not stop.is_set():
        try:
            for each in leftovers:
                await sweep(database, each)
        except Exception:
            log.exception("sweeping failed; tried again in a quarter of an hour")
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), _EVERY_SECONDS)


def _too_old(session: Session, *, leftovers: Leftovers, before: datetime) -> Sequence[Any]:  # Any: keys
    columns = leftovers.table.c
    return session.scalars(select(columns[leftovers.key]).where(columns[leftovers.since] < before).limit(_BATCH)).all()


def _delete(session: Session, *, leftovers: Leftovers, before: datetime, keys: Sequence[Any]) -> int:  # Any: keys
    # Compared anew: since it was read, a row may have come to count from a later instant.
    columns = leftovers.table.c
    told = columns[leftovers.key].in_(keys), columns[leftovers.since] < before
    return len(session.execute(delete(leftovers.table).where(*told).returning(columns[leftovers.key])).all())
