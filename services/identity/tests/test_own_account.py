"""Sessions by device, the inbox, taking one's data along, and leaving for good."""

from pathlib import Path

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from services.identity.sessions import device_name
from services.identity.tables import AccountEvent, Base, Identifier, Notice, OneTimeCode
from services.identity.tests.conftest import BUDI, PASSWORD, City
from services.kit.testing import problem_code

ANDROID = "Mozilla/5.0 (Linux; Android 13; Redmi) AppleWebKit/537.36 Chrome/124.0 Mobile Safari/537.36"


def test_devices_are_named_roughly() -> None:
    assert device_name(ANDROID) == "Chrome di Android"
    assert device_name("TangerangLIVE/5.1 (iPhone; iOS 17)") == "Tangerang LIVE di iPhone"
    assert device_name("curl/8.0") == "curl"
    assert device_name("") == "Perangkat tidak dikenal"


async def test_sessions_are_listed_named_and_ended_one_by_one(city: City) -> None:
    here = await city.newcomer(**BUDI)
    city.now.advance(minutes=1)
    body = {"identifier": BUDI["nik"], "password": PASSWORD, "device": "  HP\nlama "}
    answer = await city.client.post("/login", json=body, headers={"User-Agent": ANDROID})
    there = type(here)(city, answer.json())
    shown = (await here.get("/sessions")).json()["items"]
    assert [(each["device"], each["current"]) for each in shown] == [("HP lama", False), (shown[1]["device"], True)]
    path = f"/sessions/{there.claims['sid']}"
    renamed = await city.client.patch(path, headers=here.headers, json={"device": "HP hilang"})
    assert renamed.json()["device"] == "HP hilang"
    assert (await city.client.delete(path, headers=here.headers)).status_code == 204
    assert problem_code(await there.get("/me")) == "session-over"
    assert problem_code(await there.refresh()) == "session-over"
    assert problem_code(await city.client.delete(path, headers=here.headers)) == "not-found"
    assert [each["id"] for each in (await here.get("/sessions")).json()["items"]] == [here.claims["sid"]]


async def test_nobody_touches_another_accounts_session(city: City) -> None:
    budi, other = await city.newcomer(**BUDI), await city.newcomer(email="lain@example.test")
    path = f"/sessions/{budi.claims['sid']}"
    assert problem_code(await city.client.delete(path, headers=other.headers)) == "not-found"
    renaming = await city.client.patch(path, headers=other.headers, json={"device": "x"})
    assert problem_code(renaming) == "not-found"
    assert (await budi.get("/me")).status_code == 200


async def test_the_inbox_tells_what_is_new_in_the_readers_language(city: City) -> None:
    phone = await city.newcomer(**BUDI)
    city.now.advance(minutes=1)
    seen = city.now().isoformat()
    await phone.prove("email")
    items = (await phone.get("/notifications", params={"since": seen})).json()["items"]
    assert [each["kind"] for each in items] == ["contact-proved"]
    assert items[0]["text"] == "b•••@example.test sudah terbukti milik Anda."
    headers = {**phone.headers, "Accept-Language": "en"}
    english = (await city.client.get("/notifications", headers=headers)).json()["items"]
    assert english[0]["text"] == "b•••@example.test is proved to be yours."
    assert len(english) == 2


async def test_the_export_is_everything_unmasked_and_asks_for_the_password(city: City) -> None:
    phone = await city.matched()
    assert (await phone.post("/me/export", {"password": "salah-salah"})).status_code == 403
    answer = await phone.post("/me/export", {"password": PASSWORD})
    shown = answer.json()
    values = {each["kind"]: each["value"] for each in shown["account"]["identifiers"]}
    assert values == {"nik": BUDI["nik"], "email": BUDI["email"], "phone": "+6281234567801"}
    assert shown["history"][0]["kind"] == "registered"
    assert shown["sessions"][0]["id"] == phone.claims["sid"]
    assert shown["notifications"]
    assert "attachment" in answer.headers["content-disposition"]


async def test_closing_signs_out_everywhere_erases_the_person_and_frees_the_identifiers(city: City) -> None:
    phone = await city.matched()
    there = await city.login(BUDI["nik"])
    assert (await phone.post("/me/closing", {"password": "salah-salah"})).status_code == 403
    assert (await phone.post("/me/closing", {"password": PASSWORD})).status_code == 204
    for each in (phone, there):
        assert problem_code(await each.get("/me")) == "session-over"
        assert problem_code(await each.refresh()) == "session-over"
    assert problem_code(await city.attempt(BUDI["nik"])) == "wrong-credentials"
    assert await count_rows(city, Identifier, Notice, OneTimeCode) == 0
    # What happened stays: nobody can make an account never have been.
    assert await count_rows(city, AccountEvent) >= 6
    city.now.advance(minutes=5)
    again = await city.matched()
    assert again.claims["sub"] != phone.claims["sub"]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)  # its files are at hand
async def test_no_byte_on_disk_or_in_the_log_names_a_citizen(city: City, tmp_path: Path) -> None:
    phone = await city.matched()
    await phone.prove("phone")
    await city.client.post("/recovery", json={"identifier": BUDI["nik"]})
    await city.attempt(BUDI["nik"], "salah-salah")
    await city.messages()
    recorded = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    recorded += city.log.getvalue().encode()
    token = phone.tokens["refresh_token"].encode()
    for secret in (b"3671990101900001", b"budi@example", b"81234567801", b"Budi Santoso", PASSWORD.encode(), token):
        assert secret not in recorded
    assert b"/me/nik-match" in recorded  # the log was written at all


async def count_rows(city: City, *tables: type[Base]) -> int:
    def query(session: Session) -> int:
        return sum(session.scalar(select(func.count()).select_from(table)) or 0 for table in tables)

    return await city.service.database.read(query)
