"""The load of the bench: kept connections that ask again as soon as they are answered, or at a fixed open rate.

Run as a process of its own. `python -m tests.bench.load PLAN.json` carries out one plan; without a file, each line of
the standard input is a plan. For every plan one JSON line tells what was seen.
"""

from __future__ import annotations

import asyncio
import gc
import json
import ssl
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Final

import uvloop

from tests.bench.connections import Client, Load, Messenger
from tests.bench.pacing import Pace
from tests.bench.plan import UNANSWERED_MS, Plan, Seen, quantile

_CONNECTED_WITHIN_SECONDS: Final = 30.0
_ANSWERED_WITHIN_SECONDS: Final = 5.0  # after the end, for what is under way


async def carry_out(plan: Plan, requests: list[bytes]) -> Seen:
    """Run a plan and return what was seen."""
    load = Load(plan, requests)
    clients = await asyncio.wait_for(_connect(load), _CONNECTED_WITHIN_SECONDS)
    began = time.perf_counter()
    if plan.rate:
        await _at_open_rate(load, clients, began)
    else:
        for client in clients:
            client.ask(time.perf_counter())
        await _until_over(load, plan.seconds)
    load.running = False
    took = time.perf_counter() - began
    # What is under way when time is up was paid for: its answers are counted.
    await _until_answered(load)
    for client in clients:
        client.close()
    return _told(load, took)


async def _connect(load: Load) -> list[Client]:
    context = None
    if load.plan.tls:
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE  # what proves the server is not measured
    kind = Messenger if load.plan.websocket else Client
    loop = asyncio.get_running_loop()
    clients = []
    for _ in range(load.plan.connections):
        _, client = await loop.create_connection(lambda: kind(load), "127.0.0.1", load.plan.port, ssl=context)
        clients.append(client)
    await asyncio.gather(*(client.opened for client in clients))
    return clients


async def _at_open_rate(load: Load, clients: list[Client], began: float) -> None:
    load.free.extend(clients)
    sent = 0

    def tick() -> None:
        nonlocal sent
        wanted = int((time.perf_counter() - began) * load.plan.rate)
        for number in range(sent, wanted):
            load.ask(began + number / load.plan.rate)
        sent = max(sent, wanted)

    with Pace(load.plan.rate, tick):
        await asyncio.sleep(load.plan.seconds)


async def _until_over(load: Load, seconds: float) -> None:
    try:
        await asyncio.wait_for(load.over.wait(), seconds)
    except TimeoutError:
        return


async def _until_answered(load: Load) -> None:
    deadline = time.perf_counter() + _ANSWERED_WITHIN_SECONDS
    while load.asked + len(load.due) > load.answered and time.perf_counter() < deadline:
        await asyncio.sleep(0.002)


def _told(load: Load, took: float) -> Seen:
    unanswered = load.asked + len(load.due) - load.answered
    ordered = sorted(seconds * 1000 for seconds in load.latencies) + [UNANSWERED_MS] * unanswered
    return Seen(
        answered=load.answered,
        failed=load.failed + unanswered,
        seconds=took,
        bytes_received=load.bytes_received,
        p50_ms=quantile(ordered, 0.5),
        p99_ms=quantile(ordered, 0.99),
        worst_ms=ordered[-1] if ordered else 0.0,
        first_failure=load.first_failure or ("no answer" if unanswered else ""),
    )


class Requests:
    """The requests of plans; those of a file are read once, however many plans name it."""

    def __init__(self) -> None:
        self._file = ""
        self._read: list[bytes] = []

    def of(self, plan: Plan) -> list[bytes]:
        """Return the requests of a plan."""
        if not plan.requests_file:
            return [request.encode("latin-1") for request in plan.requests]
        if plan.requests_file != self._file:
            self._file = plan.requests_file
            self._read = Path(self._file).read_bytes().split(b"\0")[:-1]
        return self._read


def main() -> None:
    """Carry out what the arguments or the standard input tell."""
    gc.freeze()
    gc.disable()  # a pause of the load would look like one of the measured
    requests = Requests()
    plans = [Path(sys.argv[1]).read_text()] if len(sys.argv) > 1 else sys.stdin
    for line in plans:
        plan = Plan.from_json(line)
        print(json.dumps(asdict(uvloop.run(carry_out(plan, requests.of(plan))))), flush=True)
        gc.collect()


if __name__ == "__main__":
    main()
