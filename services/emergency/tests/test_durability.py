"""A 2xx means that the report is on disk: synced before the answer, there after kill -9, and once."""

import os
import re
import shutil
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from services.conftest import UNPROVED
from services.emergency.tables import Incident
from services.emergency.tests.conftest import FIRE, Centre
from services.emergency.tests.process import running
from services.emergency.tests.writes import WRITES
from services.kit.database import Database, open_engine
from services.kit.testing_kill import survive_kills


async def test_every_2xx_survives_kill_9_and_a_repeated_sending_makes_no_second_incident(
    tmp_path: Path, database_url: str
) -> None:
    outcome = await survive_kills(WRITES, tmp_path, database_url, total=200)
    assert outcome.replayed


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_every_connection_that_writes_syncs_its_commits(centre: Centre) -> None:
    await centre.report()

    def settings(session: Session) -> tuple[object, object]:
        return session.scalar(text("PRAGMA synchronous")), session.scalar(text("PRAGMA journal_mode"))

    # FULL (2) in WAL mode: the log is synced before a commit returns, and the answer is made after that.
    assert await centre.service.database.write(settings) == (2, "wal")


async def test_the_log_is_synced_between_the_request_and_its_2xx(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    """By a system-call trace; where none can be taken, the end of the test run says so, and what to do about it."""
    trace = tmp_path / "trace"
    before, hindrance = _tracing(trace)
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
    if hindrance:
        record_property(UNPROVED, f"that 112 syncs its log before a 2xx, by a system-call trace: {hindrance}")
    else:
        assert _story(trace.read_text(errors="replace")) == "request synced answer " * 3


def _tracing(trace: Path) -> tuple[list[str], str]:
    """Return what to put before a command to have it traced, or why that cannot be and what to do."""
    strace = shutil.which("strace")
    if strace is None:
        return [], "strace is not installed; run .ci/servers.sh as root, or apt-get install strace"
    tried = subprocess.run([strace, "-f", "-o", "/dev/null", "true"], capture_output=True, text=True, check=False)
    if tried.returncode:
        said = (tried.stderr.strip().splitlines() or ["strace does not run"])[0]
        return [], f"{said}; allow ptrace (docker run --cap-add=SYS_PTRACE, or sysctl kernel.yama.ptrace_scope=1)"
    watched = "trace=read,recvfrom,recvmsg,write,writev,sendto,sendmsg,fsync,fdatasync"
    return [strace, "-f", "-y", "-s", "120", "-e", watched, "-o", str(trace)], ""


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
