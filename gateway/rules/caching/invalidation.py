"""Which stored answers a change makes obsolete (RFC 9111 section 4.4)."""

from __future__ import annotations

from typing import Final

from gateway.fields import values
from gateway.rules.caching.exchange import CacheRequest, OriginHead
from gateway.rules.caching.locations import Target, resolve, target_of
from gateway.rules.caching.policy import CachePolicy

# A method not listed is unknown, hence unsafe (RFC 9110 section 9.2.1).
SAFE_METHODS: Final = frozenset({b"GET", b"HEAD", b"OPTIONS", b"TRACE"})


def invalidated_by(request: CacheRequest, head: OriginHead, policy: CachePolicy) -> tuple[Target, ...]:
    """Return the resources whose stored answers must go, in every variant: the target, and what the answer names.

    Only a success changes anything, and only resources of the same origin can be named: else one agency could empty
    another's cache.
    """
    if request.method in SAFE_METHODS or not 200 <= head.status < 400:
        return ()
    targets = {target_of(request): None}
    for name in (b"location", b"content-location"):
        for reference in values(head.fields, name):
            target = resolve(request, reference, policy)
            if target is not None:
                targets[target] = None
    return tuple(targets)
