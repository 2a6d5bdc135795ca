"""Who waits for an incident or the board to change, and is woken when it does.

A change made by this process wakes at once. One made by another process on the same database is noticed by `following`
within a second; the waiting reader always looks at the database again, so a wake-up carries no news by itself.
"""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import TypeVar

from sqlalchemy import func, select
from sqlalchemy.orm import Session
from structlog.typing import FilteringBoundLogger

from services.emergency.tables import IncidentEvent
from services.kit.database import Database
from services.kit.problem import Problem

BOARD = 0  # no incident has this serial

_LOOK_EVERY_SECONDS = 1.0
Value = TypeVar("Value")


class Changes:
    """The listeners of this process, by the incident's serial."""

    def __init__(self) -> None:
        self._listeners: dict[int, set[asyncio.Event]] = defaultdict(set)
        self._is_closing = False

    def announce(self, serials: Iterable[int]) -> None:
        """Wake whoever waits for these incidents, and for the board."""
        for serial in {*serials, BOARD}:
            for event in self._listeners.get(serial, ()):
                event.set()

    async def close(self) -> None:
        """Answer every waiting request now, and let none wait any more: the process is ending."""
        self._is_closing = True
        for listeners in self._listeners.values():
            for event in listeners:
                event.set()

    async def wait_for(
        self,
        serials: Collection[int],
        read: Callable[[], Awaitable[Value]],
        *,
        is_news: Callable[[Value], bool],
        seconds: float,
        look_again_in: Callable[[Value], float | None] = lambda _value: None,
    ) -> Value:
        """Read until it is news or the time is up; `look_again_in` is when time alone will make it news."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        with self._listening(serials) as woken:
            while True:
                woken.clear()
                value = await read()
                left = deadline - loop.time()
                if is_news(value) or left <= 0 or self._is_closing:
                    return value
                sooner = look_again_in(value)
                with suppress(TimeoutError):
                    async with asyncio.timeout(left if sooner is None else min(left, max(0.01, sooner))):
                        await woken.wait()

    @contextmanager
    def _listening(self, serials: Collection[int]) -> Iterator[asyncio.Event]:
        event = asyncio.Event()
        for serial in serials:
            self._listeners[serial].add(event)
        try:
            yield event
        finally:
            for serial in serials:
                self._listeners[serial].discard(event)
                if not self._listeners[serial]:
                    del self._listeners[serial]

    @property
    def is_anybody_waiting(self) -> bool:
        return bool(self._listeners)


class Follower:
    """Looks for events that other processes wrote, and announces them here."""

    def __init__(self, database: Database, changes: Changes, log: FilteringBoundLogger) -> None:
        self._database = database
        self._changes = changes
        self._log = log
        self._seen = 0

    @asynccontextmanager
    async def following(self) -> AsyncIterator[None]:
        """Look once a second while somebody waits."""
        task = asyncio.create_task(self._run())
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def look(self) -> None:
        """Announce what is new since the last look."""
        serials, self._seen = await self._database.read(self._news)
        if serials:
            self._changes.announce(serials)

    def _news(self, session: Session) -> tuple[list[int], int]:
        newest = session.scalar(select(func.max(IncidentEvent.id))) or 0
        fresh = select(IncidentEvent.serial).where(IncidentEvent.id > self._seen).limit(10_000)
        return (list(session.scalars(fresh.distinct())) if newest > self._seen else []), newest

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(_LOOK_EVERY_SECONDS)
            if self._changes.is_anybody_waiting:
                try:
                    await self.look()
                except Problem as problem:
                    self._log.warning("cannot look for changes", code=problem.code)
