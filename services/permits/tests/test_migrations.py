"""The schema that migrations make is the one the code expects."""

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from services.kit.database import migrate, open_engine
from services.permits.app import MIGRATIONS
from services.permits.tables import Base


def test_migrations_make_exactly_the_tables_of_the_code(empty_database_url: str) -> None:
    migrate(empty_database_url, MIGRATIONS)
    migrate(empty_database_url, MIGRATIONS)  # a second start changes nothing
    engine = open_engine(empty_database_url)
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), Base.metadata) == []
    engine.dispose()
