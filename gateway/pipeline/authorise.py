"""Stage 3: whether this caller may use this route."""

from __future__ import annotations

from gateway.errors import NotPermitted
from gateway.registry.snapshot import Route
from gateway.rules.access import Identity, judge


def authorise(route: Route, identity: Identity | None) -> None:
    """Raise NotPermitted unless scopes and assurance level reach (RFC 6750 section 3.1)."""
    if route.emergency:
        return
    denied = judge(route.auth, identity)
    if denied is None:
        return
    challenge = b'Bearer error="insufficient_scope"'
    if denied.scopes:
        challenge += b', scope="%b"' % " ".join(denied.scopes).encode()
    elif denied.reason == "assurance":
        # RFC 9470: the client learns which level to step up to.
        challenge = b'Bearer error="insufficient_user_authentication", acr_values="%d"' % (route.auth.assurance or 0)
    raise NotPermitted(denied.reason, fields=((b"www-authenticate", challenge),))
