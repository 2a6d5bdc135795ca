"""The keys that sign access tokens: made at first start, rotated with overlap, withdrawn when stolen.

A key is published before it signs, so that every gateway knows it by its first token, and stays published until its
last token is dead. When which key does what is a pure function of the file and the time.
"""

import fcntl
import hashlib
import json
import os
from base64 import urlsafe_b64encode
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from jwt.algorithms import ECAlgorithm

from services.identity.vault import create_private, replace_private
from services.kit.clock import Now

ALGORITHM = "ES256"

_FILE = "signing-keys.json"
_MARGIN = timedelta(minutes=2)  # two machines' clocks, and the gateway's leeway


@dataclass(frozen=True, slots=True)
class SigningKey:
    """One key: published from its making, signing from `signs_from`, gone from `withdrawn_at` (None: not yet)."""

    kid: str
    pem: str
    signs_from: datetime
    withdrawn_at: datetime | None

    @property
    def private_key(self) -> EllipticCurvePrivateKey:
        key = load_pem_private_key(self.pem.encode(), password=None)
        assert isinstance(key, EllipticCurvePrivateKey)
        return key

    def is_published(self, now: datetime) -> bool:
        return self.withdrawn_at is None or now < self.withdrawn_at


def signer(keys: Sequence[SigningKey], now: datetime) -> SigningKey:
    """Return the key that signs now: of those published, the latest whose time has come."""
    published = [key for key in keys if key.is_published(now)]
    able = [key for key in published if key.signs_from <= now]
    # None is able when the clock was set back: signing early is better than signing nobody in.
    return max(able, key=lambda key: key.signs_from) if able else min(published, key=lambda key: key.signs_from)


def jwks(keys: Sequence[SigningKey], now: datetime) -> dict[str, Any]:  # Any: JSON
    """Return the public key set (RFC 7517)."""
    return {
        "keys": [
            {**_public_jwk(key.private_key), "kid": key.kid, "use": "sig", "alg": ALGORITHM}
            for key in keys
            if key.is_published(now)
        ]
    }


def rotated(keys: Sequence[SigningKey], now: datetime, *, lead: timedelta, tokens_live: timedelta) -> list[SigningKey]:
    """Add a key that takes over after `lead`; the others go once their last token is dead."""
    takes_over = now + lead
    gone = takes_over + tokens_live + _MARGIN
    kept = [replace(key, withdrawn_at=min(key.withdrawn_at or gone, gone)) for key in keys if key.is_published(now)]
    return [*kept, new_key(takes_over)]


def withdrawn(keys: Sequence[SigningKey], kid: str, now: datetime) -> list[SigningKey]:
    """Take a stolen key out at once. All its tokens die; if none is left that signs now, a new one does."""
    if kid not in {key.kid for key in keys}:
        raise LookupError(f"no signing key {kid}")
    kept = [key for key in keys if key.kid != kid and key.is_published(now)]
    return kept if any(key.signs_from <= now for key in kept) else [*kept, new_key(now)]


def new_key(signs_from: datetime) -> SigningKey:
    """Make a key named by its thumbprint (RFC 7638), which no command line takes for an option."""
    while (name := _thumbprint(key := generate_private_key(SECP256R1()))).startswith("-"):
        pass
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    return SigningKey(name, pem, signs_from, None)


def _thumbprint(key: EllipticCurvePrivateKey) -> str:
    members = {name: value for name, value in _public_jwk(key).items() if name in ("crv", "kty", "x", "y")}
    digest = hashlib.sha256(json.dumps(members, sort_keys=True, separators=(",", ":")).encode()).digest()
    return urlsafe_b64encode(digest).rstrip(b"=").decode()


class SigningKeys:
    """The keys in a folder. The file is read again when it changed, so a command rotates a running service."""

    def __init__(self, folder: Path, now: Now) -> None:
        self._path = folder / _FILE
        self._now = now
        if not self._path.exists():
            create_private(self._path, _write([new_key(now())]))
        self._stamp: tuple[int, int] | None = None
        self._keys: tuple[SigningKey, ...] = ()
        self._signing: tuple[str, EllipticCurvePrivateKey] | None = None

    def current(self) -> tuple[SigningKey, ...]:
        """Return every key of the file."""
        status = self._path.stat()
        stamp = (status.st_mtime_ns, status.st_ino)
        if stamp != self._stamp:
            self._keys, self._stamp = _read(self._path.read_bytes()), stamp
        return self._keys

    def sign(self, claims: dict[str, Any]) -> str:
        """Sign an access token."""
        key = signer(self.current(), self._now())
        if self._signing is None or self._signing[0] != key.kid:
            self._signing = (key.kid, key.private_key)
        return jwt.encode(claims, self._signing[1], ALGORITHM, {"kid": key.kid, "typ": "at+jwt"})

    def published(self) -> dict[str, Any]:
        """Return the public key set as of now."""
        return jwks(self.current(), self._now())

    @contextmanager
    def changing(self) -> Iterator[list[SigningKey]]:
        """Lend the list to be changed in place, then save it; two commands at once follow one another."""
        lock = os.open(self._path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            keys = list(_read(self._path.read_bytes()))
            yield keys
            replace_private(self._path, _write(keys))
        finally:
            os.close(lock)


def _public_jwk(key: EllipticCurvePrivateKey) -> dict[str, Any]:
    return dict(ECAlgorithm.to_jwk(key.public_key(), as_dict=True))


def _write(keys: Sequence[SigningKey]) -> bytes:
    entries = [
        {
            "kid": key.kid,
            "pem": key.pem,
            "signs_from": key.signs_from.isoformat(),
            "withdrawn_at": key.withdrawn_at and key.withdrawn_at.isoformat(),
        }
        for key in keys
    ]
    return json.dumps({"version": 1, "keys": entries}, indent=1).encode()


def _read(content: bytes) -> tuple[SigningKey, ...]:
    return tuple(
        SigningKey(
            entry["kid"],
            entry["pem"],
            datetime.fromisoformat(entry["signs_from"]),
            datetime.fromisoformat(entry["withdrawn_at"]) if entry["withdrawn_at"] else None,
        )
        for entry in json.loads(content)["keys"]
    )
