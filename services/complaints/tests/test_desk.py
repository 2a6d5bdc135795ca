"""What officers do, by role, and what the citizen sees of it."""

from typing import Any

import pytest

from services.kit.testing import problem_code

from .conftest import DESK, DLH, DPUPR, Laksa, photo


async def forwarded(laksa: Laksa, agency: str = "DPUPR", **fields: Any) -> str:
    """Report something, verify it and give it to an agency."""
    ticket = str((await laksa.report(**fields))["ticket"])
    await laksa.act(ticket, "start_verification")
    await laksa.act(ticket, "forward", agency=agency)
    return ticket


async def after_photo(laksa: Laksa, ticket: str, role: str = DPUPR) -> None:
    answer = await laksa.client.post(
        f"/desk/reports/{ticket}/photos", content=photo("green"), headers=laksa.headers("petugas-1", role)
    )
    assert answer.status_code == 200, answer.text


async def followed_up(laksa: Laksa) -> str:
    """Bring a report to where the reporter judges."""
    ticket = await forwarded(laksa)
    await laksa.act(ticket, "start_work", DPUPR)
    await after_photo(laksa, ticket)
    await laksa.act(ticket, "follow_up", DPUPR, message="Lubang sudah ditambal.")
    return ticket


async def test_a_report_goes_from_the_desk_to_the_agency_to_the_citizens_rating(laksa: Laksa) -> None:
    ticket = await followed_up(laksa)
    body = await laksa.get(f"/reports/{ticket}", "warga-1")
    assert body["state"] == "DITINDAKLANJUTI"
    assert body["may"] == ["photos", "rating", "reopening", "replies"]
    assert [shown["stage"] for shown in body["photos"]] == ["after"]
    rated = await laksa.say(ticket, "rating", stars=5, comment="Cepat!")
    assert rated["state"] == "SELESAI"
    assert rated["colour"] == "green"
    assert rated["rating"]["stars"] == 5
    assert (await laksa.say(ticket, "rating", expect=409, stars=1))["code"] == "rated-already"
    kinds = [event["kind"] for event in rated["history"]]
    assert kinds == [
        *("received", "verification-started", "forwarded", "work-started"),
        *("photo-added", "followed-up", "rated"),
    ]


async def test_before_and_after_pictures_are_published_when_the_desk_says_so(laksa: Laksa) -> None:
    ticket = (await laksa.report())["ticket"]
    await laksa.add_photo(ticket, photo("red"))
    await laksa.act(ticket, "start_verification")
    await laksa.act(ticket, "forward", agency="DPUPR")
    await laksa.act(ticket, "start_work", DPUPR)
    await after_photo(laksa, ticket)
    hidden = await laksa.client.get(f"/public/{ticket}/photos/1")
    assert hidden.status_code == 404
    await laksa.act(ticket, "publish", summary="Lubang di jalan depan pasar.", photos=[1, 2])
    item = await laksa.get(f"/public/{ticket}")
    assert item["summary"] == "Lubang di jalan depan pasar."
    assert item["photos"] == {"before": [f"/public/{ticket}/photos/1"], "after": [f"/public/{ticket}/photos/2"]}
    shown = await laksa.client.get(item["photos"]["before"][0])
    assert shown.status_code == 200
    assert b"SECRETPHONE" not in shown.content


@pytest.mark.parametrize(
    "summary", ["Hubungi Budi 0812-3456-7890 segera.", "NIK 3671990101900001 hilang.", "Surel budi@example.test ya."]
)
async def test_a_summary_that_names_somebody_is_refused(laksa: Laksa, summary: str) -> None:
    ticket = (await laksa.report())["ticket"]
    body = await laksa.act(ticket, "publish", summary=summary, photos=[], expect=422)
    assert body["errors"][0]["field"] == "summary"


async def test_a_photo_number_that_is_not_there_cannot_be_published(laksa: Laksa) -> None:
    ticket = (await laksa.report())["ticket"]
    body = await laksa.act(ticket, "publish", summary="Lubang di jalan.", photos=[1], expect=422)
    assert body["errors"][0]["field"] == "photos"


