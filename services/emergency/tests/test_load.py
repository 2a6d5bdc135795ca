"""Fifty reports a second, sustained, on SQLite: all stored, none slow. The figures are printed (`pytest -s`)."""

import asyncio
import time
from pathlib import Path

import httpx
from sqlalchemy import func, select

from services.emergency.tables import Incident
from services.emergency.tests.conftest import FIRE
from services.emergency.tests.process import running
from services.kit.database import Database, open_engine

_PER_SECOND = 50
_SECONDS = 4


async def test_fifty_reports_a_second_are_all_stored(tmp_path: Path) -> None:
    took = list[float]()

    async def send(client: httpx.AsyncClient, number: int, begun: float) -> None:
        await asyncio.sleep(begun + number / _PER_SECOND - time.monotonic())
        sent = time.monotonic()
        # A flood hour: everybody reports the same few places, so that groups are long.
        place = {"lat": -6.168 + number % 5 * 0.01, "callback": f"0812{number:07d}"}
        answer = await client.post("/incidents", json={**FIRE, "kind": "flood", **place})
        assert answer.status_code == 201
        took.append(time.monotonic() - sent)

    with running(tmp_path) as service:
        async with httpx.AsyncClient(base_url=service.url, timeout=30, trust_env=False) as client:
            begun = time.monotonic()
            await asyncio.gather(*(send(client, number, begun) for number in range(_PER_SECOND * _SECONDS)))
            lasted = time.monotonic() - begun
    database = Database(open_engine(service.database_url))
    stored = database.read_now(lambda session: session.scalar(select(func.count(Incident.serial))))
    await database.close()
    assert stored == len(took) == _PER_SECOND * _SECONDS
    took.sort()
    print(
        f"\n112: {stored} reports in {lasted:.1f} s, {stored / lasted:.0f}/s, "
        f"p50 {took[len(took) // 2] * 1000:.0f} ms, p99 {took[len(took) * 99 // 100] * 1000:.0f} ms, "
        f"slowest {took[-1] * 1000:.0f} ms, none lost"
    )
