"""Speaks to agencies about citizens: a short-lived assertion in place of the citizen's own token.

Each sector knows a citizen by a pseudonym of its own, so that agencies cannot join what they hold; an assertion says
no claim that the registry does not grant, and lives no longer than the token it stands for.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import jwt

from gateway.clock import Clock
from gateway.identity.memo import Memo
from gateway.identity.signing import SigningKey, complete
from gateway.registry.snapshot import AssertionPolicy, Service
from gateway.rules.access import AuthPolicy, Identity

_LONGEST_SECONDS: Final = 60.0
_LEAST_REUSED_SECONDS: Final = 30.0  # so that an agency's clock and queue do not find it expired
_PSEUDONYM_VERSION: Final = b"1"
# What an assertion says in its own right (RFC 7519 section 4.1, OpenID `sid`): granting cannot put the citizen's there.
_OWN_CLAIMS: Final = frozenset({"iss", "aud", "sub", "iat", "nbf", "exp", "jti", "sid"})


@dataclass(frozen=True, slots=True)
class Minted:
    """An assertion, and until when it may be used again."""

    assertion: bytes
    reusable_until: float  # wall-clock second
    claims: Mapping[str, object]  # of the identity it was minted for
    granted: bytes


class Minter:
    """Mints assertions; one is made per citizen, service and granted claims, and reused while fresh.

    `warnings` tells operators what was made for this run only. Workers that shall agree get a policy from `complete`.
    """

    def __init__(self, policy: AssertionPolicy, clock: Clock, *, capacity: int = 100_000) -> None:
        """Raise BadSigningKey when a configured key cannot sign."""
        policy, self.warnings = complete(policy)
        keys = [SigningKey.load(pem) for pem in policy.keys]
        self._key = keys[0]
        self._jwks = json.dumps({"keys": list({key.key_id: key.public_jwk for key in keys}.values())}).encode()
        self._issuer = policy.issuer
        self._secret = (policy.pairwise_secret or "").encode()
        self._lifetime_seconds = min(policy.lifetime_seconds, _LONGEST_SECONDS)
        self._least_reused_seconds = min(_LEAST_REUSED_SECONDS, self._lifetime_seconds / 2)
        self._clock = clock
        self._memo: Memo[tuple[object, ...], Minted] = Memo(capacity)

    def jwks(self) -> bytes:
        """Return the public keys as a JWK Set; all configured ones, so that a rotation overlaps."""
        return self._jwks

    def mint(self, identity: Identity, service: Service, auth: AuthPolicy) -> bytes:
        """Return the assertion that tells `service` of `identity`; never suspends."""
        return self.minted(identity, service, auth).assertion

    def minted(self, identity: Identity, service: Service, auth: AuthPolicy) -> Minted:
        """Return the same, with until when it serves."""
        key = (
            identity.issuer,
            identity.subject,
            identity.session,
            identity.expires_at,
            service.name,
            service.sector,
            service.issuer,
            auth.claims,
        )
        now = self._clock.wall()
        minted = self._memo.get(key)
        if minted is None or now >= minted.reusable_until or not _says_the_same(minted, identity, auth):
            minted = self._mint(identity, service, auth, now)
            self._memo.put(key, minted)
        return minted

    def _mint(self, identity: Identity, service: Service, auth: AuthPolicy, now: float) -> Minted:
        granted = _granted(identity, auth)
        issued_at = int(now)
        expires_at = min(issued_at + int(self._lifetime_seconds), int(identity.expires_at))
        claims = granted | {
            "iss": self._issuer,
            "aud": service.name,
            "iat": issued_at,
            "exp": expires_at,
            "jti": secrets.token_urlsafe(12),
        }
        if service.issuer is not None and service.issuer == identity.issuer:
            # The service made this subject itself (`subject: issuer`); nobody else sees it.
            claims["sub"] = identity.subject
            if identity.session is not None:
                claims["sid"] = identity.session
        else:
            claims["sub"] = self._pseudonym(identity, service.sector or service.name)
        assertion = jwt.encode(claims, self._key.private_key, "ES256", {"kid": self._key.key_id}).encode()
        # When the citizen's own token ends that soon, a new assertion would live no longer.
        is_capped = expires_at == int(identity.expires_at)
        reusable_until = expires_at if is_capped else expires_at - self._least_reused_seconds
        return Minted(assertion, reusable_until, identity.claims, _canonical(granted))

    def _pseudonym(self, identity: Identity, sector: str) -> str:
        """Return the subject of `identity` in `sector`: a keyed hash, the same as long as the secret is."""
        texts = (sector.encode(), identity.issuer.encode(), identity.subject.encode())
        # Lengths in front, so that no two triples are joined to the same bytes.
        message = _PSEUDONYM_VERSION + b"".join(b"|%d:%b" % (len(text), text) for text in texts)
        return urlsafe_b64encode(hmac.digest(self._secret, message, hashlib.sha256)).rstrip(b"=").decode()


def _says_the_same(minted: Minted, identity: Identity, auth: AuthPolicy) -> bool:
    """Two tokens of one session may differ in their claims; the same token has the same mapping, seen at a glance."""
    return minted.claims is identity.claims or minted.granted == _canonical(_granted(identity, auth))


def _granted(identity: Identity, auth: AuthPolicy) -> dict[str, object]:
    allowed = [name for name in auth.claims if name in identity.claims and name not in _OWN_CLAIMS]
    return {name: identity.claims[name] for name in allowed}


def _canonical(granted: dict[str, object]) -> bytes:
    """Compared instead of the values, for in Python True == 1 == 1.0 while in JSON they differ."""
    return json.dumps(granted, sort_keys=True).encode()
