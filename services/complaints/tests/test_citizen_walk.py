"""What a citizen does, from the first photo to looking at the public list."""

import asyncio

import httpx
import pytest

from services.kit.testing import problem_code

from .conftest import ROAD, Laksa, photo


async def test_a_report_gets_a_ticket_a_state_an_agency_and_a_due_date(laksa: Laksa) -> None:
    body = await laksa.report()
    assert body["ticket"].startswith("LKS-")
    assert body["state"] == "DITERIMA"
    assert body["colour"] == "red"
    assert "secret" not in body
    assert body["district"] == {"code": "36.71.08", "name": "Periuk", "approximate": True}
    verification = next(clock for clock in body["clocks"] if clock["code"] == "verification")
    assert verification["due_at"] == "2026-11-27T09:00:00+07:00"


async def test_my_list_holds_my_reports_and_nobody_elses(laksa: Laksa) -> None:
    first = await laksa.report()
    laksa.issuer.now.advance(minutes=1)
    second = await laksa.report(landmark="Pintu air")
    await laksa.report("warga-2")
    page = await laksa.get("/reports", "warga-1")
    assert [item["ticket"] for item in page["items"]] == [second["ticket"], first["ticket"]]


@pytest.mark.parametrize("sub", ["warga-2", None])
async def test_a_report_is_shown_to_nobody_but_its_reporter(laksa: Laksa, sub: str | None) -> None:
    ticket = (await laksa.report())["ticket"]
    headers = laksa.headers(sub) if sub else {}
    answer = await laksa.client.get(f"/reports/{ticket}", headers=headers)
    assert answer.status_code == (404 if sub else 401)
    assert "Lubang" not in answer.text
    assert (await laksa.get(f"/reports/{ticket}", "warga-1"))["description"] == ROAD["description"]


async def test_who_reports_without_signing_in_gets_a_secret_that_opens_the_report(laksa: Laksa) -> None:
    body = await laksa.report(None)
    path, secret = f"/reports/{body['ticket']}", body["secret"]
    assert (await laksa.get(path, **{"X-Ticket-Secret": secret.lower().replace("-", "")}))["state"] == "DITERIMA"
    assert (await laksa.get(path.lower(), **{"X-Ticket-Secret": secret}))["anonymous"] is True
    other = await laksa.report(None)
    assert (await laksa.client.get(path, headers={"X-Ticket-Secret": other["secret"]})).status_code == 404


async def test_a_signed_in_citizen_may_report_anonymously_and_is_not_tied_to_it(laksa: Laksa) -> None:
    body = await laksa.report("warga-1", anonymous=True)
    assert (await laksa.get("/reports", "warga-1"))["items"] == []
    answer = await laksa.client.get(f"/reports/{body['ticket']}", headers=laksa.headers("warga-1"))
    assert answer.status_code == 404


async def test_a_named_report_needs_a_sign_in(laksa: Laksa) -> None:
    answer = await laksa.client.post("/reports", json={**ROAD, "anonymous": False})
    assert answer.status_code == 401
    assert problem_code(answer) == "not-authenticated"


async def test_the_same_key_makes_one_report(laksa: Laksa) -> None:
    headers = laksa.headers(**{"Idempotency-Key": "k-1"})
    first = await laksa.client.post("/reports", json=ROAD, headers=headers)
    again = await laksa.client.post("/reports", json=ROAD, headers=headers)
    assert first.json() == again.json()
    other = await laksa.client.post("/reports", json={**ROAD, "landmark": "lain"}, headers=headers)
    assert problem_code(other) == "idempotency-key-reused"
    assert len((await laksa.get("/reports", "warga-1"))["items"]) == 1


