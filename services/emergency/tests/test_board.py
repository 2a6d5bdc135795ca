"""The operators' side: order without hiding, triage, units, closing."""

import asyncio
from typing import Any

import pytest

from services.emergency.app import NAME
from services.emergency.tests.conftest import Centre
from services.kit.testing import problem_code

FAR: dict[str, Any] = {"lat": -6.239, "lon": 106.706, "landmark": "Ciledug"}


async def find_untrue(centre: Centre, **fields: Any) -> None:
    await centre.act(await centre.report(**fields), "find_untrue", reason="Iseng")


async def test_an_incident_goes_from_report_to_closing_with_several_units(centre: Centre) -> None:
    report = await centre.report()
    steps: list[tuple[str, dict[str, Any], str]] = [
        ("acknowledge", {}, "TRIASE"),
        ("assess", {"priority": 1, "kind": "fire"}, "TRIASE"),
        ("dispatch", {"units": ["damkar-1", "ambulans-1"]}, "DITERUSKAN"),
        ("depart", {"unit": "damkar-1"}, "BERANGKAT"),
        ("release", {"unit": "ambulans-1"}, "BERANGKAT"),
        ("arrive", {"unit": "damkar-1"}, "DI_LOKASI"),
        ("dispatch", {"units": ["pln-1"]}, "DI_LOKASI"),
        ("release", {"unit": "pln-1"}, "DI_LOKASI"),
        ("release", {"unit": "damkar-1"}, "DI_LOKASI"),
        ("close", {"outcome": "handled", "note": "Padam"}, "SELESAI"),
    ]
    for action, fields, state in steps:
        shown = await centre.act(report, action, **fields)
        assert shown["state"] == state, action
        assert (await centre.follow(report))["state"] == state
    assert await centre.order() == []
    assert await centre.order("?all=true") == [report["reference"]]
    told = [line["kind"] for line in (await centre.follow(report))["history"]]
    assert told[:3] == ["reported", "acknowledged", "dispatched"]
    assert "assessed" not in told
    assert told[-1] == "closed"


async def test_when_every_unit_is_called_off_the_caller_is_not_told_that_help_comes(centre: Centre) -> None:
    report = await centre.report()
    await centre.act(report, "dispatch", units=["damkar-1"])
    await centre.act(report, "depart", unit="damkar-1")
    assert (await centre.follow(report))["message"]["en"] == "Help is on the way."
    await centre.act(report, "release", unit="damkar-1")
    shown = await centre.follow(report)
    assert (shown["state"], shown["units"]) == ("TRIASE", [])


async def test_whoever_acts_on_an_unread_report_has_acknowledged_it(centre: Centre) -> None:
    report = await centre.report()
    shown = await centre.act(report, "dispatch", units=["damkar-1"])
    assert [event["kind"] for event in shown["events"]] == ["reported", "acknowledged", "dispatched"]


async def test_urgent_comes_before_old_and_unread_before_read(centre: Centre) -> None:
    wasps = await centre.report(kind="animal", callback="08120000001", **FAR)
    flood = await centre.report(kind="flood", callback="08120000002")
    fire = await centre.report(kind="fire", callback="08120000003")
    whisper = await centre.report(kind="animal", callback="08120000004", silent=True)
    order = [report["reference"] for report in (fire, whisper, flood, wasps)]
    assert await centre.order() == order
    await centre.act(fire, "acknowledge")
    assert await centre.order() == [order[1], order[0], *order[2:]]
    await centre.act(wasps, "assess", priority=1)
    assert await centre.order() == [report["reference"] for report in (whisper, wasps, fire, flood)]


async def test_signs_of_a_prank_rank_and_never_hide(centre: Centre) -> None:
    for _ in range(2):
        await find_untrue(centre, callback="08129999999", kind="animal")
    prank = await centre.report(callback="08129999999", kind="fire")
    real = await centre.report(callback="08121111111", kind="fire", **FAR)
    lesser = await centre.report(callback="08121111112", kind="flood", **FAR)
    assert prank["state"] == "DITERIMA"
    assert await centre.order() == [real["reference"], lesser["reference"], prank["reference"]]
    line = (await centre.board())[-1]
    assert (line["suspicion"], line["signals"]) == (2, ["untrue_before", "untrue_before"])


async def test_a_second_caller_or_an_operator_outweighs_every_sign_of_a_prank(centre: Centre) -> None:
    for _ in range(2):
        await find_untrue(centre, callback="08129999999", kind="animal")
    doubted = await centre.report(callback="08129999999", kind="fire")
    flood = await centre.report(callback="08121111112", kind="flood", **FAR)
    assert await centre.order() == [flood["reference"], doubted["reference"]]
    witness = await centre.report(callback="08121111113", kind="fire")
    assert await centre.order() == [doubted["reference"], witness["reference"], flood["reference"]]
    again = await centre.report(callback="08129999999", kind="disaster")
    assert (await centre.order())[-1] == again["reference"]
    await centre.act(again, "assess", priority=1)
    assert again["reference"] in (await centre.order())[:3]


