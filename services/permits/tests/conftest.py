"""A running permits service with its own clock, and people who use it."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette

from services.kit.settings import Settings
from services.kit.testing import GatewayIssuer, client_of
from services.permits.app import MIGRATIONS, OPTIONS, make_app

PDF = b"%PDF-1.7\nberkas contoh\n"
PNG = b"\x89PNG\r\n\x1a\n" + b"gambar"
REKLAME = {"text": "Warung Bu Siti", "address": "Jl. Merdeka 1", "kecamatan": "36.71.07", "area_m2": 4}
PROTOTYPE = {"floor_area_m2": 60, "address": "Jl. Melati 5", "kecamatan": "36.71.13"}


@dataclass(frozen=True)
class Person:
    """Someone signed in; every call carries a fresh assertion."""

    city: "City"
    subject: str
    claims: dict[str, Any] = field(default_factory=dict)

    async def call(self, method: str, path: str, **more: Any) -> httpx.Response:
        headers = self.city.issuer.headers(self.subject, **self.claims) | more.pop("headers", {})
        return await self.city.client.request(method, path, headers=headers, **more)

    async def get(self, path: str, **more: Any) -> httpx.Response:
        return await self.call("GET", path, **more)

    async def post(self, path: str, **more: Any) -> httpx.Response:
        return await self.call("POST", path, **more)

    async def draft(self, code: str = "reklame", details: dict[str, Any] | None = None) -> str:
        """Begin an application with all its answers; return its id."""
        answers = REKLAME if code == "reklame" else PROTOTYPE
        answer = await self.post("/applications", json={"type": code, "details": details or answers})
        assert answer.status_code == 201, answer.text
        application_id: str = answer.json()["id"]
        return application_id

    async def upload(self, application_id: str, code: str, content: bytes = PDF) -> httpx.Response:
        return await self.post(f"/applications/{application_id}/documents?document={code}", content=content)

    async def complete(self, code: str = "reklame") -> str:
        """Begin an application and upload everything it needs; return its id."""
        application_id = await self.draft(code)
        shown = (await self.get(f"/applications/{application_id}")).json()
        for document in shown["documents"]:
            if document["required"]:
                answer = await self.upload(application_id, document["code"], PDF + document["code"].encode())
                assert answer.status_code == 201, answer.text
        return application_id

    async def submitted(self, code: str = "reklame") -> str:
        """Begin, complete and submit an application; return its id."""
        application_id = await self.complete(code)
        answer = await self.post(f"/applications/{application_id}/submit")
        assert answer.status_code == 200, answer.text
        return application_id

    async def state(self, application_id: str) -> str:
        state: str = (await self.get(f"/applications/{application_id}")).json()["state"]
        return state


@dataclass(frozen=True)
class City:
    """The service, whoever uses it, and the clock."""

    app: Starlette
    client: httpx.AsyncClient
    issuer: GatewayIssuer
    settings: Settings

    @property
    def citizen(self) -> Person:
        return Person(self, "citizen-1", {"name": "Siti Rahmawati"})

    @property
    def neighbour(self) -> Person:
        return Person(self, "citizen-2", {"name": "Budi Santoso"})

    def officer(self, agency: str = "DPMPTSP", subject: str = "officer-1") -> Person:
        return Person(self, subject, {"name": "Petugas", "roles": [f"officer:{agency}"]})


@pytest.fixture
def migrations() -> Path:
    return MIGRATIONS


@pytest.fixture
def settings(tmp_path: Path, database_url: str) -> Settings:
    return Settings(
        name="permits",
        host="127.0.0.1",
        port=0,
        database_url=database_url,
        gateway_issuer="https://gateway.test",
        gateway_jwks_url="https://gateway.test/.well-known/jwks.json",
        data_dir=tmp_path / "files",
        extra={option.name: option.default for option in OPTIONS},
    )


@pytest.fixture
async def city(settings: Settings) -> AsyncIterator[City]:
    issuer = GatewayIssuer()
    app = make_app(settings, verifier=issuer.verifier("permits"), now=issuer.now)
    async with client_of(app) as client:
        yield City(app, client, issuer, settings)
