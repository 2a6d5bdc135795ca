"""kill -9 in the middle of 10,000 writes on each service and each database: `python -m tests.bench.durability`.

Every answered write must be in the database, exactly once, and every repeated sending must get the very same answer;
else this ends with what was lost (exit 1). PostgreSQL runs as the tests' own throw-away server. The short form of it
is `services/*/tests/test_durability.py`.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from services.complaints.tests.writes import WRITES as COMPLAINTS
from services.emergency.tests.writes import WRITES as EMERGENCY
from services.identity.tests.writes import WRITES as IDENTITY
from services.kit.testing_kill import Outcome, survive_kills
from services.kit.testing_postgres import running_postgres
from services.permits.tests.writes import WRITES as PERMITS

_SERVICES: Final = {"identity": IDENTITY, "permits": PERMITS, "complaints": COMPLAINTS, "emergency": EMERGENCY}
_DATABASES: Final = ("sqlite", "postgresql")


def main() -> int:
    """Run what was asked for and print a line for each; return the exit code."""
    told = _options()
    failures = 0
    for name in told.services:
        for kind in told.databases:
            with _database(kind) as (folder, url):
                began = time.monotonic()
                try:
                    outcome = asyncio.run(
                        survive_kills(_SERVICES[name], folder, url, total=told.writes, kills=told.kills, again=500)
                    )
                except AssertionError as exc:
                    failures += 1
                    print(f"{name:<11}{kind:<11} FAILED: {exc}", flush=True)
                    continue
                print(f"{name:<11}{kind:<11} {_told(outcome, time.monotonic() - began)}", flush=True)
    return 1 if failures else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.durability", description=__doc__)
    parser.add_argument("--writes", type=int, default=10_000)
    parser.add_argument("--kills", type=int, default=5, help="spread evenly over the writes")
    parser.add_argument("--services", nargs="*", choices=_SERVICES, default=list(_SERVICES))
    parser.add_argument("--databases", nargs="*", choices=_DATABASES, default=list(_DATABASES))
    return parser.parse_args()


@contextmanager
def _database(kind: str) -> Iterator[tuple[Path, str]]:
    with tempfile.TemporaryDirectory(prefix="durability-") as name:
        folder = Path(name)
        if kind == "sqlite":
            yield folder, f"sqlite:///{folder}/service.sqlite3"
            return
        with running_postgres() as server, server.database() as url:
            yield folder, url


def _told(outcome: Outcome, seconds: float) -> str:
    took = sorted(outcome.took)
    return (
        f"{len(outcome.names):,} writes, each there once; {outcome.kills} x kill -9, {outcome.resent:,} sent again "
        f"with the same key, {outcome.replayed:,} of them already answered, "
        f"{outcome.put_off} x 503; p50 {took[len(took) // 2] * 1000:.0f} ms, "
        f"p99 {took[len(took) * 99 // 100] * 1000:.0f} ms; {seconds:.0f} s"
    )


if __name__ == "__main__":
    sys.exit(main())
