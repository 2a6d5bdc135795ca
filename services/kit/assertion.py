"""Who is calling, by the gateway's signed assertion: a short-lived JWT any JWT library can check.

A service copies this one file to trust the gateway. It never sees the citizen's own token, and it never
fetches an address named in a token: keys come from the configured JWKS address alone.
"""

import asyncio
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import httpx
import jwt
from starlette.requests import Request

from services.kit.clock import Now, utc_now
from services.kit.problem import Problem, Text, forbidden, unavailable

ALGORITHMS = ("ES256", "EdDSA")

_LEEWAY_SECONDS = 5.0  # two machines' clocks
_COOLDOWN_SECONDS = 10.0  # an unknown kid may be forged: it must not make us hammer the gateway
_FIRST_FETCH_COOLDOWN_SECONDS = 1.0  # while we know no key at all nobody can be served, so ask sooner
_MAX_KEY_AGE_SECONDS = 60.0  # a key the gateway withdrew stops working within this time
_MAX_JWKS_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True)
class Caller:
    """The citizen or officer on whose behalf the gateway calls.

    `subject` is a pseudonym that only this service's sector sees (for identity: its own subject).
    """

    subject: str
    session: str | None = None
    assurance: str | None = None
    roles: frozenset[str] = frozenset()
    claims: Mapping[str, Any] = field(default_factory=dict)  # Any: claims are JSON

    def has_role(self, *wanted: str) -> bool:
        """Tell whether the caller holds at least one of these roles; `admin` is never implied."""
        return not self.roles.isdisjoint(wanted)


def not_authenticated(id: str = "Silakan masuk terlebih dahulu.", en: str = "Please sign in first.") -> Problem:
    """Build a 401 with the challenge RFC 6750 asks for."""
    return Problem(
        401,
        "not-authenticated",
        Text("Perlu masuk", "Authentication required"),
        Text(id, en),
        headers={"WWW-Authenticate": "Bearer"},
    )


def caller_of(request: Request) -> Caller | None:
    """Return the verified caller, or None for an anonymous request."""
    caller: Caller | None = request.scope.get("state", {}).get("caller")
    return caller


def require_caller(request: Request) -> Caller:
    """Return the verified caller; anonymous is a 401."""
    caller = caller_of(request)
    if caller is None:
        raise not_authenticated()
    return caller


def require_role(request: Request, *roles: str) -> Caller:
    """Return the caller if they hold one of these roles; otherwise 401 or 403."""
    caller = require_caller(request)
    if not caller.has_role(*roles):
        raise forbidden("Hanya untuk petugas yang ditunjuk.", "Only for the officers in charge.")
    return caller


