"""The watch looks at start and ever again, whatever goes wrong in between, and ends with its service."""

import asyncio
import io
from pathlib import Path

import pytest

from services.complaints.clocks import DEFAULT_CLOCKS, agenda, load_clocks
from services.complaints.ledger import Ledger
from services.complaints.life import Actor, Happening
from services.complaints.machine import Event, fold
from services.complaints.watch import Watch
from services.kit.database import Database, open_engine
from services.kit.logs import make_logger
from services.kit.problem import unavailable
from services.kit.testing import START, ManualNow
from services.kit.workdays import load_calendar

from .conftest import Laksa
from .test_data_files import changed


async def test_the_watch_goes_on_when_the_database_was_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log, is_back = io.StringIO(), asyncio.Event()
    faults = [unavailable("database-unavailable"), RuntimeError("torn")]
    found = [2]
    database = Database(open_engine(f"sqlite:///{tmp_path}/x.sqlite3"))

    async def write(_act: object) -> int:
        if faults:
            raise faults.pop(0)
        if found:
            return found.pop()
        is_back.set()
        return 0

    monkeypatch.setattr(database, "write", write)
    ledger = Ledger(load_clocks(load_calendar()), ManualNow())
    watch = Watch(database, ledger, every_seconds=0.001, log=make_logger("complaints", log))
    async with watch.running():
        await asyncio.wait_for(is_back.wait(), 10)
    await database.close()
    assert '"code": "database-unavailable"' in log.getvalue()
    assert "torn" in log.getvalue()
    assert '"reports": 2' in log.getvalue()


def test_a_promise_too_short_for_a_warning_is_only_recorded(tmp_path: Path) -> None:
    path = changed(DEFAULT_CLOCKS, tmp_path, "warn_before: 1\n", "warn_before: 9\n")
    clocks = load_clocks(load_calendar(), path)
    events = [Event(Happening.RECEIVED, Actor.REPORTER, START, {"handling": "normative"})]
    dues = agenda(clocks, events, fold(events))
    assert [(due.kind, due.detail["clock"]) for due in dues if due.detail["clock"] == "verification"] == [
        (Happening.CLOCK_OVERDUE, "verification")
    ]


async def test_a_clock_that_was_set_back_turns_no_report_back(laksa: Laksa) -> None:
    ticket = (await laksa.report())["ticket"]
    laksa.issuer.now.advance(hours=-1)
    view = await laksa.say(ticket, "replies", message="Masih ada.")
    assert [event["at"] for event in view["history"]] == ["2026-11-24T09:00:00+07:00"] * 2
