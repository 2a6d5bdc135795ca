"""Reporting needs no login and almost nothing else; the telephone number comes first, always."""

import json
from typing import Any

import httpx
import pytest

from services.emergency.tests.conftest import FIRE, Centre
from services.kit.testing import problem_code


def starts_with_call(answer: httpx.Response) -> bool:
    """Tell whether the very first member is the telephone number."""
    first = next(iter(json.loads(answer.content, object_pairs_hook=list)))
    return tuple(first) == ("call", "tel:112")


async def test_the_telephone_number_is_the_first_member_of_every_answer(centre: Centre) -> None:
    report = await centre.report()
    citizen, operator, path = centre.citizen(), centre.operator(), f"/board/{report['reference']}"
    asked: list[tuple[str, str, dict[str, Any]]] = [
        ("GET", "/types", {}),
        ("GET", "/posts?lat=-6.17&lon=106.6", {}),
        ("GET", f"/incidents/{report['id']}", {}),
        ("POST", "/incidents", {"json": dict(FIRE)}),
        ("POST", f"/incidents/{report['id']}/messages", {"json": {"text": "Cepat"}}),
        ("GET", "/notifications", {"headers": citizen}),
        ("GET", "/board", {"headers": operator}),
        ("GET", path, {"headers": operator}),
        ("POST", f"{path}/actions", {"headers": operator, "json": {"action": "acknowledge"}}),
        ("GET", "/units", {"headers": operator}),
    ]
    for method, address, more in asked:
        answer = await centre.client.request(method, address, **more)
        assert answer.status_code < 300, answer.text
        assert starts_with_call(answer)


@pytest.mark.parametrize(
    ("method", "path", "content", "status"),
    [
        ("GET", "/nowhere", None, 404),
        ("GET", "/incidents/unknown", None, 404),
        ("DELETE", "/incidents", None, 405),
        ("POST", "/incidents", b"{", 400),
        ("POST", "/incidents", b"{}", 422),
        ("POST", "/incidents", b"x" * 300_000, 413),
        ("GET", "/posts?lat=200&lon=0", None, 400),
        ("GET", "/notifications", None, 401),
        ("GET", "/board", None, 401),
        ("GET", "/types?x=%00", None, 400),
    ],
)
async def test_it_is_first_in_every_problem_too(
    centre: Centre, method: str, path: str, content: bytes | None, status: int
) -> None:
    answer = await centre.client.request(method, path, content=content)
    assert answer.status_code == status
    assert problem_code(answer)
    assert starts_with_call(answer)


async def test_it_is_first_even_when_the_database_is_gone(centre: Centre) -> None:
    def broken(*_arguments: object) -> None:
        raise RuntimeError("the defect of 081234567890")

    centre.app.state.service.ledger.__class__.open, kept = broken, centre.service.ledger.__class__.open
    try:
        answer = await centre.client.post("/incidents", json=dict(FIRE))
    finally:
        centre.service.ledger.__class__.open = kept  # type: ignore[method-assign]
    assert answer.status_code == 500
    assert starts_with_call(answer)
    assert "081234567890" not in answer.text + centre.log.getvalue()


@pytest.mark.parametrize(
    "place",
    [{"landmark": "Depan masjid", "lat": None, "lon": None}, {"landmark": None}, {"landmark": "x", "lon": None}],
)
async def test_kind_callback_and_either_position_or_landmark_are_enough(centre: Centre, place: dict[str, Any]) -> None:
    report = await centre.report(**place)
    assert report["state"] == "DITERIMA"


@pytest.mark.parametrize("missing", ["kind", "callback"])
async def test_what_is_missing_is_named(centre: Centre, missing: str) -> None:
    body = {name: value for name, value in FIRE.items() if name != missing}
    answer = await centre.client.post("/incidents", json=body)
    assert problem_code(answer) == "invalid-fields"
    assert [error["field"] for error in answer.json()["errors"]] == [missing]


@pytest.mark.parametrize("place", [{}, {"lat": -6.2}, {"landmark": "  "}])
async def test_without_any_place_it_is_asked_for(centre: Centre, place: dict[str, Any]) -> None:
    answer = await centre.client.post("/incidents", json={"kind": "fire", "callback": "08123456789", **place})
    assert answer.status_code == 422
    assert "landmark" in answer.json()["errors"][0]["detail"]


@pytest.mark.parametrize(
    "oddity",
    [
        {"kind": "kebakaran hutan"},
        {"callback": "021-5529 1234"},
        {"callback": "+1 (202) 555-0143"},
        {"description": "a" * 100_000},
        {"landmark": "b" * 100_000},
        {"app_version": 9, "battery": {"left": 3}},
        {"lat": 0.0, "lon": 0.0},
        {"lat": 48.85, "lon": 2.35},
        {"landmark": "di\0sana", "people": 3.0},
        {"people": 0, "accuracy_m": 90_000.0},
        {"silent": True},
    ],
)
async def test_what_is_odd_is_no_reason_to_refuse(centre: Centre, oddity: dict[str, Any]) -> None:
    report = await centre.report(**oddity)
    assert [report["reference"]] == await centre.order()


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", ""])
async def test_json_is_read_whatever_the_client_calls_it(centre: Centre, kind: str) -> None:
    content = json.dumps(dict(FIRE))
    answer = await centre.client.post("/incidents", content=content, headers={"Content-Type": kind})
    assert answer.status_code == 201


