"""Stage 1: which route a method and path name."""

from __future__ import annotations

from gateway.errors import MethodNotAllowed, RouteNotFound
from gateway.registry.snapshot import Route, Snapshot
from gateway.rules.matching import MethodMissing, NotFound


def match(snapshot: Snapshot, method: bytes, path: bytes) -> Route:
    """Return the route; raise RouteNotFound, or MethodNotAllowed with `Allow` (RFC 9110 section 15.5.6)."""
    found = snapshot.matcher.match(method, path)
    if isinstance(found, MethodMissing):
        raise MethodNotAllowed(fields=((b"allow", b", ".join(found.allowed)),))
    if isinstance(found, NotFound):
        raise RouteNotFound
    return found.value
