"""The ground on which limits are measured: an agency, an issuer with its keys, and gateways as processes on free ports.

Each suite describes its own services; what is the same for all stands here.
"""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from tests.bench.contenders import Contender
from tests.bench.processes import CPU_OF_THE_OTHERS, free_port, pin
from tests.servers import RedisServer, eventually, redis_binary

ROOT = Path(__file__).resolve().parents[2]
ADMIN_TOKEN = "let-me-in-0123456789"
AUDIENCE = "tangerang-live"

_CONFIG = """version: 1
server:
  public: '127.0.0.1:{port}'
  ops: '127.0.0.1:{ops}'
  admin_token: '${{file:token}}'
  drain: {{grace: 0s, timeout: 1s}}
  limits: {{max_connections_per_address: 5000, max_requests_per_connection: 1000000000}}
store: {{url: '{store}', timeout: {budget_ms}ms}}
identity:
  issuers:
    - issuer: {issuer}
      audiences: [{audience}]
      algorithms: [ES256]
      jwks_url: {jwks}
{revocations}  assertion: {{issuer: http://gateway.test}}
include: [services/*.yaml]
"""
_SERVICE = """version: 1
name: permits
title: {{id: Perizinan, en: Permits}}
agency: {{code: DPMPTSP, name: DPMPTSP, contact: {{phone: "021-55764955"}}}}
upstream: {{targets: ["http://127.0.0.1:{agency}"], timeout: {{total: 30s}}}}
auth: {{mode: required}}
routes:
{routes}
"""


class Signer:
    """The issuer of the ground. Signs many tokens quickly: only the signature differs from a join of strings."""

    def __init__(self, issuer: str = "http://issuer.test") -> None:
        self.issuer = issuer
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._head = _base64(json.dumps({"alg": "ES256", "kid": "k1", "typ": "JWT"}).encode())

    def token(self, citizen: str, *, seconds: int = 7_200) -> str:
        """Return an access token of this citizen."""
        now = int(time.time())
        claims = {"iss": self.issuer, "aud": AUDIENCE, "sub": citizen, "sid": f"s-{citizen}"}
        claims_and_times = claims | {"iat": now - 5, "exp": now + seconds}
        signed = self._head + b"." + _base64(json.dumps(claims_and_times).encode())
        r, s = decode_dss_signature(self._key.sign(signed, ec.ECDSA(SHA256())))
        return (signed + b"." + _base64(r.to_bytes(32, "big") + s.to_bytes(32, "big"))).decode()

    def jwks(self) -> str:
        numbers = self._key.public_key().public_numbers()
        point = {name: _base64(getattr(numbers, name).to_bytes(32, "big")).decode() for name in ("x", "y")}
        jwk = {"kty": "EC", "crv": "P-256", "kid": "k1", "use": "sig", "alg": "ES256"}
        return json.dumps({"keys": [jwk | point]})


def request(token: str, path: str) -> str:
    """Return a request as a phone sends it."""
    lines = (
        f"GET {path} HTTP/1.1",
        "Host: api.tangerangkota.go.id",
        "User-Agent: TangerangLIVE/5.2.1 (Android 12; SM-A135F) okhttp/4.12.0",
        "Accept: application/json",
        "Accept-Language: id-ID,id;q=0.9,en;q=0.5",
        f"Authorization: Bearer {token}",
    )
    return "\r\n".join([*lines, "", ""])


@dataclass(frozen=True, slots=True)
class GatewaySetting:
    """How one gateway differs from another."""

    store: str
    routes: str
    workers: int = 1
    budget_ms: int = 50  # the gateway's default
    hours_ahead: int = 0
    jwks: str | None = None  # by default the agency's own
    revocations: str | None = None
    issuer: str | None = None
    is_pinned: bool = False  # to the processor of those whose CPU time is measured


