"""Whole lives of applications, told from the citizen's, the officers' and the bank's side."""

from services.permits.bank import Bank, Transfer
from services.permits.bank_signature import open_secret
from services.permits.tests.conftest import PDF, City


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
    assert (shown["holder"], shown["status"]) == ("S*** R********", "valid")
    assert "Siti" not in str(shown)
    city.issuer.now.advance(days=366)
    assert (await city.client.get(f"/verify/{number}")).json()["status"] == "expired"


async def test_a_paid_permit_with_one_correction(city: City) -> None:
    citizen, office, agency = city.citizen, city.officer(), city.officer("PERKIM", "officer-2")
    application_id = await citizen.submitted("pbg-prototipe")
    own, desk = f"/applications/{application_id}", f"/desk/applications/{application_id}"

    await office.post("/desk/next")
    items = [
        {"item": "documents.gambar", "note": "Gambar tidak terbaca"},
        {"item": "details.floor_area_m2", "note": "Tidak sama dengan gambar"},
    ]
    await office.post(f"{desk}/corrections", json={"items": items})
    waiting = (await citizen.get(own)).json()
    assert waiting["state"] == "PERBAIKAN"
    assert [one["note"] for one in waiting["corrections"]] == [one["note"] for one in items]

    assert (await citizen.upload(application_id, "ktp", PDF + b"x")).json()["code"] == "not-asked-for"
    await citizen.upload(application_id, "gambar", PDF + b"baru")
    too_early = await citizen.post(f"{own}/submit")
    assert [error["code"] for error in too_early.json()["errors"]] == ["uncorrected"]
    await citizen.call("PATCH", own, json={"details": {"floor_area_m2": 72}})
    assert (await citizen.post(f"{own}/submit")).json()["state"] == "CEK_BERKAS"

    await office.post(f"{desk}/accept")
    assert (await office.post(f"{desk}/assess")).status_code == 403  # the technical agency's to do
    assert (await agency.post("/desk/next")).json()["application"]["id"] == application_id
    await agency.post(f"{desk}/assess")
    ordered = (await office.post(f"{desk}/levy", json={})).json()["payment"]
    assert (ordered["amount"], ordered["amount_text"]) == (1_800_000, "Rp1.800.000")
    assert ordered["explanation"] == "72 x Rp25.000"

    bank = Bank(city.client, open_secret(city.settings.data_dir / "bank-secret"), now=city.issuer.now)
    paid = await bank.pay(Transfer(billing_code=ordered["billing_code"]))
    assert paid["outcome"] == "accepted"
    assert (await office.post(f"{desk}/issue")).json()["state"] == "TERBIT"

    ended = (await citizen.get(own)).json()
    assert ended["promise"]["kept"] is True
    assert [step["event"] for step in ended["history"]][-8:] == [
        *("corrected", "file_accepted", "taken", "assessed", "levy_set"),
        *("paid", "payment_confirmed", "issued"),
    ]
    told = [one["event"] for one in (await citizen.get("/notifications?sort=at")).json()["items"]]
    assert told == [
        *("taken", "correction_asked", "file_accepted", "taken", "levy_set"),
        *("payment_confirmed", "issued"),
    ]


async def test_a_refused_application_says_why_and_how_to_appeal(city: City) -> None:
    application_id = await city.citizen.submitted()
    await city.officer().post("/desk/next")
    path = f"/desk/applications/{application_id}/refuse"
    assert (await city.officer().post(path, json={"reason": ""})).status_code == 422
    await city.officer().post(path, json={"reason": "Lokasi di badan jalan."})
    shown = (await city.citizen.get(f"/applications/{application_id}")).json()
    assert shown["state"] == "DITOLAK"
    assert shown["refusal"]["reason"] == "Lokasi di badan jalan."
    # 21 working days after Tuesday 24 November 2026, without Christmas Eve and Christmas of the example calendar.
    assert shown["refusal"]["appeal"]["until"] == "2026-12-23"
    assert shown["refusal"]["appeal"]["note"]["id"].startswith("Data contoh")


async def test_the_inbox_starts_where_the_citizen_left_off_and_is_their_own(city: City) -> None:
    application_id = await city.citizen.submitted()
    await city.officer().post("/desk/next")
    city.issuer.now.advance(hours=1)
    since = city.issuer.now().isoformat()
    await city.officer().post(f"/desk/applications/{application_id}/accept")
    fresh = (await city.citizen.get("/notifications", params={"since": since})).json()["items"]
    assert [one["event"] for one in fresh] == ["file_accepted"]
    assert fresh[0]["title"]["id"] == "Izin Penyelenggaraan Reklame: Berkas dinyatakan lengkap"
    assert (await city.neighbour.get("/notifications")).json()["items"] == []
