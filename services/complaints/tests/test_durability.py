"""A real process, killed without warning in the middle of many writes: every 2xx is in the database, once."""

from pathlib import Path

import httpx

from services.complaints.tests.writes import WRITES
from services.kit.testing_kill import survive_kills

_REPORTS = 120


async def test_every_2xx_survives_kill_9_and_a_repeated_sending_makes_no_second_report(
    tmp_path: Path, database_url: str
) -> None:
    async def look_at_the_balance(client: httpx.AsyncClient) -> None:
        balance = (await client.get("/balance")).json()
        assert (balance["closes"], balance["received"]) == (True, _REPORTS)

    outcome = await survive_kills(WRITES, tmp_path, database_url, total=_REPORTS, afterwards=look_at_the_balance)
    assert outcome.replayed
