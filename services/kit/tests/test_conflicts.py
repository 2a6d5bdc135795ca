"""Writes side by side on PostgreSQL: which disturb each other, and what becomes of the one that lost."""

import asyncio
import threading

import pytest
from sqlalchemy import func, select
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.orm import Session

from services.kit.database import Database, open_engine
from services.kit.idempotency import Answer, Attempt, OnceOnly
from services.kit.sweeping import sweep
from services.kit.testing_conflicts import commits_held_back
from services.kit.turns import Turns

from .conftest import IDEMPOTENCY, Note, Notebook

POSTGRESQL = pytest.mark.parametrize("empty_database_url", ["postgresql"], indirect=True)
WRITES = 8  # as many as one process does at a time


def attempt(number: int) -> Attempt:
    return Attempt(f"slot-{number}", "print", b"k" * 32)


@POSTGRESQL
async def test_independent_writes_on_a_snapshot_never_run_again(notebook: Notebook) -> None:
    once = OnceOnly(IDEMPOTENCY, now=notebook.issuer.now)

    def act(session: Session) -> Answer:
        session.add(Note(word="x", written_at=notebook.issuer.now()))
        session.flush()
        return Answer(201, {})

    with commits_held_back(WRITES) as failures:
        await asyncio.gather(*(once.write(notebook.database, attempt(n), act, on_snapshot=True) for n in range(WRITES)))
    assert failures == []
    assert await notebook.count() == WRITES


@POSTGRESQL
@pytest.mark.parametrize("on_snapshot", [False, True])
async def test_two_processes_given_the_same_key_at_once_do_it_once(notebook: Notebook, on_snapshot: bool) -> None:
    other = Database(open_engine(str(notebook.database.engine.url)))

    def act(session: Session) -> Answer:
        session.add(note := Note(word="x", written_at=notebook.issuer.now()))
        session.flush()
        return Answer(201, {"id": note.id})

    # Neither sees the other's record: each has looked for one before any is committed.
    both_looked = threading.Barrier(2)
    looks = iter(range(2))

    def act_after_both_looked(session: Session) -> Answer:
        if next(looks, None) is not None:
            both_looked.wait(30)
        return act(session)

    answers = await asyncio.gather(
        *(
            OnceOnly(IDEMPOTENCY, now=notebook.issuer.now).write(
                database, attempt(1), act_after_both_looked, on_snapshot=on_snapshot
            )
            for database in (notebook.database, other)
        )
    )
    await other.close()
    assert answers[0].body == answers[1].body
    assert sorted("Idempotency-Replayed" in answer.headers for answer in answers) == [False, True]
    assert await notebook.count() == 1


@POSTGRESQL
async def test_a_constraint_that_a_write_breaks_by_itself_is_told_on_a_snapshot_too(notebook: Notebook) -> None:
    def act(session: Session) -> None:
        session.add_all([Note(id=1, word="x", written_at=notebook.issuer.now()) for _ in range(2)])

    with pytest.raises(IntegrityError):
        await notebook.database.write(act, on_snapshot=True)


class Conflict(Exception):
    sqlstate = "40001"


@POSTGRESQL
async def test_a_write_that_lost_again_and_again_has_the_database_for_itself(notebook: Notebook) -> None:
    losses = iter(range(4))
    order = list[str]()

    def other() -> None:
        notebook.database.write_now(lambda _session: order.append("other"))

    def unlucky(_session: Session) -> threading.Thread:
        if next(losses, None) is not None:
            raise DBAPIError("", None, Conflict())
        thread = threading.Thread(target=other)
        thread.start()
        thread.join(0.1)  # it would be long done by then, were it let in
        order.append("unlucky")
        return thread

    thread = await notebook.database.write(unlucky)
    thread.join(30)
    assert order == ["unlucky", "other"]


def test_whoever_is_alone_waits_for_those_inside_and_keeps_out_those_who_come() -> None:
    turns, order = Turns(), list[str]()
    inside, leave, alone_asked = threading.Event(), threading.Event(), threading.Event()

    def first() -> None:
        with turns.together():
            inside.set()
            assert leave.wait(30)
            order.append("first")

    def alone() -> None:
        alone_asked.set()
        with turns.alone():
            order.append("alone")

    threads = [threading.Thread(target=first), threading.Thread(target=alone)]
    threads[0].start()
    assert inside.wait(30)
    threads[1].start()
    assert alone_asked.wait(30)
    leave.set()
    for thread in threads:
        thread.join(30)
    assert order == ["first", "alone"]


async def test_old_keys_are_swept_away_and_those_of_the_day_stay(notebook: Notebook) -> None:
    once = OnceOnly(IDEMPOTENCY, now=notebook.issuer.now)
    for number in range(3):
        await once.write(notebook.database, attempt(number), lambda _session: Answer(201, {}))
        notebook.issuer.now.advance(hours=12)
    notebook.issuer.now.advance(seconds=1)
    assert await sweep(notebook.database, once.leftovers) == 2
    left = await notebook.database.read(lambda session: session.scalar(select(func.count()).select_from(IDEMPOTENCY)))
    assert left == 1
