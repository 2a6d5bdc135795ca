"""Accounts as the database holds them: reading, writing events, and who may be meant by what was typed.

Each function works inside a transaction of its caller and never outside.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from services.identity.identifiers import Handle, Kind
from services.identity.machine import (
    AccountState,
    Event,
    Happening,
    Impossible,
    Proof,
    Status,
    apply,
    fold,
)
from services.identity.policy import Policy
from services.identity.revocations import revoke_subject
from services.identity.tables import Account, AccountEvent, DeviceSession, Identifier
from services.identity.vault import Vault
from services.kit.clock import Now
from services.kit.problem import Problem, conflict


@dataclass(frozen=True, slots=True)
class Means:
    """What every case needs beside its transaction."""

    now: Now
    vault: Vault
    policy: Policy


@dataclass(frozen=True, slots=True)
class NewIdentifier:
    """An identifier with the password's verifier beside it, computed before the transaction begins."""

    handle: Handle
    verifier: str


def create_account(session: Session, means: Means, name: str, identifiers: Sequence[NewIdentifier]) -> Account:
    """Open an account. Whoever else claims the same identifiers is neither asked nor told."""
    account = Account(id=secrets.token_urlsafe(16), created_at=means.now(), tokens_from=0)
    account.sealed_name = means.vault.seal(name, owner=account.id)
    session.add(account)
    session.flush()
    record(session, means, account, Happening.REGISTERED)
    for new in identifiers:
        claim(session, means, account, new)
    return account


def claim(session: Session, means: Means, account: Account, new: NewIdentifier) -> Identifier:
    """Let the account say that this identifier is its own; nothing is proved by it."""
    identifier = Identifier(
        id=secrets.token_urlsafe(12),
        account_id=account.id,
        kind=new.handle.kind.value,
        lookup=lookup_of(means.vault, new.handle),
        verifier=new.verifier,
        claimed_at=means.now(),
    )
    identifier.sealed_value = means.vault.seal(new.handle.value, owner=identifier.id)
    record(session, means, account, Happening.CLAIMED, identifier=identifier.id, kind=identifier.kind)
    session.add(identifier)
    session.flush()
    return identifier


def prove(
    session: Session, means: Means, account: Account, identifier: Identifier, how: Proof, **detail: str
) -> list[Account]:
    """Give the identifier to this account; every other claim to it ends. Return the accounts that lost it."""
    losers = []
    others = select(Identifier).where(Identifier.lookup == identifier.lookup, Identifier.id != identifier.id)
    for other in session.scalars(others).all():
        loser = session.get_one(Account, other.account_id)
        remove(session, means, loser, other, Happening.LOST)
        losers.append(loser)
    session.flush()  # their rows must be gone before this one may hold `proved_lookup`
    identifier.proof, identifier.proved_lookup = how.value, identifier.lookup
    record(session, means, account, Happening.PROVED, identifier=identifier.id, how=how.value, **detail)
    session.flush()
    return losers


def remove(session: Session, means: Means, account: Account, identifier: Identifier, why: Happening) -> None:
    """Take an identifier from its account, its value with it; the event stays."""
    record(session, means, account, why, identifier=identifier.id)
    session.delete(identifier)


def close(session: Session, means: Means, account: Account) -> None:
    """Erase what names the person; the bare events stay as the record that there was an account."""
    record(session, means, account, Happening.CLOSED)
    session.execute(delete(Identifier).where(Identifier.account_id == account.id))
    account.sealed_name = None


def record(session: Session, means: Means, account: Account, happening: Happening, /, **detail: Any) -> AccountState:
    """Append one event and return the state after it; 409 when it cannot happen now.

    No token may say more than is true: when level or roles shrink, the tokens already out are called back. What
    was gained is in the next one.
    """
    before = state_of(session, account.id)
    try:
        after = apply(before, Event(happening, detail))
    except Impossible as exc:
        raise not_possible_now() from exc
    last = session.execute(
        select(AccountEvent.position, AccountEvent.at)
        .where(AccountEvent.account_id == account.id)
        .order_by(AccountEvent.position.desc())
        .limit(1)
    ).one_or_none()
    # A machine's clock may be set back; an account's history may not.
    at = max(means.now(), last.at) if last else means.now()
    position = last.position + 1 if last else 1
    session.add(AccountEvent(account_id=account.id, position=position, kind=happening.value, at=at, detail=detail))
    session.flush()
    if after.tier < before.tier or before.roles - after.roles or after.status is not Status.OPEN:
        _call_tokens_back(session, means, account)
    return after


def _call_tokens_back(session: Session, means: Means, account: Account) -> None:
    query = select(DeviceSession.id).where(DeviceSession.account_id == account.id)
    if session.scalars(query.limit(1)).one_or_none() is None:
        return  # it never signed in, so there is no token
    account.tokens_from = int(means.now().timestamp()) + 1
    revoke_subject(session, means.policy, means.now(), account.id, not_before=account.tokens_from)


def state_of(session: Session, account_id: str) -> AccountState:
    """Return the account's state, computed from its events."""
    rows = session.execute(
        select(AccountEvent.kind, AccountEvent.detail)
        .where(AccountEvent.account_id == account_id)
        .order_by(AccountEvent.position)
    ).all()
    return fold(Event(Happening(row.kind), row.detail) for row in rows)


def name_of(means: Means, account: Account) -> str:
    """Return the person's name, or an empty text once the account is closed."""
    return means.vault.unseal(account.sealed_name, owner=account.id) if account.sealed_name else ""


def identifiers_of(session: Session, account_id: str) -> Sequence[Identifier]:
    """Return what the account claims, oldest first."""
    query = select(Identifier).where(Identifier.account_id == account_id)
    return session.scalars(query.order_by(Identifier.claimed_at, Identifier.id)).all()


def handle_of(means: Means, identifier: Identifier) -> Handle:
    """Open what is sealed in the row."""
    return Handle(Kind(identifier.kind), means.vault.unseal(identifier.sealed_value, owner=identifier.id))


def find_by_password(session: Session, means: Means, handle: Handle, verifier: str) -> Account | None:
    """Return whose identifier and password these are: the one who proved it first, else the oldest claim."""
    query = (
        select(Account)
        .join(Identifier, Identifier.account_id == Account.id)
        .where(Identifier.lookup == lookup_of(means.vault, handle), Identifier.verifier == verifier)
        .order_by(Identifier.proved_lookup.is_(None), Identifier.claimed_at, Identifier.id)
        .limit(1)
    )
    return session.scalars(query).one_or_none()


def find_proved(session: Session, means: Means, handle: Handle) -> Identifier | None:
    """Return the row of the one account that proved this identifier."""
    query = select(Identifier).where(Identifier.proved_lookup == lookup_of(means.vault, handle))
    return session.scalars(query).one_or_none()


def count_claims(session: Session, account_id: str, kind: Kind) -> int:
    """Return how many identifiers of a kind the account has."""
    query = select(func.count()).where(Identifier.account_id == account_id, Identifier.kind == kind.value)
    return session.scalar(query) or 0


def lookup_of(vault: Vault, handle: Handle) -> str:
    """Return the keyed hash under which an identifier is found."""
    return vault.mac("lookup", handle.kind.value, handle.value)


def not_possible_now() -> Problem:
    """Build the 409 for what the account's state does not allow."""
    return conflict(
        "not-possible-now",
        "Tidak dapat dilakukan pada keadaan akun saat ini. Muat ulang data akun Anda.",
        "The account's present state does not allow this. Reload your account.",
    )
