"""A 2xx means that the report is on disk: synced before the answer, there after kill -9, and once."""

import asyncio
import os
import re
import shutil
import signal
from pathlib import Path

import httpx
import pytest
from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from services.emergency.tables import Incident, IncidentEvent
from services.emergency.tests.conftest import FIRE, Centre
from services.emergency.tests.process import Running, running
from services.kit.database import Database, open_engine

_CLIENTS = 8
_KILL_AFTER = 400  # answered reports


async def send_until_killed(service: Running, answered: dict[str, str]) -> None:
    """Report over several connections, remember each 2xx, and kill the service in the middle."""

    async def send(client: httpx.AsyncClient, number: int) -> None:
        for turn in range(10_000):
            key = f"key-{number}-{turn}"
            body = {**FIRE, "callback": f"0812{number:04d}{turn:04d}"}
            try:
                answer = await client.post("/incidents", json=body, headers={"Idempotency-Key": key})
            except httpx.TransportError:
                return
            assert answer.status_code == 201
            answered[key] = answer.json()["id"]
            if len(answered) == _KILL_AFTER:
                os.kill(service.process.pid, signal.SIGKILL)

    async with httpx.AsyncClient(base_url=service.url, timeout=30, trust_env=False) as client:
        await asyncio.gather(*(send(client, number) for number in range(_CLIENTS)))


async def test_every_2xx_survives_kill_9_and_a_repeated_sending_makes_no_second_incident(tmp_path: Path) -> None:
    answered = dict[str, str]()
    with running(tmp_path) as service:
        await send_until_killed(service, answered)
    assert len(answered) >= _KILL_AFTER
    with running(tmp_path) as service:
        async with httpx.AsyncClient(base_url=service.url, timeout=30, trust_env=False) as client:
            for key, id in list(answered.items())[-20:]:
                number, turn = (int(part) for part in key.removeprefix("key-").split("-"))
                body = {**FIRE, "callback": f"0812{number:04d}{turn:04d}"}
                again = await client.post("/incidents", json=body, headers={"Idempotency-Key": key})
                assert again.json()["id"] == id
    database = Database(open_engine(service.database_url))
    kept = database.read_now(lambda session: list(session.scalars(select(Incident.id))))
    events = database.read_now(lambda session: session.scalar(select(func.count(IncidentEvent.id))) or 0)
    await database.close()
    assert set(answered.values()) <= set(kept)
    # What was not answered may be there too, but at most one sending of each connection was under way.
    assert len(answered) <= len(kept) == len(set(kept)) == events <= len(answered) + _CLIENTS


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_every_connection_that_writes_syncs_its_commits(centre: Centre) -> None:
    await centre.report()

    def settings(session: Session) -> tuple[object, object]:
        return session.scalar(text("PRAGMA synchronous")), session.scalar(text("PRAGMA journal_mode"))

    # FULL (2) in WAL mode: the log is synced before a commit returns, and the answer is made after that.
    assert await centre.service.database.write(settings) == (2, "wal")


async def test_the_log_is_synced_between_the_request_and_its_2xx(tmp_path: Path) -> None:
    """By a system-call trace where the machine has strace; by the order of commit and answer everywhere."""
    strace = shutil.which("strace")
    trace = tmp_path / "trace"
    watched = "trace=read,recvfrom,recvmsg,write,writev,sendto,sendmsg,fsync,fdatasync"
    before = [strace, "-f", "-y", "-s", "120", "-e", watched, "-o", str(trace)] if strace else []
    with running(tmp_path, before=before) as service:
        async with httpx.AsyncClient(base_url=service.url, timeout=60, trust_env=False) as client:
            for _ in range(3):
                assert (await client.post("/incidents", json=dict(FIRE))).status_code == 201
        # The service ends on it; strace goes on until then, and writes its last line.
        os.killpg(service.process.pid, signal.SIGTERM)
        service.process.wait()
    database = Database(open_engine(service.database_url))
    assert database.read_now(lambda session: session.scalar(select(func.count(Incident.serial)))) == 3
    await database.close()
    if strace:
        assert _story(trace.read_text(errors="replace")) == "request synced answer " * 3


def _story(trace: str) -> str:
    """Tell a trace in the words that matter: what came, when the log was synced, what went."""
    told = list[str]()
    for line in trace.splitlines():
        if "POST /incidents" in line and re.search(r"\b(read|recvfrom|recvmsg)\b", line):
            told.append("request")
        elif re.search(r"\b(fsync|fdatasync)\(\d+<[^>]*-wal>", line):
            told += ["synced"] if told[-1:] == ["request"] else []
        elif "HTTP/1.1 201" in line:
            told.append("answer")
    return "".join(f"{word} " for word in told)
