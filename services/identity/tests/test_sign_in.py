"""Registering, signing in, keeping the session alive, and being slowed down when guessing."""

import asyncio

import pytest

from services.identity.tests.conftest import BUDI, PASSWORD, City
from services.kit.testing import problem_code


@pytest.mark.parametrize(
    "typed",
    ["3671990101900001", "3671 9901 0190 0001", "Budi@Example.test", "0812-3456-7801", "+62 812 3456 7801"],
)
async def test_one_signs_in_by_whichever_identifier_one_has_however_it_is_written(city: City, typed: str) -> None:
    await city.register(**BUDI)
    phone = await city.login(typed)
    assert (await phone.me())["name"] == "Budi Santoso"


async def test_unknown_people_and_wrong_passwords_get_the_same_answer(city: City) -> None:
    await city.register(**BUDI)
    wrong = await city.attempt(BUDI["email"], "bukan-itu-sandinya")
    unknown = await city.attempt("tidak.ada@example.test")
    assert problem_code(wrong) == problem_code(unknown) == "wrong-credentials"
    said = [{**answer.json(), "case": ""} for answer in (wrong, unknown)]
    assert said[0] == said[1]
    assert {**wrong.headers, "x-request-id": ""} == {**unknown.headers, "x-request-id": ""}


async def test_known_and_unknown_people_cost_the_same_work(city: City, monkeypatch: pytest.MonkeyPatch) -> None:
    await city.register(**BUDI)
    work: list[str] = []
    database, room = type(city.service.database), type(city.service.room)
    for owner, name in ((database, "read_now"), (database, "write_now"), (room, "verifier_now")):
        genuine = getattr(owner, name)

        def counted(self: object, *args: object, call: object = genuine, label: str = name, **told: object) -> object:
            work.append(label)
            return call(self, *args, **told)  # type: ignore[operator]

        monkeypatch.setattr(owner, name, counted)
    await city.attempt(BUDI["email"], "bukan-itu-sandinya")
    known, work[:] = list(work), []
    await city.attempt("tidak.ada@example.test")
    assert known == work == ["write_now", "verifier_now", "read_now"]


async def test_registering_what_another_claimed_or_proved_is_answered_the_same(city: City) -> None:
    first = await city.newcomer(**BUDI)
    await first.prove("email")
    again = await city.register(**{**BUDI, "password": "sandi-orang-lain"})
    own = {(each["kind"], each["shown"]) for each in (await first.me())["identifiers"]}
    assert {(each["kind"], each["shown"]) for each in again["identifiers"]} == own


async def test_the_same_idempotency_key_opens_one_account(city: City) -> None:
    body = {**BUDI, "password": PASSWORD}
    answers = [await city.client.post("/register", json=body, headers={"Idempotency-Key": "k1"}) for _ in range(2)]
    assert answers[0].json() == answers[1].json()
    assert answers[1].headers["idempotency-replayed"] == "true"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"nik": "123"}, "nik"),
        ({"nik": "3671990101900000"}, "nik"),
        ({"email": "budi"}, "email"),
        ({"phone": "12345"}, "phone"),
        ({"password": "pendek"}, "password"),
        ({"password": "12345678"}, "password"),
        ({"password": "aaaaaaaaaa"}, "password"),
        ({"name": "Budi\nSantoso"}, "name"),
        ({"name": "  "}, "name"),
        ({"name": "\u202eBudi"}, "name"),
        ({"email": None}, "email"),
        ({"nick": "x"}, "nick"),
    ],
)
async def test_what_is_wrong_with_a_registration_is_named(city: City, change: dict[str, object], field: str) -> None:
    answer = await city.client.post("/register", json={**BUDI, "password": PASSWORD, **change})
    assert problem_code(answer) == "invalid-fields"
    assert [error["field"] for error in answer.json()["errors"]] == [field]


async def test_registration_needs_one_identifier(city: City) -> None:
    answer = await city.client.post("/register", json={"name": "Budi", "password": PASSWORD})
    assert answer.json()["errors"][0]["field"] == "identifier"


async def test_an_honest_nik_of_elsewhere_and_a_long_passphrase_are_welcome(city: City) -> None:
    await city.register(nik="5471014107600001", password="sembilan puluh kelinci menyeberang kali", email="a@b.test")
    assert (await city.attempt("5471014107600001", "sembilan puluh kelinci menyeberang kali")).status_code == 200


@pytest.mark.parametrize("typed", ["budi", "123", "1234567890123456", "a@", "@b"])
async def test_what_is_no_identifier_is_said_to_be_none(city: City, typed: str) -> None:
    answer = await city.attempt(typed)
    assert problem_code(answer) == "invalid-fields"
    assert answer.json()["errors"][0]["field"] == "identifier"


