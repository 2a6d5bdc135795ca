"""Stage 4: whether there is budget left. Every limit of the route is charged in one atomic step, or none is."""

from __future__ import annotations

from gateway.errors import MalformedRequest, NotAuthenticated, NotPermitted, QuotaExceeded
from gateway.fields import Fields
from gateway.identity.verifier import CHALLENGE
from gateway.pipeline.observe import Observation
from gateway.registry.snapshot import Route
from gateway.rules.access import Identity
from gateway.rules.callers import caller_key
from gateway.rules.concurrency import ConcurrencyPolicy
from gateway.rules.heads import RequestHead
from gateway.rules.quota import Charge, QuotaPolicy
from gateway.store.fallback import Limiter, Outcome


async def limit(
    limiter: Limiter, route: Route, identity: Identity | None, head: RequestHead, address: str, seen: Observation
) -> Fields:
    """Return the `RateLimit` fields of the answer; raise QuotaExceeded or StoreUnavailable, or as `counted_under`."""
    if not route.limits or route.emergency:
        return ()
    outcome = await limiter.take(charges_of(route, identity, head, address))
    admit(outcome, seen)
    return outcome.fields


def admit(outcome: Outcome, seen: Observation) -> None:
    """Take note of what the limits of a request said; raise QuotaExceeded when an enforced one denied it."""
    if not outcome.all_allowed and any(policy.mode == "shadow" for policy in outcome.denied):
        seen.shadowed = True
    if not outcome.admitted:
        raise QuotaExceeded(retry_after_seconds=outcome.retry_after_seconds, fields=outcome.fields)
    if seen.counters is not None:
        seen.counters.admitted += 1


def charges_of(route: Route, identity: Identity | None, head: RequestHead, address: str) -> tuple[Charge, ...]:
    """Return what a request on `route` is charged; raises as `counted_under`."""
    charges = []
    for policy in route.limits:
        key = counted_under(policy, route, identity, head, address)
        if key is not None:
            charges.append(Charge(key, policy))
    return tuple(charges)


def counted_under(
    policy: QuotaPolicy | ConcurrencyPolicy, route: Route, identity: Identity | None, head: RequestHead, address: str
) -> bytes | None:
    """Name whom a limit counts a request under; None when the limit lets pass uncounted who lacks what it counts by.

    Raises NotAuthenticated, NotPermitted or MalformedRequest when such a request is to be refused.
    """
    service = route.name if route.service is None else route.service.name
    by = policy.by
    key = caller_key(by, identity=identity, head=head, address=address, service=service, route=route.name)
    if key is None and by.missing == "closed" and policy.mode == "enforce":
        if by.kind == "header":
            raise MalformedRequest(f"the field {by.name} is needed")
        if identity is None:
            raise NotAuthenticated(fields=CHALLENGE)
        raise NotPermitted(f"the claim {by.name} is needed")
    return key
