"""Applications, their events, payments and counters."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def _instant(name: str, *, index: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=False, index=index)


def _text(name: str, length: int, *, nullable: bool = False, unique: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.String(length), nullable=nullable, unique=unique or None)


def upgrade() -> None:
    op.create_table(
        "applications",
        sa.Column("id", sa.String(16), primary_key=True),
        _text("owner", 255),
        _text("kind", 32),
        _text("applicant_name", 160),
        _instant("created_at"),
        _text("state", 24),
        _instant("state_since"),
        sa.Column("submitted_at", sa.DateTime(timezone=True)),
        _instant("queued_at"),
        _instant("updated_at"),
        sa.Column("version", sa.Integer, nullable=False),
        _text("assignee", 255, nullable=True),
        _text("billing_code", 15, nullable=True, unique=True),
        _text("number", 64, nullable=True, unique=True),
    )
    op.create_index("ix_applications_owner", "applications", ["owner", "created_at"])
    op.create_index("ix_applications_queue", "applications", ["state", "queued_at"])
    op.create_table(
        "case_events",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
        sa.Column("application_id", sa.String(16), sa.ForeignKey("applications.id"), nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
        _text("kind", 24),
        _instant("at", index=True),
        _text("actor", 255),
        sa.Column("detail", sa.JSON, nullable=False),
        sa.UniqueConstraint("application_id", "position"),
    )
    _money_and_the_rest()


def _money_and_the_rest() -> None:
    op.create_table(
        "payments",
        sa.Column("payment_id", sa.String(64), primary_key=True),
        sa.Column("application_id", sa.String(16), sa.ForeignKey("applications.id"), nullable=False, index=True),
        sa.Column("amount", sa.BigInteger, nullable=False),
        _instant("paid_at"),
        _instant("received_at"),
        _text("outcome", 16),
    )
    op.create_table(
        "counters",
        sa.Column("name", sa.String(64), primary_key=True),
        sa.Column("value", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "idempotency_keys",
        sa.Column("slot", sa.String(64), primary_key=True),
        _text("fingerprint", 64),
        sa.Column("sealed_answer", sa.LargeBinary, nullable=False),
        _instant("created_at", index=True),
    )
