"""Starts the demo's programs, waits until each is ready, and ends them by their own pids."""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

import httpx

from services.demo.plan import Plan, Program

_READY_SECONDS = 60.0
_END_SECONDS = 15.0


class CannotStart(Exception):
    """Why the demo is not up, and what to do; for the person at the terminal."""


class Processes:
    """The running programs, each with its log file and its pid on disk for `demo-down`."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._logs: list[IO[bytes]] = []

    def require_ports(self) -> None:
        """Raise CannotStart when a port is taken, before anything has been started."""
        for program in self._plan.programs:
            for port, setting in self._ports(program):
                _require_free(port, setting)

    def start(self, program: Program) -> None:
        """Start one program."""
        home = self._plan.directory / program.name
        home.mkdir(parents=True, exist_ok=True)
        log = (self._plan.directory / f"{program.name}.log").open("ab")
        self._logs.append(log)
        self._running[program.name] = subprocess.Popen(  # noqa: S603  # our own programs, from the plan
            program.command,
            stdout=log,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            env=os.environ | dict(self._plan.environment),
            start_new_session=True,  # Ctrl-C is ours to pass on, in order
        )
        self._write_pids()

    def await_ready(self, program: Program) -> float:
        """Wait until the program answers; return the seconds it took, or raise CannotStart with its last words."""
        began = time.monotonic()
        while time.monotonic() - began < _READY_SECONDS:
            if self._running[program.name].poll() is not None:
                raise CannotStart(f"{program.name} ended while starting. {self._last_words(program)}")
            with contextlib.suppress(httpx.HTTPError):
                if httpx.get(program.ready_url, timeout=1.0, trust_env=False).status_code == 200:
                    return time.monotonic() - began
            time.sleep(0.05)
        raise CannotStart(f"{program.name} was not ready within {_READY_SECONDS:.0f} s. {self._last_words(program)}")

    def wait(self, tell: Callable[[str], None]) -> None:
        """Stay until the gateway ends by itself. A service that ends is told of, and the city goes on without it."""
        ended: set[str] = set()
        while "gateway" not in ended:
            time.sleep(0.2)
            for program in self._plan.programs:
                process = self._running[program.name]
                if program.name not in ended and process.poll() is not None:
                    ended.add(program.name)
                    tell(f"{program.name} has ended (status {process.returncode}); the others go on. Start it again:")
                    tell(f"  {shlex.join(program.command)}")

    def end(self) -> None:
        """End everything, the gateway first so that it drains while the services still answer."""
        for name, process in reversed(self._running.items()):
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
                if name == "gateway":
                    process.send_signal(signal.SIGTERM)  # twice: nobody is using a demo that is being ended
                    _wait(process)
        for process in self._running.values():
            _wait(process)
        for log in self._logs:
            log.close()
        pid_file(self._plan.directory).unlink(missing_ok=True)

    def _ports(self, program: Program) -> Iterator[tuple[int, str]]:
        yield program.port, program.setting
        if program.name == "gateway":
            yield self._plan.ports["GATEWAY_OPS_PORT"], "GATEWAY_OPS_PORT"

    def _write_pids(self) -> None:
        pids = {name: process.pid for name, process in self._running.items()}
        pid_file(self._plan.directory).write_text(json.dumps({"runner": os.getpid(), "programs": pids}))

    def _last_words(self, program: Program) -> str:
        log = self._plan.directory / f"{program.name}.log"
        lines = log.read_text(errors="replace").splitlines()[-12:]
        return f"The end of {log}:\n" + "\n".join(f"  {line}" for line in lines)


def pid_file(directory: Path) -> Path:
    return directory / "pids.json"


def end_left_behind(directory: Path) -> list[str]:
    """End a demo whose runner is gone or elsewhere; return the names of the programs that were ended."""
    path = pid_file(directory)
    if not path.exists():
        return []
    noted = json.loads(path.read_text())
    ended = []
    for name, pid in reversed(noted["programs"].items()):
        if _is_ours(pid):
            os.kill(pid, signal.SIGTERM)
            ended.append(name)
    deadline = time.monotonic() + _END_SECONDS
    for pid in noted["programs"].values():
        while _is_ours(pid) and time.monotonic() < deadline:
            time.sleep(0.05)
        if _is_ours(pid):
            os.kill(pid, signal.SIGKILL)
    path.unlink(missing_ok=True)
    return ended


def _is_ours(pid: int) -> bool:
    """Tell whether `pid` still is one of our programs: numbers are used again for others."""
    try:
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False
    return b"services." in command or b"gateway" in command


def _wait(process: subprocess.Popen[bytes]) -> None:
    try:
        process.wait(_END_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _require_free(port: int, setting: str) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise CannotStart(
                f"port {port} is in use. End what uses it (a demo left behind ends with: make demo-down), "
                f"or choose another: {setting}={port + 1000} make demo"
            ) from error
