"""Whole lives of applications, told from the citizen's, the officers' and the bank's side."""

from services.permits.tests.conftest import City


async def test_a_free_permit_from_submission_to_the_public_verification(city: City) -> None:
    application_id = await city.citizen.submitted()
    office, desk = city.officer(), f"/desk/applications/{application_id}"
    taken = (await office.post("/desk/next")).json()["application"]
    assert (taken["id"], taken["state"], taken["assigned"]) == (application_id, "CEK_BERKAS", "me")
    assert (await office.post(f"{desk}/accept")).json()["state"] == "PENILAIAN_TEKNIS"
    assert (await office.post(f"{desk}/assess")).json()["state"] == "PENANDATANGANAN"
    issued = (await office.post(f"{desk}/issue")).json()
    assert issued["state"] == "TERBIT"
    number = issued["permit"]["number"]
    assert number.startswith("REKLAME-2026-000001-")
    shown = (await city.client.get(f"/verify/{number}")).json()
    assert shown["holder"] == "S*** R*********"
    assert shown["status"] == "valid"
    assert "Siti" not in str(shown)
    permit = await city.citizen.get(f"/applications/{application_id}/permit")
    assert permit.content.startswith(b"%PDF-")
    assert (await city.neighbour.get(f"/applications/{application_id}/permit")).status_code == 404