async def test_many_reports_from_one_number_far_apart_are_signs(centre: Centre) -> None:
    for index in range(4):
        await centre.report(lat=-6.168 + index * 0.01)
    last = await centre.report(kind="medical", lat=-6.168 + 0.06)
    line = next(line for line in await centre.board() if line["reference"] == last["reference"])
    assert line["signals"] == ["many_reports", "far_apart"]


async def test_a_checked_citizen_is_doubted_less(centre: Centre) -> None:
    await find_untrue(centre)
    report = await centre.report(centre.citizen(acr="3"))
    line = next(line for line in await centre.board() if line["reference"] == report["reference"])
    assert (line["signals"], line["suspicion"]) == (["untrue_before", "signed_in"], 0)


async def test_a_place_outside_the_country_is_a_sign(centre: Centre) -> None:
    await centre.report(lat=48.85, lon=2.35)
    assert (await centre.board())[0]["signals"] == ["impossible_place"]


async def test_reports_of_one_event_stand_together_and_all_are_shown(centre: Centre) -> None:
    first = await centre.report(callback="08120000001")
    beside = await centre.report(callback="08120000002", lat=-6.16900)
    same_words = await centre.report(callback="08120000003", lat=None, lon=None, landmark="depan pasar, PERIUK")
    elsewhere = await centre.report(callback="08120000004", **FAR)
    another_kind = await centre.report(callback="08120000005", kind="medical")
    centre.issuer.now.advance(hours=2)
    later = await centre.report(callback="08120000006")
    groups = {line["reference"]: line["group"] for line in await centre.board()}
    assert len(groups) == 6
    assert groups[first["reference"]] == groups[beside["reference"]] == groups[same_words["reference"]]
    assert len({groups[report["reference"]] for report in (first, elsewhere, another_kind, later)}) == 4
    shown = await centre.client.get(f"/board/{first['reference']}", headers=centre.operator())
    assert shown.json()["beside"] == [beside["reference"], same_words["reference"]]
    assert shown.json()["group_size"] == 3


async def test_a_joined_report_tells_its_caller_how_the_whole_incident_goes(centre: Centre) -> None:
    main, second = await centre.report(), await centre.report(callback="08120000002")
    await centre.act(second, "merge", into=main["reference"])
    await centre.act(main, "dispatch", units=["damkar-1"])
    await centre.act(main, "depart", unit="damkar-1")
    shown = await centre.follow(second)
    assert (shown["state"], shown["progress"]) == ("GABUNG", "BERANGKAT")
    assert (shown["acknowledged"], shown["joined_with"]) == (True, main["reference"])
    assert shown["units"][0]["code"] == "damkar-1"
    board = await centre.client.get(f"/board/{main['reference']}", headers=centre.operator())
    assert board.json()["joined"] == [second["reference"]]
    await centre.act(second, "separate")
    assert (await centre.follow(second))["progress"] == "TRIASE"


async def test_who_waits_on_a_joined_report_hears_of_the_whole_incident(centre: Centre) -> None:
    main, second = await centre.report(), await centre.report(callback="08120000002")
    await centre.act(second, "merge", into=main["reference"])
    waiting = asyncio.create_task(centre.follow(second, "?wait=25"))
    while not centre.service.changes.is_anybody_waiting:
        await asyncio.sleep(0)
    await centre.act(main, "acknowledge")
    assert (await waiting)["progress"] == "TRIASE"


async def test_merging_makes_no_circle_and_needs_an_open_incident(centre: Centre) -> None:
    first, second, third = [await centre.report(callback=f"0812000000{n}") for n in range(3)]
    await centre.act(second, "merge", into=first["reference"])
    assert (await centre.act(first, "merge", 409, into=second["reference"]))["code"] == "merge-into-itself"
    await centre.act(first, "find_untrue", reason="Iseng")
    assert (await centre.act(third, "merge", 409, into=second["reference"]))["code"] == "target-not-open"
    await centre.act(third, "merge", 404, into="112-999999")


async def test_a_message_brings_a_closed_report_back_to_the_board(centre: Centre) -> None:
    report = await centre.report()
    await centre.act(report, "find_untrue", reason="Tidak ada api")
    assert await centre.order() == []
    await centre.client.post(f"/incidents/{report['id']}/messages", json={"text": "Apinya di belakang!"})
    assert await centre.order() == [report["reference"]]
    await centre.act(report, "reinstate", reason="Ada api")
    assert (await centre.follow(report))["state"] == "TRIASE"


