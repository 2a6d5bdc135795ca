"""A gateway's life as a process: it starts, reloads and ends under load, and nobody notices."""

from __future__ import annotations

import asyncio
import resource
import signal
from pathlib import Path

import httpx

from tests.city.agency import Agency
from tests.process.gateway_process import GatewayProcess
from tests.process.long_reload import SERVICE as SERVICE
from tests.process.long_reload import Size, live, write


async def test_no_request_fails_through_reloads_and_a_drain(tmp_path: Path) -> None:
    size = Size(citizens=24, reloads=5, pause_seconds=0, upload_bytes=262_144, slow_seconds=0.3, grace_seconds=1)
    tally = await live(tmp_path, size)
    assert tally.failed == []
    assert tally.closing == size.citizens
    assert tally.answered.total() > size.citizens
    assert tally.readiness == 503
    assert tally.newcomers > 0


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


async def test_it_takes_all_the_open_files_that_its_hard_limit_allows_and_says_so(tmp_path: Path) -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    agency = Agency()
    await agency.start()
    gateway = GatewayProcess(write(tmp_path, agency.url, 0))
    gateway.command = ["sh", "-c", 'ulimit -Sn 256 && exec "$0" "$@"', *gateway.command]
    async with gateway:
        told = await gateway.event("open files")
        assert (told["limit_before"], told["limit"], told["hard_limit"]) == (256, hard, hard)
        assert resource.prlimit(gateway.pid, resource.RLIMIT_NOFILE) == (hard, hard)
    await agency.stop()
