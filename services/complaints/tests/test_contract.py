"""The service answers as its document says, whatever the document lets anyone send."""

import pytest

from services.complaints.app import NAME, compose
from services.kit.database import in_thread
from services.kit.testing_contract import check_contract

from .conftest import DESK, Laksa

MAY_REFUSE = {
    # What is in a file is found out, and that a part of a form is a file at all, no schema can say.
    "addPhoto": ["unsupported-media-type", "no-file"],
    "addAfterPhoto": ["unsupported-media-type", "no-file"],
    "createReport": ["unsupported-media-type", "repeated-field", "invalid-fields"],
    # To JSON Schema 2.0 is a whole number, to this service it is none.
    "rate": ["invalid-fields"],
    "actOnReport": ["invalid-fields"],
}


# PostgreSQL alone: it is the stricter in lengths, ranges and characters.
@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
async def test_no_request_makes_the_service_contradict_its_document(laksa: Laksa) -> None:
    ticket = (await laksa.report("petugas-1"))["ticket"]
    await laksa.act(ticket, "start_verification")
    app = compose(laksa.settings, now=laksa.issuer.now, verifier=laksa.issuer.verifier(NAME))
    caller = laksa.headers("petugas-1", DESK)
    await in_thread(lambda: check_contract(app, caller, may_refuse=MAY_REFUSE))
