"""Cross-origin requests by the registry's word (Fetch standard, CORS protocol). Nothing is allowed unless listed.

An agency's own Access-Control fields never pass (field_kinds), so that what is said here is all a browser hears.
"""

from __future__ import annotations

from dataclasses import dataclass

from gateway.fields import Fields


@dataclass(frozen=True, slots=True)
class CorsPolicy:
    """Which web origins may call, with what, and what they may read. Credentials (cookies) are never allowed."""

    origins: frozenset[bytes]  # exact, e.g. b"https://live.tangerangkota.go.id"; {b"*"} is every origin
    methods: tuple[bytes, ...] = (b"GET", b"HEAD", b"POST")
    request_headers: tuple[bytes, ...] = (b"authorization", b"content-type", b"idempotency-key")
    exposed_headers: tuple[bytes, ...] = (b"x-request-id", b"ratelimit", b"ratelimit-policy", b"retry-after", b"etag")
    max_age_seconds: int = 600


def preflight(policy: CorsPolicy, origin: bytes, method: bytes, requested_headers: bytes | None) -> Fields | None:
    """Return the fields that answer a preflight, or None when it is not allowed.

    `method` and `requested_headers` are the values of Access-Control-Request-Method (case-sensitive) and, where it
    came, of Access-Control-Request-Headers. What is answered names all that the policy allows, so that one preflight
    serves the browser for every call.
    """
    if _allowed_origin(policy, origin) is None or method not in policy.methods:
        return None
    requested = (name.strip(b" \t").lower() for name in (requested_headers or b"").split(b","))
    if any(name and name not in policy.request_headers for name in requested):
        return None
    fields = _origin_fields(policy, origin)
    fields += ((b"access-control-allow-methods", b", ".join(policy.methods)),)
    if policy.request_headers:
        fields += ((b"access-control-allow-headers", b", ".join(policy.request_headers)),)
    return (*fields, (b"access-control-max-age", b"%d" % policy.max_age_seconds))


def answer(policy: CorsPolicy, origin: bytes | None) -> Fields:
    """Return the fields that any answer on the route carries, errors too, for a browser to let its page read it."""
    fields = _origin_fields(policy, origin)
    if policy.exposed_headers and _allowed_origin(policy, origin) is not None:
        fields += ((b"access-control-expose-headers", b", ".join(policy.exposed_headers)),)
    return fields


def _origin_fields(policy: CorsPolicy, origin: bytes | None) -> Fields:
    allowed = _allowed_origin(policy, origin)
    fields: Fields = () if allowed is None else ((b"access-control-allow-origin", allowed),)
    # Also where this origin is refused or none was named: a cache must not show this answer to one that is allowed.
    return fields if b"*" in policy.origins else (*fields, (b"vary", b"Origin"))


def _allowed_origin(policy: CorsPolicy, origin: bytes | None) -> bytes | None:
    if b"*" in policy.origins:
        return b"*"
    return origin if origin in policy.origins else None
