"""The gateway as operators run it: a process of its own, its ports, its signals, what it prints."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from pathlib import Path
from types import TracebackType
from typing import Any

import httpx

_ROOT = Path(__file__).resolve().parents[2]
_GUARD_SECONDS = 100.0  # against a hang; nothing is measured by it


class GatewayProcess:
    """Runs `python -m gateway run` on free ports; enter to start, leave to end it by SIGTERM."""

    def __init__(self, config: Path, *arguments: str) -> None:
        self.command = [sys.executable, "-m", "gateway", "run", "--config", str(config), *arguments]
        self._process: asyncio.subprocess.Process
        self._reading: asyncio.Task[None]
        self._news = asyncio.Event()
        self.lines: list[dict[str, Any]] = []
        self.noise: list[str] = []
        self.public = ""
        self.ops = ""

    @property
    def pid(self) -> int:
        return self._process.pid

    async def __aenter__(self) -> GatewayProcess:
        self._process = await asyncio.create_subprocess_exec(
            *self.command,
            "--port",
            "0",
            "--ops-port",
            "0",
            cwd=_ROOT,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        self._reading = asyncio.create_task(self._read())
        listening = await self.event("listening")
        self.public, self.ops = listening["public"], listening["ops"]
        async with httpx.AsyncClient(trust_env=False) as client:
            while True:
                try:
                    await client.get(f"{self.ops}/healthz")
                    break
                except httpx.ConnectError:
                    await asyncio.sleep(0.01)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process.returncode is None:
            self.send(signal.SIGTERM)
            self.send(signal.SIGTERM)
        await self.ended()

    def send(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    async def ended(self) -> int:
        """Wait for its end; return the exit status."""
        status = await asyncio.wait_for(self._process.wait(), _GUARD_SECONDS)
        await self._reading
        return status

    async def event(self, name: str, *, after: int = 0) -> dict[str, Any]:
        """Wait until an event of this name was logged beyond the first `after` ones, and return it."""
        seen = 0
        async with asyncio.timeout(_GUARD_SECONDS):
            while True:
                for line in self.lines[seen:]:
                    seen += 1
                    if line.get("event") == name:
                        after -= 1
                    if after < 0:
                        return line
                if self._reading.done():
                    raise AssertionError(f"ended without {name!r}: {self.noise} {self.lines}")
                self._news.clear()
                await self._news.wait()

    async def _read(self) -> None:
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            try:
                self.lines.append(json.loads(line))
            except ValueError:
                self.noise.append(line.decode())
            self._news.set()
        self._news.set()
