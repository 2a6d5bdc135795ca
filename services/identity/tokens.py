"""Access and refresh tokens: what they say, and when an old refresh token is a lost answer or a theft.

The refresh token of a session's generation is a keyed hash, so asking again for a lost answer yields the very same
token, and the database holds nothing that could be used to sign in.
"""

import hmac
import re
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum, auto
from typing import Any

from services.identity.policy import Policy
from services.identity.tables import Account, DeviceSession
from services.identity.vault import Vault

_REFRESH = re.compile(r"r1\.([\w-]{8,32})\.([0-9]{1,9})\.([0-9a-f]{64})", re.ASCII)


class Verdict(Enum):
    """What a genuine refresh token deserves."""

    ROTATE = auto()  # the present one: a new generation begins
    REPEAT = auto()  # the one before, moments ago: the answer was lost, give it again
    REPLAY = auto()  # an older one: two people hold tokens of this session
    OVER = auto()  # the session was ended, or slept too long


@dataclass(frozen=True, slots=True)
class RefreshToken:
    """A refresh token taken apart; genuine only if `is_genuine` says so."""

    session_id: str
    generation: int
    mac: str


def read_refresh_token(text: str) -> RefreshToken | None:
    """Take a refresh token apart; None when it has not our form."""
    match = _REFRESH.fullmatch(text)
    return RefreshToken(match[1], int(match[2]), match[3]) if match else None


def write_refresh_token(vault: Vault, session: DeviceSession) -> str:
    """Return the refresh token of the session's present generation."""
    return f"r1.{session.id}.{session.generation}.{_mac(vault, session, session.generation)}"


def is_genuine(vault: Vault, session: DeviceSession, token: RefreshToken) -> bool:
    """Tell whether we once gave this token out."""
    is_ours = hmac.compare_digest(token.mac, _mac(vault, session, token.generation))
    return is_ours and 1 <= token.generation <= session.generation


def judge(session: DeviceSession, generation: int, now: datetime, policy: Policy) -> Verdict:
    """Decide about a genuine token of this generation."""
    since_rotation = now - session.rotated_at
    is_asleep = since_rotation > timedelta(days=policy.refresh_idle_days)
    if session.ended_at is not None or is_asleep or now - session.opened_at > timedelta(days=policy.session_max_days):
        return Verdict.OVER
    if generation == session.generation:
        return Verdict.ROTATE
    in_grace = since_rotation <= timedelta(seconds=policy.refresh_grace_seconds)
    return Verdict.REPEAT if generation == session.generation - 1 and in_grace else Verdict.REPLAY


def access_claims(
    account: Account,
    session: DeviceSession,
    *,
    issuer: str,
    audience: str,
    name: str,
    tier: int,
    roles: frozenset[str],
    now: datetime,
    lifetime_seconds: int,
) -> dict[str, Any]:  # Any: claims are JSON
    """Return what the access token says: no NIK, no phone, no address."""
    # Tokens of the very second in which older ones were called back must not be taken for those.
    issued_at = max(int(now.timestamp()), account.tokens_from)
    return {
        "iss": issuer,
        "aud": audience,
        "sub": account.id,
        "sid": session.id,
        "iat": issued_at,
        "exp": int(now.timestamp()) + lifetime_seconds,
        "jti": secrets.token_urlsafe(12),
        "scope": "citizen staff" if roles else "citizen",
        "acr": str(tier),
        "name": name,
        "roles": sorted(roles),
    }


def _mac(vault: Vault, session: DeviceSession, generation: int) -> str:
    return vault.mac("refresh", session.id, session.nonce, str(generation))
