"""A machine for tests: an agency, a registry with a shared store, and a gateway of two workers."""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import TracebackType
from typing import Any

import httpx
from prometheus_client.parser import text_string_to_metric_families

from tests.city.agency import Agency, Answer, Received
from tests.process.gateway_process import GatewayProcess

TOKEN = "let-me-in-0123456789"

SERVICE = """version: 1
name: permits
title: {{id: Perizinan, en: Permits}}
agency: {{code: DPMPTSP, name: DPMPTSP, contact: {{phone: "021-55764955"}}}}
upstream: {{targets: ["{url}"], timeout: {{total: 30s}}}}
auth: {{mode: none}}
routes:
  - {{path: "/v1/permits/{{rest:path}}", methods: ['*']}}
  - {{path: /v1/permits/edition-{edition}, methods: [GET]}}
  - {{path: /v1/permits/mine, methods: [GET], auth: {{mode: {mine}}}, rate_limit: {{limit: 100000, every: 1s}}}}
"""


async def _answer(received: Received) -> Answer:
    if received.path == "/slow":
        await asyncio.sleep(0.3)
    return Answer(body=b"%d" % len(received.body))


class Machine:
    """Enter to run it; `gateway` is the process, `ops` its ops port as an operator with the token reaches it."""

    def __init__(
        self, folder: Path, store: str, *, workers: int = 2, identity: str = "", grace_seconds: int = 1,
        arguments: tuple[str, ...] = (),
    ) -> None:  # fmt: skip
        self.folder = folder
        self.agency = Agency(_answer)
        self.config = folder / "gateway.yaml"
        self.ops: httpx.AsyncClient
        self._store = store
        self._identity = identity
        self._grace_seconds = grace_seconds
        self.gateway = GatewayProcess(self.config, "--workers", str(workers), *arguments)

    async def __aenter__(self) -> Machine:
        await self.agency.start()
        self.write(edition=1)
        await self.gateway.__aenter__()
        self.ops = httpx.AsyncClient(
            base_url=self.gateway.ops, trust_env=False, timeout=30, headers={"authorization": f"Bearer {TOKEN}"}
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.ops.aclose()
        await self.gateway.__aexit__(kind, error, trace)
        await self.agency.stop()

    def write(self, *, edition: int) -> None:
        """Write the registry; `edition` names a route that only this edition has."""
        (self.folder / "services").mkdir(exist_ok=True)
        (self.folder / "token").write_text(TOKEN)
        mine = "required" if self._identity else "none"
        text = SERVICE.format(url=self.agency.url, edition=edition, mine=mine)
        (self.folder / "services" / "permits.yaml").write_text(text)
        self.config.write_text(
            "version: 1\n"
            "server:\n"
            f"  {{public: '127.0.0.1:0', ops: '127.0.0.1:0', admin_token: '${{file:token}}',\n"
            f"   drain: {{grace: {self._grace_seconds}s, timeout: 20s}}}}\n"
            f"store: {self._store}\n"
            f"{self._identity}"
            "include: [services/*.yaml]\n"
        )

    async def roll(self) -> list[dict[str, Any]]:
        """Return who the workers are."""
        reply = await self.ops.get("/admin/registry")
        found: list[dict[str, Any]] = reply.json()["workers"]
        return found

    async def counters(self) -> dict[str, float]:
        """Return every counter of the exposition, by its name and labels."""
        text = (await self.ops.get("/metrics")).text
        return {
            f"{sample.name}{sorted(sample.labels.items())}": sample.value
            for family in text_string_to_metric_families(text)
            if family.type in ("counter", "histogram")
            for sample in family.samples
        }

    async def is_ready(self) -> bool:
        return (await self.ops.get("/readyz")).status_code == 200

    async def all_serve(self) -> bool:
        workers = (await self.ops.get("/readyz")).json()["components"]["workers"]
        return bool(workers["status"] == "pass")
