"""The schema that migrations make is the one the code expects, from every earlier revision, with data in place."""

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import text

from services.identity.app import MIGRATIONS
from services.identity.tables import Base
from services.kit.database import migrate, open_engine, writing


def upgrade_to(url: str, revision: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.set_main_option("path_separator", "os")
    engine = open_engine(url)
    with writing(engine).begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
    engine.dispose()


def test_migrations_make_exactly_the_tables_of_the_code(empty_database_url: str) -> None:
    migrate(empty_database_url, MIGRATIONS)
    engine = open_engine(empty_database_url)
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), Base.metadata) == []
    engine.dispose()


def test_an_earlier_database_keeps_its_accounts(empty_database_url: str) -> None:
    upgrade_to(empty_database_url, "0001")
    engine = open_engine(empty_database_url)
    with writing(engine).begin() as connection:
        connection.execute(
            text("INSERT INTO accounts (id, created_at, tokens_from) VALUES ('a', '2026-11-24 02:00:00', 0)")
        )
    migrate(empty_database_url, MIGRATIONS)
    migrate(empty_database_url, MIGRATIONS)  # again changes nothing
    with engine.connect() as connection:
        assert connection.execute(text("SELECT id FROM accounts")).scalars().all() == ["a"]
        assert compare_metadata(MigrationContext.configure(connection), Base.metadata) == []
    engine.dispose()
