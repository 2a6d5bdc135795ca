"""Those who are measured: one running program each, alone on its processor, and what it has cost so far."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.bench.processes import (
    CPU_OF_THE_MEASURED,
    CPU_OF_THE_OTHERS,
    cpu_seconds,
    free_port,
    peak_bytes,
    pin,
    reset_peak,
    resident_bytes,
    tree,
)

__all__ = ["CPU_OF_THE_OTHERS", "Contender", "Site", "free_port", "pin"]

_UP_WITHIN_SECONDS: Final = 90.0  # forty thousand routes take a while


@dataclass(frozen=True, slots=True)
class Site:
    """Where a measurement takes place."""

    directory: Path
    agency_port: int
    issuer: str


class Contender:
    """One running program. `port` is where it takes requests."""

    def __init__(self, name: str, command: Sequence[str], port: int, *, cwd: Path) -> None:
        """Start `command` and wait until it takes connections; it writes what it has to say to a log in `cwd`."""
        self.name = name
        self.port = port
        self.directory = cwd
        self.log = cwd / f"{name.replace(' ', '-')}.log"
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(  # programs named in this folder
                command, stdout=log, stderr=subprocess.STDOUT, preexec_fn=lambda: pin(CPU_OF_THE_MEASURED)
            )
        self._await_port()

    def cpu_seconds(self) -> float:
        """User and system time of the whole process tree, by the kernel's accounting."""
        return cpu_seconds(tree(self._process.pid))

    def memory_bytes(self) -> int:
        """Resident memory of the whole process tree."""
        return resident_bytes(tree(self._process.pid))

    def reset_peak(self) -> None:
        """Let `peak_bytes` start again from what is resident now."""
        reset_peak(tree(self._process.pid))

    def peak_bytes(self) -> int:
        """Return the most memory of the whole process tree since `reset_peak`."""
        return peak_bytes(tree(self._process.pid))

    def end(self) -> None:
        """Stop it; by force when it does not stop in a few seconds. Done twice, nothing more happens."""
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _await_port(self) -> None:
        deadline = time.monotonic() + _UP_WITHIN_SECONDS
        while time.monotonic() < deadline and self._process.poll() is None:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.05)
        self.end()
        said = self.log.read_text(errors="replace").strip().splitlines()[-5:]
        raise RuntimeError("\n  ".join([f"{self.name} did not come up; it said:", *said]))
