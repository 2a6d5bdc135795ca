"""The gateway as it is measured: whole, with sign-in, limit, assertion, access log and metrics."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.bench.contenders import Contender, Site, free_port
from tests.bench.tokens import AUDIENCE

ROUTES_A_SERVICE: Final = 100
_OPS_PORT: Final = "ops-port"

_CONFIG: Final = """version: 1
server:
  public: '127.0.0.1:{port}'
  ops: '127.0.0.1:{ops}'
  drain: {{grace: 0s, timeout: 1s}}
{tls}  limits:
    idle: 10m
    max_connections: 18000
    max_connections_per_address: 18000
    max_requests_per_connection: 1000000000
identity:
  issuers:
    - issuer: {issuer}
      audiences: [{audience}]
      algorithms: [ES256]
      jwks_url: http://127.0.0.1:{agency}/jwks
  assertion: {{issuer: http://gateway.test}}
cache: {{max_size: {cache_size}}}
include: [services/*.yaml]
"""
_SERVICE: Final = """version: 1
name: {name}
title: {{id: Perizinan, en: Permits}}
agency: {{code: DPMPTSP, name: DPMPTSP, contact: {{phone: "021-55764955"}}}}
upstream: {{targets: ["http://127.0.0.1:{agency}"], timeout: {{total: 30s}}}}
auth: {{mode: required}}
rate_limit: {{limit: 100000000, every: 1m, by: citizen}}
routes:
{routes}
"""
_PERMITS: Final = """  - {path: "/v1/permits/{rest:path}", methods: [GET, POST], max_body: 4MB}
  - {path: /v1/permits/echo, methods: [GET], upgrade: [websocket]}
  - path: /v1/permits/public/{page}
    methods: [GET]
    auth: {mode: none}
    rate_limit: none
    cache: {ttl: 1h}"""


@dataclass(frozen=True, slots=True)
class GatewaySetup:
    """How one gateway differs from another. `routes` are so many beside those that every one has."""

    name: str = "gateway"
    folder: str = ""  # by default called like itself
    routes: int = 0
    cache_size: str = "256MB"
    tls: bool = False


def start_gateway(site: Site, setup: GatewaySetup | None = None) -> Contender:
    """Write its configuration and start it."""
    setup = GatewaySetup() if setup is None else setup
    folder = site.directory / (setup.folder or setup.name).replace(" ", "-")
    services = folder / "services"
    services.mkdir(parents=True)
    _write_service(services, site, "permits", _PERMITS)
    for number in range(-(-setup.routes // ROUTES_A_SERVICE)):
        _write_service(services, site, f"s{number}", _many_routes(f"s{number}", setup.routes, number))
    port, ops = free_port(), free_port()
    (folder / _OPS_PORT).write_text(str(ops))
    config = folder / "gateway.yaml"
    config.write_text(
        _CONFIG.format(
            port=port,
            ops=ops,
            issuer=site.issuer,
            audience=AUDIENCE,
            agency=site.agency_port,
            cache_size=setup.cache_size,
            tls=_tls_lines(site.directory) if setup.tls else "",
        )
    )
    return Contender(setup.name, [sys.executable, "-m", "gateway", "run", "--config", str(config)], port, cwd=folder)


def ops_url(folder: Path) -> str:
    """Return where operators reach the gateway that was started in this folder."""
    return f"http://127.0.0.1:{(folder / _OPS_PORT).read_text()}"


def _tls_lines(directory: Path) -> str:
    return f"  tls: {{certificate: {directory}/server.pem, key: {directory}/server.key}}\n"


def _write_service(services: Path, site: Site, name: str, routes: str) -> None:
    (services / f"{name}.yaml").write_text(_SERVICE.format(name=name, agency=site.agency_port, routes=routes))


def _many_routes(name: str, wanted: int, number: int) -> str:
    count = min(ROUTES_A_SERVICE, wanted - number * ROUTES_A_SERVICE)
    lines = (f'  - {{path: "/v1/{name}/r{route}/{{id}}", methods: [GET, POST]}}' for route in range(count))
    return "\n".join(lines)
