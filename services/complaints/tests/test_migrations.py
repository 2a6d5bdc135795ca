"""The migrations lead to the very schema the service works with, and may be applied again."""

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from services.complaints.app import MIGRATIONS
from services.complaints.tables import Base
from services.kit.database import migrate, open_engine


def test_a_migrated_database_has_the_tables_the_service_expects(empty_database_url: str) -> None:
    migrate(empty_database_url, MIGRATIONS)
    migrate(empty_database_url, MIGRATIONS)
    engine = open_engine(empty_database_url)
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), Base.metadata) == []
    engine.dispose()
