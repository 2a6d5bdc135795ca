"""Who may come in, who may not, and what each is told."""

from __future__ import annotations

import asyncio

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.city.agency import Answer
from tests.city.city import AUDIENCE, City

PERMITS = """
    upstream: {targets: TARGETS}
    routes:
      - {path: /v1/permits/mine, methods: [GET], auth: {mode: required}}
      - {path: /v1/permits/maybe, methods: [GET], auth: {mode: optional}}
      - {path: /v1/permits/signed, methods: [GET], auth: {mode: required, scopes: [sign], assurance: 3}}
"""


def forgeries(city: City) -> dict[str, str]:
    """Tokens that are wrong in one respect each."""
    good = city.issuer.token()
    header, payload, _ = good.split(".")
    public = city.issuer.key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    now = int(city.clock.wall())
    claims = {"iss": city.issuer.url, "aud": AUDIENCE, "sub": "citizen-1", "exp": now + 900}
    other = ec.generate_private_key(ec.SECP256R1())
    return {
        "forged": jwt.encode(claims, other, algorithm="ES256", headers={"kid": "k1"}),
        "expired": city.issuer.token(exp=now - 10),
        "wrong audience": city.issuer.token(aud="someone-else"),
        "wrong issuer": city.issuer.token(iss="http://evil.example"),
        "alg none": jwt.encode(claims, "", algorithm="none"),
        "HS256 with the public key": jwt.api_jws.PyJWS().encode(
            jwt.utils.base64url_decode(payload), _raw_hmac_key(public), algorithm="HS256", headers={"kid": "k1"}
        ),
        "no signature": f"{header}.{payload}.",
        "cut": good[:-4],
        "no exp": city.issuer.token(exp=None),
        "garbage": "abc",
    }


def _raw_hmac_key(pem: bytes) -> bytes:
    # PyJWT refuses to take a PEM for HMAC, which is the attack; the same bytes without their marks will do.
    return pem.replace(b"-----BEGIN PUBLIC KEY-----", b"").replace(b"-----END PUBLIC KEY-----", b"")


async def test_bad_tokens_are_401_and_nothing_reaches_the_agency(city: City) -> None:
    permits = city.service("permits", PERMITS)
    async with city:
        for name, token in forgeries(city).items():
            for path in ("/v1/permits/mine", "/v1/permits/maybe"):
                reply = await city.client.get(path, headers={"authorization": f"Bearer {token}"})
                assert reply.status_code == 401, name
                assert reply.headers["content-type"] == "application/problem+json"
                assert reply.headers["www-authenticate"].startswith("Bearer")
    assert permits.received == []


async def test_sign_in_is_asked_for_only_where_it_is_required(city: City) -> None:
    permits = city.service("permits", PERMITS)
    async with city:
        assert (await city.client.get("/v1/permits/mine")).status_code == 401
        assert (await city.client.get("/v1/permits/maybe")).status_code == 200
    assert permits.received[0].header("authorization") is None


async def test_two_authorization_fields_are_refused(city: City) -> None:
    city.service("permits", PERMITS)
    async with city:
        value = city.issuer.bearer()["authorization"]
        reply = await city.client.get("/v1/permits/mine", headers=[("authorization", value), ("authorization", value)])
    assert reply.status_code == 401


@pytest.mark.parametrize(
    ("claims", "status"),
    [
        ({"scope": "sign", "acr": "3"}, 200),
        ({"scope": "sign", "acr": "2"}, 403),
        ({"scope": "read", "acr": "3"}, 403),
        ({}, 403),
    ],
)
async def test_scope_and_assurance_must_both_reach(city: City, claims: dict[str, str], status: int) -> None:
    permits = city.service("permits", PERMITS)
    async with city:
        reply = await city.client.get("/v1/permits/signed", headers=city.issuer.bearer(**claims))
    assert reply.status_code == status
    assert len(permits.received) == (status == 200)
    if status == 403:
        assert "insufficient" in reply.headers["www-authenticate"]


async def test_a_token_works_until_it_expires_though_it_is_remembered(city: City) -> None:
    city.service("permits", PERMITS)
    async with city:
        bearer = city.issuer.bearer()
        assert (await city.client.get("/v1/permits/mine", headers=bearer)).status_code == 200
        city.clock.advance(902)
        reply = await city.client.get("/v1/permits/mine", headers=bearer)
    assert reply.status_code == 401
    assert reply.json()["code"] == "token-expired"


async def test_a_revoked_session_ends_though_its_token_is_remembered(city: City) -> None:
    city.service("permits", PERMITS)
    async with city:
        bearer = city.issuer.bearer()
        assert (await city.client.get("/v1/permits/mine", headers=bearer)).status_code == 200
        city.issuer.revoke("session-of-citizen-1")
        while not len(city.gateway.revocations):
            await asyncio.sleep(0.001)
        reply = await city.client.get("/v1/permits/mine", headers=bearer)
        assert reply.status_code == 401
        assert reply.json()["code"] == "session-ended"
        other = await city.client.get("/v1/permits/mine", headers=city.issuer.bearer("citizen-2"))
        assert other.status_code == 200


async def test_signed_in_citizens_keep_working_while_identity_is_down(city: City) -> None:
    city.service("permits", PERMITS)
    async with city:
        bearer = city.issuer.bearer()
        assert (await city.client.get("/v1/permits/mine", headers=bearer)).status_code == 200
        fresh = city.issuer.bearer("citizen-2")
        await city.issuer.stop()
        assert (await city.client.get("/v1/permits/mine", headers=bearer)).status_code == 200
        assert (await city.client.get("/v1/permits/mine", headers=fresh)).status_code == 200


async def test_nobody_is_signed_out_when_keys_were_never_fetched(city: City) -> None:
    city.service("permits", PERMITS)
    city.issuer.handler = lambda _: Answer(500)
    async with city:
        reply = await city.client.get("/v1/permits/mine", headers=city.issuer.bearer())
    assert reply.status_code == 503
    assert reply.json()["code"] == "keys-unavailable"
    assert int(reply.headers["retry-after"]) >= 1


async def test_the_gateways_own_assertion_is_no_login(city: City) -> None:
    permits = city.service("permits", PERMITS)
    async with city:
        await city.client.get("/v1/permits/mine", headers=city.issuer.bearer())
        assertion = permits.received[0].header("authorization") or ""
        reply = await city.client.get("/v1/permits/mine", headers={"authorization": assertion})
    assert reply.status_code == 401
