"""Many reports, one sync: what arrives while the disk is busy is committed together by the next transaction.

Each caller still gets an answer only after its own report is on disk. A report that raises harms no other: then each
of its companions is written by itself.
"""

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

from sqlalchemy.orm import Session

from services.kit.database import Database

Result = TypeVar("Result")

_MOST_AT_ONCE = 32  # bounds how long the first of a batch waits for the last

_Act = Callable[[Session], Any]  # Any: each caller's own result
_Waiting = tuple[_Act, "asyncio.Future[Any]"]


class SharedCommits:
    """Runs writes in shared transactions, in the order in which they came."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._queue: list[_Waiting] = []
        self._writer: asyncio.Task[None] | None = None

    async def write(self, act: Callable[[Session], Result]) -> Result:
        """Run `act`; when this returns, the change is on disk. `act` may be run again: it only does database work."""
        future: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._queue.append((act, future))
        if self._writer is None:
            self._writer = asyncio.create_task(self._write_all())
        # Once begun it is finished, even if the caller has gone.
        return await asyncio.shield(future)

    async def _write_all(self) -> None:
        try:
            while self._queue:
                batch, self._queue = self._queue[:_MOST_AT_ONCE], self._queue[_MOST_AT_ONCE:]
                await self._write_batch(batch)
        finally:
            self._writer = None

    async def _write_batch(self, batch: list[_Waiting]) -> None:
        try:
            results = await self._database.write(lambda session: [act(session) for act, _future in batch])
        except Exception as exc:
            if len(batch) == 1:
                _fail(batch[0][1], exc)
                return
            for waiting in batch:
                await self._write_batch([waiting])
            return
        for (_act, future), result in zip(batch, results, strict=True):
            if not future.done():
                future.set_result(result)


def _fail(future: "asyncio.Future[Any]", exc: Exception) -> None:
    if not future.done():
        future.set_exception(exc)
        future.exception()  # read, so that a caller who has gone leaves no complaint behind
