"""What the service remembers. Nothing here is ever deleted but idempotency keys.

`incident_events` is the truth and the database itself refuses to change it (triggers of the first migration). The
columns of `incidents` below the line repeat what follows from the events, so that the board can be listed.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, Float, ForeignKey, Index, Integer, String, Text, UniqueConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from services.kit.database import UtcDateTime
from services.kit.idempotency import idempotency_table

# SQLite numbers rows by itself only in a column of exactly this type.
RowNumber = BigInteger().with_variant(Integer, "sqlite")


class Base(DeclarativeBase):
    """All tables of the emergency service."""


class Incident(Base):
    """A report as it came in, and below that what its events and its neighbours make of it."""

    __tablename__ = "incidents"
    serial: Mapped[int] = mapped_column(RowNumber, primary_key=True, autoincrement=True)
    id: Mapped[str] = mapped_column(String(32), unique=True)  # who knows it may follow the incident
    reporter: Mapped[str | None] = mapped_column(String(128), index=True)  # a signed-in caller's pseudonym
    assurance: Mapped[str | None] = mapped_column(String(64))
    callback: Mapped[str] = mapped_column(String(24), index=True)
    reporter_name: Mapped[str | None] = mapped_column(String(100))
    is_silent: Mapped[bool]
    kind_given: Mapped[str] = mapped_column(String(64))  # as sent; an unknown word is kept and filed as `other`
    description: Mapped[str | None] = mapped_column(Text)
    landmark: Mapped[str | None] = mapped_column(Text)
    landmark_key: Mapped[str | None] = mapped_column(String(80), index=True)
    lat: Mapped[float | None] = mapped_column(Float)
    lon: Mapped[float | None] = mapped_column(Float)
    accuracy_m: Mapped[float | None] = mapped_column(Float)
    district: Mapped[str | None] = mapped_column(String(8))
    is_outside: Mapped[bool]
    people: Mapped[int | None] = mapped_column(Integer)
    received_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    signals: Mapped[list[str]] = mapped_column(JSON)
    suspicion: Mapped[int] = mapped_column(Integer)
    group: Mapped[int] = mapped_column("group_serial", BigInteger, index=True)

    kind: Mapped[str] = mapped_column(String(32), index=True)
    state: Mapped[str] = mapped_column(String(16), index=True)
    is_on_board: Mapped[bool]
    is_corroborated: Mapped[bool]  # somebody else reports the same
    is_assessed: Mapped[bool]  # an operator set the priority
    priority: Mapped[int] = mapped_column(Integer)
    board_order: Mapped[int] = mapped_column(BigInteger)
    acknowledged_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    merged_into: Mapped[int | None] = mapped_column(BigInteger, index=True)
    version: Mapped[int] = mapped_column(Integer)  # number of its events
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    __table_args__ = (
        Index("ix_incidents_board", "is_on_board", "board_order"),
        Index("ix_incidents_near", "kind", "received_at"),
    )

    @property
    def reference(self) -> str:
        """Return the number people say on the telephone; it opens nothing."""
        return f"112-{self.serial:06d}"


class IncidentEvent(Base):
    """One thing that happened to an incident. Never changed, never deleted."""

    __tablename__ = "incident_events"
    id: Mapped[int] = mapped_column(RowNumber, primary_key=True, autoincrement=True)
    serial: Mapped[int] = mapped_column(RowNumber, ForeignKey("incidents.serial"))
    position: Mapped[int] = mapped_column(Integer)
    kind: Mapped[str] = mapped_column(String(32))
    actor: Mapped[str] = mapped_column(String(16))
    operator: Mapped[str | None] = mapped_column(String(128))  # pseudonym; for an inquiry
    at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    state_after: Mapped[str] = mapped_column(String(16))
    detail: Mapped[dict[str, Any]] = mapped_column(JSON)  # Any: JSON
    __table_args__ = (UniqueConstraint("serial", "position"),)


IDEMPOTENCY_KEYS = idempotency_table(Base.metadata)
