"""Published keys: odd ones are left out one by one, and each stays bound to what it may verify."""

from __future__ import annotations

from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed448, rsa
from hypothesis import given
from hypothesis import strategies as st

from gateway.identity.jwk import MAX_KEYS, read_key_set
from tests.identity.issuer import EC_KEY, ED_KEY, OTHER_EC_KEY, RSA_KEY, base64url, jwk

ALL = frozenset({"ES256", "EdDSA", "RS256", "PS256"})


def numbers(*, modulus: int, exponent: int = 65_537) -> dict[str, object]:
    named = {"n": modulus, "e": exponent}
    return {name: base64url(value.to_bytes((value.bit_length() + 7) // 8, "big")) for name, value in named.items()}


P384 = ec.generate_private_key(ec.SECP384R1()).public_key().public_numbers()
SHORT_RSA = rsa.generate_private_key(65_537, 1024)  # noqa: S505  # refused for that
N = RSA_KEY.public_key().public_numbers().n

ODD: dict[str, object] = {
    "no object": "k1",
    "null": None,
    "no type": jwk(EC_KEY, kty=None),
    "unknown type": jwk(EC_KEY, kty="ec"),
    "type that is no text": jwk(EC_KEY, kty=["EC"]),
    "symmetric": {"kty": "oct", "kid": "odd", "k": "c2VjcmV0"},
    "private": jwk(EC_KEY, d=base64url(bytes(32))),
    "private RSA": jwk(RSA_KEY, p="AQ"),
    "for encryption": jwk(EC_KEY, use="enc"),
    "use that is no text": jwk(EC_KEY, use=["sig"]),
    "for signing": jwk(EC_KEY, key_ops=["sign"]),
    "for more than verifying": jwk(EC_KEY, key_ops=["verify", "encrypt"]),
    "operations that are no list": jwk(EC_KEY, key_ops="verify"),
    "algorithm of another type": jwk(EC_KEY, alg="RS256"),
    "algorithm refused": jwk(RSA_KEY, alg="RS512"),
    "symmetric algorithm": jwk(RSA_KEY, alg="HS256"),
    "algorithm that is no text": jwk(EC_KEY, alg=["ES256"]),
    "other curve": jwk(EC_KEY, crv="P-384", x=base64url(P384.x.to_bytes(48, "big"))),
    "curve of another type": jwk(EC_KEY, crv="Ed25519"),
    "point beside the curve": jwk(EC_KEY, y=base64url(bytes(31) + b"\x01")),
    "coordinate too short": jwk(EC_KEY, x=base64url(bytes(31))),
    "coordinate too long": jwk(EC_KEY, x=base64url(bytes(33))),
    "coordinate padded": jwk(EC_KEY, x=str(jwk(EC_KEY)["x"]) + "="),
    "coordinate missing": jwk(EC_KEY, y=None),
    "coordinate that is no text": jwk(EC_KEY, x=1),
    "coordinate outside ASCII": jwk(EC_KEY, x="é"),
    "other Edwards curve": {
        "kty": "OKP",
        "crv": "Ed448",
        "kid": "odd",
        "x": base64url(ed448.Ed448PrivateKey.generate().public_key().public_bytes_raw()),
    },
    "Edwards key too short": jwk(ED_KEY, x=base64url(bytes(31))),
    "RSA too short": jwk(SHORT_RSA),
    "RSA too long": jwk(RSA_KEY) | numbers(modulus=(1 << 9000) + 1),
    "RSA exponent too small": jwk(RSA_KEY) | numbers(modulus=N, exponent=3),
    "RSA exponent too large": jwk(RSA_KEY) | numbers(modulus=N, exponent=(1 << 32) + 1),
    "RSA exponent even": jwk(RSA_KEY) | numbers(modulus=N, exponent=65_538),
    "RSA modulus even": jwk(RSA_KEY) | numbers(modulus=N + 1),
    "RSA without exponent": jwk(RSA_KEY, e=None),
    "name that is no text": jwk(EC_KEY, kid=None) | {"kid": 1},
    "name null": jwk(EC_KEY) | {"kid": None},
    "name empty": jwk(EC_KEY, kid=""),
}


@pytest.mark.parametrize("odd", ODD.values(), ids=ODD.keys())
def test_an_odd_key_is_left_out_and_the_good_ones_beside_it_stay(odd: object) -> None:
    good = jwk(OTHER_EC_KEY, "good")
    received = read_key_set({"keys": [odd, good]}, ALL)
    assert received.skipped == 1
    assert {key for key in received.keys if key[0]} == {("good", "ES256")}


def test_each_type_of_key_verifies_only_its_own_algorithms() -> None:
    received = read_key_set({"keys": [jwk(EC_KEY, "ec"), jwk(ED_KEY, "ed"), jwk(RSA_KEY, "rsa")]}, ALL)
    named = {key for key in received.keys if key[0]}
    assert named == {("ec", "ES256"), ("ed", "EdDSA"), ("rsa", "RS256"), ("rsa", "PS256")}


def test_a_key_bound_to_an_algorithm_verifies_no_other() -> None:
    received = read_key_set({"keys": [jwk(RSA_KEY, "rsa", alg="PS256")]}, ALL)
    assert {key for key in received.keys if key[0]} == {("rsa", "PS256")}


def test_a_key_of_an_algorithm_that_is_not_listed_is_left_out() -> None:
    assert read_key_set({"keys": [jwk(EC_KEY)]}, frozenset({"RS256"})).skipped == 1


def test_a_key_may_say_that_it_is_for_verifying_or_nothing_at_all() -> None:
    for plain in (jwk(EC_KEY, use=None), jwk(EC_KEY, use=None, key_ops=["verify"]), jwk(EC_KEY, alg="ES256", x5t="a")):
        assert read_key_set({"keys": [plain]}, ALL).skipped == 0


def test_of_two_keys_with_one_name_and_algorithm_the_first_stays() -> None:
    received = read_key_set({"keys": [jwk(EC_KEY), jwk(OTHER_EC_KEY)]}, ALL)
    assert received.skipped == 1
    assert received.keys["k1", "ES256"].public_key == EC_KEY.public_key()


def test_an_odd_key_does_not_take_the_name_of_a_good_one() -> None:
    received = read_key_set({"keys": [jwk(EC_KEY, use="enc"), jwk(OTHER_EC_KEY)]}, ALL)
    assert received.keys["k1", "ES256"].public_key == OTHER_EC_KEY.public_key()


def test_one_name_may_stand_for_keys_of_different_algorithms() -> None:
    received = read_key_set({"keys": [jwk(EC_KEY), jwk(ED_KEY)]}, ALL)
    assert received.skipped == 0


def test_a_key_without_name_serves_tokens_without_name_while_it_is_alone() -> None:
    nameless = jwk(EC_KEY, None)
    assert (None, "ES256") in read_key_set({"keys": [nameless]}, ALL).keys
    assert (None, "ES256") not in read_key_set({"keys": [nameless, jwk(OTHER_EC_KEY)]}, ALL).keys


@pytest.mark.parametrize("document", [None, [], "keys", {}, {"keys": None}, {"keys": {}}, {"keys": "k"}])
def test_what_is_no_key_set_is_refused_whole(document: object) -> None:
    with pytest.raises(ValueError, match="no JWK Set"):
        read_key_set(document, ALL)


def test_a_set_of_too_many_keys_is_refused_whole() -> None:
    with pytest.raises(ValueError, match="more than"):
        read_key_set({"keys": [{}] * (MAX_KEYS + 1)}, ALL)


ANY = st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.lists(st.text(max_size=3), max_size=2)
MEMBERS = ["kty", "crv", "x", "y", "n", "e", "use", "alg", "key_ops", "kid", "d"]


@given(st.sampled_from([EC_KEY, ED_KEY, RSA_KEY]), st.dictionaries(st.sampled_from(MEMBERS), ANY, max_size=3))
def test_a_key_of_any_shape_is_used_or_left_out_and_nothing_else(key: Any, changes: dict[str, object]) -> None:
    received = read_key_set({"keys": [jwk(key) | changes]}, ALL)
    assert received.skipped == (not received.keys)
