"""The whole demo as processes of its own, on free ports and in a folder of its own: what `make demo` starts."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from services.demo.plan import DEFAULT_PORTS, SERVICES, Plan, make_plan

_ROOT = Path(__file__).resolve().parents[2]


@dataclass(slots=True)
class Demo:
    """A running demo. `restarted` are services that a test ended and started again."""

    plan: Plan
    facts: dict[str, Any]
    client: httpx.Client
    restarted: dict[str, subprocess.Popen[bytes]]

    @property
    def pids(self) -> dict[str, int]:
        noted: dict[str, int] = json.loads((self.plan.directory / "pids.json").read_text())["programs"]
        return noted | {name: process.pid for name, process in self.restarted.items()}

    def sign_in(self, number: int = 0) -> dict[str, str]:
        """Return the header of an account, signed in just now."""
        account = self.facts["accounts"][number]
        body = {"identifier": account["identifier"], "password": account["password"]}
        answer = self.client.post("/v1/identity/login", json=body)
        assert answer.status_code == 200, answer.text
        return {"authorization": f"Bearer {answer.json()['access_token']}"}

    def signal(self, service: str, number: signal.Signals) -> None:
        os.kill(self.pids[service], number)

    def start(self, service: str) -> None:
        """Start a service again after it was killed, and wait until it answers."""
        program = next(one for one in self.plan.programs if one.name == service)
        log = (self.plan.directory / f"{service}.log").open("ab")
        environment = os.environ | dict(self.plan.environment)
        self.restarted[service] = subprocess.Popen(program.command, env=environment, stdout=log, stderr=log)
        log.close()
        wait_for(lambda: _answers(program.ready_url))


def wait_for(condition: Any, seconds: float = 60) -> None:
    """Wait until `condition` holds; fail the test when it never does."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=1, trust_env=False).status_code == 200
    except httpx.HTTPError:
        return False


def _free_ports(count: int) -> list[int]:
    probes = [socket.socket() for _ in range(count)]
    for probe in probes:
        probe.bind(("127.0.0.1", 0))
    ports = [probe.getsockname()[1] for probe in probes]
    for probe in probes:
        probe.close()
    return ports


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """Start the demo, and end it as Ctrl-C would."""
    directory = tmp_path_factory.mktemp("demo")
    ports = {name: str(port) for name, port in zip(DEFAULT_PORTS, _free_ports(len(DEFAULT_PORTS)), strict=True)}
    settings = ports | {"DEMO_DIRECTORY": str(directory), "GATEWAY_STATE": str(directory / "state")}
    runner = subprocess.Popen(
        [sys.executable, "-m", "services.demo", "up"], cwd=_ROOT, env=os.environ | settings, stdout=subprocess.PIPE
    )
    try:
        yield from _run(runner, make_plan(_ROOT, settings))
    finally:
        if runner.poll() is None:
            runner.send_signal(signal.SIGINT)
        runner.communicate(timeout=60)


def _run(runner: subprocess.Popen[bytes], plan: Plan) -> Iterator[Demo]:
    facts = plan.directory / "demo.json"
    wait_for(lambda: facts.exists() or runner.poll() is not None, seconds=120)
    assert runner.poll() is None, runner.communicate()[0].decode()
    wait_for(lambda: facts.stat().st_size > 0)
    told = json.loads(facts.read_text())
    with httpx.Client(base_url=told["public"], timeout=30, trust_env=False) as client:
        running = Demo(plan, told, client, {})
        yield running
        for process in running.restarted.values():
            process.terminate()
            process.wait(20)


__all__ = ["SERVICES", "Demo", "demo", "wait_for"]
