"""Whoever reported sees what is true, is told to telephone in time, and can talk without a voice."""

import asyncio

from services.emergency.tests.conftest import Centre
from services.kit.testing import problem_code


async def test_after_thirty_seconds_without_an_operator_the_caller_is_told_to_telephone(centre: Centre) -> None:
    report = await centre.report()
    assert (report["call_now"], report["call_in_seconds"]) == (False, 30)
    centre.issuer.now.advance(seconds=29)
    assert (await centre.follow(report))["call_in_seconds"] == 1
    centre.issuer.now.advance(seconds=1)
    late = await centre.follow(report)
    assert (late["call_now"], late["call_in_seconds"]) == (True, 0)
    assert late["advice"][0]["en"].startswith("No operator has answered yet. Call 112 now")


async def test_once_acknowledged_nobody_is_told_to_telephone(centre: Centre) -> None:
    report = await centre.report()
    centre.issuer.now.advance(seconds=20)
    await centre.act(report, "acknowledge")
    centre.issuer.now.advance(seconds=600)
    shown = await centre.follow(report)
    assert (shown["acknowledged"], shown["call_now"], shown["call_in_seconds"]) == (True, False, None)
    assert shown["state"] == "TRIASE"


async def test_a_waiting_caller_is_answered_when_an_operator_acts(centre: Centre) -> None:
    report = await centre.report()
    waiting = asyncio.create_task(centre.follow(report, "?wait=25"))
    while not centre.service.changes.is_anybody_waiting:
        await asyncio.sleep(0)
    await centre.act(report, "acknowledge")
    assert (await waiting)["acknowledged"] is True


async def test_a_waiting_caller_is_answered_when_the_thirty_seconds_are_over(centre: Centre) -> None:
    report = await centre.report()
    centre.issuer.now.advance(seconds=29.99)
    waiting = asyncio.create_task(centre.follow(report, "?wait=25"))
    while not centre.service.changes.is_anybody_waiting:
        await asyncio.sleep(0)
    centre.issuer.now.advance(seconds=1)
    assert (await waiting)["call_now"] is True


async def test_who_has_seen_an_older_version_waits_for_nothing(centre: Centre) -> None:
    report = await centre.report()
    await centre.act(report, "acknowledge")
    assert (await centre.follow(report, f"?wait=25&seen={report['version']}"))["state"] == "TRIASE"


async def test_the_end_of_the_process_answers_who_waits(centre: Centre) -> None:
    report = await centre.report()
    waiting = asyncio.create_task(centre.follow(report, "?wait=25"))
    while not centre.service.changes.is_anybody_waiting:
        await asyncio.sleep(0)
    await centre.service.changes.close()
    assert (await waiting)["state"] == "DITERIMA"
    assert (await centre.follow(report, "?wait=25"))["state"] == "DITERIMA"


async def test_a_change_by_another_process_wakes_too(centre: Centre) -> None:
    report = await centre.report()
    await centre.follower.look()
    waiting = asyncio.create_task(centre.follow(report, "?wait=25"))
    while not centre.service.changes.is_anybody_waiting:
        await asyncio.sleep(0)
    announce, centre.service.changes.announce = centre.service.changes.announce, lambda serials: None  # type: ignore[method-assign]
    await centre.act(report, "acknowledge")
    centre.service.changes.announce = announce  # type: ignore[method-assign]
    await centre.follower.look()
    assert (await waiting)["acknowledged"] is True


async def test_a_wait_is_bounded_and_strictly_read(centre: Centre) -> None:
    report = await centre.report()
    for query in ("wait=26", "wait=-1", "wait=x", "what=1"):
        assert (await centre.client.get(f"/incidents/{report['id']}?{query}")).status_code == 400


async def test_in_silent_mode_both_sides_write_and_nobody_telephones(centre: Centre) -> None:
    report = await centre.report(silent=True, kind="crime")
    assert any("We will not telephone you" in text["en"] for text in report["advice"])
    answer = await centre.client.post(f"/incidents/{report['id']}/messages", json={"text": "Dia di depan pintu"})
    assert answer.status_code == 201
    await centre.act(report, "write", text="Polisi datang tanpa sirene")
    centre.issuer.now.advance(seconds=40)
    said = [(message["from"], message["text"]) for message in (await centre.follow(report))["messages"]]
    assert said == [("reporter", "Dia di depan pintu"), ("operator", "Polisi datang tanpa sirene")]


async def test_a_silent_caller_nobody_answered_need_not_speak(centre: Centre) -> None:
    report = await centre.report(silent=True)
    centre.issuer.now.advance(seconds=31)
    assert "need not speak" in (await centre.follow(report))["advice"][0]["en"]


async def test_a_message_sent_twice_is_one(centre: Centre) -> None:
    report = await centre.report()
    for _ in range(2):
        path, key = f"/incidents/{report['id']}/messages", {"Idempotency-Key": "pesan-1"}
        await centre.client.post(path, json={"text": "Tolong"}, headers=key)
    assert len((await centre.follow(report))["messages"]) == 1


async def test_a_report_is_opened_by_its_id_alone(centre: Centre) -> None:
    report = await centre.report()
    for guess in (report["reference"], report["id"][:-1], report["id"].swapcase(), "1"):
        answer = await centre.client.get(f"/incidents/{guess}")
        assert (answer.status_code, problem_code(answer)) == (404, "not-found")
    assert len(report["id"]) == 32


async def test_the_inbox_tells_a_signed_in_reporter_what_operators_did_and_nobody_else(centre: Centre) -> None:
    report = await centre.report(centre.citizen("warga-1"))
    await centre.report(centre.citizen("warga-2"))
    await centre.act(report, "assess", priority=1)
    centre.issuer.now.advance(seconds=5)
    await centre.act(report, "dispatch", units=["damkar-1"])
    await centre.act(report, "note", text="catatan petugas")
    inbox = (await centre.client.get("/notifications", headers=centre.citizen("warga-1"))).json()
    assert [item["kind"] for item in inbox["items"]] == ["dispatched", "acknowledged"]
    assert {item["incident"] for item in inbox["items"]} == {report["id"]}
    since = inbox["items"][0]["at"].replace("+", "%2B")
    recent = await centre.client.get(f"/notifications?since={since}", headers=centre.citizen("warga-1"))
    assert [item["kind"] for item in recent.json()["items"]] == ["dispatched"]
    other = await centre.client.get("/notifications", headers=centre.citizen("warga-2"))
    assert other.json()["items"] == []
