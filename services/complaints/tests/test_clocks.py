"""Time limits: counted in working days, warned of before, recorded after, lost by no forwarding."""

from typing import Any

import pytest

from .conftest import DLH, DPUPR, Laksa
from .test_desk import followed_up, forwarded


def clock(view: dict[str, Any], code: str) -> dict[str, Any]:
    """Find a clock in a view."""
    (found,) = [entry for entry in view["clocks"] if entry["code"] == code]
    return dict(found)


async def kinds(laksa: Laksa, ticket: str) -> list[tuple[str, str | None]]:
    """List what the clocks made happen."""
    view = await officer_view(laksa, ticket)
    return [(event["kind"], event.get("clock")) for event in view["history"] if event["by"] == "system"]


async def officer_view(laksa: Laksa, ticket: str) -> dict[str, Any]:
    answer = await laksa.client.get(f"/desk/reports/{ticket}", headers=laksa.headers("petugas-1", "officer:Diskominfo"))
    view: dict[str, Any] = answer.json()
    return view


async def test_verification_is_due_after_three_working_days(laksa: Laksa) -> None:
    laksa.issuer.now.advance(days=2)  # Thursday 09.00: Friday, Monday, Tuesday
    view = await laksa.report()
    assert clock(view, "verification")["due_at"] == "2026-12-01T09:00:00+07:00"
    assert clock(view, "completion_without_supervision")["promised"] == 14
    assert clock(view, "law")["due_at"] == "2027-01-25T09:00:00+07:00"
    assert view["due_at"] == "2026-12-01T09:00:00+07:00"


async def test_every_rule_shows_its_source_and_the_unverified_is_labelled(laksa: Laksa) -> None:
    view = await laksa.report()
    assert all(entry["source"] for entry in view["clocks"])
    assert clock(view, "law")["verified"] is False
    # Working days are counted by a calendar that holds example holidays.
    assert clock(view, "verification")["verified"] is False


async def test_a_limit_is_warned_of_before_and_recorded_after_once(laksa: Laksa) -> None:
    ticket = (await laksa.report())["ticket"]
    assert await laksa.watch.look() == 0
    laksa.issuer.now.advance(days=2)
    assert await laksa.watch.look() == 1
    assert await kinds(laksa, ticket) == [("clock-warned", "verification")]
    laksa.issuer.now.advance(days=1)
    await laksa.watch.look()
    assert await kinds(laksa, ticket) == [("clock-warned", "verification"), ("clock-overdue", "verification")]
    assert await laksa.watch.look() == 0
    view = await laksa.get(f"/reports/{ticket}", "warga-1")
    assert view["is_late"] is True
    assert clock(view, "verification")["is_missed"] is True
    assert clock(view, "verification")["due_at"] == "2026-11-27T09:00:00+07:00"
    told = (await laksa.get("/notifications", "warga-1"))["items"]
    assert [item["kind"] for item in told] == ["clock-overdue"]


async def test_a_missed_limit_stays_on_public_record_after_the_answer(laksa: Laksa) -> None:
    ticket = (await laksa.report())["ticket"]
    laksa.issuer.now.advance(days=9)
    await laksa.act(ticket, "start_verification")  # whoever acts first writes down what was missed
    await laksa.act(ticket, "forward", agency="DPUPR")
    item = await laksa.get(f"/public/{ticket}")
    assert item["is_late"] is False
    assert item["missed_time_limits"] == 1


async def test_forwarding_twice_gives_the_second_agency_no_new_time(laksa: Laksa) -> None:
    ticket = await forwarded(laksa)  # Tuesday 09.00
    first = clock(await officer_view(laksa, ticket), "follow_up")
    assert first["due_at"] == "2026-12-01T09:00:00+07:00"
    laksa.issuer.now.advance(days=2)
    await laksa.act(ticket, "hand_back", DPUPR, message="Bukan jalan kota.")
    laksa.issuer.now.advance(days=1)
    view = await laksa.act(ticket, "forward", agency="DLH")
    assert clock(view, "follow_up")["due_at"] == first["due_at"]
    laksa.issuer.now.advance(days=4)
    await laksa.watch.look()
    assert ("clock-overdue", "follow_up") in await kinds(laksa, ticket)
    late = await laksa.act(ticket, "start_work", DLH)
    assert late["is_late"] is True


