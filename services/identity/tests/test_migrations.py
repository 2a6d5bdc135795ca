"""The schema that migrations make is the one the code expects, from every earlier revision, with data in place."""

import pytest

from services.identity.app import MIGRATIONS
from services.identity.tables import Base
from services.kit.testing_migrations import check_way_up, revisions_of


@pytest.mark.parametrize("revision", revisions_of(MIGRATIONS))
def test_the_way_up_from_every_revision_keeps_what_was_there(empty_database_url: str, revision: str) -> None:
    check_way_up(empty_database_url, MIGRATIONS, Base.metadata, revision)
