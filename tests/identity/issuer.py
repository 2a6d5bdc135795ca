"""An issuer as the tests need it: keys of every kind, well-formed tokens, and tokens that are wrong in one respect."""

from __future__ import annotations

import asyncio
import json
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from typing import TypeAlias

import httpx
import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from gateway.clock import ManualClock
from gateway.identity.keys import JwksSource
from gateway.identity.revocation import Revocations
from gateway.identity.verifier import Verifier
from gateway.problem import AgencyContact
from gateway.registry.snapshot import IssuerPolicy, Service, Words
from gateway.rules.delivery import Target, UpstreamPolicy

ISSUER = "https://identity.example"
GATEWAY = "https://gateway.example"
AUDIENCE = "tangerang-live"
NOW = 1_800_000_000

PrivateKey: TypeAlias = ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey
Json: TypeAlias = Mapping[str, object]

# Made once: RSA keys take long, and no test changes a key.
EC_KEY = ec.generate_private_key(ec.SECP256R1())
OTHER_EC_KEY = ec.generate_private_key(ec.SECP256R1())
ED_KEY = ed25519.Ed25519PrivateKey.generate()
RSA_KEY = rsa.generate_private_key(65_537, 2048)

POLICY = IssuerPolicy(
    issuer=ISSUER,
    audiences=frozenset({AUDIENCE}),
    algorithms=frozenset({"ES256", "EdDSA", "RS256", "PS256"}),
    jwks_url=ISSUER + "/jwks",
)


def base64url(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def jwk(private_key: PrivateKey, kid: str | None = "k1", **members: object) -> dict[str, object]:
    """Return the public JWK of a key, with further members or None to leave one out."""
    key = private_key.public_key()
    if isinstance(key, ec.EllipticCurvePublicKey):
        shape = json.loads(jwt.algorithms.ECAlgorithm.to_jwk(key))
    elif isinstance(key, rsa.RSAPublicKey):
        shape = {"kty": "RSA"} | {
            name: base64url(number.to_bytes((number.bit_length() + 7) // 8, "big"))
            for name, number in (("n", key.public_numbers().n), ("e", key.public_numbers().e))
        }
    else:
        shape = json.loads(jwt.algorithms.OKPAlgorithm.to_jwk(key))
    named: dict[str, object] = {"kid": kid, "use": "sig"} | shape | members
    return {name: value for name, value in named.items() if value is not None}


def claims(**changes: object) -> dict[str, object]:
    """Return a good payload, changed; None leaves a claim out."""
    good: dict[str, object] = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": "citizen-1",
        "sid": "session-1",
        "iat": NOW,
        "exp": NOW + 900,
    }
    return {name: value for name, value in (good | changes).items() if value is not None}


def signed(
    payload: Json | bytes | None = None,
    *,
    key: PrivateKey = EC_KEY,
    alg: str = "ES256",
    kid: str | None = "k1",
    header: Json | bytes | None = None,
) -> bytes:
    """Return a token that is rightly signed whatever it says; bytes stand for a part as it is."""
    if header is None:
        header = {"alg": alg, "typ": "JWT"} | ({} if kid is None else {"kid": kid})
    body = claims() if payload is None else payload
    parts = [part if isinstance(part, bytes) else json.dumps(part).encode() for part in (header, body)]
    signing_input = ".".join(base64url(part) for part in parts).encode()
    signature = jwt.get_algorithm_by_name(alg).sign(signing_input, key)
    return signing_input + b"." + base64url(signature).encode()


def service(name: str, *, issuer: str | None = None, sector: str = "") -> Service:
    """Return an agency's service as the registry would compile it."""
    target = Target("http://127.0.0.1:1", "http", "127.0.0.1", 1)
    return Service(
        name=name,
        title=Words(name, name),
        agency_code="DPMPTSP",
        agency=AgencyContact("DPMPTSP"),
        upstream=UpstreamPolicy(name, (target,)),
        issuer=issuer,
        sector=sector,
    )


class Issuer:
    """What an issuer publishes, and how often it was asked; no socket (test_keys has one)."""

    def __init__(self, *keys: Json) -> None:
        self.document: object = {"keys": list(keys or [jwk(EC_KEY)])}
        self.asked = 0
        self.down = False

    def client(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(transport=httpx.MockTransport(self._answer))

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.asked += 1
        return httpx.Response(503) if self.down else httpx.Response(200, json=self.document)


class City:
    """A verifier of one issuer, with everything around it at hand."""

    def __init__(self, *keys: Json, policy: IssuerPolicy = POLICY, capacity: int = 1_000) -> None:
        self.clock = ManualClock(wall=NOW)
        self.issuer = Issuer(*keys)
        self.source = JwksSource(policy, self.issuer.client(), self.clock)
        self.revocations = Revocations(self.clock)
        self.verifier = Verifier(
            [policy],
            {policy.issuer: self.source},
            self.revocations,
            self.clock,
            own_issuer=GATEWAY,
            capacity=capacity,
        )

    def with_keys(self) -> City:
        """Have the keys fetched, outside any loop, so that tests without one can judge tokens."""
        asyncio.run(self.source.fetch())
        return self
