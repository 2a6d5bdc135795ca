"""What the service remembers: applications, the events that are their life, and money that came.

Events are only ever added. The columns of `Application` beside them are a projection, written in the same
transaction, so that lists and queues can be asked for; whoever doubts one folds the events (see `case`).
"""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, ForeignKey, Index, Integer, String, UniqueConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from services.kit.database import UtcDateTime
from services.kit.idempotency import idempotency_table


class Base(DeclarativeBase):
    """All tables of the permits service."""


class Application(Base):
    """One application; who made it, for which kind of permit, and where it stands."""

    __tablename__ = "applications"
    id: Mapped[str] = mapped_column(String(16), primary_key=True)
    owner: Mapped[str] = mapped_column(String(255))  # pairwise subject of the applicant
    kind: Mapped[str] = mapped_column(String(32))
    applicant_name: Mapped[str] = mapped_column(String(160))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    # Projection of the events:
    state: Mapped[str] = mapped_column(String(24))
    state_since: Mapped[datetime] = mapped_column(UtcDateTime)
    submitted_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    queued_at: Mapped[datetime] = mapped_column(UtcDateTime)  # submission; creation until then
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime)
    version: Mapped[int] = mapped_column(Integer)  # number of events
    assignee: Mapped[str | None] = mapped_column(String(255))  # pairwise subject of the officer who took it
    billing_code: Mapped[str | None] = mapped_column(String(15), unique=True)
    number: Mapped[str | None] = mapped_column(String(64), unique=True)  # reserved before the permit is signed
    __table_args__ = (
        Index("ix_applications_owner", "owner", "created_at"),
        Index("ix_applications_queue", "state", "queued_at"),
    )


class CaseEvent(Base):
    """One thing that happened to an application. Never changed, never deleted."""

    __tablename__ = "case_events"
    id: Mapped[int] = mapped_column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True)
    application_id: Mapped[str] = mapped_column(ForeignKey("applications.id"))
    position: Mapped[int] = mapped_column(Integer)
    kind: Mapped[str] = mapped_column(String(24))
    at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    actor: Mapped[str] = mapped_column(String(255))  # a pairwise subject, or `bank` or `system`
    detail: Mapped[dict[str, Any]] = mapped_column(JSON)  # Any: JSON
    application: Mapped[Application] = relationship(lazy="raise")
    __table_args__ = (UniqueConstraint("application_id", "position"),)


class Payment(Base):
    """One payment the bank told of, whatever came of it: money is never dropped."""

    __tablename__ = "payments"
    payment_id: Mapped[str] = mapped_column(String(64), primary_key=True)  # the bank's
    application_id: Mapped[str] = mapped_column(ForeignKey("applications.id"), index=True)
    amount: Mapped[int] = mapped_column(BigInteger)  # rupiah
    paid_at: Mapped[datetime] = mapped_column(UtcDateTime)
    received_at: Mapped[datetime] = mapped_column(UtcDateTime)
    outcome: Mapped[str] = mapped_column(String(16))


class Counter(Base):
    """A number that only grows, taken in the transaction that uses it: no gaps and no doubles."""

    __tablename__ = "counters"
    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    value: Mapped[int] = mapped_column(BigInteger)


IDEMPOTENCY_KEYS = idempotency_table(Base.metadata)