class Gateway:
    """One gateway, as operators run it."""

    def __init__(self, name: str, folder: Path, setting: GatewaySetting, *, agency_port: int, issuer: str) -> None:
        self.port, self.ops_port = free_port(), free_port()
        self.folder = folder
        (folder / "services").mkdir(parents=True)
        (folder / "token").write_text(ADMIN_TOKEN)
        service = _SERVICE.format(agency=agency_port, routes=setting.routes)
        (folder / "services" / "permits.yaml").write_text(service)
        revocations = f"      revocations_url: {setting.revocations}\n" if setting.revocations else ""
        config = folder / "gateway.yaml"
        config.write_text(
            _CONFIG.format(
                port=self.port,
                ops=self.ops_port,
                store=setting.store,
                budget_ms=setting.budget_ms,
                issuer=setting.issuer or issuer,
                audience=AUDIENCE,
                jwks=setting.jwks or f"http://127.0.0.1:{agency_port}/jwks",
                revocations=revocations,
            )
        )
        module = ["tests.bench.ahead", str(setting.hours_ahead)] if setting.hours_ahead else ["gateway"]
        arguments = ["--strict", "--config", str(config), "--workers", str(setting.workers)]
        command = [sys.executable, "-m", *module, "run", *arguments]
        # A contender has one processor to itself; who is not measured alone gets all of them back.
        free = [] if setting.is_pinned else ["taskset", "--cpu-list", f"0-{(os.cpu_count() or 1) - 1}"]
        self.process = Contender(name, [*free, *command], self.port, cwd=folder)
        # Its listeners stand before its workers do.
        eventually(self._is_up, f"{name}: a gateway that serves")

    @property
    def ops(self) -> str:
        """Where operators reach it."""
        return f"http://127.0.0.1:{self.ops_port}"

    def _is_up(self) -> bool:
        try:
            ready = httpx.get(f"{self.ops}/readyz", timeout=5, trust_env=False).json()
        except httpx.TransportError:
            return False
        workers = ready["components"].get("workers", {"status": "pass"})  # there is none with one worker alone
        return bool(workers["status"] == "pass")


@dataclass(slots=True)
class Ground:
    """Where a suite takes place. Everything started here ends with it."""

    folder: Path
    agency_port: int
    signer: Signer
    _stack: ExitStack

    def gateway(self, name: str, setting: GatewaySetting) -> Gateway:
        """Start a gateway of this name."""
        folder = self.folder / name
        gateway = Gateway(name, folder, setting, agency_port=self.agency_port, issuer=self.signer.issuer)
        self._stack.callback(gateway.process.end)
        return gateway

    def redis(self, name: str, *arguments: str) -> RedisServer:
        """Start a server of this name."""
        server = RedisServer(self.folder / name, arguments)
        self._stack.callback(server.kill)
        return server.launch().await_ready()

    def keep(self, server: object) -> None:
        """End `server` (whatever has `kill`) with this ground."""
        self._stack.callback(getattr(server, "kill"))  # noqa: B009  # groups and servers share no type


@contextmanager
def ground() -> Iterator[Ground]:
    """Prepare the ground: its agency answers every path with 1 KB, and publishes the issuer's keys."""
    with TemporaryDirectory(prefix="bench-") as directory, ExitStack() as stack:
        folder, signer, port = Path(directory), Signer(), free_port()
        (folder / "jwks.json").write_text(signer.jwks())
        agency = subprocess.Popen(  # our own program
            [sys.executable, "-m", "tests.bench.agency", str(port), str(folder / "jwks.json")],
            cwd=ROOT,
            preexec_fn=lambda: pin(CPU_OF_THE_OTHERS),
        )
        stack.callback(agency.wait)
        stack.callback(agency.kill)
        time.sleep(0.5)
        yield Ground(folder, port, signer, stack)


def server_version() -> str:
    """Return the name and version of the store's server."""
    told = subprocess.run([redis_binary(), "--version"], capture_output=True, text=True, check=True).stdout
    version = next(word[2:] for word in told.split() if word.startswith("v="))
    return f"{'Valkey' if 'valkey' in told.lower() else 'Redis'} {version}"


def _base64(raw: bytes) -> bytes:
    return base64.urlsafe_b64encode(raw).rstrip(b"=")
