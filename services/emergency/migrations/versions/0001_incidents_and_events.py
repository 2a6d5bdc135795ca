"""Incidents and their events, which nobody can change."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_ROW_NUMBER = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_KEPT_FOREVER = (("incident_events", "UPDATE"), ("incident_events", "DELETE"), ("incidents", "DELETE"))


def _instant(name: str, *, index: bool = False, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable, index=index)


def _text(name: str, length: int, *, nullable: bool = False, index: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.String(length), nullable=nullable, index=index)


def _flag(name: str) -> sa.Column[bool]:
    return sa.Column(name, sa.Boolean, nullable=False)


def upgrade() -> None:
    op.create_table(
        "incidents",
        sa.Column("serial", _ROW_NUMBER, primary_key=True, autoincrement=True),
        *_as_reported(),
        *_as_it_stands(),
    )
    op.create_index("ix_incidents_board", "incidents", ["is_on_board", "board_order"])
    op.create_index("ix_incidents_near", "incidents", ["kind", "received_at"])
    op.create_table(
        "incident_events",
        sa.Column("id", _ROW_NUMBER, primary_key=True, autoincrement=True),
        sa.Column("serial", _ROW_NUMBER, sa.ForeignKey("incidents.serial"), nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
        _text("kind", 32),
        _text("actor", 16),
        _text("operator", 128, nullable=True),
        _instant("at", index=True),
        _text("state_after", 16),
        sa.Column("detail", sa.JSON, nullable=False),
        sa.UniqueConstraint("serial", "position"),
    )
    op.create_table(
        "idempotency_keys",
        sa.Column("slot", sa.String(64), primary_key=True),
        _text("fingerprint", 64),
        sa.Column("sealed_answer", sa.LargeBinary, nullable=False),
        _instant("created_at", index=True),
    )
    _forbid_changes()


def _as_reported() -> list[sa.Column[Any]]:  # Any: columns of every type
    return [
        sa.Column("id", sa.String(32), nullable=False, unique=True),
        _text("reporter", 128, nullable=True, index=True),
        _text("assurance", 64, nullable=True),
        _text("callback", 24, index=True),
        _text("reporter_name", 100, nullable=True),
        _flag("is_silent"),
        _text("kind_given", 64),
        sa.Column("description", sa.Text),
        sa.Column("landmark", sa.Text),
        _text("landmark_key", 80, nullable=True, index=True),
        *(sa.Column(name, sa.Float) for name in ("lat", "lon", "accuracy_m")),
        _text("district", 8, nullable=True),
        _flag("is_outside"),
        sa.Column("people", sa.Integer),
        _instant("received_at", index=True),
        sa.Column("signals", sa.JSON, nullable=False),
        sa.Column("suspicion", sa.Integer, nullable=False),
        sa.Column("group_serial", sa.BigInteger, nullable=False, index=True),
    ]


def _as_it_stands() -> list[sa.Column[Any]]:
    return [
        _text("kind", 32, index=True),
        _text("state", 16, index=True),
        _flag("is_on_board"),
        _flag("is_corroborated"),
        _flag("is_assessed"),
        sa.Column("priority", sa.Integer, nullable=False),
        sa.Column("board_order", sa.BigInteger, nullable=False),
        _instant("acknowledged_at", nullable=True),
        sa.Column("merged_into", sa.BigInteger, index=True),
        sa.Column("version", sa.Integer, nullable=False),
        _instant("updated_at", index=True),
    ]


def _forbid_changes() -> None:
    """Make the database itself refuse to change or delete what happened, whoever asks."""
    action = "BEGIN SELECT RAISE(ABORT, 'kept forever'); END"
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            "CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN RAISE EXCEPTION 'kept forever'; END $$"
        )
        action = "FOR EACH ROW EXECUTE FUNCTION refuse_change()"
    for table, change in _KEPT_FOREVER:
        op.execute(f"CREATE TRIGGER keep_{table}_{change.lower()} BEFORE {change} ON {table} {action}")
