"""One-time codes: six digits sent to a contact, good for minutes and a few tries, kept only as a keyed hash."""

import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete
from sqlalchemy.orm import Session

from services.identity.accounts import Means
from services.identity.identifiers import Handle
from services.identity.tables import OneTimeCode
from services.identity.throttle import Pace, keep_pace
from services.kit.problem import Problem, Text

PROVE = "prove"
RECOVER = "recover"
COUNTER = "counter"

_DIGITS = 6


@dataclass(frozen=True, slots=True)
class Issued:
    """A code just made. `code` goes into the message and nowhere else."""

    id: str
    code: str
    expires_at: datetime


def keep_code_pace(session: Session, means: Means, to: Handle, asker: str) -> None:
    """Refuse with 429 when too many codes go to one contact.

    Mostly counted for each asker apart, so that nobody's asking keeps the contact's owner from theirs.
    """
    policy, now = means.policy, means.now()
    target = (to.kind.value, to.value)
    pause = Pace(1, timedelta(seconds=policy.code_pause_seconds))
    day = timedelta(days=1)
    keep_pace(session, now, means.vault.mac("throttle", "code-pause", asker, *target), pause)
    keep_pace(
        session, now, means.vault.mac("throttle", "code-asker", asker, *target), Pace(policy.codes_per_asker_day, day)
    )
    keep_pace(
        session, now, means.vault.mac("throttle", "code-contact", *target), Pace(policy.codes_per_contact_day, day)
    )


def issue(session: Session, means: Means, purpose: str, **row: Any) -> Issued:
    """Make a code; `row` says what for. Codes long expired are removed on the way."""
    now = means.now()
    session.execute(delete(OneTimeCode).where(OneTimeCode.expires_at < now - timedelta(days=1)))
    code_id, code = secrets.token_urlsafe(16), f"{secrets.randbelow(10**_DIGITS):0{_DIGITS}}"
    session.add(
        OneTimeCode(
            id=code_id,
            purpose=purpose,
            mac=means.vault.mac("code", code_id, code),
            tries_left=means.policy.code_tries,
            expires_at=now + means.policy.code_lifetime,
            **row,
        )
    )
    session.flush()
    return Issued(code_id, code, now + means.policy.code_lifetime)


def attach_contact(session: Session, means: Means, issued: Issued, contact: Handle) -> None:
    """Remember which new contact the code went to, sealed, for it is nobody's yet."""
    row = session.get_one(OneTimeCode, issued.id)
    row.sealed_contact = means.vault.seal(contact.value, owner=row.id)


def message_text(code: str, minutes: int) -> str:
    """Write what is sent."""
    return (
        f"Tangerang LIVE: kode Anda {code}, berlaku {minutes} menit. "
        "Jangan berikan kepada siapa pun, termasuk petugas. Bukan Anda yang meminta? Abaikan pesan ini."
    )


def redeem(session: Session, means: Means, code_id: str, typed: str, *purposes: str) -> OneTimeCode | Problem:
    """Use up a code, or count a failed try.

    The problem is returned, not raised, for the try must be committed. A code works once.
    """
    row = session.get(OneTimeCode, code_id, with_for_update=True)
    if row is None or row.purpose not in purposes or row.tries_left <= 0 or row.expires_at <= means.now():
        return code_over()
    row.tries_left -= 1
    if not hmac.compare_digest(row.mac, means.vault.mac("code", code_id, typed)):
        return wrong_code(row.tries_left)
    row.tries_left = 0
    return row


def wrong_code(tries_left: int) -> Problem:
    """Build the answer to a wrong code."""
    return Problem(
        403,
        "wrong-code",
        Text("Kode tidak cocok", "Wrong code"),
        Text(
            f"Kode tidak cocok. Sisa percobaan: {tries_left}.",
            f"The code does not match. Tries left: {tries_left}.",
        ),
        extensions={"tries_left": tries_left},
    )


def code_over() -> Problem:
    """Build the answer for a code that was used, tried too often, expired, or never was."""
    return Problem(
        409,
        "code-over",
        Text("Kode sudah tidak berlaku", "The code is no longer valid"),
        Text("Minta kode baru, lalu coba lagi.", "Ask for a new code, then try again."),
    )
