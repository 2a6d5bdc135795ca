"""What the service remembers. Personal data is sealed (see vault); events and hashes alone name nobody.

`identifiers` holds what people say they are reached or known by. Many accounts may claim the same NIK, phone or
address as long as nobody proved it; `proved_lookup` lets exactly one account have proved it.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, ForeignKey, Index, Integer, LargeBinary, String
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from services.kit.database import UtcDateTime
from services.kit.idempotency import idempotency_table


class Base(DeclarativeBase):
    """All tables of the identity service."""


class Account(Base):
    """One person's account. Its state is computed from its events; this row only holds what is not state."""

    __tablename__ = "accounts"
    id: Mapped[str] = mapped_column(String(32), primary_key=True)  # the `sub` of its tokens
    sealed_name: Mapped[bytes | None] = mapped_column(LargeBinary)  # erased when the account is closed
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    tokens_from: Mapped[int] = mapped_column(BigInteger, default=0)  # Unix time; older tokens were called back


class AccountEvent(Base):
    """One thing that happened to an account, in order. Never changed, never deleted, without personal data."""

    __tablename__ = "account_events"
    account_id: Mapped[str] = mapped_column(ForeignKey("accounts.id"), primary_key=True)
    position: Mapped[int] = mapped_column(Integer, primary_key=True)
    kind: Mapped[str] = mapped_column(String(32))
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    detail: Mapped[dict[str, Any]] = mapped_column(JSON)  # Any: JSON


class Identifier(Base):
    """A NIK, e-mail address or phone that an account claims, and from `proof` on, has proved."""

    __tablename__ = "identifiers"
    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    account_id: Mapped[str] = mapped_column(ForeignKey("accounts.id"), index=True)
    kind: Mapped[str] = mapped_column(String(8))
    lookup: Mapped[str] = mapped_column(String(64))  # keyed hash of kind and value
    verifier: Mapped[str] = mapped_column(String(64))  # of the account's password, salted by kind and value
    sealed_value: Mapped[bytes] = mapped_column(LargeBinary)
    proof: Mapped[str | None] = mapped_column(String(12))
    proved_lookup: Mapped[str | None] = mapped_column(String(64), unique=True)  # `lookup` once proved
    claimed_at: Mapped[datetime] = mapped_column(UtcDateTime)
    __table_args__ = (Index("ix_identifiers_lookup_verifier", "lookup", "verifier"),)


class DeviceSession(Base):
    """One sign-in on one device: the family of refresh tokens of which `generation` is the present one."""

    __tablename__ = "sessions"
    id: Mapped[str] = mapped_column(String(32), primary_key=True)  # the `sid` of its tokens
    account_id: Mapped[str] = mapped_column(ForeignKey("accounts.id"), index=True)
    device: Mapped[str] = mapped_column(String(80))
    nonce: Mapped[str] = mapped_column(String(32))
    generation: Mapped[int] = mapped_column(Integer)
    opened_at: Mapped[datetime] = mapped_column(UtcDateTime)
    rotated_at: Mapped[datetime] = mapped_column(UtcDateTime)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    end_reason: Mapped[str | None] = mapped_column(String(24))


class Revocation(Base):
    """Tokens called back before they expire: of one session, or of one subject issued before a time (Unix)."""

    __tablename__ = "revocations"
    position: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    sid: Mapped[str | None] = mapped_column(String(32))
    sub: Mapped[str | None] = mapped_column(String(32))
    not_before: Mapped[int | None] = mapped_column(BigInteger)
    expires_at: Mapped[int] = mapped_column(BigInteger, index=True)


class Counter(Base):
    """A number that only grows, taken inside the transaction that uses it, so that commits keep its order."""

    __tablename__ = "counters"
    name: Mapped[str] = mapped_column(String(32), primary_key=True)
    value: Mapped[int] = mapped_column(BigInteger)


class Throttle(Base):
    """How often something failed lately, by keyed hash of what (an account's identifier, an address)."""

    __tablename__ = "throttles"
    key: Mapped[str] = mapped_column(String(64), primary_key=True)
    failures: Mapped[int] = mapped_column(Integer)
    last_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)


class OneTimeCode(Base):
    """A code that was sent, or for an unknown person, only seemed to be. Kept as a keyed hash."""

    __tablename__ = "one_time_codes"
    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    purpose: Mapped[str] = mapped_column(String(16))
    account_id: Mapped[str | None] = mapped_column(ForeignKey("accounts.id"))
    identifier_id: Mapped[str | None] = mapped_column(String(32))  # what it proves, if that is held already
    sealed_contact: Mapped[bytes | None] = mapped_column(LargeBinary)  # what it proves, if that is new
    officer_id: Mapped[str | None] = mapped_column(String(32))  # who saw the person at the counter
    mac: Mapped[str] = mapped_column(String(64))
    tries_left: Mapped[int] = mapped_column(Integer)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)


class Message(Base):
    """A message waiting to be sent; deleted once it was, or is too old. `channel` none is a decoy."""

    __tablename__ = "messages"
    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    channel: Mapped[str] = mapped_column(String(8))
    sealed_recipient: Mapped[bytes] = mapped_column(LargeBinary)
    sealed_text: Mapped[bytes] = mapped_column(LargeBinary)
    tries: Mapped[int] = mapped_column(Integer)
    next_try_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)


class Notice(Base):
    """Something the account's owner should know, shown in the inbox."""

    __tablename__ = "notices"
    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    account_id: Mapped[str] = mapped_column(ForeignKey("accounts.id"), index=True)
    kind: Mapped[str] = mapped_column(String(32))
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    sealed_subject: Mapped[bytes | None] = mapped_column(LargeBinary)  # the device or masked contact it is about


IDEMPOTENCY_KEYS = idempotency_table(Base.metadata)
