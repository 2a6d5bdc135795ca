"""From guest to known person; and why nobody's claim keeps an owner out."""

from datetime import timedelta

from services.identity.tests.conftest import BUDI, BUDI_IN_REGISTER, PASSWORD, City
from services.kit.testing import problem_code


async def test_a_code_proves_a_contact_and_raises_the_level(city: City) -> None:
    phone = await city.newcomer(**BUDI)
    assert (await phone.me())["assurance"] == "1"
    answer = await phone.prove("phone")
    assert answer.json()["assurance"] == "2"
    assert (await phone.identifier("phone"))["proof"] == "code"
    recipient, text = city.post.sent[-1]
    assert recipient == "+6281234567801"
    assert "Jangan berikan kepada siapa pun" in text
    # The token in hand stays good; what was gained is in the next one.
    assert phone.claims["acr"] == "1"
    await phone.refresh()
    assert phone.claims["acr"] == "2"


async def test_a_code_works_once_expires_and_allows_five_tries(city: City) -> None:
    phone = await city.newcomer(**BUDI)
    path = f"/me/identifiers/{(await phone.identifier('email'))['id']}"
    sent = (await phone.post(f"{path}/code")).json()
    assert sent["sent_to"] == "b•••@example.test"
    code = await city.last_code()
    wrong = f"{(int(code) + 1) % 10**6:06}"
    for left in (4, 3, 2, 1, 0):
        answer = await phone.post(f"{path}/proof", {"code_id": sent["code_id"], "code": wrong})
        assert (problem_code(answer), answer.json()["tries_left"]) == ("wrong-code", left)
    answer = await phone.post(f"{path}/proof", {"code_id": sent["code_id"], "code": code})
    assert problem_code(answer) == "code-over"

    city.now.advance(seconds=60)
    sent = (await phone.post(f"{path}/code")).json()
    city.now.advance(minutes=10)
    answer = await phone.post(f"{path}/proof", {"code_id": sent["code_id"], "code": await city.last_code()})
    assert problem_code(answer) == "code-over"

    sent = (await phone.post(f"{path}/code")).json()
    typed = {"code_id": sent["code_id"], "code": await city.last_code()}
    assert (await phone.post(f"{path}/proof", typed)).status_code == 200
    assert problem_code(await phone.post(f"{path}/proof", typed)) == "code-over"
    assert problem_code(await phone.post(f"{path}/code")) == "proved-already"


async def test_codes_to_one_contact_keep_a_pace(city: City) -> None:
    phone = await city.newcomer(**BUDI)
    path = f"/me/identifiers/{(await phone.identifier('email'))['id']}/code"
    assert (await phone.post(path)).status_code == 202
    refused = await phone.post(path)
    assert (problem_code(refused), refused.headers["retry-after"]) == ("too-many-attempts", "60")
    for _ in range(9):
        city.now.advance(seconds=60)
        assert (await phone.post(path)).status_code == 202
    city.now.advance(seconds=60)
    waits = int((await phone.post(path)).headers["retry-after"])
    city.now.advance(seconds=waits)
    assert (await phone.post(path)).status_code == 202


async def test_another_accounts_code_proves_nothing(city: City) -> None:
    budi, other = await city.newcomer(**BUDI), await city.newcomer(email="lain@example.test")
    sent = (await other.post(f"/me/identifiers/{(await other.identifier('email'))['id']}/code")).json()
    code = await city.last_code()
    path = f"/me/identifiers/{(await budi.identifier('email'))['id']}/proof"
    assert problem_code(await budi.post(path, {"code_id": sent["code_id"], "code": code})) == "code-over"
    foreign = f"/me/identifiers/{(await other.identifier('email'))['id']}/code"
    assert problem_code(await budi.post(foreign)) == "not-found"


