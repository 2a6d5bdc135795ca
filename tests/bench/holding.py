"""Holds connections from a process of their own, for as long as a measurement looks at who is held."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Literal

from tests.bench.driver import ROOT
from tests.bench.processes import CPU_OF_THE_OTHERS, pin

Kind = Literal["idle", "idle-tls", "slow"]


class Holding:
    """Connections that stand while this is entered. `held` tells how many; after `end`, `kept` how many were left."""

    def __init__(self, kind: Kind, port: int, connections: int, request: str, directory: Path) -> None:
        self._file = directory / "held-request"
        self._file.write_text(request)
        self._arguments = [kind, str(port), str(connections), str(self._file)]
        self.held = 0

    def __enter__(self) -> Holding:
        self._process = subprocess.Popen(  # our own program
            [sys.executable, "-m", "tests.bench.hold", *self._arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            preexec_fn=lambda: pin(CPU_OF_THE_OTHERS),
        )
        assert self._process.stdout is not None
        self.held = int(self._process.stdout.readline() or 0)
        return self

    def end(self) -> int:
        """Let go; return how many connections the other side still kept open."""
        said, _ = self._process.communicate()
        return int(said or 0)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.communicate()
