"""Ends what waited too long for its applicant: old drafts, corrections never made, retributions never paid."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import datetime, timedelta
from functools import partial

from sqlalchemy import select
from sqlalchemy.orm import Session
from structlog.typing import FilteringBoundLogger

from services.kit.app import Hook
from services.permits.case import expires_at
from services.permits.catalogue import Deadlines
from services.permits.machine import AWAITING_APPLICANT, EventKind
from services.permits.office import Office
from services.permits.store import open_case, record
from services.permits.tables import Application

_EVERY_SECONDS = 60.0
_BATCH = 200  # cases a transaction, so that citizens' writes get their turn in between


async def expire_overdue(office: Office) -> int:
    """End every case whose deadline has passed; return how many."""
    deadlines, now = office.catalogue.deadlines, office.now()
    overdue = await office.database.read(lambda session: _candidates(session, deadlines, now))
    ended = 0
    for start in range(0, len(overdue), _BATCH):
        batch = overdue[start : start + _BATCH]
        ended += await office.database.write(partial(_expire, batch=batch, deadlines=deadlines, now=now))
    return ended


def _candidates(session: Session, deadlines: Deadlines, now: datetime) -> list[str]:
    shortest = min(deadlines.draft_idle.days, deadlines.correction.days, deadlines.payment.days)
    statement = select(Application.id).where(
        Application.state.in_(sorted(AWAITING_APPLICANT)), Application.state_since <= now - timedelta(days=shortest)
    )
    return list(session.scalars(statement))


def _expire(session: Session, *, batch: list[str], deadlines: Deadlines, now: datetime) -> int:
    ended = 0
    for application_id in batch:
        opened = open_case(session, application_id, to_change=True)
        until = expires_at(opened.case, deadlines)
        # The applicant may have acted since the candidates were read.
        if until is not None and until <= now:
            record(session, opened, EventKind.EXPIRED, at=now, actor="system")
            ended += 1
    return ended


def expiring(office: Office, log: FilteringBoundLogger) -> Hook:
    """Return a lifespan hook that keeps ending what is overdue while the service runs."""

    async def run(stop: asyncio.Event) -> None:
        while not stop.is_set():
            try:
                ended = await expire_overdue(office)
                if ended:
                    log.info("cases expired", count=ended)
            except Exception:
                log.exception("expiring cases failed; tried again in a minute")
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), _EVERY_SECONDS)

    @asynccontextmanager
    async def hook() -> AsyncIterator[None]:
        stop = asyncio.Event()
        # Told to stop rather than cancelled: a thread at work in the database outlives the cancelling of its task.
        task = asyncio.create_task(run(stop))
        try:
            yield
        finally:
            stop.set()
            await task

    return hook