async def test_squatters_do_not_keep_the_owner_from_registering_signing_in_and_proving(city: City) -> None:
    squatters = []
    for n in range(5):
        await city.register(**BUDI, password=f"sandi-penyerobot-{n}")
        squatters.append(await city.login(BUDI["nik"], f"sandi-penyerobot-{n}"))
    budi = await city.newcomer(**BUDI)
    assert (await budi.me())["sub"] not in {squatter.claims["sub"] for squatter in squatters}
    for kind in ("email", "phone"):
        assert (await budi.prove(kind)).status_code == 200
    assert (await budi.post("/me/nik-match", BUDI_IN_REGISTER)).json()["result"] == "SESUAI"
    for n, squatter in enumerate(squatters):
        assert (await squatter.me())["identifiers"] == []
        texts = [each["text"] for each in (await squatter.get("/notifications")).json()["items"]]
        assert any("dilepas dari akun Anda" in text for text in texts)
        assert problem_code(await city.attempt(BUDI["nik"], f"sandi-penyerobot-{n}")) == "wrong-credentials"
        city.now.advance(minutes=1)
    for typed in (BUDI["nik"], BUDI["email"], BUDI["phone"]):
        assert (await city.login(typed)).claims["sub"] == budi.claims["sub"]


async def test_a_claim_to_what_another_proved_opens_only_ones_own_account(city: City) -> None:
    budi = await city.newcomer(**BUDI)
    await budi.prove("email")
    await city.register(**BUDI, password="sandi-penyerobot")
    squatter = await city.login(BUDI["email"], "sandi-penyerobot")
    assert squatter.claims["sub"] != budi.claims["sub"]
    assert (await city.login(BUDI["email"])).claims["sub"] == budi.claims["sub"]


async def test_a_recycled_phone_number_goes_to_who_holds_it_now(city: City) -> None:
    before = await city.newcomer(**BUDI)
    await before.prove("phone")
    await before.prove("email")
    await before.refresh()
    city.now.advance(minutes=5)
    await city.register(phone=BUDI["phone"], password="sandi-pemilik-baru")
    now = await city.login(BUDI["phone"], "sandi-pemilik-baru")
    await now.prove("phone")
    assert [each["kind"] for each in (await before.me())["identifiers"]].count("phone") == 0
    # The one who lost it is told where they can still be reached.
    told = [recipient for recipient, text in await city.messages() if "dilepas" in text]
    assert told == [BUDI["email"]]


async def test_losing_the_last_proof_lowers_the_level_and_calls_tokens_back(city: City) -> None:
    before = await city.newcomer(phone=BUDI["phone"], email=BUDI["email"])
    await before.prove("phone")
    await before.refresh()
    assert before.claims["acr"] == "2"
    await city.register(phone=BUDI["phone"], password="sandi-pemilik-baru")
    now = await city.login(BUDI["phone"], "sandi-pemilik-baru")
    await now.prove("phone")
    page = (await city.client.get("/.well-known/revocations")).json()
    (entry,) = [each for each in page["revocations"] if each.get("sub") == before.claims["sub"]]
    assert entry["not_before"] > before.claims["iat"]
    await before.refresh()
    assert before.claims["acr"] == "1"
    assert before.claims["iat"] >= entry["not_before"]


async def test_the_register_says_only_whether_it_matches(city: City) -> None:
    phone = await city.newcomer(**BUDI)
    assert problem_code(await phone.post("/me/nik-match", BUDI_IN_REGISTER)) == "prove-contact-first"
    await phone.prove("email")
    for change in ({"name": "Budi"}, {"birth_date": "1990-01-02"}, {"family_card": "3671991103100003"}):
        answer = await phone.post("/me/nik-match", {**BUDI_IN_REGISTER, **change})
        assert answer.json() == {"result": "TIDAK SESUAI", "contested": False}
    answer = await phone.post("/me/nik-match", {**BUDI_IN_REGISTER, "name": "budi  santoso."})
    assert answer.json() == {"result": "SESUAI", "contested": False, "assurance": "3"}
    assert problem_code(await phone.post("/me/nik-match", BUDI_IN_REGISTER)) == "proved-already"