async def test_a_refresh_token_works_once_and_rotates(city: City) -> None:
    phone = await city.newcomer(**BUDI)
    old = dict(phone.tokens)
    assert (await phone.refresh()).status_code == 200
    assert phone.tokens["refresh_token"] != old["refresh_token"]
    assert phone.tokens["access_token"] != old["access_token"]
    assert phone.claims["sid"] == (await phone.get("/sessions")).json()["items"][0]["id"]


async def test_a_lost_answer_can_be_asked_for_again_within_the_grace_period(city: City) -> None:
    phone = await city.newcomer(**BUDI)
    lost = phone.tokens["refresh_token"]
    first = await city.client.post("/refresh", json={"refresh_token": lost})
    city.now.advance(seconds=59)
    again = await city.client.post("/refresh", json={"refresh_token": lost})
    assert again.json()["refresh_token"] == first.json()["refresh_token"]
    phone.tokens = again.json()
    assert (await phone.refresh()).status_code == 200


async def test_many_phones_asking_at_once_with_one_token_all_get_the_same_next_one(city: City) -> None:
    phone = await city.newcomer(**BUDI)
    body = {"refresh_token": phone.tokens["refresh_token"]}
    answers = await asyncio.gather(*(city.client.post("/refresh", json=body) for _ in range(12)))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.json()["refresh_token"] for answer in answers}) == 1


@pytest.mark.parametrize("seconds", [61, 86_400])
async def test_an_old_refresh_token_after_the_grace_period_ends_the_whole_session(city: City, seconds: int) -> None:
    phone = await city.newcomer(**BUDI)
    stolen = phone.tokens["refresh_token"]
    await phone.refresh()
    city.now.advance(seconds=seconds)
    answer = await city.client.post("/refresh", json={"refresh_token": stolen})
    assert problem_code(answer) == "refresh-replayed"
    assert problem_code(await phone.refresh()) == "session-over"
    feed = (await city.client.get("/.well-known/revocations")).json()
    assert phone.claims["sid"] in {entry.get("sid") for entry in feed["revocations"]}


async def test_a_token_two_generations_old_is_a_replay_even_within_the_grace_period(city: City) -> None:
    phone = await city.newcomer(**BUDI)
    oldest = phone.tokens["refresh_token"]
    await phone.refresh()
    await phone.refresh()
    answer = await city.client.post("/refresh", json={"refresh_token": oldest})
    assert problem_code(answer) == "refresh-replayed"


async def test_a_forged_refresh_token_ends_nothing(city: City) -> None:
    phone = await city.newcomer(**BUDI)
    head, generation, mac = phone.tokens["refresh_token"].rsplit(".", 2)
    for forged in (f"{head}.{generation}.{'0' * 64}", f"{head}.9.{mac}", f"{head}.0.{mac}", "r1.x", "eyJ.a.b"):
        answer = await city.client.post("/refresh", json={"refresh_token": forged})
        assert problem_code(answer) == "session-over"
    assert (await phone.refresh()).status_code == 200


async def test_sessions_survive_weeks_of_silence_but_not_more_than_the_policy_says(city: City) -> None:
    phone = await city.newcomer(**BUDI)
    city.now.advance(days=59)
    assert (await phone.refresh()).status_code == 200
    city.now.advance(days=60, seconds=1)
    assert problem_code(await phone.refresh()) == "session-over"


async def test_logout_ends_the_session_by_assertion_or_by_refresh_token(city: City) -> None:
    await city.register(**BUDI)
    by_assertion, by_token = [await city.login(BUDI["email"]) for _ in range(2)]
    assert (await by_assertion.post("/logout")).status_code == 204
    body = {"refresh_token": by_token.tokens["refresh_token"]}
    assert (await city.client.post("/logout", json=body)).status_code == 204
    for phone in (by_assertion, by_token):
        assert problem_code(await phone.get("/me")) == "session-over"
        assert problem_code(await phone.refresh()) == "session-over"


async def test_logout_of_somebody_elses_session_does_nothing(city: City) -> None:
    mine, other = await city.newcomer(**BUDI), await city.newcomer(email="lain@example.test")
    headers = city.issuer.headers(other.claims["sub"], "identity", sid=mine.claims["sid"])
    assert (await city.client.post("/logout", headers=headers)).status_code == 204
    assert (await mine.get("/me")).status_code == 200


async def test_logout_needs_something_to_end(city: City) -> None:
    assert problem_code(await city.client.post("/logout")) == "session-over"