@pytest.mark.parametrize("token", ["Bearer nonsense", "Basic YTpi", "Bearer "])
async def test_a_bad_sign_in_counts_as_none(centre: Centre, token: str) -> None:
    answer = await centre.client.post("/incidents", json=dict(FIRE), headers={"Authorization": token})
    assert answer.status_code == 201


async def test_a_gateway_whose_keys_cannot_be_had_stops_no_report(centre: Centre) -> None:
    centre.issuer.is_down = True
    assert await centre.report(centre.citizen())


async def test_reception_never_reads_as_help(centre: Centre) -> None:
    report = await centre.report()
    assert report["acknowledged"] is False
    assert "belum" in report["message"]["id"]
    assert "No help has been sent" in report["message"]["en"]
    assert report["units"] == []


async def test_a_repeated_sending_makes_one_incident_and_tells_what_is_true_now(centre: Centre) -> None:
    key = {"Idempotency-Key": "telepon-1"}
    first = await centre.report(key)
    centre.issuer.now.advance(seconds=31)
    again = await centre.report(key)
    assert again["id"] == first["id"]
    assert (first["call_now"], again["call_now"]) == (False, True)
    assert len(await centre.board()) == 1


@pytest.mark.parametrize("key", ["telepon-1", "has space", "x" * 300])
async def test_a_key_that_cannot_be_used_stops_no_report(centre: Centre, key: str) -> None:
    await centre.report({"Idempotency-Key": key})
    other = await centre.report({"Idempotency-Key": key}, landmark="Tempat lain")
    assert other["location"]["landmark"] == "Tempat lain"
    assert len(await centre.board()) == 2


async def test_the_location_leads_to_the_report_behind_any_prefix(centre: Centre) -> None:
    answer = await centre.client.post("/incidents", json=dict(FIRE))
    location = httpx.URL("http://city/v1/emergency/incidents").join(answer.headers["Location"])
    assert location.path == f"/v1/emergency/incidents/{answer.json()['id']}"
    assert answer.headers["Cache-Control"] == "no-store"


async def test_what_was_reported_reaches_no_log(centre: Centre) -> None:
    report = await centre.report(centre.citizen("rahasia-subjek"), name="Bu Rahasia")
    await centre.follow(report)
    await centre.act(report, "write", text="Pesan rahasia")
    log = centre.log.getvalue()
    for secret in ("3456", "Periuk", "-6.168", "Rahasia", "rahasia", report["id"]):
        assert secret not in log


async def test_outside_the_city_is_taken_in_named_and_handed_over(centre: Centre) -> None:
    report = await centre.report(lat=-6.29, lon=106.72)
    assert report["outside_city"] is True
    assert any("luar Kota Tangerang" in text["id"] for text in report["advice"])
    shown = await centre.client.get(f"/board/{report['reference']}", headers=centre.operator())
    assert shown.json()["centre"]["code"] == "tangsel"
    await centre.act(report, "hand_over", centre="tangsel")
    assert (await centre.follow(report))["state"] == "LUAR_WILAYAH"
    await centre.act(report, "take_back", reason="Tangsel menolak")
    assert (await centre.follow(report))["state"] == "TRIASE"


async def test_types_and_posts_say_that_they_are_examples(centre: Centre) -> None:
    kinds = (await centre.client.get("/types")).json()
    assert {item["code"] for item in kinds["items"]} >= {"fire", "medical", "crime", "other"}
    assert not any(item["verified"] for item in kinds["items"])
    posts = (await centre.client.get("/posts?lat=-6.168&lon=106.594&kind=health")).json()
    assert posts["verified"] is False
    distances = [item["distance_m"] for item in posts["items"]]
    assert distances == sorted(distances)
    assert {item["phone"] for item in posts["items"]} == {"tel:119"}


async def test_posts_without_a_position_have_no_distance(centre: Centre) -> None:
    for half in ("", "&lat=-6.1", "&lon=106.6"):
        posts = (await centre.client.get(f"/posts?limit=2{half}")).json()
        assert [item["distance_m"] for item in posts["items"]] == [None, None]
        assert posts["next"]


async def test_types_are_not_sent_twice(centre: Centre) -> None:
    first = await centre.client.get("/types")
    again = await centre.client.get("/types", headers={"If-None-Match": first.headers["ETag"]})
    assert again.status_code == 304
