"""A real process, killed without warning in the middle of many writes: every 2xx is in the database, once."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
from sqlalchemy import func, select

from services.complaints.tables import Report, ReportEvent
from services.kit.database import Database, open_engine
from services.kit.testing import GatewayIssuer

from .conftest import ROAD

_CLIENTS = 8
_KILL_AFTER = 150  # answered reports


@contextmanager
def running(folder: Path, database_url: str, jwks_url: str) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """Start the service as its own process on a free port; yield it and its address."""
    command = [sys.executable, "-m", "services.complaints", "--port", "0", "--data-dir", str(folder / "files")]
    command += ["--database-url", database_url, "--gateway-jwks-url", jwks_url]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    try:
        assert process.stdout is not None
        line = process.stdout.readline().decode()
        assert line.startswith("listening on "), line
        yield process, line.removeprefix("listening on ").strip()
    finally:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


async def send_until_killed(url: str, pid: int, answered: dict[str, str]) -> None:
    """Send reports over several connections, remember each 2xx, and kill the server in the middle."""

    async def send(client: httpx.AsyncClient, number: int) -> None:
        for turn in range(10_000):
            key = f"key-{number}-{turn}"
            try:
                answer = await client.post("/reports", json=ROAD, headers={"Idempotency-Key": key})
            except httpx.TransportError:
                return
            assert answer.status_code == 201
            answered[key] = answer.json()["ticket"]
            if len(answered) == _KILL_AFTER:
                os.kill(pid, signal.SIGKILL)

    async with httpx.AsyncClient(base_url=url, timeout=30, trust_env=False) as client:
        await asyncio.gather(*(send(client, number) for number in range(_CLIENTS)))


async def test_every_2xx_survives_kill_9_and_a_repeated_sending_makes_no_second_report(
    tmp_path: Path, database_url: str
) -> None:
    answered = dict[str, str]()
    with GatewayIssuer().serve() as jwks_url:
        with running(tmp_path, database_url, jwks_url) as (process, url):
            await send_until_killed(url, process.pid, answered)
        assert len(answered) >= _KILL_AFTER
        with running(tmp_path, database_url, jwks_url) as (_process, url):
            async with httpx.AsyncClient(base_url=url, timeout=30, trust_env=False) as client:
                for key, ticket in list(answered.items())[-20:]:
                    again = await client.post("/reports", json=ROAD, headers={"Idempotency-Key": key})
                    assert again.json()["ticket"] == ticket
                balance = (await client.get("/balance")).json()
    assert balance["closes"] is True
    database = Database(open_engine(database_url))
    kept = set(database.read_now(lambda session: session.scalars(select(Report.ticket)).all()))
    events = database.read_now(lambda session: session.scalar(select(func.count(ReportEvent.id))))
    await database.close()
    assert set(answered.values()) <= kept
    # What was not answered may be there too, but at most one sending of each connection was under way.
    assert len(answered) <= len(kept) <= len(answered) + _CLIENTS
    assert balance["received"] == len(kept) == events
