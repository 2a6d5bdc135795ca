"""Runs loads in a process of their own, on the processor that is not measured."""

from __future__ import annotations

import select
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Final

from tests.bench.loads import Workload
from tests.bench.plan import Plan, Seen
from tests.bench.processes import CPU_OF_THE_OTHERS, pin

ROOT: Final = Path(__file__).resolve().parents[2]
_PATIENCE_SECONDS: Final = 60.0  # beyond the time that a plan itself takes


class LoadFailed(Exception):
    """The load's process ended or said nothing in time."""


class Driver:
    """One process that carries out plans, one after the other; started once, for Python takes a while to start."""

    def __enter__(self) -> Driver:
        self._process = subprocess.Popen(  # our own program
            [sys.executable, "-m", "tests.bench.load"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            preexec_fn=lambda: pin(CPU_OF_THE_OTHERS),
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.communicate()

    def run(self, plan: Plan) -> Seen:
        """Carry out a plan and return what was seen."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(plan.to_json() + "\n")
        self._process.stdin.flush()
        ready, _, _ = select.select([self._process.stdout], [], [], plan.seconds + _PATIENCE_SECONDS)
        line = self._process.stdout.readline() if ready else ""
        if not line:
            raise LoadFailed(f"the load for port {plan.port} ended without a word")
        return Seen.from_json(line)


def plan_of(load: Workload, port: int, seconds: float, rate: float = 0.0) -> Plan:
    """Return the plan of a load against a port."""
    return Plan(
        port=port,
        requests=load.requests,
        connections=load.connections,
        seconds=seconds,
        rate=rate,
        fresh=load.fresh,
        tls=load.tls,
        websocket=load.websocket,
    )