async def test_an_anonymous_sending_repeated_gives_the_same_ticket_and_secret(laksa: Laksa) -> None:
    headers = {"Idempotency-Key": "k-2"}
    first = await laksa.client.post("/reports", json=ROAD, headers=headers)
    again = await laksa.client.post("/reports", json=ROAD, headers=headers)
    assert first.json()["secret"] == again.json()["secret"]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"lat": None, "lon": None, "landmark": None}, ""),
        ({"lon": None}, ""),
        ({"lat": 95.0}, "lat"),
        ({"category": "bajak-laut"}, "category"),
        ({"description": "pendek"}, "description"),
        ({"description": " " * 20}, "description"),
        ({"nik": "3671990101900001"}, "nik"),
        ({"kind": "curhat"}, "kind"),
    ],
)
async def test_a_wrong_field_is_named(laksa: Laksa, change: dict[str, object], field: str) -> None:
    answer = await laksa.client.post("/reports", json={**ROAD, **change}, headers=laksa.headers())
    assert answer.status_code == 422, answer.text
    assert [error["field"] for error in answer.json()["errors"]] == [field]
    assert (await laksa.get("/balance"))["received"] == 0


async def test_a_place_outside_the_city_is_taken_in_without_a_district(laksa: Laksa) -> None:
    assert (await laksa.report(lat=-6.9, lon=107.6))["district"] is None


async def test_a_landmark_alone_is_place_enough(laksa: Laksa) -> None:
    body = await laksa.report(lat=None, lon=None)
    assert body["place"] == {"lat": None, "lon": None, "landmark": "Depan Pasar Periuk"}


async def test_a_form_takes_the_same_fields_and_photos_at_once(laksa: Laksa) -> None:
    fields = {name: str(value) for name, value in ROAD.items()}
    files = [("file", ("a.jpg", photo("red"))), ("file", ("b.jpg", photo("blue")))]
    answer = await laksa.client.post("/reports", data=fields, files=files, headers=laksa.headers())
    assert answer.status_code == 201, answer.text
    assert [shown["number"] for shown in answer.json()["photos"]] == [1, 2]
    assert answer.json()["place"]["lat"] == ROAD["lat"]


async def test_a_form_sent_twice_with_a_key_makes_one_report(laksa: Laksa) -> None:
    fields = {name: str(value) for name, value in ROAD.items()}
    answers = [
        await laksa.client.post(
            "/reports",
            data=fields,
            files={"file": ("a.jpg", photo())},
            headers=laksa.headers(**{"Idempotency-Key": "k-3"}),
        )
        for _ in range(2)
    ]
    assert answers[0].json() == answers[1].json()
    assert (await laksa.get("/balance"))["received"] == 1


@pytest.mark.parametrize(
    ("data", "status"),
    [
        ({"category": ["roads", "roads"]}, 400),
        ({"lat": "utara"}, 422),
        ({"confidential": "mungkin"}, 422),
    ],
)
async def test_a_bad_form_is_refused(laksa: Laksa, data: dict[str, str | list[str]], status: int) -> None:
    fields: dict[str, str | list[str]] = {name: str(value) for name, value in ROAD.items()}
    answer = await laksa.client.post("/reports", data={**fields, **data}, files={"file": ("a.jpg", photo())})
    assert answer.status_code == status, answer.text


async def test_a_report_in_another_media_type_is_refused(laksa: Laksa) -> None:
    assert (await laksa.client.post("/reports", content=b"a=b")).status_code == 415


async def test_a_report_just_received_cannot_be_rated_or_reopened(laksa: Laksa) -> None:
    ticket = (await laksa.report())["ticket"]
    assert (await laksa.say(ticket, "rating", expect=409, stars=5))["code"] == "not-in-this-state"
    assert (await laksa.say(ticket, "reopening", expect=409, message="Belum"))["code"] == "not-in-this-state"
    assert (await laksa.say(ticket, "rating", expect=422, stars=6))["errors"][0]["field"] == "stars"
    assert (await laksa.say(ticket, "replies", expect=422, message="    "))["errors"][0]["field"] == "message"


async def test_a_reporter_can_write_more_at_any_time(laksa: Laksa) -> None:
    ticket = (await laksa.report())["ticket"]
    body = await laksa.say(ticket, "replies", message="Lubangnya makin besar.")
    assert body["history"][-1]["message"] == "Lubangnya makin besar."
    assert body["state"] == "DITERIMA"


async def test_the_public_list_shows_no_words_of_the_reporter_and_no_exact_place(laksa: Laksa) -> None:
    ticket = (await laksa.report())["ticket"]
    await laksa.add_photo(ticket, photo())
    answer = await laksa.client.get("/public")
    (item,) = answer.json()["items"]
    assert item["ticket"] == ticket
    assert item["position"] == {"lat": -6.168, "lon": 106.594}
    assert item["photos"] == {"before": [], "after": []}
    assert item["received_on"] == "2026-11-24"
    assert "Lubang" not in answer.text
    assert "Pasar" not in answer.text
    assert answer.headers["cache-control"] == "public, max-age=30"


