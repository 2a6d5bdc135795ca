"""Roles, blocking, and what admins see of people."""

import pytest

from services.identity.tests.conftest import BUDI, City
from services.kit.testing import problem_code


async def test_roles_are_granted_and_withdrawn_and_the_token_says_so(city: City) -> None:
    admin, budi = await city.officer("admin"), await city.newcomer(**BUDI)
    path = f"/accounts/{budi.claims['sub']}/roles/officer:DPMPTSP"
    granted = await city.client.put(path, headers=admin.headers)
    assert granted.json()["roles"] == ["officer:DPMPTSP"]
    assert (await city.client.put(path, headers=admin.headers)).status_code == 200
    await budi.refresh()
    assert budi.claims["roles"] == ["officer:DPMPTSP"]
    withdrawn = await city.client.delete(path, headers=admin.headers)
    assert withdrawn.json()["roles"] == []
    # The token that still says officer is called back at once.
    page = (await city.client.get("/.well-known/revocations")).json()
    (entry,) = page["revocations"]
    assert entry["sub"] == budi.claims["sub"]
    assert entry["not_before"] > budi.claims["iat"]
    await budi.refresh()
    assert budi.claims["roles"] == []
    texts = [each["text"] for each in (await budi.get("/notifications")).json()["items"]]
    assert sum("Peran petugas" in text for text in texts) == 2


async def test_only_admins_may_and_the_role_is_read_anew_at_each_call(city: City) -> None:
    admin, second = await city.officer("admin"), await city.newcomer(**BUDI)
    path = f"/accounts/{second.claims['sub']}/roles/admin"
    assert problem_code(await second.get("/accounts")) == "forbidden"
    assert problem_code(await city.client.get("/accounts")) == "not-authenticated"
    await city.client.put(path, headers=admin.headers)
    assert (await second.get("/accounts")).status_code == 200
    await city.client.delete(path, headers=admin.headers)
    assert problem_code(await second.get("/accounts")) == "forbidden"


async def test_an_admin_cannot_change_the_own_admin_role(city: City) -> None:
    admin = await city.officer("admin")
    answer = await city.client.delete(f"/accounts/{admin.claims['sub']}/roles/admin", headers=admin.headers)
    assert problem_code(answer) == "own-role"


@pytest.mark.parametrize("role", ["root", "officer:", "officer:dpmptsp", "operator:113"])
async def test_roles_that_do_not_exist_are_refused(city: City, role: str) -> None:
    admin = await city.officer("admin")
    answer = await city.client.put(f"/accounts/{admin.claims['sub']}/roles/{role}", headers=admin.headers)
    assert problem_code(answer) == "invalid-fields"


async def test_a_blocked_account_is_out_at_once_and_learns_it_only_with_the_password(city: City) -> None:
    admin, budi = await city.officer("admin"), await city.newcomer(**BUDI)
    path = f"/accounts/{budi.claims['sub']}"
    assert (await admin.post(f"{path}/block", {"reason": "stolen-device"})).json()["status"] == "DIBLOKIR"
    assert problem_code(await budi.get("/me")) == "session-over"
    assert problem_code(await budi.refresh()) == "session-over"
    assert problem_code(await city.attempt(BUDI["email"])) == "account-blocked"
    assert problem_code(await city.attempt(BUDI["email"], "salah-salah")) == "wrong-credentials"
    assert problem_code(await admin.post(f"{path}/block", {"reason": "fraud"})) == "not-possible-now"
    assert (await admin.post(f"{path}/unblock")).json()["status"] == "AKTIF"
    assert (await city.attempt(BUDI["email"])).status_code == 200


async def test_admins_see_masked_people_page_by_page(city: City) -> None:
    admin, budi = await city.officer("admin"), await city.matched()
    first = (await admin.get("/accounts", params={"limit": 1, "sort": "created_at"})).json()
    second = (await admin.get("/accounts", params={"limit": 1, "sort": "created_at", "cursor": first["next"]})).json()
    shown = {each["id"]: each for each in (*first["items"], *second["items"])}
    assert shown[budi.claims["sub"]]["name"] == "B*** S******"
    assert BUDI["nik"] not in repr(shown)
    assert second["next"] is None


async def test_an_account_is_found_by_what_it_proved(city: City) -> None:
    admin, budi = await city.officer("admin"), await city.matched()
    found = await admin.post("/accounts/search", {"identifier": BUDI["nik"]})
    assert found.json()["id"] == budi.claims["sub"]
    missing = await admin.post("/accounts/search", {"identifier": BUDI["phone"]})
    assert problem_code(missing) == "not-found"
    unknown = await admin.post("/accounts/tidak-ada/block", {"reason": "fraud"})
    assert problem_code(unknown) == "not-found"
