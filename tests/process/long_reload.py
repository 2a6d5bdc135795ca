"""Citizens through reloads and a drain: `python -m tests.process.long_reload`; a short one is in test_life.py.

Citizens on kept connections send small requests, uploads, and requests whose answers take long, while the registry is
reloaded again and again with one route changed each time. Then the gateway is told to end: readiness fails first, every
answer says `Connection: close` for the grace period, then nobody is accepted any more. Not one request may fail.
"""

from __future__ import annotations

import asyncio
import collections
import itertools
import signal
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import httpx

from tests.city.agency import Agency, Answer, Received
from tests.process.gateway_process import GatewayProcess

SERVICE: Final = """version: 1
name: permits
title: {{id: Perizinan, en: Permits}}
agency: {{code: DPMPTSP, name: DPMPTSP, contact: {{phone: "021-55764955"}}}}
upstream: {{targets: ["{url}"], timeout: {{total: 30s}}}}
auth: {{mode: none}}
routes:
  - {{path: "/v1/permits/{{rest:path}}", methods: ['*'], max_body: 2MB}}
  - {{path: /v1/permits/edition-{edition}, methods: [GET]}}
"""
_KINDS: Final = ("upload", "slow", "quick")
_PIECE: Final = b"u" * 16_384


@dataclass(frozen=True, slots=True)
class Size:
    """How many citizens come, how often the registry changes, and how much there is to wait and to carry."""

    citizens: int
    reloads: int
    pause_seconds: float  # between two reloads
    upload_bytes: int
    slow_seconds: float
    grace_seconds: int


FULL: Final = Size(
    citizens=50, reloads=60, pause_seconds=1.0, upload_bytes=1_048_576, slow_seconds=5.0, grace_seconds=5
)


@dataclass(slots=True)
class Tally:
    """What happened. `newcomers` are those who came while the gateway drained, before its listener closed."""

    answered: collections.Counter[str] = field(default_factory=collections.Counter)
    failed: list[str] = field(default_factory=list)
    closing: int = 0
    newcomers: int = 0
    turned_away_after_seconds: float = 0.0
    readiness: int = 0  # status while newcomers were still served


def write(directory: Path, url: str, edition: int, *, grace_seconds: int = 1) -> Path:
    """Write the registry; `edition` names a route that only this edition has."""
    (directory / "services").mkdir(exist_ok=True)
    (directory / "services" / "permits.yaml").write_text(SERVICE.format(url=url, edition=edition))
    config = directory / "gateway.yaml"
    config.write_text(
        "version: 1\n"
        f"server: {{public: '127.0.0.1:0', ops: '127.0.0.1:0', drain: {{grace: {grace_seconds}s, timeout: 20s}}}}\n"
        "include: [services/*.yaml]\n"
    )
    return config


async def live(directory: Path, size: Size) -> Tally:
    """Run it all, and return what citizens saw."""
    agency = Agency()

    async def answer(received: Received) -> Answer:
        agency.received.clear()  # megabytes each
        agency.raw.clear()
        if received.path == "/slow":
            await asyncio.sleep(size.slow_seconds)
        return Answer(body=b"%d" % len(received.body))

    agency.handler = answer
    await agency.start()
    tally = Tally()
    async with GatewayProcess(write(directory, agency.url, 0, grace_seconds=size.grace_seconds)) as gateway:
        citizens = [asyncio.create_task(_citizen(gateway.public, n, size, tally)) for n in range(size.citizens)]
        await _reload_again_and_again(directory, agency.url, gateway, size)
        gateway.send(signal.SIGTERM)
        await gateway.event("draining")
        await _come_while_it_drains(gateway, tally)
        await asyncio.gather(*citizens)
        if status := await gateway.ended():
            tally.failed.append(f"ended with {status}")
    await agency.stop()
    return tally


async def _reload_again_and_again(directory: Path, url: str, gateway: GatewayProcess, size: Size) -> None:
    async with httpx.AsyncClient(trust_env=False) as client:
        for edition in range(1, size.reloads + 1):
            write(directory, url, edition, grace_seconds=size.grace_seconds)
            gateway.send(signal.SIGHUP)
            await gateway.event("registry accepted", after=edition - 1)
            reply = await client.get(f"{gateway.public}/v1/permits/edition-{edition}")
            assert reply.status_code == 200, reply.text
            await asyncio.sleep(size.pause_seconds)


async def _citizen(base: str, number: int, size: Size, tally: Tally) -> None:
    """Call again and again over one kept connection, until the gateway says that it closes."""
    kind = _KINDS[number % len(_KINDS)]
    async with httpx.AsyncClient(base_url=base, timeout=60, trust_env=False) as client:
        while True:
            try:
                reply = await _ask(client, kind, size)
            except httpx.HTTPError as error:
                tally.failed.append(f"{kind}: {error!r}")
                return
            tally.answered[kind] += 1
            if reply.status_code != 200 or (kind == "upload" and reply.text != str(size.upload_bytes)):
                tally.failed.append(f"{kind}: {reply.status_code} {reply.text}")
            if reply.headers.get("connection") == "close":
                tally.closing += 1
                return


async def _ask(client: httpx.AsyncClient, kind: str, size: Size) -> httpx.Response:
    if kind == "upload":
        return await client.post("/v1/permits/upload", content=_pieces(size.upload_bytes))
    return await client.get(f"/v1/permits/{kind}")


async def _pieces(total: int) -> AsyncIterator[bytes]:
    for _ in range(total // len(_PIECE)):
        yield _PIECE


async def _come_while_it_drains(gateway: GatewayProcess, tally: Tally) -> None:
    """Come as somebody new, on a connection of one's own, until nobody is accepted any more."""
    began = time.monotonic()
    async with httpx.AsyncClient(trust_env=False) as ops:
        tally.readiness = (await ops.get(f"{gateway.ops}/readyz")).status_code
    for _ in itertools.count():
        async with httpx.AsyncClient(trust_env=False) as client:
            try:
                reply = await client.get(f"{gateway.public}/v1/permits/quick")
            except httpx.ConnectError:
                tally.turned_away_after_seconds = time.monotonic() - began
                return
            except httpx.HTTPError as error:
                tally.failed.append(f"newcomer: {error!r}")
                return
        tally.newcomers += 1
        if reply.status_code != 200 or reply.headers.get("connection") != "close":
            tally.failed.append(f"newcomer: {reply.status_code} {dict(reply.headers)}")
        await asyncio.sleep(0.02)


def main() -> int:
    """Run it at full size and print what was seen; return 1 when a request failed."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as directory:
        tally = asyncio.run(live(Path(directory), FULL))
    print(f"{FULL.citizens} citizens, {FULL.reloads} reloads, {time.monotonic() - began:.0f} s")
    print(f"answered: {dict(tally.answered)}; closed as announced: {tally.closing}")
    print(
        f"drain: readiness {tally.readiness}; {tally.newcomers} newcomers served; "
        f"the listener closed after {tally.turned_away_after_seconds:.1f} s"
    )
    print(f"failed: {len(tally.failed)}", *tally.failed[:20], sep="\n  ")
    return int(bool(tally.failed) or tally.closing != FULL.citizens or tally.readiness != 503)


if __name__ == "__main__":
    sys.exit(main())
