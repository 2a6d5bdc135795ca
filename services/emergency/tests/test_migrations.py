"""The migrations build exactly what the tables say, and the database itself keeps what happened."""

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from services.emergency.app import MIGRATIONS
from services.emergency.tables import Base
from services.emergency.tests.conftest import Centre
from services.kit.database import migrate, open_engine


def test_the_migrated_schema_is_the_declared_one_and_migrating_again_changes_nothing(empty_database_url: str) -> None:
    for _ in range(2):
        migrate(empty_database_url, MIGRATIONS)
    engine = open_engine(empty_database_url)
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), Base.metadata) == []
    engine.dispose()


@pytest.mark.parametrize(
    "statement",
    ["DELETE FROM incidents", "DELETE FROM incident_events", "UPDATE incident_events SET kind = 'closed'"],
)
async def test_the_database_refuses_to_forget(centre: Centre, statement: str) -> None:
    await centre.report()
    with centre.service.database.engine.connect() as connection, pytest.raises(DBAPIError, match="kept forever"):
        connection.execute(text(statement))