async def test_the_register_is_no_guessing_game(city: City) -> None:
    phone = await city.newcomer(**BUDI)
    await phone.prove("email")
    guess = {**BUDI_IN_REGISTER, "birth_date": "1991-01-01"}
    for _ in range(5):
        assert (await phone.post("/me/nik-match", guess)).json()["result"] == "TIDAK SESUAI"
    refused = await phone.post("/me/nik-match", BUDI_IN_REGISTER)
    assert problem_code(refused) == "too-many-attempts"
    assert int(refused.headers["retry-after"]) == timedelta(days=1) / timedelta(seconds=1) / 5


async def test_two_accounts_that_both_match_are_told_to_come_to_the_counter(city: City) -> None:
    first = await city.matched()
    await city.register(nik=BUDI["nik"], email="asli@example.test", password=PASSWORD)
    second = await city.login("asli@example.test")
    await second.prove("email")
    answer = await second.post("/me/nik-match", BUDI_IN_REGISTER)
    assert answer.json() == {"result": "SESUAI", "contested": True, "assurance": "2"}
    assert (await second.identifier("nik"))["contested"] is True
    assert (await first.me())["assurance"] == "3"
    for phone in (first, second):
        kinds = [each["kind"] for each in (await phone.get("/notifications")).json()["items"]]
        assert "nik-contested" in kinds


async def test_an_account_without_nik_is_told_to_add_one(city: City) -> None:
    phone = await city.newcomer(email=BUDI["email"])
    await phone.prove("email")
    assert problem_code(await phone.post("/me/nik-match", BUDI_IN_REGISTER)) == "no-nik"
    body = {"kind": "nik", "value": BUDI["nik"], "password": PASSWORD}
    assert (await phone.post("/me/identifiers", body)).status_code == 201
    assert (await phone.post("/me/nik-match", BUDI_IN_REGISTER)).json()["assurance"] == "3"


async def test_adding_and_releasing_identifiers_asks_for_the_password(city: City) -> None:
    phone = await city.newcomer(email=BUDI["email"])
    body = {"kind": "phone", "value": BUDI["phone"], "password": "bukan-itu-sandinya"}
    wrong = await phone.post("/me/identifiers", body)
    assert problem_code(wrong) == "wrong-password"
    assert wrong.json()["errors"][0]["field"] == "password"
    assert (await phone.post("/me/identifiers", {**body, "password": PASSWORD})).status_code == 201
    assert (await city.login(BUDI["phone"])).claims["sub"] == phone.claims["sub"]
    assert problem_code(await phone.post("/me/identifiers", {**body, "password": PASSWORD})) == "claimed-already"
    path = f"/me/identifiers/{(await phone.identifier('phone'))['id']}/release"
    assert (await phone.post(path, {"password": PASSWORD})).status_code == 200
    assert problem_code(await city.attempt(BUDI["phone"])) == "wrong-credentials"
    last = f"/me/identifiers/{(await phone.identifier('email'))['id']}/release"
    assert problem_code(await phone.post(last, {"password": PASSWORD})) == "last-identifier"


async def test_an_account_has_few_identifiers_of_each_kind(city: City) -> None:
    phone = await city.newcomer(**BUDI)
    bodies = [{"kind": "email", "value": f"budi{n}@example.test", "password": PASSWORD} for n in range(2)]
    assert [(await phone.post("/me/identifiers", body)).status_code for body in bodies] == [201, 409]
    nik = {"kind": "nik", "value": "3671995505920002", "password": PASSWORD}
    assert problem_code(await phone.post("/me/identifiers", nik)) == "too-many-identifiers"


async def test_guessing_the_password_inside_a_session_is_slowed_down(city: City) -> None:
    phone = await city.newcomer(**BUDI)
    answers = [await phone.post("/me/export", {"password": f"tebakan-{n}"}) for n in range(6)]
    assert [answer.status_code for answer in answers] == [403] * 5 + [429]


async def test_a_nik_is_not_proved_by_a_code(city: City) -> None:
    phone = await city.newcomer(**BUDI)
    path = f"/me/identifiers/{(await phone.identifier('nik'))['id']}/code"
    assert problem_code(await phone.post(path)) == "no-contact"
