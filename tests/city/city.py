"""A small city for tests: agencies and an issuer on real sockets, a registry in real files, the gateway in front."""

from __future__ import annotations

import asyncio
import json
import textwrap
import traceback
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

import httpx
import jwt
import structlog
import uvicorn
from cryptography.hazmat.primitives.asymmetric import ec

from gateway.app import Gateway
from gateway.clock import ManualClock
from gateway.edge.lane import Lane
from gateway.edge.tls import PublicTls
from gateway.registry.load import load
from gateway.telemetry.logs import AccessLog
from gateway.workers import serving
from tests.city.agency import Agency, Answer, Received

AUDIENCE = "tangerang-live"
ADMIN_TOKEN = "let-me-in-0123456789"


class Issuer(Agency):
    """The city's identity service as far as the gateway sees it: keys and revocations. It signs tokens for tests."""

    def __init__(self, clock: ManualClock) -> None:
        super().__init__(self._tell)
        self._clock = clock
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.key_id = "k1"
        self.revoked: list[dict[str, object]] = []
        self.news = asyncio.Event()

    def token(self, sub: str = "citizen-1", **changes: object) -> str:
        """Return a good access token, changed; None leaves a claim out."""
        now = int(self._clock.wall())
        claims: dict[str, object] = {"iss": self.url, "aud": AUDIENCE, "sub": sub, "sid": f"session-of-{sub}"}
        claims |= {"iat": now, "exp": now + 900, "name": "Siti Aminah", "nik": "3671991505900001"} | changes
        payload = {name: value for name, value in claims.items() if value is not None}
        return jwt.encode(payload, self.key, algorithm="ES256", headers={"kid": self.key_id})

    def bearer(self, sub: str = "citizen-1", **changes: object) -> dict[str, str]:
        return {"authorization": f"Bearer {self.token(sub, **changes)}"}

    def revoke(self, sid: str) -> None:
        """Put a session on the list; whoever waits for news hears at once."""
        self.revoked.append({"sid": sid, "expires_at": self._clock.wall() + 900})
        self.news.set()

    async def _tell(self, received: Received) -> Answer:
        if received.path == "/jwks":
            jwk = json.loads(jwt.algorithms.ECAlgorithm.to_jwk(self.key.public_key()))
            return Answer(body=json.dumps({"keys": [jwk | {"kid": self.key_id, "use": "sig"}]}).encode())
        if received.path == "/revocations":
            after = int(received.query["after"][0])
            if after >= len(self.revoked):
                self.news.clear()
                await self.news.wait()
            body = {"next": len(self.revoked), "revocations": self.revoked[after:]}
            return Answer(body=json.dumps(body).encode())
        return Answer(404)


class HeldAccessLog(AccessLog):
    """Writes only when a test looks: of what a thread is just writing nobody could tell whether it is there yet."""

    def start(self) -> None: ...


