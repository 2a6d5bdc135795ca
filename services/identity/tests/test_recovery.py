"""Getting back in: by a code, or at the counter when phone and account are in another's hands."""

import pytest

from services.identity.tests.conftest import BUDI, BUDI_IN_REGISTER, PASSWORD, City
from services.kit.testing import problem_code

NEW = "sandi-yang-baru"
COUNTER = "officer:DISDUKCAPIL"


async def begin(city: City, identifier: str) -> str:
    answer = await city.client.post("/recovery", json={"identifier": identifier})
    assert answer.status_code == 202, answer.text
    recovery_id: str = answer.json()["recovery_id"]
    return recovery_id


async def test_a_code_to_a_proved_contact_sets_a_new_password_and_ends_all_sessions(city: City) -> None:
    phone = await city.newcomer(**BUDI)
    await phone.prove("email")
    recovery = await begin(city, BUDI["email"])
    body = {"code": await city.last_code(), "new_password": NEW}
    assert (await city.client.post(f"/recovery/{recovery}", json=body)).status_code == 204
    assert problem_code(await phone.get("/me")) == "session-over"
    assert problem_code(await phone.refresh()) == "session-over"
    assert problem_code(await city.attempt(BUDI["nik"])) == "wrong-credentials"
    for typed in (BUDI["nik"], BUDI["email"], BUDI["phone"]):
        assert (await city.attempt(typed, NEW)).status_code == 200
    assert problem_code(await city.client.post(f"/recovery/{recovery}", json=body)) == "code-over"
    told = [recipient for recipient, text in await city.messages() if "dipulihkan" in text]
    assert told == [BUDI["email"]]


async def test_a_nik_that_is_proved_recovers_through_every_proved_contact(city: City) -> None:
    await city.matched()
    sent = len(await city.messages())
    await begin(city, BUDI["nik"])
    assert [recipient for recipient, _ in (await city.messages())[sent:]] == [BUDI["email"]]


@pytest.mark.parametrize("identifier", ["tidak.ada@example.test", BUDI["email"], BUDI["nik"]])
async def test_unknown_and_unproved_get_the_same_answer_and_no_message(city: City, identifier: str) -> None:
    await city.register(**BUDI)
    answer = await city.client.post("/recovery", json={"identifier": identifier})
    assert answer.status_code == 202
    assert answer.json().keys() == {"recovery_id", "expires_at"}
    assert await city.messages() == []
    typed = {"code": "123456", "new_password": NEW}
    guess = await city.client.post(f"/recovery/{answer.json()['recovery_id']}", json=typed)
    assert problem_code(guess) in {"wrong-code", "code-over"}


async def test_asking_for_known_and_unknown_people_does_the_same_work(city: City) -> None:
    phone = await city.newcomer(**BUDI)
    await phone.prove("email")
    await city.messages()
    counts = []
    for identifier in (BUDI["email"], "tidak.ada@example.test"):
        await begin(city, identifier)
        counts.append(await city.service.postman.deliver_due())
    assert counts == [1, 1]


async def test_another_asking_does_not_keep_the_owner_from_asking(city: City) -> None:
    phone = await city.newcomer(**BUDI)
    await phone.prove("email")
    for _ in range(2):
        await city.client.post(
            "/recovery", json={"identifier": BUDI["email"]}, headers={"X-Forwarded-For": "203.0.113.9"}
        )
    assert await begin(city, BUDI["email"])


async def test_a_weak_new_password_is_refused_before_the_code_is_used(city: City) -> None:
    phone = await city.newcomer(**BUDI)
    await phone.prove("email")
    recovery, code = await begin(city, BUDI["email"]), await city.last_code()
    weak = await city.client.post(f"/recovery/{recovery}", json={"code": code, "new_password": "12345678"})
    assert weak.json()["errors"][0]["field"] == "new_password"
    fine = await city.client.post(f"/recovery/{recovery}", json={"code": code, "new_password": NEW})
    assert fine.status_code == 204


async def test_changing_the_password_keeps_this_device_and_ends_the_others(city: City) -> None:
    here = await city.newcomer(**BUDI)
    there = await city.login(BUDI["email"])
    wrong = await here.post("/me/password", {"current_password": "salah-salah", "new_password": NEW})
    assert wrong.json()["errors"][0]["field"] == "current_password"
    assert (await here.post("/me/password", {"current_password": PASSWORD, "new_password": NEW})).status_code == 204
    assert (await here.get("/me")).status_code == 200
    assert problem_code(await there.get("/me")) == "session-over"
    assert (await city.attempt(BUDI["phone"], NEW)).status_code == 200


