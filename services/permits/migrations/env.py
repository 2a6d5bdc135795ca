"""Run by Alembic inside `services.kit.database.migrate`."""

from services.kit.database import run_migrations
from services.permits.tables import Base

run_migrations(Base.metadata)
