"""A real process, killed without warning in the middle of many writes: every 2xx is in the database, once."""

import asyncio
from pathlib import Path

import httpx
import pytest

from services.identity.tests.conftest import PASSWORD, City
from services.identity.tests.writes import WRITES
from services.kit.testing_conflicts import commits_held_back
from services.kit.testing_kill import survive_kills


async def test_every_registration_that_was_confirmed_survives_kill_9_and_is_there_once(
    tmp_path: Path, database_url: str
) -> None:
    async def sign_in(client: httpx.AsyncClient) -> None:
        # It goes on by the keys and secrets of before.
        for number in (0, 60, 119):
            body = {"identifier": f"w{number}@example.test", "password": PASSWORD}
            assert (await client.post("/login", json=body)).status_code == 200

    outcome = await survive_kills(WRITES, tmp_path, database_url, total=120, afterwards=sign_in)
    assert outcome.replayed


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
async def test_people_who_register_at_the_same_time_are_in_nobodys_way(city: City) -> None:
    async def register(number: int) -> int:
        headers = {**WRITES.headers(city.issuer, number), "Idempotency-Key": f"write-{number}"}
        return (await city.client.post(WRITES.path, json=WRITES.body(number), headers=headers)).status_code

    # First the pace of each address is kept, then the account is made.
    with commits_held_back(8, rounds=2) as failures:
        assert set(await asyncio.gather(*map(register, range(8)))) == {201}
    assert failures == []
