"""Stage 4: whether there is budget left. Every limit of the route is charged in one atomic step, or none is."""

from __future__ import annotations

from gateway.errors import QuotaExceeded
from gateway.fields import Fields, first
from gateway.pipeline.observe import Observation
from gateway.registry.snapshot import Route
from gateway.rules.access import Identity
from gateway.rules.forwarding import address_key
from gateway.rules.heads import RequestHead
from gateway.rules.quota import Charge, QuotaPolicy
from gateway.store.fallback import Limiter


async def limit(
    limiter: Limiter, route: Route, identity: Identity | None, head: RequestHead, address: str, seen: Observation
) -> Fields:
    """Return the `RateLimit` fields of the answer; raise QuotaExceeded or StoreUnavailable."""
    if not route.limits or route.emergency:
        return ()
    charges = [Charge(_key(policy, route, identity, head, address), policy) for policy in route.limits]
    outcome = await limiter.take(charges)
    seen.shadowed = any(policy.mode == "shadow" for policy in outcome.denied)
    if not outcome.admitted:
        raise QuotaExceeded(retry_after_seconds=outcome.retry_after_seconds, fields=outcome.fields)
    return outcome.fields


def _key(policy: QuotaPolicy, route: Route, identity: Identity | None, head: RequestHead, address: str) -> bytes:
    """Name the bucket. Without the thing counted by, a caller is counted by address: never all strangers together."""
    kind, name = policy.by.kind, policy.by.name
    stranger = b"address:" + address_key(address)
    if kind == "citizen":
        return stranger if identity is None else b"citizen:" + f"{identity.issuer}|{identity.subject}".encode()
    if kind == "address":
        return stranger
    if kind == "service":
        return b"service:" + (route.service.name if route.service is not None else route.name).encode()
    if kind == "route":
        return b"route:" + route.name.encode()
    if kind == "claim":
        claim = None if identity is None else identity.claims.get(name or "")
        return stranger if claim is None else f"claim:{name}:{claim}".encode()
    value = first(head.fields, (name or "").encode())
    return stranger if value is None else b"header:" + (name or "").encode() + b":" + value
