"""Tokens called back before they expire, as a numbered list that gateways follow by long polling.

A gateway that asks `after` the last number it saw is answered the moment a newer one is committed. Positions come
from a counter row, so commits keep their order and no reader can step over one that is committed late.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from services.identity.policy import Policy
from services.identity.tables import Counter, Revocation
from services.kit.clock import Now
from services.kit.database import Database
from services.kit.problem import Problem

MAX_WAIT_SECONDS = 30

_COUNTER = "revocations"
_LOOK_SECONDS = 0.25  # other processes (a second worker, the command line) write too; a logout counts within a second


def revoke_session(session: Session, policy: Policy, now: datetime, sid: str) -> None:
    """Call back every access token of one session."""
    _add(session, policy, now, sid=sid)


def revoke_subject(session: Session, policy: Policy, now: datetime, sub: str, *, not_before: int) -> None:
    """Call back an account's access tokens issued before a Unix time."""
    _add(session, policy, now, sub=sub, not_before=not_before)


def _add(session: Session, policy: Policy, now: datetime, **what: Any) -> None:
    # The last token it concerns may have been issued just now.
    expires_at = int(now.timestamp()) + policy.access_token_seconds + 1
    session.execute(delete(Revocation).where(Revocation.expires_at <= int(now.timestamp())))
    counter = session.get(Counter, _COUNTER, with_for_update=True)
    if counter is None:
        counter = Counter(name=_COUNTER, value=0)
        session.add(counter)
    counter.value += 1
    session.add(Revocation(position=counter.value, expires_at=expires_at, **what))
    session.flush()


def newest(session: Session) -> int:
    """Return the number of the latest revocation ever made; 0 before the first."""
    return session.scalar(select(Counter.value).where(Counter.name == _COUNTER)) or 0


def page_after(session: Session, now: datetime, after: int) -> dict[str, Any]:
    """Return what is newer than `after` and still in force."""
    query = select(Revocation).where(Revocation.position > after, Revocation.expires_at > int(now.timestamp()))
    rows = session.scalars(query.order_by(Revocation.position)).all()
    return {"next": newest(session), "revocations": _entries(rows)}


def _entries(rows: Sequence[Revocation]) -> list[dict[str, Any]]:
    return [
        {"sid": row.sid, "expires_at": row.expires_at}
        if row.sid
        else {"sub": row.sub, "not_before": row.not_before, "expires_at": row.expires_at}
        for row in rows
    ]


class RevocationFeed:
    """Wakes those who wait for news. `nudge` after a commit makes it instant; looking now and then covers the rest."""

    def __init__(self, database: Database, now: Now) -> None:
        self._database = database
        self._now = now
        self._changed = asyncio.Condition()
        self._newest = 0
        self._waiting = 0
        self._is_closing = False
        self._ending = asyncio.Event()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Look for other processes' revocations while inside."""
        looking = asyncio.create_task(self._look(), name="revocations of other processes")
        try:
            yield
        finally:
            # Not cancelled: a thread that still reads would outlive the database.
            self._ending.set()
            await looking

    async def close(self) -> None:
        """Answer everyone who waits, so that a draining server need not wait for them."""
        async with self._changed:
            self._is_closing = True
            self._changed.notify_all()

    async def nudge(self) -> None:
        """Tell that something may have been committed."""
        seen = await self._database.read(newest)
        if seen != self._newest:
            async with self._changed:
                self._newest = seen
                self._changed.notify_all()

    async def after(self, position: int, wait_seconds: float) -> dict[str, Any]:
        """Return the news after `position`, at once if there is any, else when there is or the wait is over."""
        deadline = time.monotonic() + wait_seconds
        while True:
            page = await self._database.read(lambda session: page_after(session, self._now(), position))
            left = deadline - time.monotonic()
            # A number beyond ours is of a database that was lost: say so at once, and the gateway starts anew.
            if page["next"] != position or page["revocations"] or left <= 0 or self._is_closing:
                return page
            await self._wait(page["next"], left)

    async def _wait(self, seen: int, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds), self._changed:
                self._waiting += 1
                try:
                    await self._changed.wait_for(lambda: self._newest > seen or self._is_closing)
                finally:
                    self._waiting -= 1

    async def _look(self) -> None:
        while not self._ending.is_set():
            with suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_SECONDS):
                    await self._ending.wait()
            if self._waiting and not self._ending.is_set():
                # A database that is away for a moment must not end the looking.
                with suppress(Problem):
                    await self.nudge()
