"""The service answers as its document says, whatever the document lets anyone send."""

import pytest

from services.emergency.app import NAME, compose
from services.emergency.tests.conftest import OPERATOR, Centre, settings_for
from services.kit.database import in_thread
from services.kit.testing_contract import check_contract


# PostgreSQL alone: it is the stricter in lengths, ranges and characters.
@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
async def test_no_request_makes_the_service_contradict_its_document(centre: Centre, database_url: str) -> None:
    await centre.report(centre.citizen("operator-1"))
    app = compose(settings_for(database_url), now=centre.issuer.now, verifier=centre.issuer.verifier(NAME))
    caller = centre.issuer.headers("operator-1", NAME, roles=[OPERATOR])
    # A long poll would only wait; and nothing is near or far when no position is given.
    placeless = {"listPosts": ["bad-sort"]}
    await in_thread(lambda: check_contract(app, caller, fixed={"wait": 0}, may_refuse=placeless))
