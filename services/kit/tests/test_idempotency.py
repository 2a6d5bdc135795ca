import asyncio
import threading

import httpx
import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from services.kit.idempotency import Answer, Attempt, OnceOnly
from services.kit.problem import Problem
from services.kit.testing import problem_code

from .conftest import IDEMPOTENCY, Note, Notebook

KEY = {"Idempotency-Key": "8e03978e-40d5-43dd-bc93-6894a57f9324"}


async def post(notebook: Notebook, word: str = "halo", **headers: str) -> httpx.Response:
    return await notebook.client.post("/notes", json={"word": word}, headers={**KEY, **headers})


async def test_the_same_request_twice_happens_once_with_the_same_answer(notebook: Notebook) -> None:
    first, second = await post(notebook), await post(notebook)
    assert (first.status_code, first.content) == (second.status_code, second.content)
    assert second.headers["Location"] == first.headers["Location"]
    assert "Idempotency-Replayed" not in first.headers
    assert second.headers["Idempotency-Replayed"] == "true"
    assert await notebook.count() == 1


async def test_the_same_key_with_another_body_is_422(notebook: Notebook) -> None:
    await post(notebook)
    answer = await post(notebook, "lain")
    assert (answer.status_code, problem_code(answer)) == (422, "idempotency-key-reused")
    assert await notebook.count() == 1


async def test_two_citizens_may_use_the_same_key(notebook: Notebook) -> None:
    for sub in ("one", "two"):
        assert (await post(notebook, **notebook.issuer.headers(sub, "notes"))).status_code == 201
    assert await notebook.count() == 2


async def test_without_a_key_each_request_counts(notebook: Notebook) -> None:
    for _ in range(2):
        await notebook.client.post("/notes", json={"word": "halo"})
    assert await notebook.count() == 2


async def test_a_failed_creation_may_be_tried_again_with_its_key(notebook: Notebook) -> None:
    assert (await post(notebook, "gagal")).status_code == 500
    assert (await post(notebook, "halo")).status_code == 201


async def test_a_key_is_kept_a_day(notebook: Notebook) -> None:
    await post(notebook)
    notebook.issuer.now.advance(hours=24)
    assert "Idempotency-Replayed" in (await post(notebook)).headers
    notebook.issuer.now.advance(seconds=1)
    assert "Idempotency-Replayed" not in (await post(notebook)).headers
    assert await notebook.count() == 2


@pytest.mark.parametrize("key", ["", "a b", "x" * 256])
async def test_a_malformed_key_is_400(notebook: Notebook, key: str) -> None:
    answer = await notebook.client.post("/notes", json={"word": "x"}, headers={"Idempotency-Key": key})
    assert problem_code(answer) == "bad-idempotency-key"


async def test_the_table_reveals_neither_key_nor_caller_nor_answer(notebook: Notebook) -> None:
    await post(notebook, "rahasia", **notebook.issuer.headers("warga-1", "notes"))
    rows = await notebook.database.read(lambda session: session.execute(select(IDEMPOTENCY)).all())
    for secret in ("rahasia", "warga-1", KEY["Idempotency-Key"]):
        assert secret not in repr(rows)


@pytest.mark.parametrize(("wait", "second"), [(False, 409), (True, 201)])
async def test_a_request_that_overtakes_its_first_is_409_or_waits(notebook: Notebook, wait: bool, second: int) -> None:
    once, attempt = OnceOnly(IDEMPOTENCY, now=notebook.issuer.now), Attempt("slot", "print", b"k" * 32)
    begun, release = threading.Event(), threading.Event()

    def act(session: Session) -> Answer:
        begun.set()
        assert release.wait(timeout=20)
        session.add(Note(word="x", written_at=notebook.issuer.now()))
        return Answer(201, {})

    async def overtake() -> int:
        try:
            return (await once.write(notebook.database, attempt, act, wait=wait)).status
        except Problem as problem:
            return problem.status

    first = asyncio.create_task(once.write(notebook.database, attempt, act))
    assert await asyncio.to_thread(begun.wait, 20)
    overtaking = asyncio.create_task(overtake())
    await asyncio.wait({overtaking}, timeout=0)
    release.set()
    assert ((await first).status, await overtaking) == (201, second)
    assert await notebook.count() == 1
