"""The service answers as its document says, whatever the document lets anyone send."""

import pytest

from services.identity.app import NAME, compose
from services.identity.tests.conftest import CHEAP, City, Post
from services.kit.database import in_thread
from services.kit.logs import make_logger
from services.kit.testing_contract import check_contract

# These end the session of the very caller, or the account.
ENDING = ("logout", "close", "block")
# The document shows the plain spellings of identifiers; people may type others.
FORGIVING = ("register", "login", "claim", "beginRecovery", "searchAccount", "verifyInPerson", "recoverInPerson")


# PostgreSQL alone: it is the stricter in lengths, ranges and characters.
@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
async def test_no_request_makes_the_service_contradict_its_document(city: City) -> None:
    await city.matched()
    admin = await city.officer("admin")
    app = compose(
        city.settings,
        now=city.now,
        policy=CHEAP,
        verifier=city.issuer.verifier(NAME),
        senders={"email": Post(), "sms": Post()},
        log=make_logger(NAME, city.log),
    )
    claims = {"sid": admin.claims["sid"], "roles": ["admin", "officer:DISDUKCAPIL"]}
    caller = city.issuer.headers(admin.claims["sub"], NAME, **claims)
    # A long poll would only wait.
    await in_thread(lambda: check_contract(app, caller, left_out=ENDING, fixed={"wait": 0}, forgiving=FORGIVING))