async def test_work_that_leaves_traces_is_not_followed_up_without_an_after_picture(laksa: Laksa) -> None:
    ticket = await forwarded(laksa)
    await laksa.act(ticket, "start_work", DPUPR)
    body = await laksa.act(ticket, "follow_up", DPUPR, message="Sudah.", expect=409)
    assert body["code"] == "evidence-required"


async def test_a_category_without_traces_needs_no_picture(laksa: Laksa) -> None:
    ticket = await forwarded(laksa, "Disdukcapil", category="identity_cards")
    await laksa.act(ticket, "start_work", "officer:Disdukcapil", message="Kami periksa.")
    await laksa.act(ticket, "report_progress", "officer:Disdukcapil", message="Sedang dicetak.")
    body = await laksa.act(ticket, "follow_up", "officer:Disdukcapil", message="KTP dapat diambil.")
    assert body["state"] == "DITINDAKLANJUTI"


async def test_an_agency_sees_only_what_it_was_given(laksa: Laksa) -> None:
    ticket = await forwarded(laksa)
    await laksa.report("warga-2")
    listed = await laksa.client.get("/desk/reports", headers=laksa.headers("petugas-2", DPUPR))
    assert [item["ticket"] for item in listed.json()["items"]] == [ticket]
    path = f"/desk/reports/{ticket}"
    assert (await laksa.client.get(path, headers=laksa.headers("petugas-3", DLH))).status_code == 404
    assert (await laksa.client.get(path, headers=laksa.headers("petugas-2", DPUPR))).status_code == 200


@pytest.mark.parametrize("roles", [(), ("operator:112",)])
async def test_citizens_and_other_operators_are_kept_out_of_the_desk(laksa: Laksa, roles: tuple[str, ...]) -> None:
    ticket = (await laksa.report())["ticket"]
    headers = laksa.headers("warga-1", *roles)
    for path in ("/desk/reports", f"/desk/reports/{ticket}", f"/desk/reports/{ticket}/photos/1"):
        assert problem_code(await laksa.client.get(path, headers=headers)) == "forbidden"
        assert (await laksa.client.get(path)).status_code == 401
    refused = await laksa.client.post(f"/desk/reports/{ticket}/actions", json={"action": "forward"}, headers=headers)
    assert refused.status_code == 403


async def test_the_desk_cannot_do_the_agencys_work_nor_the_agency_the_desks(laksa: Laksa) -> None:
    ticket = await forwarded(laksa)
    assert (await laksa.act(ticket, "start_work", DESK, expect=403))["code"] == "forbidden"
    assert (await laksa.act(ticket, "forward", DPUPR, agency="DLH", expect=403))["code"] == "forbidden"
    answer = await laksa.client.post(
        f"/desk/reports/{ticket}/photos", content=photo(), headers=laksa.headers("petugas-1", DESK)
    )
    assert answer.status_code == 403


async def test_an_admin_looks_but_does_not_act(laksa: Laksa) -> None:
    ticket = (await laksa.report())["ticket"]
    listed = await laksa.client.get("/desk/reports", headers=laksa.headers("admin-1", "admin"))
    assert len(listed.json()["items"]) == 1
    assert (await laksa.act(ticket, "start_verification", "admin", expect=403))["code"] == "forbidden"


async def test_two_officers_never_overwrite_each_other(laksa: Laksa) -> None:
    ticket = (await laksa.report())["ticket"]
    headers = laksa.headers("petugas-1", DESK)
    tag = (await laksa.client.get(f"/desk/reports/{ticket}", headers=headers)).headers["etag"]
    path, body = f"/desk/reports/{ticket}/actions", {"action": "start_verification"}
    assert (await laksa.client.post(path, json=body, headers=headers)).status_code == 428
    first = await laksa.client.post(path, json=body, headers={**headers, "If-Match": tag})
    assert first.status_code == 200
    second = await laksa.client.post(
        path, json={"action": "forward", "agency": "DLH"}, headers={**headers, "If-Match": tag}
    )
    assert problem_code(second) == "precondition-failed"
    third = await laksa.client.post(
        path, json={"action": "forward", "agency": "DLH"}, headers={**headers, "If-Match": first.headers["etag"]}
    )
    assert third.json()["agency"] == "DLH"