async def test_a_citizen_who_lost_the_phone_takes_the_account_back_at_the_counter(city: City) -> None:
    budi = await city.matched()
    await budi.prove("phone")
    officer = await city.officer(COUNTER)

    # The finder of the phone holds its SIM: recovers by SMS, and puts an address of their own in place of Budi's.
    recovery = await begin(city, BUDI["phone"])
    body = {"code": await city.last_code(), "new_password": "sandi-si-penemu"}
    assert (await city.client.post(f"/recovery/{recovery}", json=body)).status_code == 204
    finder = await city.login(BUDI["phone"], "sandi-si-penemu")
    path = f"/me/identifiers/{(await finder.identifier('email'))['id']}/release"
    assert (await finder.post(path, {"password": "sandi-si-penemu"})).status_code == 200
    claim = {"kind": "email", "value": "penemu@example.test", "password": "sandi-si-penemu"}
    await finder.post("/me/identifiers", claim)
    await finder.prove("email")
    assert problem_code(await city.attempt(BUDI["nik"])) == "wrong-credentials"

    # Budi comes with the identity card and a new number.
    case = {"nik": BUDI["nik"], "contact": "0856-1234-5678", "seen": "ktp"}
    answer = await officer.post("/counter/recoveries", case)
    assert answer.status_code == 202, answer.text
    code = await city.last_code()
    assert city.post.sent[-1][0] == "+6285612345678"
    assert code not in answer.text  # the officer never sees it
    done = await city.client.post(f"/recovery/{answer.json()['recovery_id']}", json={"code": code, "new_password": NEW})
    assert done.status_code == 204

    back = await city.login(BUDI["nik"], NEW)
    me = await back.me()
    assert me["sub"] == budi.claims["sub"]
    assert (me["assurance"], back.claims["acr"]) == ("4", "4")
    assert sorted(each["shown"] for each in me["identifiers"]) == ["+6285••••678", "3671••••••••0001"]
    assert problem_code(await finder.get("/me")) == "session-over"
    assert problem_code(await finder.refresh()) == "session-over"
    for typed in ("penemu@example.test", BUDI["phone"]):
        assert problem_code(await city.attempt(typed, "sandi-si-penemu")) == "wrong-credentials"
    # Whoever still holds the old SIM gets no code any more.
    city.now.advance(minutes=1)
    sent = len(await city.messages())
    await begin(city, BUDI["phone"])
    assert len(await city.messages()) == sent


async def test_a_nik_matched_by_a_squatter_comes_back_at_the_counter(city: City) -> None:
    squatter = await city.matched()  # knows Budi's papers
    await city.register(nik=BUDI["nik"], email="asli@example.test", password=PASSWORD)
    owner = await city.login("asli@example.test")
    await owner.prove("email")
    assert (await owner.post("/me/nik-match", BUDI_IN_REGISTER)).json()["contested"] is True
    officer = await city.officer(COUNTER)
    case = {"nik": BUDI["nik"], "contact": "asli@example.test", "seen": "ktp"}
    answer = await officer.post("/counter/verifications", case)
    assert (answer.json()["assurance"], answer.json()["name"]) == ("4", "W****")
    assert (await owner.me())["assurance"] == "4"
    assert (await squatter.me())["assurance"] == "2"
    assert (await city.login(BUDI["nik"])).claims["sub"] == owner.claims["sub"]


async def test_the_counter_is_for_its_officers_only_and_says_what_is_missing(city: City) -> None:
    budi = await city.newcomer(**BUDI)
    case = {"nik": BUDI["nik"], "contact": BUDI["email"], "seen": "ktp"}
    for path in ("/counter/verifications", "/counter/recoveries"):
        assert problem_code(await city.client.post(path, json=case)) == "not-authenticated"
        assert problem_code(await budi.post(path, case)) == "forbidden"
    officer = await city.officer(COUNTER)
    assert problem_code(await officer.post("/counter/verifications", case)) == "not-found"
    assert problem_code(await officer.post("/counter/recoveries", case)) == "not-found"
    await budi.prove("email")
    other = {**case, "nik": "3671995505920002"}
    assert problem_code(await officer.post("/counter/verifications", other)) == "nik-not-claimed"
    contact = await officer.post("/counter/verifications", {**case, "contact": BUDI["nik"]})
    assert contact.json()["errors"][0]["field"] == "contact"
