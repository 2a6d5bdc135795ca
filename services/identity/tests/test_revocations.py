"""Tokens called back reach whoever follows the list, at once and all of them."""

import asyncio
from typing import Any

import pytest
from sqlalchemy.orm import Session

from services.identity.revocations import revoke_session
from services.identity.tests.conftest import BUDI, City
from services.kit.database import Database, open_engine
from services.kit.testing import problem_code


async def feed(city: City, after: int = 0, wait: float = 0) -> dict[str, Any]:
    answer = await city.client.get("/.well-known/revocations", params={"after": after, "wait": wait})
    assert answer.headers["cache-control"] == "no-store"
    page: dict[str, Any] = answer.json()
    return page


async def test_a_logout_is_told_to_who_waits(city: City) -> None:
    phone = await city.newcomer(**BUDI)
    seen = (await feed(city))["next"]
    waiting = asyncio.create_task(feed(city, seen, wait=30))
    while not city.service.feed._waiting:
        await asyncio.sleep(0)
    await phone.post("/logout")
    page = await waiting
    expires_at = int(city.now().timestamp()) + 901
    assert page == {"next": seen + 1, "revocations": [{"sid": phone.claims["sid"], "expires_at": expires_at}]}


async def test_what_another_process_revokes_is_told_too(city: City) -> None:
    waiting = asyncio.create_task(feed(city, 0, wait=30))
    while not city.service.feed._waiting:
        await asyncio.sleep(0)
    other = Database(open_engine(city.settings.database_url))
    await other.write(lambda session: revoke_session(session, city.service.means.policy, city.now(), "elsewhere"))
    assert [entry["sid"] for entry in (await waiting)["revocations"]] == ["elsewhere"]
    await other.close()


async def test_with_news_at_hand_or_nothing_to_wait_for_it_answers_at_once(city: City) -> None:
    phone = await city.newcomer(**BUDI)
    assert await feed(city) == {"next": 0, "revocations": []}
    await phone.post("/logout")
    assert len((await feed(city, 0, wait=30))["revocations"]) == 1
    assert await feed(city, 1) == {"next": 1, "revocations": []}


async def test_a_number_from_a_lost_database_is_answered_at_once_with_ours(city: City) -> None:
    assert await feed(city, 999, wait=30) == {"next": 0, "revocations": []}


async def test_what_is_over_is_not_told_and_numbers_go_on(city: City) -> None:
    await city.register(**BUDI)
    first = await city.login(BUDI["email"])
    await first.post("/logout")
    city.now.advance(seconds=902)
    assert await feed(city) == {"next": 1, "revocations": []}
    second = await city.login(BUDI["email"])
    await second.post("/logout")
    page = await feed(city)
    assert (page["next"], [entry["sid"] for entry in page["revocations"]]) == (2, [second.claims["sid"]])


async def test_many_revocations_at_once_are_all_told_in_order(city: City) -> None:
    def many(session: Session, start: int) -> None:
        for n in range(10):
            revoke_session(session, city.service.means.policy, city.now(), f"s{start + n}")

    await asyncio.gather(*(city.service.database.write(lambda s, n=n: many(s, n * 10)) for n in range(10)))  # type: ignore[misc]
    page = await feed(city)
    assert page["next"] == 100
    assert {entry["sid"] for entry in page["revocations"]} == {f"s{n}" for n in range(100)}


async def test_who_waits_is_answered_when_the_server_is_told_to_end(city: City) -> None:
    waiting = asyncio.create_task(feed(city, 0, wait=30))
    while not city.service.feed._waiting:
        await asyncio.sleep(0)
    await city.service.feed.close()
    assert await waiting == {"next": 0, "revocations": []}


@pytest.mark.parametrize(
    "query", ["after=-1", "after=x", "wait=31", "wait=nan", "wait=-1", "since=0", "after=1&after=2"]
)
async def test_a_question_that_makes_no_sense_is_refused(city: City, query: str) -> None:
    answer = await city.client.get(f"/.well-known/revocations?{query}")
    assert answer.status_code == 400
    problem_code(answer)
