"""Reads an issuer's published keys (JWK Set, RFC 7517 and RFC 7518) and binds each to what it may verify.

A key that is odd in any way is left out and counted, never half believed; the good ones beside it stay.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey, EllipticCurvePublicNumbers
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey, RSAPublicNumbers
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from gateway.identity.token import decode_base64url, is_text

PublicKey: TypeAlias = EllipticCurvePublicKey | Ed25519PublicKey | RSAPublicKey

MAX_KEYS: Final = 64
_RSA_BITS: Final = range(2048, 8193)  # RFC 7518 section 3.3 sets the least; above 8192 a check costs milliseconds
_RSA_EXPONENTS: Final = range(65_537, 1 << 32)  # FIPS 186-5 sets the least; large ones make every check slow
_PRIVATE_MEMBERS: Final = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})


@dataclass(frozen=True, slots=True)
class PublishedKey:
    """One key for one algorithm. Two are equal when they verify the same signatures under the same name."""

    key_id: str | None
    algorithm: str
    material: bytes  # SubjectPublicKeyInfo, DER
    public_key: PublicKey = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class KeySet:
    """The usable keys by (kid, alg), and how many published ones were left out.

    Under kid None stands the key for tokens that name none: the only one of its algorithm, if there is only one.
    """

    keys: Mapping[tuple[str | None, str], PublishedKey]
    skipped: int = 0


def read_key_set(document: object, algorithms: frozenset[str]) -> KeySet:
    """Return the keys of `document` usable with `algorithms`; raise ValueError when it is no JWK Set at all."""
    published = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(published, list):
        raise ValueError("no JWK Set: member keys is no array")
    if len(published) > MAX_KEYS:
        raise ValueError(f"more than {MAX_KEYS} keys")
    named: dict[tuple[str | None, str], PublishedKey] = {}
    by_algorithm: dict[str, list[PublishedKey]] = {}
    skipped = 0
    for jwk in published:
        usable = [] if not isinstance(jwk, dict) else _usable_keys(jwk, algorithms)
        # A second key of the same name and algorithm is ambiguous; the first stays.
        fresh = [key for key in usable if key.key_id is None or (key.key_id, key.algorithm) not in named]
        skipped += not fresh
        for key in fresh:
            by_algorithm.setdefault(key.algorithm, []).append(key)
            if key.key_id is not None:
                named[key.key_id, key.algorithm] = key
    named |= {(None, algorithm): keys[0] for algorithm, keys in by_algorithm.items() if len(keys) == 1}
    return KeySet(named, skipped)


def _usable_keys(jwk: Mapping[str, object], algorithms: frozenset[str]) -> list[PublishedKey]:
    """Return `jwk` once for each algorithm it may verify; none when anything about it is odd."""
    if not _is_for_verifying(jwk) or _PRIVATE_MEMBERS & jwk.keys():
        return []
    try:
        public_key, possible = _public_key(jwk)
        material = public_key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    except (ValueError, UnsupportedAlgorithm):
        return []
    key_id = jwk.get("kid")
    if "kid" in jwk and not is_text(key_id):
        return []
    bound = possible & algorithms if "alg" not in jwk else possible & algorithms & {jwk["alg"]}
    name = key_id if isinstance(key_id, str) else None
    return [PublishedKey(name, algorithm, material, public_key) for algorithm in sorted(bound)]


def _is_for_verifying(jwk: Mapping[str, object]) -> bool:
    """RFC 7517 sections 4.2 to 4.4: `use`, `key_ops` and `alg` may each be absent, but never say something else."""
    if jwk.get("use", "sig") != "sig" or not isinstance(jwk.get("alg", ""), str):
        return False
    operations = jwk.get("key_ops", ["verify"])
    return isinstance(operations, list) and operations == ["verify"]


def _public_key(jwk: Mapping[str, object]) -> tuple[PublicKey, frozenset[str]]:
    """Return the key and the algorithms of its type (RFC 7518 section 6, RFC 8037); raise ValueError otherwise."""
    match jwk.get("kty"), jwk.get("crv"):
        case "EC", "P-256":
            point = EllipticCurvePublicNumbers(_number(jwk, "x", size=32), _number(jwk, "y", size=32), SECP256R1())
            return point.public_key(), frozenset({"ES256"})
        case "OKP", "Ed25519":
            return Ed25519PublicKey.from_public_bytes(_octets(jwk, "x", size=32)), frozenset({"EdDSA"})
        case "RSA", None:
            modulus, exponent = _number(jwk, "n"), _number(jwk, "e")
            if modulus.bit_length() not in _RSA_BITS or exponent not in _RSA_EXPONENTS or modulus % 2 == 0:
                raise ValueError("RSA key of a refused size or no product of primes")
            return RSAPublicNumbers(exponent, modulus).public_key(), frozenset({"RS256", "PS256"})
        case _:
            raise ValueError("key type or curve is not used here")


def _octets(jwk: Mapping[str, object], name: str, *, size: int | None = None) -> bytes:
    text = jwk.get(name)
    if not isinstance(text, str) or not text.isascii():
        raise ValueError(f"{name} is no base64url text")
    raw = decode_base64url(text.encode())
    if size is not None and len(raw) != size:
        raise ValueError(f"{name} has not {size} octets")
    return raw


def _number(jwk: Mapping[str, object], name: str, *, size: int | None = None) -> int:
    return int.from_bytes(_octets(jwk, name, size=size), "big")
