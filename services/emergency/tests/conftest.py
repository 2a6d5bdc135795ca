"""112 as its tests use it: the real application on a fresh database, a gateway that signs, a clock turned by hand."""

import io
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette

from services.emergency.app import MIGRATIONS, NAME, compose
from services.emergency.changes import Follower
from services.emergency.service import Service
from services.kit.logs import make_logger
from services.kit.settings import Settings, from_args
from services.kit.testing import GatewayIssuer, client_of

FIRE: Mapping[str, Any] = {
    "kind": "fire",
    "callback": "0812-3456-7890",
    "lat": -6.16812,
    "lon": 106.59431,
    "landmark": "Depan Pasar Periuk",
}
OPERATOR = "operator:112"


def settings_for(database_url: str) -> Settings:
    """Return settings for a service whose whole state is in this database."""
    return from_args(NAME, 0, ["--database-url", database_url], environ={})


@dataclass(frozen=True)
class Centre:
    """The running service and what a test may want to look at."""

    app: Starlette
    issuer: GatewayIssuer
    client: httpx.AsyncClient
    log: io.StringIO

    @property
    def service(self) -> Service:
        service: Service = self.app.state.service
        return service

    @property
    def follower(self) -> Follower:
        follower: Follower = self.app.state.follower
        return follower

    def operator(self, **more: str) -> dict[str, str]:
        return {**self.issuer.headers("operator-1", NAME, roles=[OPERATOR]), **more}

    def citizen(self, sub: str = "warga-1", acr: str = "2") -> dict[str, str]:
        return self.issuer.headers(sub, NAME, acr=acr)

    async def report(self, headers: Mapping[str, str] | None = None, **fields: Any) -> dict[str, Any]:
        """Send a report that must be taken in; a field given as None is left out."""
        body = {name: value for name, value in {**FIRE, **fields}.items() if value is not None}
        answer = await self.client.post("/incidents", json=body, headers=headers)
        assert answer.status_code == 201, answer.text
        shown: dict[str, Any] = answer.json()
        return shown

    async def act(self, report: Mapping[str, Any], action: str, expect: int = 200, **fields: Any) -> dict[str, Any]:
        """Act as an operator."""
        path = f"/board/{report['reference']}/actions"
        answer = await self.client.post(path, json={"action": action, **fields}, headers=self.operator())
        assert answer.status_code == expect, answer.text
        shown: dict[str, Any] = answer.json()
        return shown

    async def follow(self, report: Mapping[str, Any], query: str = "") -> dict[str, Any]:
        """Look at a report as whoever sent it."""
        answer = await self.client.get(f"/incidents/{report['id']}{query}")
        assert answer.status_code == 200, answer.text
        shown: dict[str, Any] = answer.json()
        return shown

    async def board(self, query: str = "") -> list[dict[str, Any]]:
        """Return the board's lines."""
        answer = await self.client.get(f"/board{query}", headers=self.operator())
        assert answer.status_code == 200, answer.text
        items: list[dict[str, Any]] = answer.json()["items"]
        return items

    async def order(self, query: str = "") -> list[str]:
        """Return the references on the board in its order."""
        return [line["reference"] for line in await self.board(query)]


@pytest.fixture(scope="session")
def migrations() -> Path:
    return MIGRATIONS


@pytest.fixture
async def centre(database_url: str) -> AsyncIterator[Centre]:
    issuer, log = GatewayIssuer(), io.StringIO()
    settings = settings_for(database_url)
    app = compose(settings, now=issuer.now, verifier=issuer.verifier(NAME), log=make_logger(NAME, log))
    async with client_of(app) as client:
        yield Centre(app, issuer, client, log)
