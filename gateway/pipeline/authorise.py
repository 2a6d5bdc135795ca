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
    if denied.reason == "scope":
        challenge = f'Bearer error="insufficient_scope", scope="{" ".join(denied.scopes)}"'
    else:
        # RFC 9470: the client learns which level to step up to.
        challenge = f'Bearer error="insufficient_user_authentication", acr_values="{route.auth.assurance}"'
    raise NotPermitted(denied.reason, fields=((b"www-authenticate", challenge.encode()),))
