"""Who may use a route: the policy, the identity it is judged by, and the judgement.

It does not verify tokens (identity does) and it does not know HTTP.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

AuthMode = Literal["required", "optional", "none"]


@dataclass(frozen=True, slots=True)
class AuthPolicy:
    """What a route asks of its caller, and what the agency is told of them."""

    mode: AuthMode = "required"
    scopes: frozenset[str] = frozenset()  # all are needed
    claims: tuple[str, ...] = ()  # granted to the agency, with the purpose below
    purpose: str | None = None
    assurance: int | None = None  # least level of the `acr` claim
    pass_authorization: bool = False  # with mode none: the client's own field goes through


@dataclass(frozen=True, slots=True)
class Identity:
    """A caller whose token was verified. `expires_at` and `issued_at` are wall-clock seconds."""

    issuer: str
    subject: str
    session: str | None
    expires_at: float
    issued_at: float
    scopes: frozenset[str] = frozenset()
    assurance: int = 0
    claims: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Denied:
    """Why an identity may not use a route; `reason` is for logs and `WWW-Authenticate` (RFC 6750 section 3.1)."""

    reason: Literal["scope", "assurance"]
    scopes: tuple[str, ...] = ()


def judge(policy: AuthPolicy, identity: Identity | None) -> Denied | None:
    """Tell why `identity` may not use a route under `policy`, or None when it may.

    A missing identity is judged before, by the mode; here it fails whatever is asked of it.
    """
    scopes = identity.scopes if identity is not None else frozenset()
    missing = policy.scopes - scopes
    if missing:
        return Denied("scope", tuple(sorted(policy.scopes)))
    level = identity.assurance if identity is not None else 0
    if policy.assurance is not None and level < policy.assurance:
        return Denied("assurance")
    return None
