"""Accounts, what they claim, their sessions, and the tokens called back."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def _instant(name: str, *, nullable: bool = False, index: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable, index=index)


def _text(name: str, length: int, *, nullable: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.String(length), nullable=nullable)


def upgrade() -> None:
    op.create_table(
        "accounts",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("sealed_name", sa.LargeBinary),
        _instant("created_at", index=True),
        sa.Column("tokens_from", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "account_events",
        sa.Column("account_id", sa.String(32), sa.ForeignKey("accounts.id"), primary_key=True),
        sa.Column("position", sa.Integer, primary_key=True),
        _text("kind", 32),
        _instant("at"),
        sa.Column("detail", sa.JSON, nullable=False),
    )
    op.create_table(
        "identifiers",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("account_id", sa.String(32), sa.ForeignKey("accounts.id"), nullable=False, index=True),
        _text("kind", 8),
        _text("lookup", 64),
        _text("verifier", 64),
        sa.Column("sealed_value", sa.LargeBinary, nullable=False),
        _text("proof", 12, nullable=True),
        sa.Column("proved_lookup", sa.String(64), unique=True),
        _instant("claimed_at"),
    )
    op.create_index("ix_identifiers_lookup_verifier", "identifiers", ["lookup", "verifier"])
    _sessions_and_the_rest()


def _sessions_and_the_rest() -> None:
    op.create_table(
        "sessions",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("account_id", sa.String(32), sa.ForeignKey("accounts.id"), nullable=False, index=True),
        _text("device", 80),
        _text("nonce", 32),
        sa.Column("generation", sa.Integer, nullable=False),
        _instant("opened_at"),
        _instant("rotated_at"),
        _instant("ended_at", nullable=True),
        _text("end_reason", 24, nullable=True),
    )
    op.create_table(
        "revocations",
        sa.Column("position", sa.BigInteger, primary_key=True, autoincrement=False),
        _text("sid", 32, nullable=True),
        _text("sub", 32, nullable=True),
        sa.Column("not_before", sa.BigInteger),
        sa.Column("expires_at", sa.BigInteger, nullable=False, index=True),
    )
    op.create_table(
        "counters",
        sa.Column("name", sa.String(32), primary_key=True),
        sa.Column("value", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "throttles",
        sa.Column("key", sa.String(64), primary_key=True),
        sa.Column("failures", sa.Integer, nullable=False),
        _instant("last_at", index=True),
    )
    op.create_table(
        "idempotency_keys",
        sa.Column("slot", sa.String(64), primary_key=True),
        _text("fingerprint", 64),
        sa.Column("sealed_answer", sa.LargeBinary, nullable=False),
        _instant("created_at", index=True),
    )