class AssertionVerifier:
    """Checks assertions against the gateway's published keys, which it fetches and remembers.

    Keys already known survive a failed fetch: a restarting gateway signs nobody out.
    """

    def __init__(
        self,
        jwks_url: str,
        issuer: str,
        audience: str,
        *,
        now: Now = utc_now,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._jwks_url = jwks_url
        self._issuer = issuer
        self._audience = audience
        self._now = now
        self._client = httpx.AsyncClient(transport=transport, timeout=3.0, trust_env=False)
        self._keys: Mapping[str, jwt.PyJWK] = {}
        self._fetched_at: datetime | None = None
        self._tried_at: datetime | None = None
        self._fetching = asyncio.Lock()

    async def verify(self, authorization: str | None) -> Caller | None:
        """Return who is calling; None when no `Authorization` was sent; a Problem (401, 503) when bad."""
        if authorization is None:
            return None
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer":
            raise _bad_assertion()
        try:
            header = jwt.get_unverified_header(token)
        except jwt.InvalidTokenError:
            raise _bad_assertion() from None
        key = await self._key(header.get("kid"))
        return self._read(token, key)

    async def close(self) -> None:
        """Release the connections to the gateway."""
        await self._client.aclose()

    def _read(self, token: str, key: jwt.PyJWK) -> Caller:
        try:
            claims: dict[str, Any] = jwt.decode(  # Any: claims are JSON
                token,
                key,
                algorithms=ALGORITHMS,
                issuer=self._issuer,
                audience=self._audience,
                # Times are checked below against our own clock, which tests can turn.
                options={
                    "require": ["iss", "aud", "exp", "sub"],
                    "strict_aud": True,
                    "verify_exp": False,
                    "verify_nbf": False,
                    "verify_iat": False,
                },
            )
        except jwt.InvalidTokenError:
            raise _bad_assertion() from None
        self._check_times(claims)
        return _caller(claims)

    def _check_times(self, claims: Mapping[str, Any]) -> None:
        now = self._now().timestamp()
        expires = _seconds(claims["exp"])
        not_before = _seconds(claims.get("nbf", 0))
        if expires + _LEEWAY_SECONDS <= now or not_before - _LEEWAY_SECONDS > now:
            raise _bad_assertion()

    async def _key(self, kid: object) -> jwt.PyJWK:
        if not isinstance(kid, str):
            raise _bad_assertion()
        known = kid in self._keys
        # Whoever holds a known key need not wait for a refresh that another request has under way.
        if not (known and (self._age_seconds(self._fetched_at) < _MAX_KEY_AGE_SECONDS or self._fetching.locked())):
            await self._refresh(kid)
        if not self._keys:
            raise unavailable("keys-unavailable", retry_after_seconds=2)
        if kid not in self._keys:
            raise _bad_assertion()
        return self._keys[kid]

    def _age_seconds(self, instant: datetime | None) -> float:
        return math.inf if instant is None else (self._now() - instant).total_seconds()

    async def _refresh(self, kid: str) -> None:
        async with self._fetching:
            fresh = self._age_seconds(self._fetched_at) < _MAX_KEY_AGE_SECONDS
            if kid in self._keys and fresh:
                return  # fetched while we waited for the lock
            cooldown = _COOLDOWN_SECONDS if self._keys else _FIRST_FETCH_COOLDOWN_SECONDS
            if self._age_seconds(self._tried_at) < cooldown:
                return
            self._tried_at = self._now()
            keys = await self._fetch()
            if keys:
                self._keys, self._fetched_at = keys, self._now()

    async def _fetch(self) -> Mapping[str, jwt.PyJWK]:
        """Fetch the key set; empty when it cannot be had, so that the caller keeps the old one."""
        try:
            answer = await self._client.get(self._jwks_url)
            if answer.status_code != 200 or len(answer.content) > _MAX_JWKS_BYTES:
                return {}
            return _parse_keys(answer.content)
        except (httpx.HTTPError, ValueError):
            return {}


def _parse_keys(document: bytes) -> Mapping[str, jwt.PyJWK]:
    """Read a JWKS (RFC 7517 §5), skipping every key we would not accept a signature of."""
    parsed = json.loads(document)
    entries = parsed.get("keys") if isinstance(parsed, dict) else None
    keys: dict[str, jwt.PyJWK] = {}
    for entry in entries if isinstance(entries, list) else []:
        if not isinstance(entry, dict) or entry.get("use", "sig") != "sig":
            continue
        kid = entry.get("kid")
        try:
            key = jwt.PyJWK(entry)
        except (jwt.PyJWTError, ValueError, TypeError):
            continue
        if isinstance(kid, str) and key.algorithm_name in ALGORITHMS:
            keys[kid] = key
    return keys


def _seconds(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise _bad_assertion()
    return float(value)


def _caller(claims: Mapping[str, Any]) -> Caller:
    subject, session, assurance = claims["sub"], claims.get("sid"), claims.get("acr")
    roles = claims.get("roles", [])
    texts = [subject, *(value for value in (session, assurance) if value is not None)]
    if not isinstance(roles, list) or not all(isinstance(value, str) for value in [*texts, *roles]):
        raise _bad_assertion()
    if not subject:
        raise _bad_assertion()
    return Caller(subject, session, assurance, frozenset(roles), claims)


def _bad_assertion() -> Problem:
    problem = not_authenticated(
        "Tanda masuk dari gerbang kota tidak sah atau sudah lewat waktunya. Silakan masuk kembali.",
        "The gateway's assertion is not valid or has expired. Please sign in again.",
    )
    problem.headers["WWW-Authenticate"] = 'Bearer error="invalid_token"'
    return problem
