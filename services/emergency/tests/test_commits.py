"""Reports that arrive together share one sync, and none is harmed by another."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import event, text
from sqlalchemy.orm import Session

from services.emergency.commits import SharedCommits
from services.kit.database import Database, open_engine


@pytest.fixture
async def database(empty_database_url: str) -> AsyncIterator[Database]:
    database = Database(open_engine(empty_database_url))
    await database.write(lambda session: session.execute(text("CREATE TABLE t (n INTEGER PRIMARY KEY)")))
    yield database
    await database.close()


class Adding:
    """A write that inserts one number and returns it."""

    def __init__(self, number: int) -> None:
        self._number = number

    def __call__(self, session: Session) -> int:
        session.execute(text("INSERT INTO t VALUES (:n)"), {"n": self._number})
        if self._number < 0:
            raise ValueError(self._number)
        return self._number


async def stored(database: Database) -> list[int]:
    return await database.read(lambda session: list(session.scalars(text("SELECT n FROM t ORDER BY n"))))


async def test_each_caller_gets_its_own_result_and_many_share_a_commit(database: Database) -> None:
    commits, counted = SharedCommits(database), list[object]()
    event.listen(database.engine, "commit", counted.append)
    results = await asyncio.gather(*(commits.write(Adding(number)) for number in range(100)))
    assert results == list(range(100))
    assert await stored(database) == list(range(100))
    assert len(counted) < 10


async def test_one_that_fails_leaves_nothing_and_harms_no_other(database: Database) -> None:
    commits = SharedCommits(database)
    writes = (commits.write(Adding(number)) for number in (1, 2, -3, 4))
    results = await asyncio.gather(*writes, return_exceptions=True)
    assert [result for result in results if not isinstance(result, BaseException)] == [1, 2, 4]
    assert isinstance(results[2], ValueError)
    assert await stored(database) == [1, 2, 4]


async def test_what_was_begun_is_written_though_its_caller_has_gone(database: Database) -> None:
    commits = SharedCommits(database)
    gone, failed = asyncio.create_task(commits.write(Adding(1))), asyncio.create_task(commits.write(Adding(-1)))
    await asyncio.sleep(0)
    gone.cancel()
    failed.cancel()
    await asyncio.gather(gone, failed, return_exceptions=True)
    assert await commits.write(Adding(2)) == 2
    assert await stored(database) == [1, 2]


async def test_after_a_failure_the_next_write_starts_anew(database: Database) -> None:
    commits = SharedCommits(database)
    with pytest.raises(ValueError, match="-1"):
        await commits.write(Adding(-1))
    assert await commits.write(Adding(5)) == 5
