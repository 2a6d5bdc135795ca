"""The service as a process of its own, as it runs in the city."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[3]


@dataclass(frozen=True)
class Running:
    """A service process and where it listens."""

    process: subprocess.Popen[str]
    url: str
    database_url: str


@contextmanager
def running(folder: Path, *, before: Sequence[str] = ()) -> Iterator[Running]:
    """Start the service on a free port, with its state in `folder`; `before` is put in front of the command."""
    database_url = f"sqlite:///{folder}/112.sqlite3"
    command = [*before, sys.executable, "-m", "services.emergency", "--port", "0", "--data-dir", str(folder)]
    command += ["--database-url", database_url, "--gateway-jwks-url", "http://127.0.0.1:9/none"]
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        cwd=ROOT,
        start_new_session=True,  # a group of its own: what stands before the command ends together with it
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith("listening on "), line
        yield Running(process, line.removeprefix("listening on ").strip(), database_url)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        if process.stdout is not None:
            process.stdout.close()
