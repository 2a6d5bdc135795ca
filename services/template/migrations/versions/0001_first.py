"""The first schema. Written out, so that it stays what it was when `app.py` has moved on."""

import sqlalchemy as sa
from alembic import op

from services.kit.idempotency import idempotency_table

revision, down_revision = "0001", None


def upgrade() -> None:
    op.create_table(
        "tickets",
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("owner", sa.String(128), nullable=False, index=True),
        sa.Column("counter", sa.String(40), nullable=False),
    )
    idempotency_table(sa.MetaData()).create(op.get_bind())