async def test_an_action_sent_twice_with_a_key_happens_once(laksa: Laksa) -> None:
    ticket = (await laksa.report())["ticket"]
    headers = laksa.headers("petugas-1", DESK, **{"Idempotency-Key": "a-1"})
    headers["If-Match"] = (await laksa.client.get(f"/desk/reports/{ticket}", headers=headers)).headers["etag"]
    body = {"action": "start_verification"}
    answers = [await laksa.client.post(f"/desk/reports/{ticket}/actions", json=body, headers=headers) for _ in "ab"]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[0].json() == answers[1].json()


@pytest.mark.parametrize(
    ("action", "field"),
    [
        ({"action": "dance"}, "action"),
        ({"action": "forward"}, "agency"),
        ({"action": "forward", "agency": "NASA"}, "agency"),
        ({"action": "forward", "agency": "DLH", "secret": 1}, "secret"),
        ({"action": "reject", "reason": "malas", "message": "tidak mau"}, "reason"),
        ({"action": "request_data", "message": "   "}, "message"),
    ],
)
async def test_a_wrong_action_names_the_field(laksa: Laksa, action: dict[str, Any], field: str) -> None:
    ticket = (await laksa.report())["ticket"]
    await laksa.act(ticket, "start_verification")
    body = await laksa.act(ticket, **action, expect=422)
    assert [error["field"] for error in body["errors"]] == [field]


async def test_an_action_the_state_does_not_allow_is_a_409_that_names_the_state(laksa: Laksa) -> None:
    ticket = (await laksa.report())["ticket"]
    body = await laksa.act(ticket, "forward", agency="DLH", expect=409)
    assert body["code"] == "not-in-this-state"
    assert "DITERIMA" in body["detail"]


async def test_missing_data_is_asked_for_and_given(laksa: Laksa) -> None:
    ticket = (await laksa.report())["ticket"]
    await laksa.act(ticket, "start_verification")
    await laksa.act(ticket, "request_data", message="Di RT berapa?")
    (told,) = [item for item in (await laksa.get("/notifications", "warga-1"))["items"] if item["message"]]
    assert (told["kind"], told["message"]) == ("data-requested", "Di RT berapa?")
    body = await laksa.say(ticket, "replies", message="RT 03 RW 05")
    assert body["state"] == "VERIFIKASI"
    assert body["history"][-1]["kind"] == "data-provided"


async def test_a_rejection_gives_its_reason_and_can_be_reopened(laksa: Laksa) -> None:
    ticket = (await laksa.report())["ticket"]
    await laksa.act(ticket, "start_verification")
    await laksa.act(ticket, "reject", reason="outside_the_city", message="Jalan ini milik provinsi.")
    body = await laksa.get(f"/reports/{ticket}", "warga-1")
    assert body["state"] == "DITOLAK"
    assert body["history"][-1]["reason"] == "outside_the_city"
    reopened = await laksa.say(ticket, "reopening", message="Bukan, ini jalan kota.")
    assert reopened["state"] == "DIBUKA_KEMBALI"
    assert (await laksa.act(ticket, "forward", agency="DPUPR"))["state"] == "DITERUSKAN"


async def test_an_agency_hands_back_what_is_not_its_own_and_loses_sight_of_it(laksa: Laksa) -> None:
    ticket = await forwarded(laksa)
    body = await laksa.act(ticket, "hand_back", DPUPR, message="Ini sampah, bukan jalan.", suggestion="DLH")
    assert body["state"] == "ALIH_OPD"
    await laksa.act(ticket, "forward", agency="DLH")
    headers = laksa.headers("petugas-2", DPUPR)
    assert (await laksa.client.get(f"/desk/reports/{ticket}", headers=headers)).status_code == 404
    body = await laksa.act(ticket, "start_work", DLH)
    refused = await laksa.act(ticket, "hand_back", DLH, message="bukan kami", suggestion="NASA", expect=422)
    assert refused["errors"][0]["field"] == "suggestion"


