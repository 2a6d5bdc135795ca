"""Decides who a token stands for: once per token, remembered by its exact bytes.

What is remembered was good once; each use asks again whether it expired, and after any change of keys, revocations or
issuers whether it still holds. Only good tokens are remembered, so a flood of bad ones displaces nothing. A bad token
is a fault of its sender, never of ours; nothing of a token reaches an error or a log.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

import jwt

from gateway.clock import Clock
from gateway.identity.challenge import CHALLENGE, keys_unavailable, session_ended, token_expired, token_invalid
from gateway.identity.jwk import PublishedKey
from gateway.identity.keys import RETRY_SECONDS, JwksSource
from gateway.identity.memo import Memo
from gateway.identity.revocation import Revocations
from gateway.identity.token import ALGORITHMS, Claims, Token, bearer_token, read
from gateway.registry.snapshot import IssuerPolicy
from gateway.rules.access import Identity

__all__ = ["CHALLENGE", "Verifier", "bearer_token"]

_ISSUED_AHEAD_SECONDS: Final = 60.0  # two machines' clocks may differ this much; more is no skew


@dataclass(frozen=True, slots=True)
class _Trusted:
    policy: IssuerPolicy
    source: JwksSource


@dataclass(slots=True)
class _Known:
    """A remembered token. Only `generation` changes: when it was last found to hold."""

    identity: Identity
    policy: IssuerPolicy
    key_id: str | None  # as the token named it
    key: PublishedKey
    deadline: float  # wall-clock second from which it is expired
    generation: int


class Verifier:
    """Verifies tokens of the listed issuers with the keys of their `sources` (by issuer).

    `generation` moves with every change that can make a remembered token wrong: whoever remembers an identity beside
    this object keeps the number with it, and asks `known` again when it differs or the identity expired.
    """

    def __init__(
        self,
        issuers: Iterable[IssuerPolicy],
        sources: Mapping[str, JwksSource],
        revocations: Revocations,
        clock: Clock,
        *,
        own_issuer: str,
        capacity: int = 100_000,
    ) -> None:
        """`own_issuer` signs the gateway's assertions, which are no login even when it is listed by mistake."""
        self._revocations = revocations
        self._clock = clock
        self._memo: Memo[bytes, _Known] = Memo(capacity)
        self._jws = jwt.PyJWS(algorithms=sorted(ALGORITHMS))
        self.generation = 0
        revocations.changed.subscribe(self._changed)
        self.adopt(issuers, sources, own_issuer=own_issuer)

    def adopt(self, issuers: Iterable[IssuerPolicy], sources: Mapping[str, JwksSource], *, own_issuer: str) -> None:
        """Judge by these from now on, as after a reload; what is remembered and holds under them stays."""
        listed = [policy for policy in issuers if policy.issuer != own_issuer]
        self._trusted = {policy.issuer: _Trusted(policy, sources[policy.issuer]) for policy in listed}
        for trusted in self._trusted.values():
            trusted.source.changed.subscribe(self._changed)
        self._changed()

    @property
    def remembered(self) -> int:
        """How many tokens are remembered now."""
        return len(self._memo)

    @property
    def evicted(self) -> int:
        """How many remembered tokens had to make room for others so far."""
        return self._memo.evicted

    def known(self, token: bytes) -> Identity | None:
        """Return whom `token` stands for if it is remembered and still holds; never suspends, never raises."""
        entry = self._memo.get(token)
        if entry is None:
            return None
        if self._clock.wall() >= entry.deadline or (entry.generation != self.generation and not self._holds(entry)):
            self._memo.discard(token)
            return None
        entry.generation = self.generation
        return entry.identity

    async def verify(self, token: bytes) -> Identity:
        """Return whom `token` stands for; suspends only when its key is not at hand.

        Raises TokenInvalid, TokenExpired, SessionEnded, or KeysUnavailable when no key of its issuer was ever fetched.
        """
        identity = self.known(token)
        if identity is not None:
            return identity
        parsed, trusted = self._read(token)
        if trusted.source.find(parsed.key_id, parsed.algorithm) is None:
            await trusted.source.obtain(parsed.key_id, parsed.algorithm)
            # Time has passed: issuers, the clock and the memory may all have moved, so it is read again.
            return self.verify_at_hand(token)
        return self._judge(token, parsed, trusted)

    def verify_at_hand(self, token: bytes) -> Identity:
        """As `verify`, by the keys at hand alone: for who must not wait, such as a caller of an emergency route."""
        return self.known(token) or self._judge(token, *self._read(token))

    def _changed(self) -> None:
        self.generation += 1

    def _holds(self, entry: _Known) -> bool:
        trusted = self._trusted.get(entry.identity.issuer)
        return (
            trusted is not None
            and trusted.policy == entry.policy
            and trusted.source.find(entry.key_id, entry.key.algorithm) == entry.key
            and not self._revocations.is_revoked(entry.identity)
        )

    def _read(self, token: bytes) -> tuple[Token, _Trusted]:
        """Judge all that needs no key: it costs least, and an expired token needs no fetch to be refused."""
        parsed = read(token)
        trusted = self._trusted.get(parsed.claims.issuer)
        if trusted is None:
            raise token_invalid("the issuer is not listed")
        if parsed.algorithm not in trusted.policy.algorithms:
            raise token_invalid("the algorithm is not the issuer's")
        _check_claims(parsed.claims, trusted.policy, now=self._clock.wall())
        return parsed, trusted

    def _judge(self, token: bytes, parsed: Token, trusted: _Trusted) -> Identity:
        key = trusted.source.find(parsed.key_id, parsed.algorithm)
        if key is None:
            if not trusted.source.ever_fetched:
                raise keys_unavailable(parsed.claims.issuer, retry_after_seconds=RETRY_SECONDS)
            raise token_invalid("the key is unknown")
        self._check_signature(token, parsed.algorithm, key)
        identity = _identity(parsed.claims)
        if self._revocations.is_revoked(identity):
            raise session_ended()
        deadline = identity.expires_at + trusted.policy.leeway_seconds
        self._memo.put(token, _Known(identity, trusted.policy, parsed.key_id, key, deadline, self.generation))
        return identity

    def _check_signature(self, token: bytes, algorithm: str, key: PublishedKey) -> None:
        try:
            self._jws.decode_complete(token, key=key.public_key, algorithms=[algorithm])
        except (jwt.PyJWTError, ValueError, TypeError) as error:
            raise token_invalid("the signature does not verify") from error


def _check_claims(claims: Claims, policy: IssuerPolicy, *, now: float) -> None:
    """Refuse another audience, and times that are not now (RFC 7519 section 4.1)."""
    if not claims.audiences & policy.audiences:
        raise token_invalid("the audience is not ours")
    leeway = policy.leeway_seconds
    if now >= claims.expires_at + leeway:
        raise token_expired()
    if claims.not_before is not None and now + leeway < claims.not_before:
        raise token_invalid("not to be used yet")
    if claims.issued_at is not None and now + leeway + _ISSUED_AHEAD_SECONDS < claims.issued_at:
        raise token_invalid("issued in the future")


def _identity(claims: Claims) -> Identity:
    return Identity(
        issuer=claims.issuer,
        subject=claims.subject,
        session=claims.session,
        expires_at=claims.expires_at,
        # Without `iat` a token is as old as can be: every not-before of its subject ends it.
        issued_at=claims.issued_at if claims.issued_at is not None else 0.0,
        scopes=claims.scopes,
        assurance=claims.assurance,
        claims=claims.members,
    )