async def test_after_five_failures_one_waits_exactly_as_long_as_said(city: City) -> None:
    await city.register(**BUDI)
    for _ in range(5):
        assert problem_code(await city.attempt(BUDI["email"], "salah-salah")) == "wrong-credentials"
    refused = await city.attempt(BUDI["email"])
    assert problem_code(refused) == "too-many-attempts"
    assert refused.headers["retry-after"] == "5"
    assert "5 detik" in refused.json()["detail"]
    city.now.advance(seconds=4.9)
    assert (await city.attempt(BUDI["email"])).headers["retry-after"] == "1"
    city.now.advance(seconds=0.1)
    assert (await city.attempt(BUDI["email"])).status_code == 200


async def test_waiting_doubles_but_never_locks_the_owner_out_for_long(city: City) -> None:
    await city.register(**BUDI)
    waits = []
    for _ in range(12):
        answer = await city.attempt(BUDI["email"], "salah-salah")
        if answer.status_code == 429:
            waits.append(int(answer.headers["retry-after"]))
            city.now.advance(seconds=waits[-1])
    assert waits == [5, 10, 20, 40][: len(waits)]
    for _ in range(30):
        answer = await city.attempt(BUDI["email"], "salah-salah")
        city.now.advance(seconds=int(answer.headers.get("retry-after", 0)))
    assert int((await city.attempt(BUDI["email"], "x")).headers.get("retry-after", 60)) <= 60


async def test_a_hundred_guesses_at_once_gain_no_more_than_the_free_ones(city: City) -> None:
    await city.register(**BUDI)
    answers = await asyncio.gather(*(city.attempt(BUDI["email"], f"tebakan-{n}") for n in range(40)))
    assert sorted(answer.status_code for answer in answers)[:5] == [401] * 5
    assert [answer.status_code for answer in answers].count(429) == 35


async def test_unknown_identifiers_are_throttled_alike(city: City) -> None:
    codes = [problem_code(await city.attempt("tidak.ada@example.test")) for _ in range(6)]
    assert codes == ["wrong-credentials"] * 5 + ["too-many-attempts"]


async def test_one_address_trying_many_accounts_is_slowed_down_and_others_are_not(city: City) -> None:
    await city.register(**BUDI)
    for n in range(40):
        await city.attempt(f"korban{n}@example.test", **{"X-Forwarded-For": "203.0.113.7"})
    refused = await city.attempt(BUDI["email"], **{"X-Forwarded-For": "198.51.100.1, 203.0.113.7"})
    assert problem_code(refused) == "too-many-attempts"
    assert (await city.attempt(BUDI["email"], **{"X-Forwarded-For": "203.0.113.8"})).status_code == 200


async def test_own_successes_do_not_buy_free_guesses_from_an_address(city: City) -> None:
    await city.register(**BUDI)
    for n in range(40):
        await city.attempt(f"korban{n}@example.test")
    assert problem_code(await city.attempt(BUDI["email"])) == "too-many-attempts"
    city.now.advance(seconds=2)
    assert (await city.attempt(BUDI["email"])).status_code == 200
    await city.attempt("korban@example.test")
    assert problem_code(await city.attempt("korban2@example.test")) == "too-many-attempts"


async def test_registrations_from_one_address_keep_a_pace(city: City) -> None:
    limit = city.service.means.policy.registrations_per_address_hour
    for n in range(limit):
        await city.register(email=f"warga{n}@example.test")
    refused = await city.client.post("/register", json={"name": "A", "password": PASSWORD, "email": "b@c.test"})
    assert problem_code(refused) == "too-many-attempts"
    city.now.advance(seconds=int(refused.headers["retry-after"]))
    await city.register(email="akhirnya@example.test")


async def test_a_full_hashing_room_says_when_to_come_back(city: City) -> None:
    await city.register(**BUDI)
    city.service.room._load.waiting = city.service.means.policy.hashing_waiting_room
    busy = await city.attempt(BUDI["email"])
    assert problem_code(busy) == "sign-in-busy"
    assert busy.headers["retry-after"] == "3"
    city.service.room._load.waiting = 0
    assert (await city.attempt(BUDI["email"])).status_code == 200


async def test_a_bad_assertion_is_refused(city: City) -> None:
    phone = await city.newcomer(**BUDI)
    for headers in (
        city.issuer.headers(phone.claims["sub"], "permits", sid=phone.claims["sid"]),
        {"Authorization": f"Bearer {phone.tokens['access_token']}"},
        {"Authorization": "Basic eDp5"},
    ):
        assert (await city.client.get("/me", headers=headers)).status_code == 401


async def test_me_can_be_revalidated(city: City) -> None:
    phone = await city.newcomer(**BUDI)
    etag = (await phone.get("/me")).headers["etag"]
    again = await city.client.get("/me", headers={**phone.headers, "If-None-Match": etag})
    assert again.status_code == 304