async def test_waiting_for_the_reporter_pauses_the_desks_clock_but_not_the_laws(laksa: Laksa) -> None:
    ticket = (await laksa.report())["ticket"]
    await laksa.act(ticket, "start_verification")
    laksa.issuer.now.advance(days=1)
    view = await laksa.act(ticket, "request_data", message="Di RT berapa?")
    assert clock(view, "verification") | {"title": None} == {
        "code": "verification",
        "title": None,
        "promised": 3,
        "unit": "workdays",
        "state": "paused",
        "due_at": None,
        "is_missed": False,
        "source": "SP4N-LAPOR! (teks aplikasi)",
        "verified": False,
    }
    law = clock(view, "law")["due_at"]
    laksa.issuer.now.advance(days=6)  # Tuesday again
    await laksa.say(ticket, "replies", message="RT 03")
    view = await officer_view(laksa, ticket)
    assert clock(view, "verification")["due_at"] == "2026-12-03T09:00:00+07:00"  # two of three days are left
    assert clock(view, "law")["due_at"] == law


async def test_data_that_never_comes_ends_the_report_which_can_be_reopened(laksa: Laksa) -> None:
    ticket = (await laksa.report())["ticket"]
    await laksa.act(ticket, "start_verification")
    view = await laksa.act(ticket, "request_data", message="Di RT berapa?")
    assert clock(view, "data")["due_at"] == "2026-12-04T09:00:00+07:00"
    laksa.issuer.now.advance(days=10)
    assert (await laksa.say(ticket, "replies", message="RT 03", expect=409))["code"] == "not-in-this-state"
    await laksa.watch.look()
    assert (await laksa.get(f"/reports/{ticket}", "warga-1"))["state"] == "DITOLAK"
    assert (await laksa.say(ticket, "reopening", message="RT 03"))["state"] == "DIBUKA_KEMBALI"


async def test_a_followed_up_report_closes_after_ten_silent_working_days(laksa: Laksa) -> None:
    ticket = await followed_up(laksa)  # Tuesday 24 November, 09.00
    laksa.issuer.now.advance(days=10)
    await laksa.say(ticket, "replies", message="Saya cek dulu besok.")  # Friday 4 December: silence begins anew
    laksa.issuer.now.advance(days=13)
    await laksa.watch.look()
    assert (await laksa.get(f"/reports/{ticket}", "warga-1"))["state"] == "DITINDAKLANJUTI"
    laksa.issuer.now.advance(days=1)
    await laksa.watch.look()
    view = await laksa.get(f"/reports/{ticket}", "warga-1")
    assert view["state"] == "SELESAI"
    assert view["history"][-1]["kind"] == "closed-by-silence"
    assert view["may"] == ["rating", "reopening"]


async def test_reopening_gives_no_time_back(laksa: Laksa) -> None:
    ticket = await forwarded(laksa, "Disdukcapil", category="identity_cards")
    laksa.issuer.now.advance(days=3)  # Friday: three of five days are spent
    await laksa.act(ticket, "start_work", "officer:Disdukcapil")
    await laksa.act(ticket, "follow_up", "officer:Disdukcapil", message="Sudah.")
    await laksa.say(ticket, "reopening", message="Belum.")
    view = await laksa.act(ticket, "start_work", "officer:Disdukcapil")
    assert clock(view, "follow_up")["due_at"] == "2026-12-01T09:00:00+07:00"


async def test_the_desk_may_say_that_a_report_is_of_another_weight(laksa: Laksa) -> None:
    ticket = (await laksa.report())["ticket"]
    await laksa.act(ticket, "start_verification")
    view = await laksa.act(ticket, "forward", agency="Inspektorat", handling="supervision")
    assert clock(view, "completion_supervision")["promised"] == 60
    assert not [entry for entry in view["clocks"] if entry["code"] == "completion_without_supervision"]


@pytest.mark.parametrize("days", [60, 100])
async def test_the_sixty_days_of_the_law_are_calendar_days(laksa: Laksa, days: int) -> None:
    ticket = await forwarded(laksa)
    laksa.issuer.now.advance(days=days)
    await laksa.watch.look()
    assert ("clock-overdue", "law") in await kinds(laksa, ticket)
    assert ("clock-warned", "law") in await kinds(laksa, ticket)


async def test_the_watch_brings_many_reports_up_to_date(laksa: Laksa) -> None:
    for _ in range(60):
        await laksa.report()
    laksa.issuer.now.advance(days=9)
    assert await laksa.watch.look() == 60
    headers = laksa.headers("petugas-1", "officer:Diskominfo")
    page = await laksa.client.get("/desk/reports?late=true&limit=100", headers=headers)
    assert len(page.json()["items"]) == 60
