"""A real process, killed without warning in the middle of many writes: every 2xx is in the database, once."""

import asyncio
from pathlib import Path

import pytest

from services.kit.database import Database, open_engine
from services.kit.testing_conflicts import commits_held_back
from services.kit.testing_kill import survive_kills
from services.permits.case import fold
from services.permits.store import events_of
from services.permits.tests.conftest import City
from services.permits.tests.writes import WRITES


async def test_every_2xx_survives_kill_9_and_a_repeated_sending_makes_no_second_application(
    tmp_path: Path, database_url: str
) -> None:
    outcome = await survive_kills(WRITES, tmp_path, database_url, total=120)
    assert outcome.replayed
    database = Database(open_engine(database_url))
    events = database.read_now(lambda session: events_of(session, list(outcome.names.values())))
    database.engine.dispose()
    assert {fold(each).state for each in events.values()} == {"DRAF"}


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
async def test_citizens_who_apply_at_the_same_time_are_in_nobodys_way(city: City) -> None:
    async def apply(number: int) -> int:
        headers = {**WRITES.headers(city.issuer, number), "Idempotency-Key": f"write-{number}"}
        return (await city.client.post(WRITES.path, json=WRITES.body(number), headers=headers)).status_code

    with commits_held_back(8) as failures:
        assert set(await asyncio.gather(*map(apply, range(8)))) == {201}
    assert failures == []
