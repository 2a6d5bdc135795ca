"""What agencies are told of citizens: no more than granted, for no longer than needed."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, NoEncryption, PrivateFormat
from hypothesis import given
from hypothesis import strategies as st

from gateway.clock import ManualClock
from gateway.identity.assertion import Minter
from gateway.identity.jwk import read_key_set
from gateway.identity.signing import BadSigningKey, complete, make_pairwise_secret, make_signing_key
from gateway.registry.snapshot import AssertionPolicy
from gateway.rules.access import AuthPolicy, Identity
from tests.identity.issuer import GATEWAY, ISSUER, NOW, RSA_KEY, base64url, service

KEY = make_signing_key()
POLICY = AssertionPolicy(GATEWAY, (KEY,), pairwise_secret="0123456789abcdef0123456789abcdef")
PERMITS, COMPLAINTS = service("permits"), service("complaints")
NOTHING = AuthPolicy()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(wall=NOW + 0.25)


@pytest.fixture
def minter(clock: ManualClock) -> Minter:
    return Minter(POLICY, clock)


def citizen(subject: str = "citizen-1", *, expires_at: float = NOW + 900, **claims: object) -> Identity:
    said = {"sub": subject, "iss": ISSUER, "nik": "3671990000000001", **claims}
    return Identity(ISSUER, subject, "session-1", expires_at, NOW, claims=said)


def read(assertion: bytes, minter: Minter, audience: str = "permits") -> dict[str, Any]:
    """Verify as an agency would, by any JWT library and the published keys; time is the test's own."""
    published = jwt.PyJWKSet.from_json(minter.jwks().decode())
    key = published[jwt.get_unverified_header(assertion)["kid"]]
    said: dict[str, Any] = jwt.decode(
        assertion,
        key,
        ["ES256"],
        audience=audience,
        issuer=GATEWAY,
        options={"verify_exp": False, "verify_iat": False},
    )
    return said


def test_an_assertion_says_who_speaks_to_whom_of_whom_and_until_when(minter: Minter) -> None:
    said = read(minter.mint(citizen(), PERMITS, NOTHING), minter)
    assert set(said) == {"iss", "aud", "sub", "iat", "exp", "jti"}
    assert (said["iat"], said["exp"]) == (NOW, NOW + 60)
    assert jwt.get_unverified_header(minter.mint(citizen(), PERMITS, NOTHING))["typ"] == "JWT"


def test_only_granted_claims_are_told(minter: Minter) -> None:
    identity = citizen(name="Siti", phone="0812", roles=["officer:DPMPTSP"], acr="3")
    auth = AuthPolicy(claims=("name", "roles", "acr", "email"))
    said = read(minter.mint(identity, PERMITS, auth), minter)
    assert (said["name"], said["roles"], said["acr"]) == ("Siti", ["officer:DPMPTSP"], "3")
    assert set(said) == {"iss", "aud", "sub", "iat", "exp", "jti", "name", "roles", "acr"}


def test_granting_cannot_replace_what_the_assertion_says_itself(minter: Minter) -> None:
    identity = citizen(aud="x", exp=1, nbf=1, iat=1, jti="x", sid="session-1")
    auth = AuthPolicy(claims=("iss", "aud", "sub", "exp", "nbf", "iat", "jti", "sid"))
    said = read(minter.mint(identity, PERMITS, auth), minter)
    assert set(said) == {"iss", "aud", "sub", "iat", "exp", "jti"}
    assert said["sub"] != "citizen-1"


def test_two_agencies_see_different_subjects_and_neither_sees_the_citizens(minter: Minter) -> None:
    permits = minter.mint(citizen(), PERMITS, NOTHING)
    complaints = minter.mint(citizen(), COMPLAINTS, NOTHING)
    subjects = {read(permits, minter)["sub"], read(complaints, minter, "complaints")["sub"], "citizen-1"}
    assert len(subjects) == 3
    for assertion in (permits, complaints):
        text = json.dumps(jwt.decode(assertion, options={"verify_signature": False}))
        assert not any(secret in text for secret in ("citizen-1", "session-1", "3671990000000001", ISSUER))


def test_one_agency_sees_one_subject_whatever_the_key_the_session_and_the_time(
    minter: Minter, clock: ManualClock
) -> None:
    before = read(minter.mint(citizen(), PERMITS, NOTHING), minter)["sub"]
    clock.advance(500)
    other = Minter(replace(POLICY, keys=(make_signing_key(),)), clock)
    after = read(other.mint(replace(citizen(), session="session-2"), PERMITS, NOTHING), other)["sub"]
    assert before == after


