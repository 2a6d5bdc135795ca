"""What the service remembers. Nothing here is ever deleted but idempotency keys and a follower who leaves.

`report_events` is the truth and the database itself refuses to change it (triggers of the first migration). The state
columns of `reports` repeat it for lists, written in the same transaction. `identity_vault` alone ties a report to a
person, by a keyed hash; an anonymous report has no row there.
"""

from datetime import date, datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, Date, Float, ForeignKey, Index, Integer, String, Text, UniqueConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from services.kit.database import UtcDateTime
from services.kit.idempotency import idempotency_table

# SQLite numbers rows by itself only in a column of exactly this type.
RowNumber = BigInteger().with_variant(Integer, "sqlite")


class Base(DeclarativeBase):
    """All tables of the complaints service."""


class Report(Base):
    """A report as it came in, and below that what its events make of it."""

    __tablename__ = "reports"
    # 1, 2, 3, … without gaps: a report that vanished would leave a hole anybody can see in the balance.
    serial: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    ticket: Mapped[str] = mapped_column(String(16), unique=True)
    secret_hash: Mapped[str | None] = mapped_column(String(64))
    is_confidential: Mapped[bool]
    kind: Mapped[str] = mapped_column(String(16))
    category: Mapped[str] = mapped_column(String(32), index=True)
    description: Mapped[str] = mapped_column(Text)
    landmark: Mapped[str | None] = mapped_column(String(200))
    lat: Mapped[float | None] = mapped_column(Float)
    lon: Mapped[float | None] = mapped_column(Float)
    district: Mapped[str | None] = mapped_column(String(8), index=True)
    received_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)

    state: Mapped[str] = mapped_column(String(16), index=True)
    agency: Mapped[str | None] = mapped_column(String(32), index=True)
    duplicate_of: Mapped[str | None] = mapped_column(String(16), index=True)
    version: Mapped[int] = mapped_column(Integer)  # number of its events
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    due_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)  # FAR_AWAY while no promise runs
    is_late: Mapped[bool] = mapped_column(index=True)
    next_check_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)

    @property
    def is_anonymous(self) -> bool:
        return self.secret_hash is not None


class ReportEvent(Base):
    """One thing that happened to a report. Never changed, never deleted."""

    __tablename__ = "report_events"
    id: Mapped[int] = mapped_column(RowNumber, primary_key=True, autoincrement=True)
    serial: Mapped[int] = mapped_column(ForeignKey("reports.serial"))
    position: Mapped[int] = mapped_column(Integer)
    kind: Mapped[str] = mapped_column(String(32))
    actor: Mapped[str] = mapped_column(String(16))
    officer: Mapped[str | None] = mapped_column(String(64))  # keyed hash; for an inquiry, shown to nobody
    at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    day: Mapped[date] = mapped_column(Date)  # in Tangerang
    state_before: Mapped[str] = mapped_column(String(16))
    state_after: Mapped[str] = mapped_column(String(16))
    detail: Mapped[dict[str, Any]] = mapped_column(JSON)  # Any: JSON
    __table_args__ = (
        UniqueConstraint("serial", "position"),
        Index("ix_report_events_flows", "day", "state_before", "state_after"),
    )


class VaultEntry(Base):
    """Whose report this is, or who follows it. The only table that knows."""

    __tablename__ = "identity_vault"
    serial: Mapped[int] = mapped_column(ForeignKey("reports.serial"), primary_key=True)
    person: Mapped[str] = mapped_column(String(64), primary_key=True)
    relation: Mapped[str] = mapped_column(String(8))  # REPORTER or FOLLOWER
    since: Mapped[datetime] = mapped_column(UtcDateTime)
    __table_args__ = (Index("ix_identity_vault_person", "person", "relation"),)


class Photo(Base):
    """A picture of a report: the redrawn copy without metadata. The original is not kept."""

    __tablename__ = "photos"
    serial: Mapped[int] = mapped_column(ForeignKey("reports.serial"), primary_key=True)
    number: Mapped[int] = mapped_column(Integer, primary_key=True)
    stage: Mapped[str] = mapped_column(String(8))  # before, after
    sha256: Mapped[str] = mapped_column(String(64), index=True)
    media_type: Mapped[str] = mapped_column(String(32))
    size_bytes: Mapped[int] = mapped_column(Integer)


class PhotoPosition(Base):
    """Where a photo said it was taken: kept apart, shown only to those who must find the place."""

    __tablename__ = "photo_positions"
    serial: Mapped[int] = mapped_column(ForeignKey("reports.serial"), primary_key=True)
    number: Mapped[int] = mapped_column(Integer, primary_key=True)
    lat: Mapped[float] = mapped_column(Float)
    lon: Mapped[float] = mapped_column(Float)


class Counter(Base):
    """A number that only grows, taken inside the transaction that uses it, so that none is lost."""

    __tablename__ = "counters"
    name: Mapped[str] = mapped_column(String(32), primary_key=True)
    value: Mapped[int] = mapped_column(BigInteger)


REPORTER, FOLLOWER = "reporter", "follower"
BEFORE, AFTER = "before", "after"

IDEMPOTENCY_KEYS = idempotency_table(Base.metadata)
