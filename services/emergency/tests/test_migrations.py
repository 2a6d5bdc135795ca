"""The migrations build exactly what the tables say, from every earlier revision, with data in place; and the database
itself keeps what happened.
"""

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from services.emergency.app import MIGRATIONS
from services.emergency.tables import Base
from services.emergency.tests.conftest import Centre
from services.kit.testing_migrations import check_way_up, revisions_of


@pytest.mark.parametrize("revision", revisions_of(MIGRATIONS))
def test_the_way_up_from_every_revision_keeps_what_was_there(empty_database_url: str, revision: str) -> None:
    check_way_up(empty_database_url, MIGRATIONS, Base.metadata, revision)


@pytest.mark.parametrize(
    "statement",
    ["DELETE FROM incidents", "DELETE FROM incident_events", "UPDATE incident_events SET kind = 'closed'"],
)
async def test_the_database_refuses_to_forget(centre: Centre, statement: str) -> None:
    await centre.report()
    with centre.service.database.engine.connect() as connection, pytest.raises(DBAPIError, match="kept forever"):
        connection.execute(text(statement))
