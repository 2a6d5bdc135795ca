"""Reports, their events that nobody can change, the identity vault, photos."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_ROW_NUMBER = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_KEPT_FOREVER = (("report_events", "UPDATE"), ("report_events", "DELETE"), ("reports", "DELETE"))


def _instant(name: str, *, index: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=False, index=index)


def _text(name: str, length: int, *, nullable: bool = False, index: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.String(length), nullable=nullable, index=index)


def _of_report() -> sa.Column[int]:
    return sa.Column("serial", sa.BigInteger, sa.ForeignKey("reports.serial"), primary_key=True, autoincrement=False)


def upgrade() -> None:
    op.create_table(
        "reports",
        sa.Column("serial", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("ticket", sa.String(16), nullable=False, unique=True),
        _text("secret_hash", 64, nullable=True),
        sa.Column("is_confidential", sa.Boolean, nullable=False),
        _text("kind", 16),
        _text("category", 32, index=True),
        sa.Column("description", sa.Text, nullable=False),
        _text("landmark", 200, nullable=True),
        sa.Column("lat", sa.Float),
        sa.Column("lon", sa.Float),
        _text("district", 8, nullable=True, index=True),
        _instant("received_at", index=True),
        _text("state", 16, index=True),
        _text("agency", 32, nullable=True, index=True),
        _text("duplicate_of", 16, nullable=True, index=True),
        sa.Column("version", sa.Integer, nullable=False),
        _instant("updated_at", index=True),
        _instant("due_at", index=True),
        sa.Column("is_late", sa.Boolean, nullable=False, index=True),
        _instant("next_check_at", index=True),
    )
    _events()
    _vault_and_photos()
    _counters_and_keys()
    _forbid_changes()


def _events() -> None:
    op.create_table(
        "report_events",
        sa.Column("id", _ROW_NUMBER, primary_key=True, autoincrement=True),
        sa.Column("serial", sa.BigInteger, sa.ForeignKey("reports.serial"), nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
        _text("kind", 32),
        _text("actor", 16),
        _text("officer", 64, nullable=True),
        _instant("at", index=True),
        sa.Column("day", sa.Date, nullable=False),
        _text("state_before", 16),
        _text("state_after", 16),
        sa.Column("detail", sa.JSON, nullable=False),
        sa.UniqueConstraint("serial", "position"),
    )
    op.create_index("ix_report_events_flows", "report_events", ["day", "state_before", "state_after"])


def _vault_and_photos() -> None:
    op.create_table(
        "identity_vault",
        _of_report(),
        sa.Column("person", sa.String(64), primary_key=True),
        _text("relation", 8),
        _instant("since"),
    )
    op.create_index("ix_identity_vault_person", "identity_vault", ["person", "relation"])
    op.create_table(
        "photos",
        _of_report(),
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        _text("stage", 8),
        _text("sha256", 64, index=True),
        _text("media_type", 32),
        sa.Column("size_bytes", sa.Integer, nullable=False),
    )
    op.create_table(
        "photo_positions",
        _of_report(),
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("lat", sa.Float, nullable=False),
        sa.Column("lon", sa.Float, nullable=False),
    )


def _counters_and_keys() -> None:
    op.create_table(
        "counters",
        sa.Column("name", sa.String(32), primary_key=True),
        sa.Column("value", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "idempotency_keys",
        sa.Column("slot", sa.String(64), primary_key=True),
        _text("fingerprint", 64),
        sa.Column("sealed_answer", sa.LargeBinary, nullable=False),
        _instant("created_at", index=True),
    )


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
