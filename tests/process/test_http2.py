"""HTTP/2 on the public port: `gateway run --server granian`, with real clients (httpx over h2, and bare frames)."""

from __future__ import annotations

import asyncio
import signal
import ssl
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from gateway.workers.port import NotInstalled, check_installed
from tests.certificates import Certificates, make_certificates
from tests.city.agency import Agency, Answer, Received
from tests.process.frames import Frames
from tests.process.gateway_process import GatewayProcess
from tests.process.machine import Machine
from tests.process.test_life import SERVICE
from tests.servers import RedisServer


class Town:
    """An agency and the registry of a gateway with a certificate."""

    def __init__(self, folder: Path) -> None:
        self.agency = Agency(self._answer)
        self.slow = asyncio.Event()
        self.files: Certificates = make_certificates(folder / "tls")
        self.config = folder / "gateway.yaml"

    async def start(self) -> None:
        await self.agency.start()
        folder = self.config.parent
        (folder / "services").mkdir()
        (folder / "services" / "permits.yaml").write_text(SERVICE.format(url=self.agency.url, edition=1))
        self.config.write_text(
            "version: 1\n"
            "server:\n"
            "  public: '127.0.0.1:0'\n"
            "  ops: '127.0.0.1:0'\n"
            "  drain: {grace: 10ms, timeout: 20s}\n"
            "  tls: {certificate: tls/server.pem, key: tls/server.key}\n"
            "include: [services/*.yaml]\n"
        )

    async def _answer(self, received: Received) -> Answer:
        if received.path == "/broken":
            return Answer(pieces=broken)
        if received.path == "/slow":
            await self.slow.wait()
        return Answer(body=b"%d" % len(received.body))

    def trust(self) -> ssl.SSLContext:
        """Return a context that believes the present authority, and offers HTTP/2."""
        context = ssl.create_default_context(cafile=str(self.files.authority))
        context.set_alpn_protocols(["h2"])
        return context

    def client(self, base: str, *, http1: bool = False) -> httpx.AsyncClient:
        context = ssl.create_default_context(cafile=str(self.files.authority))
        return httpx.AsyncClient(
            base_url=base, verify=context, http1=http1, http2=not http1, trust_env=False, timeout=30
        )


async def broken() -> AsyncIterator[bytes]:
    yield b"half of"
    raise ConnectionResetError


@pytest.fixture
async def town(tmp_path: Path) -> AsyncIterator[Town]:
    made = Town(tmp_path)
    await made.start()
    yield made
    await made.agency.stop()


async def test_http2_from_the_first_request_to_the_drain(town: Town) -> None:
    async with GatewayProcess(town.config, "--server", "granian") as gateway:
        port = int(gateway.public.rpartition(":")[2])
        async with town.client(gateway.public) as client:
            await speaks_http2_and_streams(client)
            await shows_a_truncated_answer(client)
            await filters_like_any_lane(client, town)
            make_certificates(town.config.parent / "tls")
            gateway.send(signal.SIGHUP)
            await gateway.event("registry accepted")
        async with town.client(gateway.public) as client:  # which believes the new authority alone
            assert (await once_renewed(client)).http_version == "HTTP/2"
        async with town.client(gateway.public, http1=True) as client:
            assert (await client.get("/healthz")).http_version == "HTTP/1.1"
        async with Frames(port, town.trust()) as frames:
            await lets_the_last_request_end(frames, gateway, town)
        assert await gateway.ended() == 0
    assert gateway.noise == []


async def once_renewed(client: httpx.AsyncClient) -> httpx.Response:
    """Ask until the renewed certificate is shown: the former servers accept on until they have been told to end."""
    async with asyncio.timeout(30):
        while True:
            try:
                return await client.get("/healthz")
            except httpx.ConnectError as error:
                if "certificate verify failed" not in str(error):
                    raise
                await asyncio.sleep(0.02)


async def speaks_http2_and_streams(client: httpx.AsyncClient) -> None:
    replies = await asyncio.gather(*(client.post("/v1/permits/x", content=b"u" * 300_000) for _ in range(20)))
    assert {(one.http_version, one.status_code, one.text) for one in replies} == {("HTTP/2", 200, "300000")}
    missing = await client.get("/v1/nowhere")
    assert (missing.status_code, missing.headers["content-type"]) == (404, "application/problem+json")


async def shows_a_truncated_answer(client: httpx.AsyncClient) -> None:
    with pytest.raises(httpx.RemoteProtocolError):
        await client.get("/v1/permits/broken")
    assert (await client.get("/v1/permits/x")).status_code == 200


async def filters_like_any_lane(client: httpx.AsyncClient, town: Town) -> None:
    await client.get("/v1/permits/x", headers={"x-citizen-id": "1", "forwarded": "for=1.2.3.4", "x_real_ip": "1"})
    seen = town.agency.received[-1]
    assert seen.header("x-citizen-id") is seen.header("x_real_ip") is None
    assert "1.2.3.4" not in str(seen.headers)
    assert seen.header("host") == f"127.0.0.1:{town.agency.port}"


async def lets_the_last_request_end(frames: Frames, gateway: GatewayProcess, town: Town) -> None:
    frames.ask("/v1/permits/x")
    assert await frames.answer() == ("200", b"0", False)
    frames.ask("/v1/permits/slow")
    await town_received(town, "/slow")
    gateway.send(signal.SIGTERM)
    await gateway.event("draining")
    told = asyncio.create_task(frames.answer())
    while True:  # until nobody new is let in
        try:
            async with town.client(gateway.public) as stranger:
                await stranger.get("/healthz")
        except httpx.TransportError:
            break
    assert not told.done()
    town.slow.set()
    assert await told == ("200", b"0", True)
    assert await frames.is_ended()


async def town_received(town: Town, path: str) -> None:
    while not any(one.path == path for one in town.agency.received):
        await asyncio.sleep(0.01)


async def test_several_workers_serve_it_and_end_together(tmp_path: Path, redis: RedisServer) -> None:
    async with Machine(tmp_path, redis.url, grace_seconds=0, arguments=("--server", "granian")) as machine:
        limits = httpx.Limits(max_keepalive_connections=0)
        async with httpx.AsyncClient(http1=False, http2=True, limits=limits, trust_env=False, timeout=30) as client:
            replies = [await client.get(f"{machine.gateway.public}/v1/permits/x") for _ in range(20)]
        assert {(one.http_version, one.status_code) for one in replies} == {("HTTP/2", 200)}
        machine.gateway.send(signal.SIGTERM)
        assert await machine.gateway.ended() == 0
    assert machine.gateway.noise == []


def test_a_server_that_is_not_installed_is_named_with_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "granian", None)
    check_installed("uvicorn")
    with pytest.raises(NotInstalled, match=r'pip install "tangerang-gateway\[http2\]"'):
        check_installed("granian")