async def test_an_overdue_report_says_so(centre: Centre) -> None:
    await centre.report()
    centre.issuer.now.advance(seconds=31)
    line = (await centre.board())[0]
    assert (line["unread"], line["overdue"], line["waiting_seconds"]) == (True, True, 31)


async def test_a_waiting_board_is_answered_by_a_new_report(centre: Centre) -> None:
    before = (await centre.client.get("/board", headers=centre.operator())).json()
    path = f"/board?wait=25&seen={before['version']}"
    waiting = asyncio.create_task(centre.client.get(path, headers=centre.operator()))
    while not centre.service.changes.is_anybody_waiting:
        await asyncio.sleep(0)
    report = await centre.report()
    shown = (await waiting).json()
    assert [line["reference"] for line in shown["items"]] == [report["reference"]]
    assert (shown["unread"], shown["version"] > before["version"]) == (1, True)


async def test_the_board_is_paged_and_filtered_as_every_list(centre: Centre) -> None:
    for number in range(5):
        await centre.report(callback=f"0812000000{number}", kind=("fire", "flood")[number % 2])
    seen, address = [], "/board?limit=2&kind=fire"
    while address:
        page = (await centre.client.get(address, headers=centre.operator())).json()
        seen += [line["kind"] for line in page["items"]]
        address = f"/board?limit=2&kind=fire&cursor={page['next']}" if page["next"] else ""
    assert seen == ["fire"] * 3
    assert len(await centre.board("?state=DITERIMA,TRIASE&silent=false&outside=false&sort=-received_at")) == 5
    for query in ("wait=x", "seen=-1", "silent=maybe", "state=TIDAK", "sort=callback", "wait=99"):
        assert (await centre.client.get(f"/board?{query}", headers=centre.operator())).status_code == 400


async def test_units_tell_where_they_are_busy(centre: Centre) -> None:
    report = await centre.report()
    await centre.act(report, "dispatch", units=["damkar-1", "damkar-1", "damkar-2"])
    await centre.act(report, "release", unit="damkar-2")
    answer = await centre.client.get("/units?agency=BPBD", headers=centre.operator())
    busy = {unit["code"]: unit["busy_with"] for unit in answer.json()["items"]}
    assert busy == {"damkar-1": [report["reference"]], "damkar-2": [], "perahu-1": []}
    assert answer.json()["verified"] is False


@pytest.mark.parametrize(
    ("action", "fields", "status"),
    [
        ("fly", {}, 422),
        ("dispatch", {"units": ["kapal-selam"]}, 422),
        ("dispatch", {"units": []}, 422),
        ("assess", {"priority": 9}, 422),
        ("assess", {"priority": 1, "kind": "ufo"}, 422),
        ("hand_over", {"centre": "mars"}, 422),
        ("note", {"text": "   "}, 422),
        ("depart", {"unit": "damkar-1"}, 409),
        ("close", {"outcome": "handled", "extra": 1}, 422),
        ("reopen", {"reason": "x"}, 409),
    ],
)
async def test_what_makes_no_sense_is_refused_and_changes_nothing(
    centre: Centre, action: str, fields: dict[str, Any], status: int
) -> None:
    report = await centre.report()
    await centre.act(report, action, status, **fields)
    assert (await centre.follow(report))["state"] == "DITERIMA"


async def test_only_operators_act_and_admins_only_look(centre: Centre) -> None:
    report = await centre.report()
    path = f"/board/{report['reference']}"
    admin = centre.issuer.headers("kepala", NAME, roles=["admin"])
    assert (await centre.client.get(path, headers=admin)).status_code == 200
    body = {"action": "acknowledge"}
    for headers, code in (({}, "not-authenticated"), (centre.citizen(), "forbidden"), (admin, "forbidden")):
        assert problem_code(await centre.client.post(f"{path}/actions", json=body, headers=headers)) == code
    assert (await centre.client.get("/board", headers=centre.citizen())).status_code == 403


async def test_two_operators_who_look_at_different_versions_are_told(centre: Centre) -> None:
    report = await centre.report()
    path = f"/board/{report['reference']}"
    tag = (await centre.client.get(path, headers=centre.operator())).headers["ETag"]
    body = {"action": "note", "text": "Dua petugas"}
    headers = centre.operator(**{"If-Match": tag})
    assert (await centre.client.post(f"{path}/actions", json=body, headers=headers)).status_code == 200
    answer = await centre.client.post(f"{path}/actions", json=body, headers=headers)
    assert (answer.status_code, problem_code(answer)) == (412, "precondition-failed")


@pytest.mark.parametrize("reference", ["112-x", "112-", "9" * 30, "112-000009", "112-٣"])
async def test_an_unknown_number_is_a_404(centre: Centre, reference: str) -> None:
    answer = await centre.client.get(f"/board/{reference}", headers=centre.operator())
    assert answer.status_code == 404