class City:
    """Declare services with `service`, then enter; `client` talks to the gateway's public port."""

    def __init__(self, directory: Path, *, server: str = "", extra: str = "", lane: str = "direct") -> None:
        self.lane = lane
        self.clock = ManualClock()
        self.issuer = Issuer(self.clock)
        self.agencies: dict[str, Agency] = {}
        self.access: list[dict[str, Any]] = []
        self.events: list[Any] = []
        self._directory = directory
        self._files: dict[str, str] = {}
        self._server_yaml = server
        self._extra = extra
        self.gateway: Gateway
        self.client: httpx.AsyncClient
        self.ops: httpx.AsyncClient
        self._joined: list[Gateway] = []
        self._running: list[tuple[uvicorn.Server, asyncio.Task[None]]] = []

    def service(self, name: str, yaml: str, *, targets: int = 1) -> Agency:
        """Declare a service by the part of its file that follows its targets; return its (first) agency."""
        members = [Agency() for _ in range(targets)]
        for number, member in enumerate(members):
            self.agencies[name if number == 0 else f"{name}-{number}"] = member
        self._files[name] = yaml
        return members[0]

    @property
    def config(self) -> Path:
        return self._directory / "gateway.yaml"

    def file_of(self, name: str) -> Path:
        return self._directory / "services" / f"{name}.yaml"

    def write(self, name: str, yaml: str) -> None:
        """Write a service's file anew, as its agency would before a reload."""
        targets = [one.url for key, one in self.agencies.items() if key == name or key.startswith(f"{name}-")]
        self.file_of(name).write_text(
            f"version: 1\nname: {name}\ntitle: {{id: Layanan {name}, en: The {name} service}}\n"
            f"agency: {{code: {name.upper()}, name: Dinas {name}, contact: {{phone: '021-55764955'}}}}\n"
            + textwrap.dedent(yaml).replace("TARGETS", json.dumps(targets))
        )

    async def __aenter__(self) -> City:
        await self.issuer.start()
        for agency in self.agencies.values():
            await agency.start()
        (self._directory / "services").mkdir()
        for name, yaml in self._files.items():
            self.write(name, yaml)
        self.config.write_text(
            "version: 1\n"
            f"server: {{public: '127.0.0.1:0', ops: '127.0.0.1:0', admin_token: {ADMIN_TOKEN}{self._server_yaml}}}\n"
            "identity:\n"
            "  issuers:\n"
            f"    - issuer: {self.issuer.url}\n"
            f"      audiences: [{AUDIENCE}]\n"
            "      algorithms: [ES256]\n"
            f"      jwks_url: {self.issuer.url}/jwks\n"
            f"      revocations_url: {self.issuer.url}/revocations\n"
            "  assertion: {issuer: http://gateway.test}\n"
            "include: [services/*.yaml]\n" + textwrap.dedent(self._extra)
        )
        snapshot = load(self.config, strict=True)
        log = structlog.wrap_logger(structlog.PrintLogger(), processors=[self._note])
        self.gateway = Gateway(
            self.config, snapshot, log, clock=self.clock, access_log=HeldAccessLog(self._note_access)
        )
        await self.gateway.start()
        lane = self.gateway.lane if self.lane == "direct" else None
        self.client = await self._serve(self.gateway.asgi, lane, self.gateway.tls)
        self.ops = await self._serve(self.gateway.ops)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.client.aclose()
        await self.ops.aclose()
        for server, task in self._running:
            server.should_exit = True
            await task
        for gateway in (*self._joined, self.gateway):
            await gateway.aclose()
        self.issuer.news.set()
        for agency in (self.issuer, *self.agencies.values()):
            await agency.stop()

    async def join(self) -> tuple[Gateway, httpx.AsyncClient]:
        """Run another gateway of the same registry and clock, beside the first; it ends with the city."""
        gateway = Gateway(self.config, load(self.config, strict=True), self.gateway.log, clock=self.clock)
        await gateway.start()
        self._joined.append(gateway)
        return gateway, await self._serve(gateway.asgi, gateway.lane)

    def access_lines(self) -> list[dict[str, Any]]:
        """Return everything the access log holds so far."""
        self.gateway.access_log.flush()
        return self.access

    async def _serve(self, app: Any, lane: Lane | None = None, tls: PublicTls | None = None) -> httpx.AsyncClient:
        server, listener = serving(app, lane=lane, tls=tls)
        task = asyncio.create_task(server.serve([listener]))
        self._running.append((server, task))
        while not server.started:
            await asyncio.sleep(0)
        port = listener.getsockname()[1]
        scheme = "http" if tls is None else "https"
        return httpx.AsyncClient(
            base_url=f"{scheme}://127.0.0.1:{port}", timeout=30, trust_env=False, verify=tls is None
        )

    def _note(self, _logger: object, method: str, event: Any) -> str:
        if event["event"] == "unforeseen":
            traceback.print_exc()  # shown by pytest beside whatever test it fails
        self.events.append({"level": method, **event})
        raise structlog.DropEvent

    def _note_access(self, data: bytes) -> None:
        self.access += [json.loads(line) for line in data.splitlines()]


@asynccontextmanager
async def running(city: City) -> AsyncIterator[City]:
    """Run a declared city."""
    async with city:
        yield city
