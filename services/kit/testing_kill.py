"""For the services' tests: kill -9 in the middle of many writes, and afterwards every 2xx is in the database, once.

A real process is written to over several connections and killed when enough was answered; then it is started anew on
the same database and goes on. Whoever had no answer asks again with the same Idempotency-Key, as phones do, and so
does whoever had one: that must be given the very same answer.
"""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy import Select

from services.kit.clock import utc_now
from services.kit.database import Database, open_engine
from services.kit.testing import ISSUER, GatewayIssuer, ManualNow

ROOT = Path(__file__).parents[2]
_CLIENTS = 8
_TRIES = 20
_PATIENCE_SECONDS = 60.0  # against a hang; nothing is measured by it


class RealNow(ManualNow):
    """The real clock, which processes go by."""

    def __call__(self) -> datetime:
        return utc_now()


@dataclass(frozen=True, slots=True)
class Writes:
    """What is written to a service, by its number, and how the database is asked for it afterwards."""

    module: str  # run as `python -m`
    path: str
    body: Callable[[int], Mapping[str, Any]]  # Any: JSON
    headers: Callable[[GatewayIssuer, int], Mapping[str, str]]
    name: str  # the field of the answer that tells what was made
    kept: Select[str]  # the names of all that was made, as many times as they are there
    told: Select[str]  # the same by their events


@dataclass(slots=True)
class Outcome:
    """What was seen: `names` of what was answered, by number; seconds that each first answer took."""

    names: dict[int, str] = field(default_factory=dict)
    took: list[float] = field(default_factory=list)
    kills: int = 0
    resent: int = 0  # sent again with the same key after a restart
    put_off: int = 0  # answered 503 first: the database was too busy
    replayed: int = 0  # of these, had an answer before and got the same again


@contextmanager
def process_of(writes: Writes, folder: Path, database_url: str, jwks_url: str) -> Iterator[tuple[int, str]]:
    """Run the service on a free port; yield its process id and address, and kill it in the end."""
    command = [sys.executable, "-m", writes.module, "--port", "0", "--data-dir", str(folder / "files")]
    command += ["--database-url", database_url, "--gateway-issuer", ISSUER, "--gateway-jwks-url", jwks_url]
    with (folder / "log").open("a") as log:
        process = subprocess.Popen(  # noqa: S603 - our own words
            command, stdout=subprocess.PIPE, stderr=log, text=True, cwd=ROOT
        )
        assert process.stdout is not None
        try:
            line = process.stdout.readline()
            assert line.startswith("listening on "), (folder / "log").read_text()
            yield process.pid, line.removeprefix("listening on ").strip()
        finally:
            process.kill()
            process.wait()
            process.stdout.close()


class _Trial:
    def __init__(self, writes: Writes, issuer: GatewayIssuer, total: int, kills: int) -> None:
        self._writes = writes
        self._issuer = issuer
        self._kill_at = deque(total * (turn + 1) // (kills + 1) for turn in range(kills))
        self._waiting = deque(range(total))
        self._unanswered = list[int]()
        self.outcome = Outcome()

    def is_done(self) -> bool:
        """Tell whether everything was written and answered, and every kill has been."""
        return not self._kill_at and not self._waiting and not self._unanswered

    async def run(self, pid: int, url: str, *, again: int) -> None:
        """Write until the service is killed or everything is answered; before that, ask again."""
        limits = httpx.Limits(max_connections=_CLIENTS)
        async with httpx.AsyncClient(base_url=url, timeout=_PATIENCE_SECONDS, limits=limits, trust_env=False) as client:
            if self.outcome.kills:
                await self._ask_again(client, again)
            await asyncio.gather(*(self._send_all(client, pid) for _ in range(_CLIENTS)))

    async def _send_all(self, client: httpx.AsyncClient, pid: int) -> None:
        while self._waiting:
            number = self._waiting.popleft()
            began = time.monotonic()
            try:
                self.outcome.names[number] = await self._send(client, number)
            except httpx.TransportError:
                self._unanswered.append(number)
                return
            self.outcome.took.append(time.monotonic() - began)
            if self._kill_at and len(self.outcome.names) >= self._kill_at[0]:
                self._kill_at.popleft()
                self.outcome.kills += 1
                os.kill(pid, signal.SIGKILL)

    async def _ask_again(self, client: httpx.AsyncClient, again: int) -> None:
        for number in list(self.outcome.names)[-again:]:
            assert await self._send(client, number) == self.outcome.names[number], f"another answer to write {number}"
            self.outcome.replayed += 1
            self.outcome.resent += 1
        while self._unanswered:
            number = self._unanswered.pop()
            self.outcome.names[number] = await self._send(client, number)
            self.outcome.resent += 1

    async def _send(self, client: httpx.AsyncClient, number: int) -> str:
        headers = {**self._writes.headers(self._issuer, number), "Idempotency-Key": f"write-{number}"}
        for _ in range(_TRIES):
            answer = await client.post(self._writes.path, json=self._writes.body(number), headers=headers)
            if answer.status_code != 503:
                break
            self.outcome.put_off += 1  # no 2xx, so nothing was promised; the same key asks again
        assert answer.status_code == 201, answer.text
        name: str = answer.json()[self._writes.name]
        return name


async def survive_kills(
    writes: Writes,
    folder: Path,
    database_url: str,
    *,
    total: int,
    kills: int = 1,
    again: int = 20,
    afterwards: Callable[[httpx.AsyncClient], Awaitable[None]] | None = None,
) -> Outcome:
    """Write `total` times and kill the service `kills` times meanwhile; raise if anything is lost or there twice.

    After each restart the last `again` answered writes are sent once more. `afterwards` may ask the service that stands
    in the end, with everything answered.
    """
    issuer = GatewayIssuer(RealNow())
    trial = _Trial(writes, issuer, total, kills)
    with issuer.serve() as jwks_url:
        while not trial.is_done():
            with process_of(writes, folder, database_url, jwks_url) as (pid, url):
                await trial.run(pid, url, again=again)
                if afterwards is not None and trial.is_done():
                    async with httpx.AsyncClient(base_url=url, timeout=_PATIENCE_SECONDS, trust_env=False) as client:
                        await afterwards(client)
    _check(writes, database_url, trial.outcome, total)
    return trial.outcome


def _check(writes: Writes, database_url: str, outcome: Outcome, total: int) -> None:
    database = Database(open_engine(database_url))
    kept = database.read_now(lambda session: list(session.scalars(writes.kept)))
    told = database.read_now(lambda session: set(session.scalars(writes.told)))
    database.engine.dispose()
    answered = set(outcome.names.values())
    assert len(answered) == len(outcome.names) == total, "two writes were given the same answer"
    assert answered <= set(kept), f"lost: {answered - set(kept)}"
    assert len(kept) == total, f"there twice, or unasked: {len(kept) - total}"
    assert told == answered, "something is there without what happened to it"
