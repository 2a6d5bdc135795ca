"""What the tests of all services share: databases of both kinds, so that what a test promises holds on each.

A service's own conftest says in `migrations` which tables its databases have. A test that is about one kind alone
says so: `@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)`.
"""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from services.kit.database import migrate
from services.kit.testing_postgres import Postgres, running_postgres

KINDS = ("sqlite", "postgresql")
UNPROVED = "unproved"  # the property of a test that could not show here what it is there to show, and why


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say in the end, of a green run too, what this machine did not let the tests prove."""
    for report in terminalreporter.stats.get("passed", []):
        for name, reason in report.user_properties:
            if name == UNPROVED:
                terminalreporter.write_line(f"NOT PROVED HERE: {reason}", yellow=True)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """Run one server for all tests, from the first that needs it."""
    with running_postgres() as server:
        yield server


@pytest.fixture(scope="session")
def sqlite_with_tables(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Path], Path]:
    """Give, for a service's migrations, a file they ran on: to copy it is cheaper than to run them for each test."""
    made = dict[Path, Path]()

    def with_tables(migrations: Path) -> Path:
        if migrations not in made:
            path = tmp_path_factory.mktemp("migrated") / "service.sqlite3"
            migrate(f"sqlite:///{path}", migrations)
            made[migrations] = path
        return made[migrations]

    return with_tables


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
def database_url(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    migrations: Path,
    sqlite_with_tables: Callable[[Path], Path],
) -> Iterator[str]:
    """Give the address of a database of the test's own, with the service's tables and nothing in them."""
    if request.param == "sqlite":
        shutil.copyfile(sqlite_with_tables(migrations), tmp_path / "service.sqlite3")
        yield f"sqlite:///{tmp_path}/service.sqlite3"
        return
    server: Postgres = request.getfixturevalue("postgres")
    with server.migrated(migrations) as url:
        yield url
