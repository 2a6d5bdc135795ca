import asyncio
import json
from base64 import urlsafe_b64encode
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from services.kit.assertion import AssertionVerifier, Caller
from services.kit.problem import Problem
from services.kit.testing import ISSUER, JWKS_URL, GatewayIssuer


async def status_of(verifier: AssertionVerifier, authorization: str) -> int:
    with pytest.raises(Problem) as caught:
        await verifier.verify(authorization)
    return caught.value.status


@pytest.fixture
def verifier(issuer: GatewayIssuer) -> AssertionVerifier:
    return issuer.verifier("permits")


async def test_no_authorization_is_anonymous_and_fetches_nothing(
    issuer: GatewayIssuer, verifier: AssertionVerifier
) -> None:
    assert await verifier.verify(None) is None
    assert issuer.fetches == 0


async def test_a_good_assertion_names_the_caller(issuer: GatewayIssuer, verifier: AssertionVerifier) -> None:
    token = issuer.assertion("warga", sid="s1", acr="2", roles=["officer:DPMPTSP"], name="Budi")
    caller = await verifier.verify(f"Bearer {token}")
    assert isinstance(caller, Caller)
    assert (caller.subject, caller.session, caller.assurance) == ("warga", "s1", "2")
    assert caller.has_role("admin", "officer:DPMPTSP")
    assert not caller.has_role("admin")
    assert caller.claims["name"] == "Budi"


@pytest.mark.parametrize(
    "claims",
    [
        {"exp": None},
        {"sub": None},
        {"iss": None},
        {"aud": None},
        {"iss": "https://elsewhere.test"},
        {"aud": "complaints"},
        {"aud": ["permits", "complaints"]},
        {"exp": "2000000000"},
        {"exp": 1_000_000_000},
        {"exp": True},
        {"nbf": 4_000_000_000},
        {"sub": ""},
        {"sub": 7},
        {"sid": 7},
        {"acr": []},
        {"roles": "admin"},
        {"roles": [1]},
    ],
)
async def test_an_assertion_with_wrong_claims_is_401(
    issuer: GatewayIssuer, verifier: AssertionVerifier, claims: dict[str, Any]
) -> None:
    usual: dict[str, Any] = {"sub": "warga", "aud": "permits"}
    payload = {"iss": ISSUER, "exp": int(issuer.now().timestamp()) + 60, **usual, **claims}
    kept = {name: value for name, value in payload.items() if value is not None}
    assert await status_of(verifier, f"Bearer {issuer.sign(kept)}") == 401


async def test_forged_tokens_are_401(issuer: GatewayIssuer, verifier: AssertionVerifier) -> None:
    good = issuer.assertion()
    head, body, signature = good.split(".")
    public = issuer.public_key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    payload = jwt.decode(good, options={"verify_signature": False})
    kid = jwt.get_unverified_header(good)["kid"]
    none_head = urlsafe_b64encode(json.dumps({"alg": "none", "kid": kid}).encode()).decode().rstrip("=")
    hmac_head = urlsafe_b64encode(json.dumps({"alg": "HS256", "kid": kid}).encode()).decode().rstrip("=")
    hmac = jwt.get_algorithm_by_name("HS256")
    hmac_signature = urlsafe_b64encode(hmac.sign(f"{hmac_head}.{body}".encode(), public)).decode().rstrip("=")
    foreign = ec.generate_private_key(ec.SECP256R1())
    for token in [
        f"{none_head}.{body}.",
        f"{hmac_head}.{body}.{hmac_signature}",
        f"{head}.{body}.{signature[::-1]}",
        jwt.encode(payload, foreign, algorithm="ES256", headers={"kid": kid}),
        jwt.encode(payload, foreign, algorithm="ES256"),
        "not-a-token",
        "",
    ]:
        assert await status_of(verifier, f"Bearer {token}") == 401
    assert await status_of(verifier, f"Basic {good}") == 401
    assert await status_of(verifier, f"Bearer {good}, Bearer {good}") == 401


