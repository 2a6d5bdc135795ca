"""Run by Alembic inside `services.kit.database.migrate`."""

from services.emergency.tables import Base
from services.kit.database import run_migrations

run_migrations(Base.metadata)
