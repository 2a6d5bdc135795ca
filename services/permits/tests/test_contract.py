"""The service answers as its document says, whatever the document lets anyone send."""

import pytest

from services.kit.database import in_thread
from services.kit.testing_contract import check_contract
from services.permits.app import make_app
from services.permits.tests.conftest import City

MAY_REFUSE = {
    # What an application must hold depends on its kind, which the document's schemas do not tell apart.
    **dict.fromkeys(["createApplication", "changeDetails", "submitApplication"], ("invalid-fields",)),
    # So do the things to correct; and blanks alone are no sentence.
    **dict.fromkeys(["deskCorrections", "deskLevy", "deskPayment", "deskRefuse"], ("invalid-fields",)),
    # What is in a file is found out, and no schema describes it.
    "uploadDocument": ["invalid-fields", "unsupported-media-type"],
}


# PostgreSQL alone: it is the stricter in lengths, ranges and characters.
@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
async def test_no_request_makes_the_service_contradict_its_document(city: City) -> None:
    for code in ("reklame", "pbg-prototipe"):
        await city.citizen.submitted(code)
    app = make_app(city.settings, verifier=city.issuer.verifier("permits"), now=city.issuer.now)
    caller = city.issuer.headers("citizen-1", name="Siti Rahmawati", roles=["officer:DPMPTSP", "officer:DPUPR"])
    await in_thread(lambda: check_contract(app, caller, may_refuse=MAY_REFUSE))
