"""What waits too long for its applicant ends by itself, and nothing else does."""

import asyncio
import io

from services.kit.database import Database, open_engine
from services.kit.idempotency import OnceOnly
from services.kit.logs import make_logger
from services.kit.uploads import FileStore
from services.kit.workdays import load_calendar
from services.permits.catalogue import load_catalogue
from services.permits.expiry import expire_overdue, expiring
from services.permits.office import Office
from services.permits.tables import IDEMPOTENCY_KEYS
from services.permits.tests.conftest import City


def office_of(city: City) -> Office:
    """Build the parts on the service's own database."""
    return Office(
        database=Database(open_engine(city.settings.database_url)),
        files=FileStore(city.settings.data_dir / "documents"),
        catalogue=load_catalogue(),
        calendar=load_calendar(),
        once=OnceOnly(IDEMPOTENCY_KEYS),
        now=city.issuer.now,
    )


async def test_a_forgotten_draft_expires_and_a_waiting_office_never_does(city: City) -> None:
    draft, submitted = await city.citizen.draft(), await city.citizen.submitted()
    until = (await city.citizen.get(f"/applications/{draft}")).json()["expires_at"]
    assert until == "2026-12-24T09:00:00+07:00"
    office = office_of(city)
    city.issuer.now.advance(days=29)
    assert await expire_overdue(office) == 0
    city.issuer.now.advance(days=1)
    assert await expire_overdue(office) == 1
    await office.database.close()
    assert await city.citizen.state(draft) == "KEDALUWARSA"
    assert await city.citizen.state(submitted) == "DIAJUKAN"
    assert (await city.citizen.get("/notifications")).json()["items"][0]["event"] == "expired"


async def test_a_draft_that_is_worked_on_lives_on(city: City) -> None:
    draft = await city.citizen.draft()
    city.issuer.now.advance(days=29)
    await city.citizen.call("PATCH", f"/applications/{draft}", json={"details": {"area_m2": 5}})
    city.issuer.now.advance(days=2)
    office = office_of(city)
    assert await expire_overdue(office) == 0
    await office.database.close()


async def test_a_correction_never_made_expires(city: City) -> None:
    application_id = await city.citizen.submitted()
    await city.officer().post("/desk/next")
    items = [{"item": "documents.ktp", "note": "buram"}]
    await city.officer().post(f"/desk/applications/{application_id}/corrections", json={"items": items})
    city.issuer.now.advance(days=30)
    office = office_of(city)
    assert await expire_overdue(office) == 1
    await office.database.close()


async def test_the_service_keeps_expiring_and_survives_a_fault(city: City) -> None:
    draft = await city.citizen.draft()
    city.issuer.now.advance(days=31)
    office, stream = office_of(city), io.StringIO()
    async with expiring(office, make_logger("permits", stream))():
        while await city.citizen.state(draft) != "KEDALUWARSA":
            await asyncio.sleep(0)
    await office.database.close()
    assert '"count": 1' in stream.getvalue()


async def test_a_failed_round_is_logged_not_fatal(city: City) -> None:
    office, stream = office_of(city), io.StringIO()
    broken = Office(
        database=Database(open_engine("sqlite:///:memory:")),  # without tables
        files=office.files,
        catalogue=office.catalogue,
        calendar=office.calendar,
        once=office.once,
        now=office.now,
    )
    async with expiring(broken, make_logger("permits", stream))():
        while "expiring cases failed" not in stream.getvalue():
            await asyncio.sleep(0)
    await office.database.close()
    await broken.database.close()
