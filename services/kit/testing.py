"""For the services' tests: a gateway that signs real assertions, a clock turned by hand, and a client."""

import json
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm
from starlette.applications import Starlette

from services.kit.assertion import AssertionVerifier

ISSUER = "https://gateway.test"
JWKS_URL = f"{ISSUER}/.well-known/jwks.json"
START = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)  # a Tuesday, 09.00 WIB


class ManualNow:
    """A `Now` that stands still until told to advance."""

    def __init__(self, start: datetime = START) -> None:
        self._instant = start

    def __call__(self) -> datetime:
        return self._instant

    def advance(self, **parts: float) -> None:
        """Move on by a timedelta's parts: `advance(hours=2)`."""
        self._instant += timedelta(**parts)


class GatewayIssuer:
    """Signs assertions as the gateway does and publishes the keys; `fetches` counts how often they were read."""

    def __init__(self, now: ManualNow | None = None) -> None:
        self.now = now or ManualNow()
        self.fetches = 0
        self.is_down = False
        self._keys: dict[str, ec.EllipticCurvePrivateKey] = {}
        self._kid = ""
        self.rotate()

    def rotate(self) -> None:
        """Sign with a new key from now on; old ones stay published until `withdraw_old`."""
        self._kid = f"key-{len(self._keys) + 1}"
        self._keys[self._kid] = ec.generate_private_key(ec.SECP256R1())

    def withdraw_old(self) -> None:
        """Publish only the present key."""
        self._keys = {self._kid: self._keys[self._kid]}

    def jwks(self) -> dict[str, Any]:
        """Return the public key set (RFC 7517)."""
        keys = [
            {**ECAlgorithm.to_jwk(key.public_key(), as_dict=True), "kid": kid, "use": "sig", "alg": "ES256"}
            for kid, key in self._keys.items()
        ]
        return {"keys": keys}

    def assertion(self, sub: str = "citizen-1", aud: str = "permits", **claims: object) -> str:
        """Sign an assertion; a claim given as None is left out, any other overrides the usual one."""
        now = int(self.now().timestamp())
        usual = {"iss": ISSUER, "aud": aud, "sub": sub, "iat": now, "exp": now + 60}
        return self.sign({name: value for name, value in {**usual, **claims}.items() if value is not None})

    def sign(self, claims: dict[str, Any]) -> str:
        """Sign any claims, nonsense too."""
        header = {"kid": self._kid, "typ": "JWT"}
        # Not jwt.encode: it refuses to sign some of the nonsense that tests need.
        return jwt.api_jws.encode(json.dumps(claims).encode(), self._keys[self._kid], "ES256", header)

    @property
    def public_key(self) -> ec.EllipticCurvePublicKey:
        """Return the key that verifies what is signed at present."""
        return self._keys[self._kid].public_key()

    def headers(self, sub: str = "citizen-1", aud: str = "permits", **claims: object) -> dict[str, str]:
        """Return the request headers of a signed-in caller."""
        return {"Authorization": f"Bearer {self.assertion(sub, aud, **claims)}"}

    def verifier(self, audience: str) -> AssertionVerifier:
        """Build a verifier that fetches this issuer's keys without a socket, by the same manual clock."""
        transport = httpx.MockTransport(self._answer)
        return AssertionVerifier(JWKS_URL, ISSUER, audience, now=self.now, transport=transport)

    def _answer(self, _request: httpx.Request) -> httpx.Response:
        self.fetches += 1
        return httpx.Response(503) if self.is_down else httpx.Response(200, json=self.jwks())

    @contextmanager
    def serve(self) -> Iterator[str]:
        """Publish the keys on a loopback port, for a service run as a process; yields the JWKS address."""
        issuer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                answer = issuer._answer(httpx.Request("GET", JWKS_URL))
                self.send_response(answer.status_code)
                self.send_header("Content-Length", str(len(answer.content)))
                self.end_headers()
                self.wfile.write(answer.content)

            def log_message(self, format: str, *args: object) -> None:
                """Say nothing."""

        with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
            thread = threading.Thread(target=server.serve_forever)
            thread.start()
            try:
                yield f"http://127.0.0.1:{server.server_port}/.well-known/jwks.json"
            finally:
                server.shutdown()
                thread.join()


@asynccontextmanager
async def client_of(app: Starlette) -> AsyncIterator[httpx.AsyncClient]:
    """Run the application's lifespan and yield a client that talks to it in this process."""
    transport = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://service.test") as client,
    ):
        yield client


def problem_code(answer: httpx.Response) -> str:
    """Check that an answer is a complete problem and return its code."""
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    body = json.loads(answer.content)
    assert {"type", "title", "status", "instance", "code", "case", "source"} <= body.keys()
    assert body["status"] == answer.status_code
    assert body["source"] == "agency"
    code: str = body["code"]
    return code
