"""What the tests of all services share: databases of both kinds, so that what a test promises holds on each.

A service's own conftest says in `migrations` which tables its databases have. A test that is about one kind alone
says so: `@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)`.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from services.kit.testing_postgres import Postgres, running_postgres

KINDS = ("sqlite", "postgresql")


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """Run one server for all tests, from the first that needs it."""
    with running_postgres() as server:
        yield server


@pytest.fixture(params=KINDS)
def empty_database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Give the address of a database without tables."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/empty.sqlite3"
        return
    server: Postgres = request.getfixturevalue("postgres")
    with server.database() as url:
        yield url


@pytest.fixture(params=KINDS)
def database_url(request: pytest.FixtureRequest, tmp_path: Path, migrations: Path) -> Iterator[str]:
    """Give the address of a database of the test's own; the service finds its tables there or makes them."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/service.sqlite3"
        return
    server: Postgres = request.getfixturevalue("postgres")
    with server.migrated(migrations) as url:
        yield url
