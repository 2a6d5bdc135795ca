"""Looks after the clocks: warns before a time limit, records a missed one, closes what nobody answers.

What it writes is decided by `clocks.agenda` alone and does not depend on how often it looks. Several processes may
look at once; each report is judged again inside the transaction that writes.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from sqlalchemy import select
from sqlalchemy.orm import Session
from structlog.typing import FilteringBoundLogger

from services.complaints.ledger import Ledger
from services.complaints.tables import Report
from services.kit.database import Database
from services.kit.problem import Problem

_BATCH = 50  # reports in one transaction: short, so that citizens' writes get their turn


class Watch:
    """Brings reports up to date whenever one of their clocks has something to say."""

    def __init__(self, database: Database, ledger: Ledger, *, every_seconds: float, log: FilteringBoundLogger) -> None:
        self._database = database
        self._ledger = ledger
        self._every_seconds = every_seconds
        self._log = log

    async def look(self) -> int:
        """Bring every report up to date that needs it; return how many did."""
        done = 0
        while count := await self._database.write(self._catch_up_some):
            done += count
        return done

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Look again and again while the service runs."""
        end = asyncio.Event()
        task = asyncio.create_task(self._keep_looking(end))
        try:
            yield
        finally:
            # Not cancelled: a transaction begun in a thread is finished before the database is closed.
            end.set()
            await task

    async def _keep_looking(self, end: asyncio.Event) -> None:
        while not end.is_set():
            try:
                if done := await self.look():
                    self._log.info("clocks looked after", reports=done)
            except Problem as problem:
                # The database is away for a while; what is due now is due then.
                self._log.warning("clocks could not be looked after", code=problem.code)
            except Exception:
                self._log.exception("clocks could not be looked after")
            with suppress(TimeoutError):
                await asyncio.wait_for(end.wait(), self._every_seconds)

    def _catch_up_some(self, session: Session) -> int:
        now = self._ledger.now()
        due = select(Report).where(Report.next_check_at <= now).order_by(Report.next_check_at).limit(_BATCH)
        reports = session.scalars(due).all()
        for report in reports:
            self._ledger.catch_up(session, self._ledger.case_of(session, report))
        return len(reports)
