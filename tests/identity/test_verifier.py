"""Judging tokens: the good are remembered while they hold, the bad are refused and leave no trace."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from dataclasses import replace
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.errors import IdentityFault, KeysUnavailable, SessionEnded, TokenExpired, TokenInvalid
from gateway.fields import first
from gateway.identity.assertion import Minter
from gateway.identity.revocation import Revocation
from gateway.identity.signing import make_signing_key
from gateway.identity.verifier import Verifier
from gateway.registry.snapshot import AssertionPolicy
from gateway.rules.access import AuthPolicy
from tests.identity.issuer import (
    EC_KEY,
    ED_KEY,
    GATEWAY,
    ISSUER,
    NOW,
    OTHER_EC_KEY,
    POLICY,
    RSA_KEY,
    City,
    PrivateKey,
    base64url,
    claims,
    jwk,
    service,
    signed,
)


def at_once(verifier: Verifier, token: bytes) -> object:
    """Step `verify` by hand, without loop or task; fail if it suspends."""
    coroutine = verifier.verify(token)
    try:
        coroutine.send(None)
    except StopIteration as done:
        return done.value
    finally:
        coroutine.close()
    pytest.fail("it suspended")


def refusal(city: City, token: bytes) -> IdentityFault:
    """Return why `token` is refused, after checking that it is told as RFC 6750 wants and left no trace."""
    before = city.verifier.remembered
    with pytest.raises(IdentityFault) as caught:
        at_once(city.verifier, token)
    assert caught.value.status == 401
    assert b'error="invalid_token"' in (first(caught.value.fields, b"www-authenticate") or b"")
    assert city.verifier.known(token) is None
    assert city.verifier.remembered == before
    return caught.value


@pytest.mark.parametrize(("key", "alg"), [(EC_KEY, "ES256"), (ED_KEY, "EdDSA"), (RSA_KEY, "RS256"), (RSA_KEY, "PS256")])
def test_each_listed_algorithm_is_verified_with_its_own_kind_of_key(key: PrivateKey, alg: str) -> None:
    city = City(jwk(key)).with_keys()
    token = signed(claims(name="Siti", roles=["officer:DPMPTSP"], acr="2", scope="permits"), key=key, alg=alg)
    identity = city.verifier.verify_at_hand(token)
    assert (identity.issuer, identity.subject, identity.session) == (ISSUER, "citizen-1", "session-1")
    assert (identity.issued_at, identity.expires_at) == (NOW, NOW + 900)
    assert (identity.assurance, sorted(identity.scopes)) == (2, ["permits"])
    assert identity.claims["roles"] == ["officer:DPMPTSP"]


def test_a_known_token_is_the_same_identity_and_never_suspends() -> None:
    city = City().with_keys()
    token = signed()
    assert city.verifier.known(token) is None
    identity = at_once(city.verifier, token)
    assert city.verifier.known(bytes(token)) is identity
    assert at_once(city.verifier, token) is identity


def test_forged_tokens_are_refused() -> None:
    city = City().with_keys()
    head, payload, signature = signed().split(b".")
    assert isinstance(refusal(city, signed(key=OTHER_EC_KEY)), TokenInvalid)
    other_payload = signed(claims(sub="citizen-2")).split(b".")[1]
    refusal(city, b".".join((head, other_payload, signature)))
    for empty in (bytes(64), b"\xff" * 64, bytes(63), bytes(65), bytes(1), bytes(72)):
        refusal(city, b".".join((head, payload, base64url(empty).encode())))


def test_the_unsigned_algorithm_is_refused() -> None:
    city = City().with_keys()
    payload = base64url(json.dumps(claims()).encode())
    for alg in ("none", "None", "NONE", "nOnE"):
        header = base64url(json.dumps({"alg": alg, "kid": "k1"}).encode())
        for signature in ("", "AA"):
            refusal(city, f"{header}.{payload}.{signature}".encode())


@pytest.mark.parametrize("key", [EC_KEY, RSA_KEY])
def test_a_public_key_used_as_shared_secret_is_refused(key: PrivateKey) -> None:
    city = City(jwk(key)).with_keys()
    public = key.public_key()
    secrets = [
        public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
        public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        json.dumps(jwk(key)).encode(),
    ]
    for secret in secrets:
        header, payload = (base64url(json.dumps(part).encode()) for part in ({"alg": "HS256", "kid": "k1"}, claims()))
        signing_input = f"{header}.{payload}".encode()
        mac = hmac.digest(secret, signing_input, hashlib.sha256)
        refusal(city, signing_input + b"." + base64url(mac).encode())


def test_a_key_verifies_only_the_algorithm_it_is_bound_to() -> None:
    city = City(jwk(RSA_KEY, "rsa", alg="RS256"), jwk(EC_KEY, "ec"), jwk(ED_KEY, "ed")).with_keys()
    assert city.verifier.verify_at_hand(signed(key=RSA_KEY, alg="RS256", kid="rsa"))
    confused: list[tuple[PrivateKey, str, str]] = [
        (RSA_KEY, "PS256", "rsa"),
        (RSA_KEY, "RS256", "ec"),
        (EC_KEY, "ES256", "ed"),
        (ED_KEY, "EdDSA", "rsa"),
    ]
    for key, alg, kid in confused:
        with pytest.raises(TokenInvalid):
            city.verifier.verify_at_hand(signed(key=key, alg=alg, kid=kid))


def test_an_algorithm_the_issuer_does_not_list_is_refused() -> None:
    policy = replace(POLICY, algorithms=frozenset({"ES256"}))
    city = City(jwk(EC_KEY), jwk(RSA_KEY, "rsa"), policy=policy).with_keys()
    assert "algorithm" in refusal(city, signed(key=RSA_KEY, alg="RS256", kid="rsa")).reason


@pytest.mark.parametrize("kid", ["k2", "../k1", "k1' OR '1'='1", "/dev/null", "K1", "k1 ", "https://evil.example/k"])
def test_a_key_name_is_only_ever_looked_up(kid: str) -> None:
    async def judge() -> None:
        city = City()
        await city.source.fetch()
        with pytest.raises(TokenInvalid):
            await city.verifier.verify(signed(kid=kid))
        assert city.issuer.asked <= 2

    asyncio.run(judge())


def test_a_token_that_names_no_key_needs_the_only_key_of_its_algorithm() -> None:
    alone = City(jwk(EC_KEY), jwk(RSA_KEY, "rsa")).with_keys()
    assert alone.verifier.verify_at_hand(signed(kid=None))
    several = City(jwk(EC_KEY), jwk(OTHER_EC_KEY, "k2")).with_keys()
    with pytest.raises(TokenInvalid):
        several.verifier.verify_at_hand(signed(kid=None))


@pytest.mark.parametrize("issuer", [ISSUER + "/", ISSUER.upper(), "https://evil.example"])
def test_an_issuer_is_matched_exactly(issuer: str) -> None:
    assert "issuer" in refusal(City().with_keys(), signed(claims(iss=issuer))).reason


@pytest.mark.parametrize("aud", ["tangerang-live ", "Tangerang-Live", "permits", ["a", "b"], "tangerang-live,a"])
def test_a_token_for_another_audience_is_refused(aud: object) -> None:
    assert "audience" in refusal(City().with_keys(), signed(claims(aud=aud))).reason


def test_one_of_several_audiences_suffices() -> None:
    assert City().with_keys().verifier.verify_at_hand(signed(claims(aud=["other", "tangerang-live"])))


@pytest.mark.parametrize(
    ("times", "fault"),
    [
        ({"exp": NOW - 1}, TokenExpired),
        ({"exp": NOW - 100_000, "iat": NOW - 100_900}, TokenExpired),
        ({"exp": 0}, TokenExpired),
        ({"nbf": NOW + 2}, TokenInvalid),
        ({"iat": NOW + 62}, TokenInvalid),
    ],
)
def test_a_token_that_is_not_of_this_time_is_refused(times: dict[str, object], fault: type[IdentityFault]) -> None:
    assert type(refusal(City().with_keys(), signed(claims(**times)))) is fault


@pytest.mark.parametrize("times", [{"exp": NOW}, {"nbf": NOW + 1}, {"iat": NOW + 61}, {"iat": NOW - 10**6}])
def test_clocks_that_differ_a_little_do_no_harm(times: dict[str, object]) -> None:
    assert City().with_keys().verifier.verify_at_hand(signed(claims(**times)))


@pytest.mark.parametrize("leeway", [0.0, 5.0])
def test_a_remembered_token_ends_on_time(leeway: float) -> None:
    city = City(policy=replace(POLICY, leeway_seconds=leeway)).with_keys()
    token = signed(claims(exp=NOW + 10))
    city.verifier.verify_at_hand(token)
    city.clock.advance(10 + leeway - 0.001)
    assert city.verifier.known(token)
    city.clock.advance(0.001)
    assert city.verifier.known(token) is None
    assert city.verifier.remembered == 0
    assert isinstance(refusal(city, token), TokenExpired)


def test_the_gateways_own_assertion_is_no_login_even_when_it_is_listed() -> None:
    pem = make_signing_key()
    mistaken = replace(POLICY, issuer=GATEWAY, audiences=frozenset({"permits"}))
    city = City(policy=mistaken)
    minter = Minter(AssertionPolicy(GATEWAY, (pem,), "s" * 32), city.clock)
    city.issuer.document = json.loads(minter.jwks())
    city.with_keys()
    theirs = City().with_keys()
    assertion = minter.mint(theirs.verifier.verify_at_hand(signed()), service("permits"), AuthPolicy())
    assert "issuer" in refusal(city, assertion).reason


def test_a_key_of_one_issuer_says_nothing_for_another() -> None:
    first_issuer, second = POLICY, replace(POLICY, issuer="https://second.example")
    city = City(jwk(EC_KEY)).with_keys()
    other = City(jwk(OTHER_EC_KEY)).with_keys()
    sources = {first_issuer.issuer: city.source, second.issuer: other.source}
    city.verifier.adopt([first_issuer, second], sources, own_issuer=GATEWAY)
    assert city.verifier.verify_at_hand(signed(claims(iss=second.issuer), key=OTHER_EC_KEY))
    refusal(city, signed(claims(iss=second.issuer), key=EC_KEY))


async def test_with_no_key_ever_fetched_nobody_is_signed_out() -> None:
    city = City()
    city.issuer.down = True
    token = signed()
    with pytest.raises(KeysUnavailable) as caught:
        await city.verifier.verify(token)
    assert caught.value.status == 503
    assert caught.value.retry_after_seconds
    with pytest.raises(KeysUnavailable):
        city.verifier.verify_at_hand(token)
    for bad in (b"a.b.c", signed(claims(exp=NOW - 60)), signed(claims(aud="x")), signed(claims(iss="x"))):
        with pytest.raises((TokenInvalid, TokenExpired)):  # what is bad whatever the key is judged all the same
            await city.verifier.verify(bad)
    assert city.issuer.asked == 1


async def test_who_must_not_wait_is_judged_by_the_keys_at_hand() -> None:
    city = City()
    await city.source.fetch()
    with pytest.raises(TokenInvalid):
        city.verifier.verify_at_hand(signed(kid="k2"))
    assert city.issuer.asked == 1


async def test_a_new_key_is_fetched_by_the_first_token_it_signed() -> None:
    city = City()
    await city.source.fetch()
    city.issuer.document = {"keys": [jwk(EC_KEY), jwk(OTHER_EC_KEY, "k2")]}
    assert await city.verifier.verify(signed(key=OTHER_EC_KEY, kid="k2"))
    assert city.issuer.asked == 2


async def test_a_removed_or_replaced_key_takes_its_remembered_tokens_along() -> None:
    for after in ([jwk(OTHER_EC_KEY, "k2")], [jwk(OTHER_EC_KEY, "k1")], []):
        city = City()
        await city.source.fetch()
        token = signed()
        await city.verifier.verify(token)
        generation = city.verifier.generation
        city.issuer.document = {"keys": after}
        await city.source.fetch()
        assert city.verifier.generation > generation
        assert city.verifier.known(token) is None
        with pytest.raises(TokenInvalid):
            await city.verifier.verify(token)


async def test_other_keys_coming_and_going_leave_remembered_tokens_alone() -> None:
    city = City()
    await city.source.fetch()
    token = signed()
    identity = await city.verifier.verify(token)
    city.issuer.document = {"keys": [jwk(OTHER_EC_KEY, "k2"), jwk(EC_KEY)]}
    await city.source.fetch()
    city.issuer.down = True
    await city.source.fetch()
    assert city.verifier.known(token) is identity


@pytest.mark.parametrize(
    "revocation",
    [
        Revocation(ISSUER, "session", "session-1", NOW + 900),
        Revocation(ISSUER, "subject", "citizen-1", NOW + 900, not_before=NOW + 1),
    ],
)
def test_a_revoked_session_is_refused_at_once(revocation: Revocation) -> None:
    city = City().with_keys()
    token = signed()
    city.verifier.verify_at_hand(token)
    generation = city.verifier.generation
    city.revocations.add([revocation])
    assert city.verifier.generation > generation
    assert city.verifier.known(token) is None
    with pytest.raises(SessionEnded):
        at_once(city.verifier, token)
    assert isinstance(refusal(city, signed(claims(exp=NOW + 800))), SessionEnded)


def test_a_revocation_of_another_leaves_remembered_tokens_alone() -> None:
    city = City().with_keys()
    token = signed()
    identity = city.verifier.verify_at_hand(token)
    city.revocations.add([Revocation(ISSUER, "session", "session-2", NOW + 900)])
    assert city.verifier.known(token) is identity


def test_a_reload_drops_what_its_changed_issuers_no_longer_allow() -> None:
    token = signed()
    for policies in ([], [replace(POLICY, audiences=frozenset({"other"}))]):
        city = City().with_keys()
        city.verifier.verify_at_hand(token)
        city.verifier.adopt(policies, {ISSUER: city.source}, own_issuer=GATEWAY)
        assert city.verifier.known(token) is None
        refusal(city, token)
    city = City().with_keys()
    identity = city.verifier.verify_at_hand(token)
    city.verifier.adopt([replace(POLICY)], {ISSUER: city.source}, own_issuer=GATEWAY)
    assert city.verifier.known(token) is identity


def test_a_flood_of_bad_tokens_displaces_no_good_one() -> None:
    city = City(capacity=2).with_keys()
    good = [signed(claims(sub="a")), signed(claims(sub="b"))]
    for token in good:
        city.verifier.verify_at_hand(token)
    for number in range(50):
        refusal(city, signed(claims(sub=f"attacker-{number}"), key=OTHER_EC_KEY))
        refusal(city, b"%d.b.c" % number)
    assert all(city.verifier.known(token) for token in good)
    assert city.verifier.evicted == 0


def test_the_memory_is_bounded_and_the_least_used_leaves_first() -> None:
    city = City(capacity=2).with_keys()
    a, b, c = (signed(claims(sub=name)) for name in "abc")
    city.verifier.verify_at_hand(a)
    city.verifier.verify_at_hand(b)
    assert city.verifier.known(a)
    city.verifier.verify_at_hand(c)
    assert city.verifier.known(a)
    assert city.verifier.known(c)
    assert city.verifier.known(b) is None
    assert (city.verifier.remembered, city.verifier.evicted) == (2, 1)


MUTATED = City(jwk(EC_KEY, "ec"), jwk(ED_KEY, "ed"), jwk(RSA_KEY, "rsa")).with_keys()
ORIGINALS = [
    signed(key=EC_KEY, alg="ES256", kid="ec"),
    signed(key=ED_KEY, alg="EdDSA", kid="ed"),
    signed(key=RSA_KEY, alg="RS256", kid="rsa"),
    signed(key=RSA_KEY, alg="PS256", kid="rsa"),
]
# The change may fall into `exp`, and what says that it is expired is refused before its signature is looked at.
REFUSED = (TokenInvalid, TokenExpired)


@settings(max_examples=400)
@given(st.sampled_from(ORIGINALS), st.data())
def test_a_token_with_any_one_byte_changed_is_refused(token: bytes, draw: Any) -> None:
    position = draw.draw(st.integers(0, len(token) - 1))
    byte = draw.draw(st.integers(0, 255).filter(lambda value: value != token[position]))
    mutated = token[:position] + bytes([byte]) + token[position + 1 :]
    with pytest.raises(REFUSED):
        MUTATED.verifier.verify_at_hand(mutated)
    assert MUTATED.verifier.known(mutated) is None


@settings(max_examples=100)
@given(st.sampled_from(ORIGINALS), st.data())
def test_a_token_cut_or_grown_anywhere_is_refused(token: bytes, draw: Any) -> None:
    position = draw.draw(st.integers(0, len(token) - 1))
    inserted = draw.draw(st.binary(max_size=3))
    cut = draw.draw(st.integers(0 if inserted else 1, 3))
    changed = token[:position] + inserted + token[position + cut :]
    if changed != token:
        with pytest.raises(REFUSED):
            MUTATED.verifier.verify_at_hand(changed)
        assert MUTATED.verifier.known(changed) is None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
NAMES = ["iss", "sub", "aud", "exp", "iat", "nbf", "sid", "acr", "scope", "scopes", "jti"]


@settings(max_examples=300)
@given(st.dictionaries(st.sampled_from(NAMES), JSON, min_size=1, max_size=3))
def test_a_signed_payload_of_any_shape_is_accepted_or_refused_and_nothing_else(changes: dict[str, object]) -> None:
    token = signed(json.dumps({**claims(), **changes}).encode(), kid="ec")
    try:
        identity = MUTATED.verifier.verify_at_hand(token)
    except (TokenInvalid, TokenExpired):
        return
    assert identity.subject
    assert isinstance(identity.assurance, int)


def test_a_token_that_does_not_say_its_age_ends_with_everything_of_its_subject() -> None:
    city = City().with_keys()
    token = signed(claims(iat=None))
    assert at_once(city.verifier, token)
    city.revocations.add([Revocation(ISSUER, "subject", "citizen-1", NOW + 900, not_before=0.5)])
    with pytest.raises(SessionEnded):
        at_once(city.verifier, token)