async def test_an_assertion_expires_by_the_given_clock(issuer: GatewayIssuer, verifier: AssertionVerifier) -> None:
    token = f"Bearer {issuer.assertion()}"
    issuer.now.advance(seconds=64)
    assert await verifier.verify(token) is not None
    issuer.now.advance(seconds=1)
    assert await status_of(verifier, token) == 401


async def test_an_unknown_kid_refetches_under_a_cooldown(issuer: GatewayIssuer, verifier: AssertionVerifier) -> None:
    await verifier.verify(f"Bearer {issuer.assertion()}")
    issuer.rotate()
    assert await status_of(verifier, f"Bearer {issuer.assertion()}") == 401
    assert issuer.fetches == 1
    issuer.now.advance(seconds=10)
    assert await verifier.verify(f"Bearer {issuer.assertion()}") is not None
    assert issuer.fetches == 2


async def test_good_keys_survive_a_failed_fetch(issuer: GatewayIssuer, verifier: AssertionVerifier) -> None:
    await verifier.verify(f"Bearer {issuer.assertion()}")
    issuer.is_down = True
    issuer.now.advance(minutes=10)
    assert await verifier.verify(f"Bearer {issuer.assertion()}") is not None
    assert issuer.fetches == 2


async def test_a_withdrawn_key_stops_working_within_a_minute(
    issuer: GatewayIssuer, verifier: AssertionVerifier
) -> None:
    old = f"Bearer {issuer.assertion(exp=4_000_000_000)}"
    await verifier.verify(old)
    issuer.rotate()
    issuer.withdraw_old()
    issuer.now.advance(seconds=60)
    assert await status_of(verifier, old) == 401


async def test_without_any_key_the_answer_is_503_until_one_is_had(
    issuer: GatewayIssuer, verifier: AssertionVerifier
) -> None:
    issuer.is_down = True
    with pytest.raises(Problem) as caught:
        await verifier.verify(f"Bearer {issuer.assertion()}")
    assert caught.value.status == 503
    assert int(caught.value.headers["Retry-After"]) > 0
    issuer.is_down = False
    issuer.now.advance(seconds=1)
    assert await verifier.verify(f"Bearer {issuer.assertion()}") is not None


async def test_many_first_requests_share_one_fetch(issuer: GatewayIssuer, verifier: AssertionVerifier) -> None:
    token = f"Bearer {issuer.assertion()}"
    callers = await asyncio.gather(*(verifier.verify(token) for _ in range(20)))
    assert all(callers)
    assert issuer.fetches == 1


async def test_odd_published_keys_are_skipped(issuer: GatewayIssuer) -> None:
    rsa_key = jwt.get_algorithm_by_name("RS256").to_jwk(
        rsa.generate_private_key(65537, 2048).public_key(), as_dict=True
    )
    odd: list[Any] = [None, {}, {"kty": "EC", "kid": "x", "crv": "P-256"}, {**rsa_key, "kid": "rsa"}, {"kty": "?"}]
    encryption = {**issuer.jwks()["keys"][0], "kid": "enc", "use": "enc"}
    document = {"keys": [*odd, encryption, *issuer.jwks()["keys"]]}
    transport = httpx.MockTransport(lambda _request: httpx.Response(200, json=document))
    verifier = AssertionVerifier(JWKS_URL, ISSUER, "permits", now=issuer.now, transport=transport)
    assert await verifier.verify(f"Bearer {issuer.assertion()}") is not None


@pytest.mark.parametrize("document", [b"[]", b"{}", b'{"keys": 1}', b"<html>", b"\xff", b"x" * 300_000])
async def test_a_broken_key_set_is_503_not_500(issuer: GatewayIssuer, document: bytes) -> None:
    transport = httpx.MockTransport(lambda _request: httpx.Response(200, content=document))
    verifier = AssertionVerifier(JWKS_URL, ISSUER, "permits", now=issuer.now, transport=transport)
    assert await status_of(verifier, f"Bearer {issuer.assertion()}") == 503


async def test_keys_are_fetched_over_a_real_socket(issuer: GatewayIssuer) -> None:
    with issuer.serve() as url:
        verifier = AssertionVerifier(url, ISSUER, "permits", now=issuer.now)
        assert await verifier.verify(f"Bearer {issuer.assertion()}") is not None
        await verifier.close()
