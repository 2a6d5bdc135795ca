"""Laksa as its tests use it: the real application on a fresh database, a gateway that signs, a clock turned by hand."""

import io
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import ExifTags, Image
from starlette.applications import Starlette

from services.complaints.app import MIGRATIONS, NAME, OPTIONS, compose
from services.complaints.service import Service
from services.complaints.watch import Watch
from services.kit.logs import make_logger
from services.kit.settings import Settings, from_args
from services.kit.testing import GatewayIssuer, client_of

ROAD: Mapping[str, Any] = {
    "category": "roads",
    "description": "Lubang besar di depan pasar, sudah dua motor jatuh.",
    "lat": -6.16812,
    "lon": 106.59431,
    "landmark": "Depan Pasar Periuk",
}
DESK, DPUPR, DLH = "officer:Diskominfo", "officer:DPUPR", "officer:DLH"


def photo(colour: str = "red", *, gps: bool = True) -> bytes:
    """Draw a phone's photo, with the metadata phones write."""
    exif = Image.Exif()
    exif[ExifTags.Base.Make] = "SECRETPHONE"
    if gps:
        exif.get_ifd(ExifTags.IFD.GPSInfo).update(
            {
                ExifTags.GPS.GPSLatitudeRef: "S",
                ExifTags.GPS.GPSLatitude: (6.0, 10.0, 30.0),
                ExifTags.GPS.GPSLongitudeRef: "E",
                ExifTags.GPS.GPSLongitude: (106.0, 37.0, 48.0),
            }
        )
    out = BytesIO()
    Image.new("RGB", (60, 30), colour).save(out, "JPEG", exif=exif)
    return out.getvalue()


@dataclass(frozen=True)
class Laksa:
    """The running service and what a test may want to look at."""

    app: Starlette
    issuer: GatewayIssuer
    client: httpx.AsyncClient
    log: io.StringIO
    folder: Path
    settings: Settings

    @property
    def service(self) -> Service:
        service: Service = self.app.state.service
        return service

    @property
    def watch(self) -> Watch:
        watch: Watch = self.app.state.watch
        return watch

    def headers(self, sub: str = "warga-1", *roles: str, **more: str) -> dict[str, str]:
        claims = {"roles": list(roles)} if roles else {}
        return {**self.issuer.headers(sub, NAME, **claims), **more}

    async def report(self, sub: str | None = "warga-1", **fields: Any) -> dict[str, Any]:
        """Send a report that must be taken in."""
        headers = self.headers(sub) if sub else {}
        answer = await self.client.post("/reports", json={**ROAD, **fields}, headers=headers)
        assert answer.status_code == 201, answer.text
        body: dict[str, Any] = answer.json()
        return body

    async def act(self, ticket: str, action: str, *roles: str, expect: int = 200, **fields: Any) -> dict[str, Any]:
        """Act as an officer on the newest version of a report."""
        headers = self.headers("petugas-1", *(roles or (DESK,)))
        path = f"/desk/reports/{ticket}"
        seen = await self.client.get(path, headers=headers)
        headers["If-Match"] = seen.headers.get("etag", '"-"')
        body = {"action": action, **fields}
        answer = await self.client.post(f"{path}/actions", json=body, headers=headers)
        assert answer.status_code == expect, answer.text
        shown: dict[str, Any] = answer.json()
        return shown

    async def get(self, path: str, sub: str | None = None, **headers: str) -> Any:
        """Get what must be there."""
        answer = await self.client.get(path, headers={**(self.headers(sub) if sub else {}), **headers})
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def say(self, ticket: str, what: str, sub: str = "warga-1", expect: int = 201, **body: Any) -> Any:
        """Reply to, rate or reopen one's report."""
        answer = await self.client.post(f"/reports/{ticket}/{what}", json=body, headers=self.headers(sub))
        assert answer.status_code == expect, answer.text
        return answer.json()

    async def add_photo(self, ticket: str, content: bytes, sub: str = "warga-1") -> httpx.Response:
        return await self.client.post(f"/reports/{ticket}/photos", content=content, headers=self.headers(sub))


@pytest.fixture
def migrations() -> Path:
    return MIGRATIONS


@pytest.fixture
async def laksa(tmp_path: Path, database_url: str) -> AsyncIterator[Laksa]:
    issuer, log = GatewayIssuer(), io.StringIO()
    arguments = ["--database-url", database_url, "--data-dir", str(tmp_path / "files"), "--watch-seconds", "3600"]
    settings = from_args(NAME, 0, arguments, extra=OPTIONS, environ={})
    app = compose(settings, now=issuer.now, verifier=issuer.verifier(NAME), log=make_logger(NAME, log))
    async with client_of(app) as client:
        yield Laksa(app, issuer, client, log, tmp_path, settings)
