"""The load of the bench: kept connections that ask again as soon as they are answered, or at a fixed open rate.

Run as a process of its own: `python -m tests.bench.load PLAN.json`; prints one JSON line with what it saw.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import uvloop


@dataclass(frozen=True, slots=True)
class Plan:
    """What to send. `requests` are whole requests, taken in turn; `fresh` is replaced by a number in each."""

    port: int
    connections: int
    seconds: float
    requests: tuple[str, ...]
    rate: float = 0.0  # requests a second in all; 0: as fast as they are answered
    fresh: str = ""


class Load:
    """All connections together."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.requests = [request.encode("latin-1") for request in plan.requests]
        self.fresh = plan.fresh.encode()
        self.turn = 0
        self.answered = 0
        self.failed = 0
        self.latencies: list[float] = []
        self.running = True

    def next(self) -> bytes:
        self.turn += 1
        request = self.requests[self.turn % len(self.requests)]
        return request.replace(self.fresh, b"%0*x" % (len(self.fresh), self.turn)) if self.fresh else request


class Client(asyncio.Protocol):
    """One connection with at most one request under way."""

    def __init__(self, load: Load) -> None:
        self._load = load
        self._transport: asyncio.Transport
        self._buffer = b""
        self._left = 0
        self._asked = 0.0
        self.is_free = True

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def ask(self, due: float | None = None) -> None:
        """Send the next request; its time runs from when it was due, also when it waited for a connection."""
        self.is_free = False
        self._asked = time.perf_counter() if due is None else due
        self._transport.write(self._load.next())

    def data_received(self, data: bytes) -> None:
        if self._left:
            self._left -= len(data)
            if self._left == 0:
                self._done()
            return
        self._buffer += data
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return
        head = self._buffer[:end].lower()
        if not head.startswith(b"http/1.1 200"):
            self._load.failed += 1
        at = head.find(b"\r\ncontent-length:")
        length = int(head[at + 17 :].split(b"\r\n", 1)[0])
        self._left = length - (len(self._buffer) - end - 4)
        self._buffer = b""
        if self._left == 0:
            self._done()

    def _done(self) -> None:
        load = self._load
        load.answered += 1
        load.latencies.append(time.perf_counter() - self._asked)
        self.is_free = True
        if load.running and not load.plan.rate:
            self.ask()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._load.running:
            self._load.failed += 1


async def main(plan: Plan) -> None:
    """Run the plan and print what was seen."""
    load = Load(plan)
    loop = asyncio.get_running_loop()
    clients = []
    for _ in range(plan.connections):
        _, client = await loop.create_connection(lambda: Client(load), "127.0.0.1", plan.port)
        clients.append(client)
    began = time.perf_counter()
    if plan.rate:
        await _open_rate(plan, clients, began)
    else:
        for client in clients:
            client.ask()
        await asyncio.sleep(plan.seconds)
    load.running = False
    took = time.perf_counter() - began
    ordered = sorted(load.latencies) or [0.0]
    seen = {"answered": load.answered, "failed": load.failed, "seconds": took}
    seen |= {"p50_ms": ordered[len(ordered) // 2] * 1000, "p99_ms": ordered[int(len(ordered) * 0.99)] * 1000}
    print(json.dumps(seen))


async def _open_rate(plan: Plan, clients: list[Client], began: float) -> None:
    sent = 0
    while (now := time.perf_counter()) - began < plan.seconds:
        due = began + sent / plan.rate
        if now < due:
            await asyncio.sleep(min(due - now, 0.001))
            continue
        free = next((client for client in clients if client.is_free), None)
        if free is None:
            await asyncio.sleep(0.0005)
            continue
        free.ask(due)
        sent += 1


if __name__ == "__main__":
    raw = json.loads(Path(sys.argv[1]).read_text())
    uvloop.run(main(Plan(**raw | {"requests": tuple(raw["requests"])})))
