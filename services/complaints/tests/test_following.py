"""Duplicates are linked and their reporters told; followers hear how it goes on."""

from .conftest import DESK, Laksa


async def test_a_duplicate_is_linked_and_its_reporter_follows_the_first_report(laksa: Laksa) -> None:
    first = (await laksa.report("warga-1"))["ticket"]
    second = (await laksa.report("warga-2"))["ticket"]
    await laksa.act(second, "link_duplicate", of=first)
    body = await laksa.get(f"/reports/{second}", "warga-2")
    assert (body["state"], body["duplicate_of"]) == ("DUPLIKAT", first)
    laksa.issuer.now.advance(minutes=1)
    await laksa.act(first, "start_verification")
    await laksa.act(first, "forward", agency="DPUPR", message="Tolong dicek rumah Pak Budi.")
    told = (await laksa.get("/notifications", "warga-2"))["items"]
    assert [(item["ticket"], item["kind"], item["message"]) for item in told] == [
        (first, "forwarded", None),
        (second, "duplicate-linked", None),
    ]
    duplicates = await laksa.client.get(f"/desk/reports?duplicate_of={first}", headers=laksa.headers("petugas-1", DESK))
    assert [item["ticket"] for item in duplicates.json()["items"]] == [second]
    assert (await laksa.act(second, "unlink_duplicate"))["duplicate_of"] is None


async def test_a_link_leads_to_a_report_that_is_itself_no_duplicate_and_no_secret(laksa: Laksa) -> None:
    first, second, third = [(await laksa.report())["ticket"] for _ in range(3)]
    hidden = (await laksa.report(confidential=True))["ticket"]
    await laksa.act(second, "link_duplicate", of=first)
    for wrong in (second, third, hidden, "LKS-22222-22222"):
        body = await laksa.act(third, "link_duplicate", of=wrong, expect=422)
        assert body["errors"][0]["field"] == "of"
    assert (await laksa.act(first, "link_duplicate", of=third, expect=409))["code"] == "has-duplicates"


async def test_an_anonymous_duplicate_is_linked_without_telling_anybody(laksa: Laksa) -> None:
    first = (await laksa.report("warga-1"))["ticket"]
    second = await laksa.report(None)
    await laksa.act(second["ticket"], "link_duplicate", of=first)
    seen = await laksa.get(f"/reports/{second['ticket']}", **{"X-Ticket-Secret": second["secret"]})
    assert seen["duplicate_of"] == first
    assert (await laksa.get(f"/public/{first}"))["followers"] == 0


async def test_followers_are_told_how_it_goes_on_and_never_what_was_written(laksa: Laksa) -> None:
    ticket = (await laksa.report("warga-1"))["ticket"]
    path, headers = f"/reports/{ticket}/following", laksa.headers("warga-2")
    assert (await laksa.client.put(path, headers=headers)).json()["followers"] == 1
    assert (await laksa.client.put(path, headers=headers)).json()["followers"] == 1
    await laksa.act(ticket, "start_verification")
    await laksa.act(ticket, "request_data", message="Nomor rumah Anda?")
    await laksa.say(ticket, "replies", message="Nomor 7")
    await laksa.act(ticket, "forward", agency="DPUPR", message="Rumah nomor 7.")
    told = await laksa.client.get("/notifications", headers=headers)
    assert [item["kind"] for item in told.json()["items"]] == ["forwarded"]
    assert "omor" not in told.text
    assert (await laksa.client.get(f"/reports/{ticket}", headers=headers)).status_code == 404
    assert (await laksa.client.delete(path, headers=headers)).json() == {
        "ticket": ticket,
        "following": False,
        "followers": 0,
    }
    assert (await laksa.get("/notifications", "warga-2"))["items"] == []


async def test_the_reporter_stays_the_reporter_when_they_follow_or_unfollow(laksa: Laksa) -> None:
    ticket = (await laksa.report())["ticket"]
    for method in ("PUT", "DELETE"):
        answer = await laksa.client.request(method, f"/reports/{ticket}/following", headers=laksa.headers())
        assert answer.json()["followers"] == 0
    assert (await laksa.get(f"/reports/{ticket}", "warga-1"))["ticket"] == ticket
