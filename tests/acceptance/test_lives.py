"""Four whole lives through the running gateway, on the real processes of the demo, and what they left behind."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from typing import Any

import httpx
import pytest
from PIL import Image

from tests.acceptance.conftest import Demo, wait_for
from tests.acceptance.hunt import files_holding, known_as, logged, tables_holding
from tests.acceptance.paper import check_permit
from tests.acceptance.past import move_into_the_past
from tests.acceptance.people import PASSWORD, City, Person, open_city
from tests.acceptance.test_city import NIK

REPORTER = "Ratna Kusumawardhani"
REPORTER_MAIL, REPORTER_PHONE = "ratna.k@example.id", "081298765401"
DEWI = {"nik": "3671996112990004", "phone": "081298765402"}
DEWI_IN_REGISTER = {"name": "Dewi Lestari", "birth_date": "1999-12-21", "family_card": "3671990707190004"}
WITNESS, NEIGHBOUR, PRANKSTER = "081298765403", "081298765404", "081298765405"
CRIME = {"kind": "crime", "lat": -6.1805, "lon": 106.6183}


@pytest.fixture(scope="module")
def city(demo: Demo) -> City:
    return open_city(demo)


@pytest.fixture(autouse=True)
def _remembered(city: City, request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    city.lived.add(request.node.name)


def test_a_permit_with_one_correction_and_a_payment_up_to_the_verified_document(city: City) -> None:
    siti, office, perkim = city.example(0), city.example(2), city.example(5)
    answers = {"floor_area_m2": 60, "address": "Jl. Melati 5", "kecamatan": "36.71.13"}
    drafted = siti.post("/permits/applications", {"type": "pbg-prototipe", "details": answers})
    own, desk = f"/permits/applications/{drafted['id']}", f"/permits/desk/applications/{drafted['id']}"
    for code in ("ktp", "tanah", "gambar"):
        _upload(siti, own, code)
    assert siti.post(f"{own}/submit")["state"] == "DIAJUKAN"

    assert siti.refused("POST", "/permits/desk/next") == (403, "forbidden")
    assert office.post("/permits/desk/next")["application"]["id"] == drafted["id"]
    office.post(f"{desk}/corrections", {"items": [{"item": "documents.gambar", "note": "Gambar tidak terbaca"}]})
    assert [one["note"] for one in siti.get(own)["corrections"]] == ["Gambar tidak terbaca"]
    assert siti.refused("POST", f"{own}/submit")[0] == 422  # not yet corrected
    _upload(siti, own, "gambar", b"jelas")
    assert siti.post(f"{own}/submit")["state"] == "CEK_BERKAS"
    assert office.post(f"{desk}/accept")["state"] == "PENILAIAN_TEKNIS"
    assert perkim.post("/permits/desk/next")["application"]["id"] == drafted["id"]
    perkim.post(f"{desk}/assess")
    order = office.post(f"{desk}/levy", {})["payment"]
    assert order["amount"] == 60 * 25_000

    bank = httpx.post(f"{city.demo.plan.bank}/pay", json={"billing_code": order["billing_code"]}, trust_env=False)
    assert (bank.status_code, bank.json()["outcome"]) == (201, "accepted")
    number = office.post(f"{desk}/issue")["permit"]["number"]
    told = [one["event"] for one in siti.get("/permits/notifications?sort=at")["items"]]
    assert [told[0], *told[-2:]] == ["taken", "payment_confirmed", "issued"]

    stranger = city.stranger()
    genuine = stranger.get(f"/permits/verify/{number}")
    assert (genuine["status"], genuine["holder"]) == ("valid", "S*** A*****")
    permit = siti.call("GET", f"{own}/permit").content
    authority = stranger.call("GET", "/permits/signing-certificates").content
    check_permit(permit, authority, number=number, address=f"{city.demo.plan.public}/v1/permits/verify/{number}")


def test_a_confidential_complaint_forwarded_twice_answered_late_reopened_and_rated(city: City) -> None:
    desk, dishub, dpupr = city.example(3), city.officer("Dishub"), city.officer("DPUPR")
    ratna = city.newcomer(REPORTER, email=REPORTER_MAIL, phone=REPORTER_PHONE)
    told = {"category": "roads", "description": "Petugas meminta uang sebelum menambal jalan.", "confidential": True}
    ticket = ratna.post("/complaints/reports", {**told, "lat": -6.1681, "lon": 106.5943})["ticket"]
    own, file = f"/complaints/reports/{ticket}", f"/complaints/desk/reports/{ticket}"
    _photograph(ratna, own, "red")

    _act(desk, file, "start_verification")
    _act(desk, file, "forward", agency="Dishub")
    assert dpupr.refused("GET", file)[0] == 404  # not theirs yet
    _act(dishub, file, "hand_back", message="Bukan jalan kami.", suggestion="DPUPR")
    _act(desk, file, "forward", agency="DPUPR")
    assert dishub.refused("GET", file)[0] == 404  # not theirs any more

    move_into_the_past(city.demo.plan.directory / "complaints" / "complaints.sqlite3", ticket, days=20)
    late = _act(dpupr, file, "start_work")
    assert [clock["is_missed"] for clock in late["clocks"] if clock["code"] == "follow_up"] == [True]
    assert ratna.get(own)["is_late"] is True
    _photograph(dpupr, file, "green")
    _act(dpupr, file, "follow_up", message="Lubang sudah ditambal.")
    assert ratna.post(f"{own}/reopening", {"message": "Sudah berlubang lagi."})["state"] == "DIBUKA_KEMBALI"
    _act(dpupr, file, "start_work")
    _act(dpupr, file, "follow_up", message="Ditambal ulang, pengawas ditegur.")
    done = ratna.post(f"{own}/rating", {"stars": 4, "comment": "Akhirnya."})
    assert (done["state"], done["rating"]["stars"]) == ("SELESAI", 4)
    kinds = [event["kind"] for event in done["history"]]
    assert kinds.count("forwarded") == 2
    assert {"clock-overdue", "reopened", "rated"} <= set(kinds)

    stranger = city.stranger()
    assert stranger.refused("GET", f"/complaints/public/{ticket}")[0] == 404
    assert ticket not in str(stranger.get("/complaints/public"))
    assert stranger.get("/complaints/balance")["closes"] is True


def test_an_emergency_from_a_silent_report_to_closing_beside_a_duplicate_and_a_prank(city: City) -> None:
    operator, caller, neighbour, prankster = city.example(4), city.stranger(), city.stranger(), city.stranger()
    assert caller.refused("GET", "/emergency/board")[0] == 401
    assert city.example(1).refused("GET", "/emergency/board")[0] == 403
    jest = prankster.post("/emergency/incidents", {"kind": "animal", "landmark": "Alun-alun", "callback": PRANKSTER})
    _act(operator, f"/emergency/board/{jest['reference']}", "find_untrue", reason="Iseng, tertawa di telepon.")

    prank = prankster.post("/emergency/incidents", {**CRIME, "lat": -6.24, "lon": 106.71, "callback": PRANKSTER})
    silent = caller.post("/emergency/incidents", {**CRIME, "callback": WITNESS, "silent": True})
    double = neighbour.post("/emergency/incidents", {**CRIME, "lat": -6.1809, "callback": NEIGHBOUR})
    assert next(iter(silent)) == "call"
    assert (silent["state"], silent["acknowledged"]) == ("DITERIMA", False)
    board = {line["reference"]: line for line in operator.get("/emergency/board")["items"]}
    # Nothing is hidden: the prank stands below those it came before, with the reason beside it.
    assert list(board) == [one["reference"] for one in (silent, double, prank)]
    assert board[prank["reference"]]["signals"] == ["untrue_before"]
    assert board[silent["reference"]]["group"] == board[double["reference"]]["group"]

    follow, file = f"/emergency/incidents/{silent['id']}", f"/emergency/board/{silent['reference']}"
    with ThreadPoolExecutor(1) as waiting:
        news = waiting.submit(caller.get, f"{follow}?wait=25&seen={silent['version']}")
        _act(operator, file, "acknowledge")
        assert news.result()["acknowledged"] is True
    _act(operator, f"/emergency/board/{double['reference']}", "merge", into=silent["reference"])
    _act(operator, f"/emergency/board/{prank['reference']}", "find_untrue", reason="Nomor yang sama, iseng lagi.")
    _act(operator, file, "dispatch", units=["patroli-1", "ambulans-1"])
    caller.post(f"{follow}/messages", {"text": "Dua orang, masih di dalam."})
    _act(operator, file, "depart", unit="patroli-1")
    joined = neighbour.get(f"/emergency/incidents/{double['id']}")
    assert (joined["joined_with"], joined["progress"]) == (silent["reference"], "BERANGKAT")
    _act(operator, file, "arrive", unit="patroli-1")
    _act(operator, file, "release", unit="ambulans-1")
    assert _act(operator, file, "close", outcome="handled")["state"] == "SELESAI"

    assert caller.get(follow)["state"] == "SELESAI"
    assert operator.get("/emergency/board")["items"] == []
    kept = {line["reference"]: line["state"] for line in operator.get("/emergency/board?all=true")["items"]}
    states = {"SELESAI": silent, "GABUNG": double, "TIDAK_BENAR": prank}
    assert {kept[one["reference"]]: one for one in states.values()} == states


def test_who_lost_the_phone_takes_the_account_back_from_a_squatter(city: City) -> None:
    counter, dewi = city.example(6), city.newcomer("Dewi Lestari", **DEWI)
    phone = next(one["id"] for one in dewi.get("/identity/me")["identifiers"] if one["kind"] == "phone")
    sent = dewi.post(f"/identity/me/identifiers/{phone}/code")
    typed = {"code_id": sent["code_id"], "code": city.code_sent_to(DEWI["phone"])}
    dewi.post(f"/identity/me/identifiers/{phone}/proof", typed)
    assert dewi.post("/identity/me/nik-match", DEWI_IN_REGISTER)["result"] == "SESUAI"
    mine = dewi.post("/permits/applications", {"type": "makam", "applicant_name": "Dewi Lestari"})["id"]

    squatter = city.stranger()  # holds the phone, and so gets what is sent to it
    asked = squatter.post("/identity/recovery", {"identifier": DEWI["phone"]})["recovery_id"]
    _take_over(city, squatter, asked, DEWI["phone"], "punya-saya-sekarang", not_again=typed["code"])
    squatter.sign_in(DEWI["phone"], "punya-saya-sekarang")
    assert [one["id"] for one in squatter.get("/permits/applications")["items"]] == [mine]
    wait_for(lambda: dewi.call("GET", "/permits/applications").status_code == 401)
    login = {"identifier": DEWI["nik"], "password": PASSWORD}
    assert dewi.refused("POST", "/identity/login", login) == (401, "wrong-credentials")

    mail = "dewi.baru@example.id"
    seen = {"nik": DEWI["nik"], "contact": mail, "seen": "kk-and-ktp-receipt"}
    assert squatter.refused("POST", "/identity/counter/recoveries", seen)[0] == 403
    vouched = counter.post("/identity/counter/recoveries", seen)["recovery_id"]
    again = city.stranger()
    _take_over(city, again, vouched, mail, "sandi-baru-dewi")
    wait_for(lambda: squatter.call("GET", "/permits/applications").status_code == 401)
    assert squatter.refused("POST", "/identity/refresh", {"refresh_token": squatter.refresh_token})[0] == 401
    stolen = {"identifier": DEWI["phone"], "password": "punya-saya-sekarang"}
    assert squatter.refused("POST", "/identity/login", stolen) == (401, "wrong-credentials")
    again.sign_in(DEWI["nik"], "sandi-baru-dewi")
    me = again.get("/identity/me")
    assert (me["assurance"], sorted(one["kind"] for one in me["identifiers"])) == ("4", ["email", "nik"])
    assert [one["id"] for one in again.get("/permits/applications")["items"]] == [mine]


LIVES: tuple[Callable[[City], None], ...] = (
    test_a_permit_with_one_correction_and_a_payment_up_to_the_verified_document,
    test_a_confidential_complaint_forwarded_twice_answered_late_reopened_and_rated,
    test_an_emergency_from_a_silent_report_to_closing_beside_a_duplicate_and_a_prank,
    test_who_lost_the_phone_takes_the_account_back_from_a_squatter,
)


def test_after_all_lives_the_reporter_is_in_the_vault_table_alone_and_no_log_names_anybody(city: City) -> None:
    for life in LIVES:
        if life.__name__ not in city.lived:  # told alone, this test tells them first
            life(city)
    reporter = next(one for one in city.everybody if REPORTER in str(one.heard))
    subject, person = known_as(city, reporter.account)
    assert tables_holding(city, person) == ["identity_vault"]
    assert files_holding(city, person) == ["complaints.sqlite3"]
    assert files_holding(city, REPORTER, REPORTER_MAIL, REPORTER_PHONE, subject) == []
    others = str([one.heard for one in city.everybody if one is not reporter])
    assert [one for one in (REPORTER, REPORTER_MAIL, subject, person, reporter.account) if one in others] == []

    phones = [REPORTER_PHONE, DEWI["phone"], WITNESS, NEIGHBOUR, PRANKSTER]
    numbers = [DEWI["nik"], DEWI_IN_REGISTER["family_card"], NIK, *phones, *(f"62{phone[1:]}" for phone in phones)]
    tokens = [token for one in city.everybody for token in one.tokens()]
    everything = [REPORTER, REPORTER_MAIL, subject, person, reporter.account, "LKS-", *numbers, *tokens]
    assert logged(city, *everything) == []


def _upload(person: Person, own: str, code: str, content: bytes = b"") -> None:
    answer = person.call("POST", f"{own}/documents?document={code}", content=b"%PDF-1.7\n" + code.encode() + content)
    assert answer.status_code == 201, answer.text


def _photograph(person: Person, report: str, colour: str) -> None:
    picture = BytesIO()
    Image.new("RGB", (60, 30), colour).save(picture, "JPEG")
    answer = person.call("POST", f"{report}/photos", content=picture.getvalue())
    assert answer.is_success, answer.text


def _act(officer: Person, file: str, action: str, **fields: Any) -> Any:
    """Do something with a file as it is seen now."""
    seen = officer.call("GET", file)
    assert seen.status_code == 200, seen.text
    return officer.post(f"{file}/actions", {"action": action, **fields}, headers={"if-match": seen.headers["etag"]})


def _take_over(city: City, person: Person, recovery: str, contact: str, password: str, not_again: str = "") -> None:
    """Type the code that came to `contact`, and set a new password."""
    wait_for(lambda: city.code_sent_to(contact) != not_again)
    person.post(f"/identity/recovery/{recovery}", {"code": city.code_sent_to(contact), "new_password": password})