async def test_a_confidential_report_is_seen_by_officers_alone(laksa: Laksa) -> None:
    ticket = (await laksa.report(confidential=True))["ticket"]
    assert (await laksa.get("/public"))["items"] == []
    assert (await laksa.client.get(f"/public/{ticket}")).status_code == 404
    follow = await laksa.client.put(f"/reports/{ticket}/following", headers=laksa.headers("warga-2"))
    assert follow.status_code == 404
    body = await laksa.act(ticket, "publish", summary="Pungutan liar di kantor.", photos=[], expect=409)
    assert body["code"] == "confidential"
    assert (await laksa.act(ticket, "start_verification"))["confidential"] is True
    assert (await laksa.get("/balance"))["received"] == 1


async def test_a_photos_position_is_shown_to_the_officers_in_charge_alone(laksa: Laksa) -> None:
    ticket = (await laksa.report(lat=None, lon=None))["ticket"]
    added = await laksa.add_photo(ticket, photo())
    assert "106.63" not in added.text
    body = await laksa.act(ticket, "start_verification")
    assert body["photo_positions"] == [
        {"number": 1, "lat": pytest.approx(-6.175), "lon": pytest.approx(106.63)},
    ]
    picture = await laksa.client.get(body["photos"][0]["href"], headers=laksa.headers("petugas-1", DESK))
    assert picture.status_code == 200


async def test_the_desk_sorts_by_what_is_due_first_and_filters(laksa: Laksa) -> None:
    first = await forwarded(laksa)
    laksa.issuer.now.advance(days=1)
    second = (await laksa.report())["ticket"]
    headers = laksa.headers("petugas-1", DESK)

    async def tickets(query: str) -> list[str]:
        answer = await laksa.client.get(f"/desk/reports?{query}", headers=headers)
        return [item["ticket"] for item in answer.json()["items"]]

    assert await tickets("sort=due_at") == [second, first]  # three days of the desk end before five of the agency
    assert await tickets("state=DITERUSKAN,DIPROSES") == [first]
    assert await tickets("agency=DPUPR&late=false") == [first]
    assert await tickets("late=true") == []
    for query in ("late=maybe", "duplicate_of=LKS-1", "agency=NASA"):
        assert (await laksa.client.get(f"/desk/reports?{query}", headers=headers)).status_code == 400


async def test_a_report_is_reopened_only_so_often(laksa: Laksa) -> None:
    ticket = await followed_up(laksa)
    for _ in range(3):
        await laksa.say(ticket, "reopening", message="Belum beres.")
        await laksa.act(ticket, "start_work", DPUPR)
        await laksa.act(ticket, "follow_up", DPUPR, message="Sudah diperbaiki lagi.")
    assert (await laksa.say(ticket, "reopening", expect=409, message="Belum."))["code"] == "reopened-too-often"


async def test_a_report_is_reopened_only_for_a_while(laksa: Laksa) -> None:
    ticket = await followed_up(laksa)
    await laksa.say(ticket, "rating", stars=4)
    laksa.issuer.now.advance(days=31)
    assert (await laksa.say(ticket, "reopening", expect=409, message="Rusak."))["code"] == "too-late-to-reopen"


async def test_a_reopened_report_can_be_rated_anew(laksa: Laksa) -> None:
    ticket = await followed_up(laksa)
    await laksa.say(ticket, "rating", stars=2)
    await laksa.say(ticket, "reopening", message="Berlubang lagi.")
    await laksa.act(ticket, "start_work", DPUPR)
    await laksa.act(ticket, "follow_up", DPUPR, message="Diaspal ulang.")
    assert (await laksa.say(ticket, "rating", stars=5))["rating"]["stars"] == 5