def test_agencies_of_one_sector_see_one_subject(minter: Minter) -> None:
    a, b = service("permits", sector="licensing"), service("taxes", sector="licensing")
    subjects = [read(minter.mint(citizen(), each, NOTHING), minter, each.name)["sub"] for each in (a, b)]
    assert subjects[0] == subjects[1]
    assert subjects[0] != read(minter.mint(citizen(), PERMITS, NOTHING), minter)["sub"]


def test_another_secret_or_issuer_makes_other_subjects(minter: Minter, clock: ManualClock) -> None:
    usual = read(minter.mint(citizen(), PERMITS, NOTHING), minter)["sub"]
    other = Minter(replace(POLICY, pairwise_secret="another secret of thirty-two bytes"), clock)
    assert read(other.mint(citizen(), PERMITS, NOTHING), other)["sub"] != usual
    elsewhere = replace(citizen(), issuer="https://other.example")
    assert read(minter.mint(elsewhere, PERMITS, NOTHING), minter)["sub"] != usual


TEXT = st.text(alphabet="ab|:0123", min_size=1, max_size=6)


@given(st.tuples(TEXT, TEXT, TEXT), st.tuples(TEXT, TEXT, TEXT))
def test_different_citizens_and_sectors_never_share_a_subject(
    one: tuple[str, str, str], other: tuple[str, str, str]
) -> None:
    minter = Minter(POLICY, ManualClock(wall=NOW))
    subjects = []
    for sector, issuer, subject in (one, other):
        identity = replace(citizen(subject), issuer=issuer)
        subjects.append(read(minter.mint(identity, service("permits", sector=sector), NOTHING), minter)["sub"])
    assert (subjects[0] == subjects[1]) == (one == other)


def test_the_issuers_own_service_sees_its_own_subject_and_session(minter: Minter) -> None:
    own = service("identity", issuer=ISSUER)
    said = read(minter.mint(citizen(), own, NOTHING), minter, "identity")
    assert (said["sub"], said["sid"]) == ("citizen-1", "session-1")
    without_session = replace(citizen(), session=None)
    assert "sid" not in read(minter.mint(without_session, own, NOTHING), minter, "identity")


def test_an_issuers_service_sees_citizens_of_other_issuers_as_everyone_does(minter: Minter) -> None:
    own = service("identity", issuer="https://other.example")
    said = read(minter.mint(citizen(), own, NOTHING), minter, "identity")
    assert said["sub"] != "citizen-1"
    assert "sid" not in said


def test_an_assertion_is_reused_while_half_a_minute_is_left(minter: Minter, clock: ManualClock) -> None:
    assertion = minter.mint(citizen(), PERMITS, NOTHING)
    clock.advance(29.5)
    assert minter.mint(citizen(), PERMITS, NOTHING) is assertion
    clock.advance(0.5)
    fresh = minter.mint(citizen(), PERMITS, NOTHING)
    assert fresh is not assertion
    assert read(fresh, minter)["exp"] == NOW + 90
    assert read(fresh, minter)["jti"] != read(assertion, minter)["jti"]


def test_an_assertion_never_outlives_the_citizens_token(minter: Minter, clock: ManualClock) -> None:
    identity = citizen(expires_at=NOW + 20.75)
    assertion = minter.mint(identity, PERMITS, NOTHING)
    assert read(assertion, minter)["exp"] == NOW + 20
    clock.advance(19)
    assert minter.mint(identity, PERMITS, NOTHING) is assertion  # a new one would live no longer


def test_a_renewed_token_gets_an_assertion_of_its_own(minter: Minter) -> None:
    minter.mint(citizen(expires_at=NOW + 20), PERMITS, NOTHING)
    assert read(minter.mint(citizen(), PERMITS, NOTHING), minter)["exp"] == NOW + 60


def test_no_assertion_lives_longer_than_a_minute(clock: ManualClock) -> None:
    minter = Minter(replace(POLICY, lifetime_seconds=3600.0), clock)
    assert read(minter.mint(citizen(), PERMITS, NOTHING), minter)["exp"] == NOW + 60


def test_a_short_lifetime_is_reused_for_half_of_it(clock: ManualClock) -> None:
    minter = Minter(replace(POLICY, lifetime_seconds=10.0), clock)
    assertion = minter.mint(citizen(), PERMITS, NOTHING)
    clock.advance(4)
    assert minter.mint(citizen(), PERMITS, NOTHING) is assertion
    clock.advance(1)
    assert minter.mint(citizen(), PERMITS, NOTHING) is not assertion


