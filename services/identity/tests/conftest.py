"""A whole identity service in this process: real database, real keys, a clock turned by hand, a post that is read."""

import io
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
from sqlalchemy.orm import Session
from starlette.applications import Starlette

from services.identity.app import MIGRATIONS, NAME, OPTIONS, compose
from services.identity.policy import load_policy
from services.identity.senders import DeliveryFailed
from services.identity.service import Service
from services.kit.logs import make_logger
from services.kit.settings import Settings
from services.kit.testing import GatewayIssuer, ManualNow, client_of

PASSWORD = "sebuah-rahasia"  # of everybody in these tests
BUDI = {"nik": "3671990101900001", "name": "Budi Santoso", "email": "budi@example.test", "phone": "081234567801"}
BUDI_IN_REGISTER = {"name": "BUDI SANTOSO", "birth_date": "1990-01-01", "family_card": "3671992006150001"}

# Argon2 at its cheapest: what it costs is a setting, and the tests are about everything else.
CHEAP = replace(load_policy(), argon2_memory_kib=8, argon2_passes=1)


@dataclass
class Post:
    """Keeps what is sent instead of sending it; `is_down` makes every delivery fail."""

    sent: list[tuple[str, str]] = field(default_factory=list)
    is_down: bool = False

    async def send(self, recipient: str, text: str) -> None:
        if self.is_down:
            raise DeliveryFailed("the relay is away")
        self.sent.append((recipient, text))

    async def close(self) -> None:
        """Nothing is open."""


@dataclass
class Phone:
    """A person signed in on a device, seen as the gateway would show them."""

    city: "City"
    tokens: dict[str, Any]

    @property
    def claims(self) -> dict[str, Any]:
        return jwt.decode(self.tokens["access_token"], options={"verify_signature": False})

    @property
    def headers(self) -> dict[str, str]:
        return self.city.issuer.headers(self.claims["sub"], NAME, sid=self.claims["sid"])

    async def get(self, path: str, **more: Any) -> httpx.Response:
        return await self.city.client.get(path, headers=self.headers, **more)

    async def post(self, path: str, body: object = None) -> httpx.Response:
        return await self.city.client.post(path, headers=self.headers, json=body)

    async def me(self) -> dict[str, Any]:
        answer = await self.get("/me")
        assert answer.status_code == 200, answer.text
        shown: dict[str, Any] = answer.json()
        return shown

    async def identifier(self, kind: str) -> dict[str, Any]:
        found: list[dict[str, Any]] = [each for each in (await self.me())["identifiers"] if each["kind"] == kind]
        return found[-1]

    async def prove(self, kind: str) -> httpx.Response:
        """Have a code sent to the contact and enter it."""
        path = f"/me/identifiers/{(await self.identifier(kind))['id']}"
        sent = await self.post(f"{path}/code")
        assert sent.status_code == 202, sent.text
        return await self.post(
            f"{path}/proof", {"code_id": sent.json()["code_id"], "code": await self.city.last_code()}
        )

    async def refresh(self) -> httpx.Response:
        """Exchange the refresh token, and go on with the new pair when there is one."""
        answer = await self.city.client.post("/refresh", json={"refresh_token": self.tokens["refresh_token"]})
        if answer.status_code == 200:
            self.tokens = answer.json()
        return answer


@dataclass
class City:
    """The running service and what a test may want to do with it."""

    app: Starlette
    client: httpx.AsyncClient
    issuer: GatewayIssuer
    now: ManualNow
    post: Post
    log: io.StringIO
    settings: Settings

    @property
    def service(self) -> Service:
        service: Service = self.app.state.service
        return service

    async def register(self, **who: str) -> dict[str, Any]:
        answer = await self.client.post("/register", json={"name": "Warga", "password": PASSWORD, **who})
        assert answer.status_code == 201, answer.text
        shown: dict[str, Any] = answer.json()
        return shown

    async def attempt(self, identifier: str, password: str = PASSWORD, **headers: str) -> httpx.Response:
        body = {"identifier": identifier, "password": password}
        return await self.client.post("/login", json=body, headers=headers)

    async def login(self, identifier: str, password: str = PASSWORD) -> Phone:
        answer = await self.attempt(identifier, password)
        assert answer.status_code == 200, answer.text
        return Phone(self, answer.json())

    async def newcomer(self, **who: str) -> Phone:
        """Register and sign in."""
        await self.register(**who)
        return await self.login(next(who[kind] for kind in ("email", "phone", "nik") if kind in who))

    async def matched(self, **who: str) -> Phone:
        """A person with a proved contact and a NIK that the register confirms."""
        phone = await self.newcomer(**{**BUDI, **who})
        assert (await phone.prove("email")).status_code == 200
        answer = await phone.post("/me/nik-match", BUDI_IN_REGISTER)
        assert answer.json()["result"] == "SESUAI", answer.text
        await phone.refresh()
        return phone

    async def officer(self, role: str) -> Phone:
        """Somebody who holds a role."""
        from services.identity.account_commands import AccountCommands

        commands = AccountCommands(self.service.database, self.service.means)
        contact = {"email": f"{role.replace(':', '-').lower()}@example.test"}
        commands.add("Petugas", PASSWORD, contact, tier=2, roles=[role])
        return await self.login(contact["email"])

    async def messages(self) -> list[tuple[str, str]]:
        """Deliver what is in the post and return everything sent so far."""
        while await self.service.postman.deliver_due():
            pass
        return self.post.sent

    async def last_code(self) -> str:
        found = [match[1] for _, text in await self.messages() if (match := re.search(r"kode Anda (\d{6})", text))]
        return found[-1]

    async def read(self, fn: Any) -> Any:
        def query(session: Session) -> Any:
            return fn(session)

        return await self.service.database.read(query)


def settings_in(folder: Path, database_url: str) -> Settings:
    return Settings(
        name=NAME,
        host="127.0.0.1",
        port=8101,
        database_url=database_url,
        gateway_issuer="https://gateway.test",
        gateway_jwks_url="https://gateway.test/.well-known/jwks.json",
        data_dir=folder / "files",
        extra={option.name: option.default for option in OPTIONS},
    )


@pytest.fixture
def issuer() -> GatewayIssuer:
    return GatewayIssuer()


@pytest.fixture
def migrations() -> Path:
    return MIGRATIONS


@pytest.fixture
async def city(tmp_path: Path, database_url: str, issuer: GatewayIssuer) -> AsyncIterator[City]:
    settings, post, log = settings_in(tmp_path, database_url), Post(), io.StringIO()
    app = compose(
        settings,
        now=issuer.now,
        policy=CHEAP,
        verifier=issuer.verifier(NAME),
        senders={"email": post, "sms": post},
        log=make_logger(NAME, log),
        delivers=False,
    )
    async with client_of(app) as client:
        yield City(app, client, issuer, issuer.now, post, log, settings)
