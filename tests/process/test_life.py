"""A gateway's life as a process: it starts, reloads and ends under load, and nobody notices."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import httpx

from tests.city.agency import Agency, Answer, Received
from tests.process.gateway_process import GatewayProcess

SERVICE = """version: 1
name: permits
title: {{id: Perizinan, en: Permits}}
agency: {{code: DPMPTSP, name: DPMPTSP, contact: {{phone: "021-55764955"}}}}
upstream: {{targets: ["{url}"], timeout: {{total: 30s}}}}
auth: {{mode: none}}
routes:
  - {{path: "/v1/permits/{{rest:path}}", methods: ['*'], max_body: 2MB}}
  - {{path: /v1/permits/edition-{edition}, methods: [GET]}}
"""


def write(directory: Path, url: str, edition: int) -> Path:
    """Write the registry; `edition` names a route that only this edition has."""
    (directory / "services").mkdir(exist_ok=True)
    (directory / "services" / "permits.yaml").write_text(SERVICE.format(url=url, edition=edition))
    config = directory / "gateway.yaml"
    config.write_text(
        "version: 1\n"
        "server: {public: '127.0.0.1:0', ops: '127.0.0.1:0', drain: {grace: 1s, timeout: 20s}}\n"
        "include: [services/*.yaml]\n"
    )
    return config


async def pieces() -> AsyncIterator[bytes]:
    for _ in range(16):
        yield b"u" * 16_384


class Tally:
    """What clients saw."""

    def __init__(self) -> None:
        self.answered = 0
        self.failed: list[str] = []
        self.closing = 0


async def citizen(base: str, number: int, tally: Tally, stop: asyncio.Event) -> None:
    """Call again and again over one kept connection, until the gateway says that it closes."""
    async with httpx.AsyncClient(base_url=base, timeout=30, trust_env=False) as client:
        while not stop.is_set():
            try:
                if number % 3 == 0:
                    reply = await client.post("/v1/permits/upload", content=pieces())
                elif number % 3 == 1:
                    reply = await client.get("/v1/permits/slow")
                else:
                    reply = await client.get("/v1/permits/quick")
            except httpx.HTTPError as error:
                tally.failed.append(repr(error))
                return
            tally.answered += 1
            if reply.status_code != 200:
                tally.failed.append(reply.text)
            if reply.headers.get("connection") == "close":
                tally.closing += 1
                return


async def test_no_request_fails_through_reloads_and_a_drain(tmp_path: Path) -> None:
    async def answer(received: Received) -> Answer:
        if received.path == "/slow":
            await asyncio.sleep(0.3)
        return Answer(body=b"%d" % len(received.body))

    agency = Agency(answer)
    await agency.start()
    config = write(tmp_path, agency.url, 0)
    tally, stop = Tally(), asyncio.Event()
    async with GatewayProcess(config) as gateway, httpx.AsyncClient(trust_env=False) as ops:
        clients = [asyncio.create_task(citizen(gateway.public, number, tally, stop)) for number in range(24)]
        for edition in range(1, 6):
            write(tmp_path, agency.url, edition)
            gateway.send(signal.SIGHUP)
            await gateway.event("registry accepted", after=edition - 1)
            reply = await ops.get(f"{gateway.public}/v1/permits/edition-{edition}")
            assert reply.status_code == 200
        gateway.send(signal.SIGTERM)
        await gateway.event("draining")
        assert (await ops.get(f"{gateway.ops}/readyz")).status_code == 503
        assert (await ops.get(f"{gateway.public}/healthz")).status_code == 200
        await asyncio.gather(*clients)
        assert await gateway.ended() == 0
    await agency.stop()
    assert tally.failed == []
    assert tally.closing == 24
    assert tally.answered > 24


async def test_a_broken_file_on_reload_is_refused_and_named(tmp_path: Path) -> None:
    agency = Agency()
    await agency.start()
    config = write(tmp_path, agency.url, 0)
    async with GatewayProcess(config) as gateway, httpx.AsyncClient(trust_env=False) as client:
        (tmp_path / "services" / "permits.yaml").write_text("version: 1\nname: permits\nroutes: 3\n")
        gateway.send(signal.SIGHUP)
        refused = await gateway.event("registry refused, the old one serves on")
        assert any("permits.yaml:3:9" in error for error in refused["errors"])
        assert (await client.get(f"{gateway.public}/v1/permits/x")).status_code == 200
        assert "reload refused" in (await client.get(f"{gateway.ops}/readyz")).text
    await agency.stop()


async def test_a_cold_start_serves_a_broken_services_last_accepted_version(tmp_path: Path) -> None:
    agency = Agency()
    await agency.start()
    config = write(tmp_path, agency.url, 7)
    async with GatewayProcess(config):
        pass
    (tmp_path / "services" / "permits.yaml").write_text("version: 1\nname: permits\ncolour: red\n")
    async with GatewayProcess(config) as gateway, httpx.AsyncClient(trust_env=False) as client:
        assert (await client.get(f"{gateway.public}/v1/permits/edition-7")).status_code == 200
        registry = (await client.get(f"{gateway.ops}/readyz")).json()["components"]["registry"]
    await agency.stop()
    assert registry["status"] == "warn"
    assert "permits.yaml:3:1" in registry["detail"]


async def test_a_busy_port_is_named_with_the_remedy(tmp_path: Path) -> None:
    agency = Agency()
    await agency.start()
    config = write(tmp_path, agency.url, 0)
    process = await asyncio.create_subprocess_exec(
        *GatewayProcess(config).command, "--port", str(agency.port), stderr=asyncio.subprocess.PIPE
    )
    _, errors = await process.communicate()
    await agency.stop()
    assert process.returncode == 1
    assert f"127.0.0.1:{agency.port}" in errors.decode()
    assert "--port" in errors.decode()