def test_what_one_citizen_or_service_was_minted_never_reaches_another(minter: Minter) -> None:
    auth = AuthPolicy(claims=("name",))
    distinct = [
        minter.mint(citizen(name="Siti"), PERMITS, auth),
        minter.mint(citizen("citizen-2", name="Siti"), PERMITS, auth),
        minter.mint(replace(citizen(name="Siti"), session="session-2"), PERMITS, auth),
        minter.mint(citizen(name="Siti"), COMPLAINTS, auth),
        minter.mint(citizen(name="Siti"), PERMITS, NOTHING),
        minter.mint(citizen(name="Siti"), service("permits", sector="licensing"), auth),
        minter.mint(citizen(name="Siti"), service("permits", issuer=ISSUER), auth),
    ]
    assert len(set(distinct)) == len(distinct)


def test_two_tokens_of_one_session_are_told_apart_by_what_is_granted(minter: Minter) -> None:
    auth = AuthPolicy(claims=("member",))
    first = minter.mint(citizen(member=True), PERMITS, auth)
    assert minter.mint(citizen(member=True), PERMITS, auth) is first
    assert read(minter.mint(citizen(member=1), PERMITS, auth), minter)["member"] is not True
    assert minter.mint(citizen(member=1, other="x"), PERMITS, NOTHING) == minter.mint(citizen(), PERMITS, NOTHING)


def test_the_memory_of_assertions_is_bounded(clock: ManualClock) -> None:
    minter = Minter(POLICY, clock, capacity=1)
    first = minter.mint(citizen(), PERMITS, NOTHING)
    minter.mint(citizen("citizen-2"), PERMITS, NOTHING)
    assert minter.mint(citizen(), PERMITS, NOTHING) is not first


def test_every_configured_key_is_published_and_the_first_one_signs(clock: ManualClock) -> None:
    old, new = KEY, make_signing_key()
    minter = Minter(replace(POLICY, keys=(new, old, new)), clock)
    published = json.loads(minter.jwks())["keys"]
    assert len(published) == 2
    assertion = minter.mint(citizen(), PERMITS, NOTHING)
    assert jwt.get_unverified_header(assertion)["kid"] == published[0]["kid"]
    read(Minter(POLICY, clock).mint(citizen(), PERMITS, NOTHING), minter)  # one that the old key signed


def test_the_published_keys_are_public_named_by_their_thumbprint_and_good_for_any_verifier(minter: Minter) -> None:
    document = json.loads(minter.jwks())
    (published,) = document["keys"]
    assert set(published) == {"kty", "crv", "x", "y", "kid", "use", "alg"}
    required = f'{{"crv":"P-256","kty":"EC","x":"{published["x"]}","y":"{published["y"]}"}}'  # RFC 7638 section 3.2
    assert published["kid"] == base64url(hashlib.sha256(required.encode()).digest())
    assert read_key_set(document, frozenset({"ES256"})).skipped == 0


def test_what_is_not_configured_is_made_for_the_run_with_a_warning(clock: ManualClock) -> None:
    minter = Minter(AssertionPolicy(GATEWAY, (), None), clock)
    assert len(minter.warnings) == 2
    assert read(minter.mint(citizen(), PERMITS, NOTHING), minter)
    assert Minter(POLICY, clock).warnings == ()


def test_workers_given_one_completed_policy_agree(clock: ManualClock) -> None:
    policy, warnings = complete(AssertionPolicy(GATEWAY, (), None))
    one, other = Minter(policy, clock), Minter(policy, clock)
    assert len(warnings) == 2
    assert (
        read(one.mint(citizen(), PERMITS, NOTHING), other)["sub"]
        == (read(other.mint(citizen(), PERMITS, NOTHING), one)["sub"])
    )


def test_secrets_are_long_and_different() -> None:
    assert len(make_pairwise_secret()) >= 43
    assert make_pairwise_secret() != make_pairwise_secret()
    assert make_signing_key() != make_signing_key()


def pem(key: Any, encryption: Any) -> str:
    text: bytes = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption)
    return text.decode()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no key",
        pem(RSA_KEY, NoEncryption()),
        pem(ec.generate_private_key(ec.SECP384R1()), NoEncryption()),
        pem(ec.generate_private_key(ec.SECP256R1()), BestAvailableEncryption(b"secret")),
        KEY.replace("PRIVATE", "PUBLIC"),
    ],
)
def test_a_key_that_cannot_sign_is_refused_with_a_remedy(text: str, clock: ManualClock) -> None:
    with pytest.raises(BadSigningKey, match="gateway keys"):
        Minter(replace(POLICY, keys=(text,)), clock)


def test_a_minter_shows_no_secret(minter: Minter) -> None:
    assert "0123456789abcdef" not in repr(minter)