async def test_a_category_of_homes_and_persons_shows_only_the_district(laksa: Laksa) -> None:
    await laksa.report(category="neglected_persons")
    (item,) = (await laksa.get("/public"))["items"]
    assert item["position"] is None
    assert item["district"]["name"] == "Periuk"
    assert (await laksa.get("/public/map"))["features"] == []


async def test_the_map_feed_is_geojson(laksa: Laksa) -> None:
    ticket = (await laksa.report())["ticket"]
    feed = await laksa.get("/public/map")
    assert feed["type"] == "FeatureCollection"
    assert feed["features"][0]["geometry"] == {"type": "Point", "coordinates": [106.594, -6.168]}
    assert feed["features"][0]["properties"]["ticket"] == ticket


async def test_the_public_list_is_paged_and_filtered(laksa: Laksa) -> None:
    tickets = [(await laksa.report())["ticket"] for _ in range(3)]
    await laksa.report(category="waste")
    first = await laksa.get("/public?category=roads&limit=2")
    second = await laksa.get(f"/public?category=roads&limit=2&cursor={first['next']}")
    assert [item["ticket"] for item in first["items"] + second["items"]] == tickets[::-1]
    assert second["next"] is None
    assert len((await laksa.get("/public?district=36.71.08&state=DITERIMA"))["items"]) == 4
    for query in ("state=HILANG", "category=bajak-laut", "agency=NASA", "district=99", "page=2", "limit=0", "sort=lat"):
        assert (await laksa.client.get(f"/public?{query}")).status_code == 400


async def test_a_public_report_can_be_looked_up_by_its_ticket(laksa: Laksa) -> None:
    ticket = (await laksa.report())["ticket"]
    assert (await laksa.get(f"/public/{ticket}"))["state"] == "DITERIMA"
    for wrong in ("LKS-22222-22222", "LKS-1", "x"):
        assert problem_code(await laksa.client.get(f"/public/{wrong}")) == "not-found"


async def test_the_balance_counts_every_report_once(laksa: Laksa) -> None:
    assert (await laksa.get("/balance"))["closes"] is True
    await laksa.report()
    await laksa.report(None, confidential=True)
    balance = await laksa.get("/balance")
    assert balance["received"] == 2
    assert balance["places"] == {"waiting": 2, "in_process": 0, "done": 0, "rejected": 0, "duplicate": 0}
    assert balance["closes"] is True
    assert balance["days"][0]["received"] == 2


async def test_the_catalogue_labels_what_is_not_verified(laksa: Laksa) -> None:
    page = await laksa.get("/categories")
    assert (await laksa.client.get("/categories?agency=NASA")).status_code == 400
    assert {item["agency"] for item in (await laksa.get("/categories?agency=DLH"))["items"]} == {"DLH"}
    assert {item["code"] for item in page["items"]} >= {"roads", "waste", "street_lights", "other"}
    assert all(item["source"] and item["verified"] is False for item in page["items"])


async def test_the_inbox_begins_empty_and_needs_a_sign_in(laksa: Laksa) -> None:
    await laksa.report()
    assert (await laksa.get("/notifications", "warga-1")) == {"items": [], "next": None}
    assert (await laksa.client.get("/notifications")).status_code == 401


async def test_the_service_is_healthy_and_describes_itself(laksa: Laksa) -> None:
    assert (await laksa.get("/healthz"))["status"] == "ok"
    assert (await laksa.get("/openapi.json"))["openapi"] == "3.1.0"


async def test_reports_sent_at_the_same_moment_get_different_numbers(laksa: Laksa) -> None:
    async def send(client: httpx.AsyncClient) -> str:
        return str((await client.post("/reports", json=ROAD)).json()["ticket"])

    tickets = await asyncio.gather(*(send(laksa.client) for _ in range(20)))
    assert len(set(tickets)) == 20
    assert (await laksa.get("/balance"))["received"] == 20
