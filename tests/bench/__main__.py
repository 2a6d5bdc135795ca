"""Measures CPU time a request, side by side, in interleaved rounds on the same work: `make bench`.

The measured program has one processor, load and agency the other. What counts is the kernel's accounting of the
measured process tree divided by the answers it gave; latencies are taken at a fixed open rate. Figures of one run are
to be compared with one another, not with those of another day or machine.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.bench.contenders import CPU_OF_THE_OTHERS, Contender, Site, free_port, peer, pin

_ROOT = Path(__file__).resolve().parents[2]
_CONFIG = """version: 1
server: {{public: '127.0.0.1:{port}', ops: '127.0.0.1:{ops}', drain: {{grace: 0s, timeout: 1s}}}}
identity:
  issuers:
    - issuer: {issuer}
      audiences: [tangerang-live]
      algorithms: [ES256]
      jwks_url: http://127.0.0.1:{agency}/jwks
  assertion: {{issuer: http://gateway.test}}
include: [services/*.yaml]
"""
_SERVICE = """version: 1
name: permits
title: {{id: Perizinan, en: Permits}}
agency: {{code: DPMPTSP, name: DPMPTSP, contact: {{phone: "021-55764955"}}}}
upstream: {{targets: ["http://127.0.0.1:{agency}"], timeout: {{total: 30s}}}}
auth: {{mode: required}}
rate_limit: {{limit: 100000000, every: 1m, by: citizen}}
routes:
  - {{path: "/v1/permits/{{rest:path}}", methods: [GET, POST], max_body: 4MB}}
  - {{path: /v1/permits/cached, methods: [GET], auth: {{mode: none}}, rate_limit: none, cache: {{ttl: 10m}}}}
"""


@dataclass(frozen=True, slots=True)
class Workload:
    """One kind of load."""

    name: str
    requests: tuple[str, ...]
    connections: int = 32
    fresh: str = ""


@dataclass(slots=True)
class Row:
    """What one program cost under one workload."""

    name: str
    micros: list[float] = field(default_factory=list)  # CPU a request, one for each round
    failed: int = 0


class Tokens:
    """The issuer of the bench."""

    def __init__(self, issuer: str) -> None:
        self.issuer = issuer
        self.key = ec.generate_private_key(ec.SECP256R1())

    def make(self, number: int) -> str:
        now = int(time.time())
        claims = {"iss": self.issuer, "aud": "tangerang-live", "sub": f"citizen-{number:06}", "sid": f"s{number:022}"}
        claims_of_size = claims | {"iat": now, "exp": now + 7_200, "name": "Siti Aminah", "scope": "x" * 180}
        return jwt.encode(claims_of_size, self.key, algorithm="ES256", headers={"kid": "k1"})

    def jwks(self) -> str:
        jwk = json.loads(jwt.algorithms.ECAlgorithm.to_jwk(self.key.public_key()))
        return json.dumps({"keys": [jwk | {"kid": "k1", "use": "sig", "alg": "ES256"}]})


def request(token: str, *, method: str = "GET", path: str = "/v1/permits/x", extra: str = "", body: str = "") -> str:
    """Return a request as a phone sends it, with a head of about 980 bytes."""
    lines = [
        f"{method} {path} HTTP/1.1",
        "Host: api.tangerangkota.go.id",
        "User-Agent: TangerangLIVE/5.2.1 (Android 12; SM-A135F) okhttp/4.12.0",
        "Accept: application/json",
        "Accept-Language: id-ID,id;q=0.9,en;q=0.5",
        "X-App-Version: 5.2.1",
        "X-Device-Id: 4f7c1f0e-6a4c-4d3e-9c7e-3b1d2a5f8e90",
        f"Authorization: Bearer {token}",
    ]
    lines += [extra] if extra else []
    lines += [f"Content-Type: application/json\r\nContent-Length: {len(body)}"] if body else []
    return "\r\n".join([*lines, "", body])


def workloads(tokens: Tokens, *, quick: bool) -> list[Workload]:
    """Return the loads of the suite `proxy`."""
    one = request(tokens.make(0))
    many = tuple(request(tokens.make(number)) for number in range(64))
    fresh = "traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-FFFFFFFFFFFFFFFF-01"
    loads = [Workload("same head", (one,)), Workload("64 tokens in turn", many)]
    if quick:
        return loads[:1]
    return [
        *loads,
        Workload("fresh traceparent", (request(tokens.make(0), extra=fresh),), fresh="FFFFFFFFFFFFFFFF"),
        Workload("4 connections", (one,), connections=4),
        Workload("POST 1 KB", (request(tokens.make(0), method="POST", body="z" * 1_024),)),
        Workload("1 MB download", (request(tokens.make(0), path="/v1/permits/large"),), connections=8),
        Workload("1 MB upload", (request(tokens.make(0), method="POST", body="z" * 1_048_576),), connections=8),
    ]


def gateway(site: Site) -> Contender:
    """Start the gateway, whole: sign-in, limit, access log, metrics."""
    port, ops = free_port(), free_port()
    (site.directory / "services").mkdir(exist_ok=True)
    (site.directory / "services" / "permits.yaml").write_text(_SERVICE.format(agency=site.agency_port))
    config = site.directory / "gateway.yaml"
    config.write_text(_CONFIG.format(port=port, ops=ops, issuer=site.issuer, agency=site.agency_port))
    command = [sys.executable, "-m", "gateway", "run", "--config", str(config)]
    return Contender("gateway", command, port, cwd=site.directory)


def run_load(site: Site, port: int, load: Workload, seconds: float, rate: float = 0.0) -> dict[str, float]:
    """Run a load in a process of its own; return what it saw."""
    plan = site.directory / "plan.json"
    told = {"port": port, "connections": load.connections, "seconds": seconds, "requests": load.requests}
    plan.write_text(json.dumps(told | {"fresh": load.fresh, "rate": rate}))
    done = subprocess.run(  # our own program
        [sys.executable, "-m", "tests.bench.load", str(plan)],
        capture_output=True,
        check=True,
        text=True,
        cwd=_ROOT,
        preexec_fn=lambda: pin(CPU_OF_THE_OTHERS),
    )
    seen: dict[str, float] = json.loads(done.stdout)
    return seen


def measure(site: Site, contenders: list[Contender], load: Workload, rounds: int, seconds: float) -> list[Row]:
    """Measure all contenders in turn, round after round."""
    rows = [Row(contender.name) for contender in contenders]
    for contender in contenders:
        run_load(site, contender.port, load, 0.5)  # warm up
    for number in range(rounds):
        print(f"\r  {load.name}: round {number + 1} of {rounds}", end="", flush=True)
        for contender, row in zip(contenders, rows, strict=True):
            before = contender.cpu_seconds()
            seen = run_load(site, contender.port, load, seconds)
            row.micros.append((contender.cpu_seconds() - before) / max(1, seen["answered"]) * 1e6)
            row.failed += int(seen["failed"])
    print("\r" + " " * 60 + "\r", end="")
    return rows


def show(load: Workload, rows: list[Row]) -> dict[str, object]:
    """Print one table and return it for the JSON file."""
    # Of the two that nginx may run as, the later one does the same work as we do.
    yardstick = next((row for row in reversed(rows) if row.name.startswith("nginx")), None)
    base = None if yardstick is None else statistics.median(yardstick.micros)
    print(f"{load.name} ({load.connections} connections)")
    told: dict[str, object] = {}
    for row in rows:
        middle = statistics.median(row.micros)
        ratio = f"{middle / base:6.2f} × {yardstick.name}" if yardstick is not None and base else ""
        failed = f"   {row.failed} FAILED" if row.failed else ""
        spread = f"{min(row.micros):8.1f} … {max(row.micros):.1f}"
        print(f"  {row.name:<12}{middle:9.1f} µs CPU a request  {spread:<20} {ratio}{failed}")
        told[row.name] = {"median_us": middle, "rounds_us": row.micros, "failed": row.failed}
    return told


def main() -> int:
    """Run one suite."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--suite", choices=("proxy", "cache"), default="proxy")
    parser.add_argument("--quick", action="store_true", help="one load, few rounds, about half a minute")
    parser.add_argument("--json", type=Path, help="write the figures here as well")
    parser.add_argument("--only", nargs="*", help="measure only these contenders beside the gateway")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-") as directory:
        figures = _run(Path(directory), options)
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1) + "\n")
    return 0


def _run(directory: Path, options: argparse.Namespace) -> dict[str, object]:
    tokens = Tokens("http://issuer.test")
    (directory / "jwks.json").write_text(tokens.jwks())
    public = tokens.key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    (directory / "issuer.pem").write_bytes(public)
    site = Site(directory, free_port(), tokens.issuer)
    agency = subprocess.Popen(  # our own program
        [sys.executable, "-m", "tests.bench.agency", str(site.agency_port), str(directory / "jwks.json")],
        cwd=_ROOT,
        preexec_fn=lambda: pin(CPU_OF_THE_OTHERS),
    )
    contenders: list[Contender] = []
    try:
        time.sleep(0.5)
        contenders.append(gateway(site))
        everybody = ["nginx", "nginx-cache"] if options.suite == "cache" else ["nginx", "haproxy", "envoy", "naive"]
        names = options.only if options.only is not None else everybody
        for name in names:
            started = peer(name, site)
            if started is None:
                print(f"{name} is not installed; left out")
            else:
                contenders.append(started)
        return _suite(site, contenders, tokens, options)
    finally:
        for contender in contenders:
            contender.end()
        agency.kill()
        agency.wait()


def _suite(site: Site, contenders: list[Contender], tokens: Tokens, options: argparse.Namespace) -> dict[str, object]:
    rounds, seconds = (3, 1.0) if options.quick else (5, 2.0)
    print(f"Python {platform.python_version()}, {platform.machine()}, {len(contenders)} programs, {rounds} rounds\n")
    figures: dict[str, object] = {"python": platform.python_version(), "machine": platform.machine()}
    if options.suite == "cache":
        loads = [Workload("cache hit", (request(tokens.make(0), path="/v1/permits/cached"),))]
    else:
        loads = workloads(tokens, quick=options.quick)
    for number, load in enumerate(loads):
        # The naive way is slow enough that one load tells all there is to know.
        taking_part = [one for one in contenders if one.name != "naive" or number == 0]
        figures[load.name] = show(load, measure(site, taking_part, load, rounds, seconds))
    for contender in contenders:
        print(f"  {contender.name:<10}{contender.memory_bytes() / 1e6:9.1f} MB resident")
    return figures


if __name__ == "__main__":
    sys.exit(main())
