"""Stage 1: whether the request is meant for us, and which route a method and path name."""

from __future__ import annotations

from gateway.errors import MethodNotAllowed, Misdirected, RouteNotFound
from gateway.registry.snapshot import Route, Snapshot
from gateway.rules.matching import MethodMissing, NotFound


def check_host(snapshot: Snapshot, host: bytes) -> None:
    """Raise Misdirected when the registry lists our hosts and `host`, perhaps with a port, is none of them."""
    own = snapshot.server.hosts
    if own and host not in own and _without_port(host) not in own:
        raise Misdirected


def _without_port(host: bytes) -> bytes:
    name, _, port = host.rpartition(b":")
    return name if port.isdigit() else host


def match(snapshot: Snapshot, method: bytes, path: bytes) -> Route:
    """Return the route; raise RouteNotFound, or MethodNotAllowed with `Allow` (RFC 9110 section 15.5.6).

    TRACE is never passed on, not by `methods: ['*']` either: its answer would show the client what agencies alone may
    see, the gateway's assertion among it (RFC 9110 section 9.3.8).
    """
    if method == b"TRACE":
        raise MethodNotAllowed(fields=((b"allow", b"GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"),))
    found = snapshot.matcher.match(method, path)
    if isinstance(found, MethodMissing):
        raise MethodNotAllowed(fields=((b"allow", b", ".join(found.allowed)),))
    if isinstance(found, NotFound):
        raise RouteNotFound
    return found.value
