"""Stage 2: who is calling. A token is verified once and remembered; nothing named in a token is ever fetched.

On emergency routes a token that does not hold, or cannot be judged, costs the caller nothing: they pass without an
identity, and that is counted.
"""

from __future__ import annotations

from gateway.errors import IdentityFault, NotAuthenticated
from gateway.identity.verifier import CHALLENGE, Verifier, bearer_token
from gateway.pipeline.observe import Observation
from gateway.registry.snapshot import Route
from gateway.rules.access import Identity
from gateway.rules.heads import RequestHead


async def authenticate(verifier: Verifier, route: Route, head: RequestHead, seen: Observation) -> Identity | None:
    """Return the verified identity, or None where the route does not need one.

    Raises NotAuthenticated, TokenInvalid, TokenExpired, SessionEnded (401) or KeysUnavailable (503).
    """
    if route.auth.mode == "none":
        return None
    if not head.authorization:
        if route.auth.mode == "optional":
            return None
        raise NotAuthenticated(fields=CHALLENGE)
    try:
        token = head.token or bearer_token(head.authorization)
        identity = verifier.verify_at_hand(token) if route.emergency else await verifier.verify(token)
    except IdentityFault:
        if not route.emergency:
            raise
        seen.flagged = True
        return None
    head.token = token
    return identity
