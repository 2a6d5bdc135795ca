"""The issuer of the bench: signs citizens' tokens of the size that the city's own have, and publishes its key."""

from __future__ import annotations

import base64
import json
import time
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

AUDIENCE: Final = "tangerang-live"
_LIFETIME_SECONDS: Final = 7_200
_FILLING: Final = "x" * 180  # in the place of scopes: a token of 620 bytes


class Tokens:
    """Signs tokens by hand: a hundred thousand are wanted, and a JWT is a join of three texts."""

    def __init__(self, issuer: str) -> None:
        self.issuer = issuer
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._head = _base64(json.dumps({"alg": "ES256", "kid": "k1", "typ": "JWT"}).encode())

    def make(self, number: int) -> str:
        """Return the token of a citizen."""
        now = int(time.time())
        claims = {"iss": self.issuer, "aud": AUDIENCE, "sub": f"citizen-{number:06}", "sid": f"s{number:022}"}
        claims_of_size = claims | {"iat": now - 1, "exp": now + _LIFETIME_SECONDS, "name": "Siti Aminah"}
        signed = self._head + b"." + _base64(json.dumps(claims_of_size | {"scope": _FILLING}).encode())
        r, s = decode_dss_signature(self._key.sign(signed, ec.ECDSA(SHA256())))
        return (signed + b"." + _base64(r.to_bytes(32, "big") + s.to_bytes(32, "big"))).decode()

    def publish(self, directory: Path) -> None:
        """Write the key set (`jwks.json`) and the public key (`issuer.pem`), for whoever verifies."""
        public = self._key.public_key()
        point = {name: _base64(getattr(public.public_numbers(), name).to_bytes(32, "big")).decode() for name in "xy"}
        jwk = {"kty": "EC", "crv": "P-256", "kid": "k1", "use": "sig", "alg": "ES256"}
        (directory / "jwks.json").write_text(json.dumps({"keys": [jwk | point]}))
        pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        (directory / "issuer.pem").write_bytes(pem)


def _base64(raw: bytes) -> bytes:
    return base64.urlsafe_b64encode(raw).rstrip(b"=")
