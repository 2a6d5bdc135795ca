"""Prints what an idle connection costs: `python -m tests.edge.idle [connections] [--tls] [--asked]`.

A gateway in a process of its own holds them, and its resident memory is read before and after. `--asked`: each
connection has served a request, with a head of the usual size. Needs an `ulimit -n` above the number, once for each
process.
"""

from __future__ import annotations

import argparse
import asyncio
import resource
import ssl
import sys
import tempfile
from pathlib import Path

from tests.certificates import make_certificates
from tests.edge.client import request
from tests.process.gateway_process import GatewayProcess

_SERVICE = """version: 1
name: permits
title: {id: Perizinan, en: Permits}
agency: {code: DPMPTSP, name: DPMPTSP, contact: {phone: "021-55764955"}}
upstream: {targets: ["http://127.0.0.1:9"]}
auth: {mode: none}
routes: [{path: /v1/permits/x, methods: [GET]}]
"""
_HEAD = request(b"User-Agent: " + b"u" * 300, b"Authorization: Bearer " + b"t" * 500, path=b"/healthz")
_AT_ONCE = 200  # connections being made at the same time


def write_registry(folder: Path, *, tls: bool) -> Path:
    """Write a registry with room for everybody; return its file."""
    block = ""
    if tls:
        make_certificates(folder / "tls")
        block = ", tls: {certificate: tls/server.pem, key: tls/server.key}"
    limits = "{max_connections: 100000, max_connections_per_address: 100000, idle: 1h}"
    config = folder / "gateway.yaml"
    config.write_text(
        f"version: 1\nserver: {{public: '127.0.0.1:0', ops: '127.0.0.1:0', limits: {limits}{block}}}\n"
        "include: [services/*.yaml]\n"
    )
    (folder / "services").mkdir()
    (folder / "services" / "permits.yaml").write_text(_SERVICE)
    return config


def resident_bytes(pid: int) -> int:
    """Return a process's resident memory."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * resource.getpagesize()


async def connect(
    port: int, context: ssl.SSLContext | None, *, asked: bool, gate: asyncio.Semaphore
) -> asyncio.StreamWriter:
    """Open one connection, and use it once if wanted. It lives as long as its writer."""
    async with gate:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context, limit=2_048)
        if asked:
            writer.write(_HEAD)
            await reader.readuntil(b'"pass"}')
    return writer


async def measure(count: int, *, tls: bool, asked: bool) -> None:
    """Hold `count` connections, and print what they cost."""
    with tempfile.TemporaryDirectory() as name:
        config = write_registry(Path(name), tls=tls)
        context = ssl.create_default_context(cafile=f"{name}/tls/ca.pem") if tls else None
        async with GatewayProcess(config) as gateway:
            port = int(gateway.public.rpartition(":")[2])
            gate = asyncio.Semaphore(_AT_ONCE)
            warm = [await connect(port, context, asked=asked, gate=gate) for _ in range(100)]
            before = resident_bytes(gateway.pid)
            held = await asyncio.gather(*(connect(port, context, asked=asked, gate=gate) for _ in range(count)))
            await asyncio.sleep(1)  # until the last of them is accepted
            cost = resident_bytes(gateway.pid) - before
            alive = sum(not one.transport.is_closing() for one in held)
            kind = f"{'TLS' if tls else 'plain'}, {'used once' if asked else 'never used'}"
            print(f"{alive} of {count} idle connections held ({kind}): {cost / count / 1024:.2f} KiB each")
            for one in (*warm, *held):
                one.transport.abort()


def main() -> int:
    """Read the command line and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("connections", type=int, nargs="?", default=1_000)
    parser.add_argument("--tls", action="store_true")
    parser.add_argument("--asked", action="store_true")
    told = parser.parse_args()
    asyncio.run(measure(told.connections, tls=told.tls, asked=told.asked))
    return 0


if __name__ == "__main__":
    sys.exit(main())
