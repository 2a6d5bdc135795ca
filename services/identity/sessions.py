"""Sessions by device: opening, keeping alive and ending them. Each function works inside its caller's transaction."""

import secrets
from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from services.identity.accounts import Means
from services.identity.revocations import revoke_session
from services.identity.tables import Account, DeviceSession
from services.identity.tokens import RefreshToken, Verdict, is_genuine, judge

MAX_DEVICE_CHARACTERS = 80

# Order matters: an Android browser says Linux too, an iPad says Mac.
_SYSTEMS = (
    ("Android", "Android"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Windows", "Windows"),
    ("Mac OS X", "Mac"),
    ("Linux", "Linux"),
)
_PROGRAMS = (
    ("TangerangLIVE", "Tangerang LIVE"),
    ("Edg/", "Edge"),
    ("Firefox/", "Firefox"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
    ("curl/", "curl"),
)


def device_name(user_agent: str) -> str:
    """Name a device roughly by what its program says; the owner may rename it."""
    found = [_first(user_agent, table) for table in (_PROGRAMS, _SYSTEMS)]
    return " di ".join(name for name in found if name) or "Perangkat tidak dikenal"


def clean_device(name: str) -> str:
    """Return a given name as one short printable line."""
    line = " ".join(name.split())
    return "".join(character for character in line if character.isprintable())[:MAX_DEVICE_CHARACTERS].strip()


def open_session(session: Session, means: Means, account: Account, device: str) -> DeviceSession:
    """Begin a session on a device."""
    now = means.now()
    opened = DeviceSession(
        id=secrets.token_urlsafe(16),
        account_id=account.id,
        device=device,
        nonce=secrets.token_urlsafe(16),
        generation=1,
        opened_at=now,
        rotated_at=now,
    )
    session.add(opened)
    session.flush()
    return opened


def end_session(session: Session, means: Means, device: DeviceSession, reason: str) -> bool:
    """End a session and call its tokens back; return whether it was alive."""
    if device.ended_at is not None:
        return False
    device.ended_at, device.end_reason = means.now(), reason
    revoke_session(session, means.policy, means.now(), device.id)
    return True


def end_sessions(session: Session, means: Means, account: Account, reason: str, *, keep: str | None = None) -> int:
    """End all of an account's sessions but one; return how many were alive."""
    alive = [device for device in live_sessions(session, account.id) if device.id != keep]
    return sum(end_session(session, means, device, reason) for device in alive)


def live_sessions(session: Session, account_id: str) -> Sequence[DeviceSession]:
    """Return the account's sessions that were not ended."""
    query = select(DeviceSession).where(DeviceSession.account_id == account_id, DeviceSession.ended_at.is_(None))
    return session.scalars(query.order_by(DeviceSession.opened_at)).all()


def find_genuine(session: Session, means: Means, token: RefreshToken | None) -> DeviceSession | None:
    """Return the session a refresh token belongs to, or None when it is none of ours."""
    device = session.get(DeviceSession, token.session_id, with_for_update=True) if token else None
    return device if token and device and is_genuine(means.vault, device, token) else None


def use_refresh_token(session: Session, means: Means, device: DeviceSession, generation: int) -> Verdict:
    """Judge a genuine token and do what follows: the next generation, or the end of the session."""
    verdict = judge(device, generation, means.now(), means.policy)
    if verdict is Verdict.ROTATE:
        device.generation += 1
        device.rotated_at = means.now()
    elif verdict is Verdict.REPLAY:
        end_session(session, means, device, "replay")
    elif verdict is Verdict.OVER:
        end_session(session, means, device, "expired")
    return verdict


def _first(text: str, table: Sequence[tuple[str, str]]) -> str | None:
    return next((name for sign, name in table if sign in text), None)
