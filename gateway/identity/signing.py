"""The gateway's own signing keys: made, read and published. It signs nothing itself."""

from __future__ import annotations

import hashlib
import json
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from gateway.registry.snapshot import AssertionPolicy

_REMEDY: Final = "make one with `gateway keys`"


class BadSigningKey(ValueError):
    """A configured assertion key cannot sign; the text says why and what to do, and holds nothing of the key."""


@dataclass(frozen=True, slots=True)
class SigningKey:
    """An ES256 key; `key_id` is its RFC 7638 thumbprint, so that it needs no name of its own."""

    key_id: str
    public_jwk: Mapping[str, str]
    private_key: EllipticCurvePrivateKey = field(repr=False)

    @classmethod
    def load(cls, pem: str) -> SigningKey:
        """Return the key of a PEM text; raise BadSigningKey unless it is a plain private key on P-256."""
        try:
            key = load_pem_private_key(pem.encode(), password=None)
        except (ValueError, TypeError, UnsupportedAlgorithm) as error:
            raise BadSigningKey(f"the assertion key is no unencrypted PEM private key: {_REMEDY}") from error
        if not isinstance(key, EllipticCurvePrivateKey) or not isinstance(key.curve, SECP256R1):
            raise BadSigningKey(f"the assertion key is not on the curve P-256, which ES256 needs: {_REMEDY}")
        point = key.public_key().public_numbers()
        members = {"crv": "P-256", "kty": "EC", "x": _base64url(point.x), "y": _base64url(point.y)}
        # RFC 7638 section 3: the required members, sorted, without white space.
        thumbprint = hashlib.sha256(json.dumps(members, sort_keys=True, separators=(",", ":")).encode()).digest()
        key_id = urlsafe_b64encode(thumbprint).rstrip(b"=").decode()
        return cls(key_id, members | {"kid": key_id, "use": "sig", "alg": "ES256"}, key)


def make_signing_key() -> str:
    """Return a new assertion key as PEM text (PKCS #8)."""
    key = generate_private_key(SECP256R1())
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def make_pairwise_secret() -> str:
    """Return a new pairwise secret of 256 bits. Another secret makes another subject of every citizen, everywhere."""
    return secrets.token_urlsafe(32)


def complete(policy: AssertionPolicy) -> tuple[AssertionPolicy, tuple[str, ...]]:
    """Return `policy` with what it lacks made for this run, and a warning for operators about each.

    Done once before workers start, as an assertion of one must verify with the keys any other publishes.
    """
    warnings: list[str] = []
    if not policy.keys:
        policy = replace(policy, keys=(make_signing_key(),))
        warnings.append(f"no assertion key is configured: one was made for this run; {_REMEDY}")
    if not policy.pairwise_secret:
        policy = replace(policy, pairwise_secret=make_pairwise_secret())
        warnings.append(
            "no pairwise secret is configured: one was made for this run, so agencies will not recognise citizens "
            "after a restart; make one with `gateway keys`"
        )
    return policy, tuple(warnings)


def complete_with(policy: AssertionPolicy, made: AssertionPolicy) -> AssertionPolicy:
    """Return `policy` with what it lacks taken from `made`, which an earlier `complete` of this run returned.

    So a reload, and every worker, goes on with the same keys and the same pseudonyms.
    """
    return replace(
        policy, keys=policy.keys or made.keys, pairwise_secret=policy.pairwise_secret or made.pairwise_secret
    )


def _base64url(coordinate: int) -> str:
    return urlsafe_b64encode(coordinate.to_bytes(32, "big")).rstrip(b"=").decode()
