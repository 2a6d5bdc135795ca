"""What a citizen can do with one sign-in, and what each agency learns of them: on the real processes of the demo."""

from __future__ import annotations

import signal
import sqlite3
from pathlib import Path
from typing import Any

import httpx
import jwt

from tests.acceptance.conftest import Demo, wait_for

NIK = "3671995505900001"  # of the first account; identity holds it, and nobody else may


def test_one_sign_in_opens_permits_complaints_and_home(demo: Demo) -> None:
    siti = demo.sign_in()
    application = demo.client.post("/v1/permits/applications", headers=siti, json={"type": "reklame"})
    assert application.status_code == 201
    report = {"category": "roads", "description": "Lubang besar di depan pasar.", "lat": -6.18, "lon": 106.63}
    complaint = demo.client.post("/v1/complaints/reports", headers=siti, json=report)
    assert complaint.status_code == 201
    home = demo.client.get("/v1/home", headers=siti).json()
    assert home["complete"] is True
    assert application.json()["id"] in str(home["parts"]["applications"]["data"])
    assert complaint.json()["ticket"] in str(home["parts"]["reports"]["data"])


def test_an_emergency_needs_no_sign_in_and_a_bad_one_costs_nothing(demo: Demo) -> None:
    incident = {"kind": "fire", "landmark": "Pasar Anyar", "callback": "081234567890"}
    for headers in ({}, {"authorization": "Bearer expired.or.forged"}):
        answer = demo.client.post("/v1/emergency/incidents", headers=headers, json=incident)
        assert answer.status_code in (200, 201, 202)
        assert next(iter(answer.json())) == "call"


def test_forged_tokens_are_refused_as_problems(demo: Demo) -> None:
    good = demo.sign_in()["authorization"].removeprefix("Bearer ")
    payload = jwt.decode(good, options={"verify_signature": False})
    for token in (jwt.encode(payload, "", algorithm="none"), good[:-6] + "AAAAAA", "x.y.z"):
        answer = demo.client.get("/v1/permits/applications", headers={"authorization": f"Bearer {token}"})
        assert answer.status_code == 401
        assert answer.headers["content-type"] == "application/problem+json"


def test_a_logout_is_refused_within_moments(demo: Demo) -> None:
    siti = demo.sign_in()
    assert demo.client.post("/v1/identity/logout", headers=siti).status_code == 204
    wait_for(lambda: demo.client.get("/v1/permits/applications", headers=siti).status_code == 401)


def test_neither_token_nor_nik_reached_an_agency_a_database_or_a_log(demo: Demo) -> None:
    siti = demo.sign_in()
    token = siti["authorization"].removeprefix("Bearer ")
    demo.client.get("/v1/permits/applications", headers=siti)
    demo.client.get("/v1/complaints/reports", headers=siti)
    # The account does have the NIK: identity finds it by it.
    by_nik = {"identifier": NIK, "password": demo.facts["accounts"][0]["password"]}
    assert demo.client.post("/v1/identity/login", json=by_nik).status_code == 200
    for database in demo.plan.directory.rglob("*.sqlite3"):
        with sqlite3.connect(database) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    searched = [path for path in demo.plan.directory.rglob("*") if path.is_file() and path.name != "demo.json"]
    assert len(searched) > 10
    for path in searched:
        content = path.read_bytes()
        if path.name != "accounts.json":
            assert NIK.encode() not in content, path
        for piece in (token, token.split(".")[1], token.split(".")[2]):
            assert piece.encode() not in content, path


def test_home_and_the_catalogue_outlive_permits_killed_and_stopped(demo: Demo) -> None:
    siti = demo.sign_in()
    assert demo.client.get("/v1/home", headers=siti).json()["complete"] is True
    demo.client.get("/v1/permits/types")
    demo.signal("permits", signal.SIGSTOP)
    part = _part(demo, siti)
    assert part["status"] == "stale"
    assert part["problem"]["source"] == "agency"
    demo.signal("permits", signal.SIGCONT)
    wait_for(lambda: _part(demo, siti)["status"] == "ok")

    demo.signal("permits", signal.SIGKILL)
    wait_for(lambda: _part(demo, siti)["status"] == "stale")
    assert _part(demo, siti)["problem"]["since"]
    assert demo.client.get("/v1/permits/types").status_code == 200
    mine = demo.client.get("/v1/permits/applications", headers=siti)
    assert mine.status_code == 503
    assert mine.json()["agency"]["name"].startswith("Dinas Penanaman Modal")
    demo.start("permits")
    wait_for(lambda: _part(demo, siti)["status"] == "ok")


def test_citizens_already_signed_in_keep_working_without_identity(demo: Demo) -> None:
    siti = demo.sign_in()
    assert demo.client.get("/v1/permits/applications", headers=siti).status_code == 200
    demo.signal("identity", signal.SIGKILL)
    wait_for(lambda: not _is_up(demo.plan.service_url("identity")))
    assert demo.client.get("/v1/permits/applications", headers=siti).status_code == 200
    assert demo.client.get("/v1/home", headers=siti).status_code == 200
    demo.start("identity")
    wait_for(lambda: demo.client.get("/v1/identity/me", headers=siti).status_code == 200)


def test_the_facts_file_is_for_its_owner_only(demo: Demo) -> None:
    path = Path(demo.plan.directory / "demo.json")
    assert path.stat().st_mode & 0o077 == 0
    assert set(demo.facts) == {"public", "ops", "services", "accounts", "admin_token"}


def _part(demo: Demo, siti: dict[str, str]) -> dict[str, Any]:
    part: dict[str, Any] = demo.client.get("/v1/home", headers=siti).json()["parts"]["applications"]
    return part


def _is_up(url: str) -> bool:
    try:
        httpx.get(url + "/healthz", timeout=1, trust_env=False)
    except httpx.HTTPError:
        return False
    return True
