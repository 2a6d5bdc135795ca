"""The officers' desk: who may do what, in which order, and that nobody works on one case twice."""

import asyncio

import pytest

from services.kit.testing import problem_code
from services.permits.tests.conftest import PDF, City, Person


async def taken(city: City, code: str = "reklame") -> tuple[str, str]:
    """Submit an application and let an officer take it; return its id and its path at the desk."""
    application_id = await city.citizen.submitted(code)
    await city.officer().post("/desk/next")
    return application_id, f"/desk/applications/{application_id}"


async def ready_to_sign(city: City) -> str:
    _, desk = await taken(city)
    for act in ("accept", "assess"):
        assert (await city.officer().post(f"{desk}/{act}")).status_code == 200
    return desk


@pytest.mark.parametrize("roles", [[], ["operator:112"], ["admin"], ["officer"]])
async def test_the_desk_is_for_officers_only(city: City, roles: list[str]) -> None:
    someone = Person(city, "x", {"roles": roles})
    answer = await someone.get("/desk/applications")
    assert answer.status_code == 403
    assert problem_code(answer) == "forbidden"
    assert (await city.client.post("/desk/next")).status_code == 401


async def test_the_case_that_waited_longest_is_next_also_after_a_correction(city: City) -> None:
    first, desk = await taken(city)
    items = [{"item": "documents.ktp", "note": "buram"}]
    await city.officer().post(f"{desk}/corrections", json={"items": items})
    city.issuer.now.advance(hours=1)
    second = await city.neighbour.submitted()
    await city.citizen.upload(first, "ktp", PDF + b"baru")
    await city.citizen.post(f"/applications/{first}/submit")
    order = [(await city.officer(subject=f"o-{n}").post("/desk/next")).json()["application"]["id"] for n in range(2)]
    assert order == [first, second]  # the correction cost the first no place
    assert (await city.officer().post("/desk/next")).json() == {"application": None}


async def test_two_officers_at_once_take_two_cases(city: City) -> None:
    ids = {await city.citizen.submitted(), await city.neighbour.submitted()}
    officers = [city.officer(subject=f"officer-{n}") for n in range(4)]
    answers = await asyncio.gather(*(officer.post("/desk/next") for officer in officers))
    given = [answer.json()["application"] for answer in answers]
    assert sorted(one["id"] for one in given if one) == sorted(ids)


async def test_a_case_on_a_colleagues_desk_is_left_alone_until_released(city: City) -> None:
    _, desk = await taken(city)
    colleague = city.officer(subject="officer-2")
    assert (await colleague.get(desk)).json()["assigned"] == "other"
    assert problem_code(await colleague.post(f"{desk}/accept")) == "taken-by-another"
    assert problem_code(await colleague.post(f"{desk}/release")) == "taken-by-another"
    await city.officer().post(f"{desk}/release")
    assert (await colleague.post("/desk/next")).json()["application"]["assigned"] == "me"


async def test_nobody_decides_on_an_application_of_their_own(city: City) -> None:
    application_id = await city.citizen.submitted()
    both = Person(city, city.citizen.subject, {"roles": ["officer:DPMPTSP"]})
    assert (await both.post("/desk/next")).json() == {"application": None}
    await city.officer().post("/desk/next")
    await city.officer().post(f"/desk/applications/{application_id}/release")
    assert (await both.post(f"/desk/applications/{application_id}/accept")).status_code == 403


async def test_a_technical_agency_sees_its_own_kinds_and_does_its_own_step(city: City) -> None:
    building, desk = await taken(city, "pbg-prototipe")
    advertising = await city.neighbour.submitted()
    perkim, dinkes = city.officer("PERKIM", "p-1"), city.officer("DINKES", "d-1")
    assert [one["id"] for one in (await perkim.get("/desk/applications")).json()["items"]] == [building]
    assert (await dinkes.get("/desk/applications")).json()["items"] == []
    assert (await perkim.get(f"/desk/applications/{advertising}")).status_code == 404
    assert (await perkim.post(f"{desk}/accept")).status_code == 403
    assert (await perkim.post("/desk/next")).json() == {"application": None}
    await city.officer().post(f"{desk}/accept")
    assert (await perkim.post("/desk/next")).json()["application"]["possible"]
    assert (await perkim.post(f"{desk}/assess")).json()["state"] == "PENETAPAN_RETRIBUSI"


async def test_drafts_are_nobodys_business(city: City) -> None:
    draft = await city.citizen.draft()
    assert (await city.officer().get(f"/desk/applications/{draft}")).status_code == 404
    await city.citizen.post(f"/applications/{draft}/withdraw")
    assert (await city.officer().get("/desk/applications")).json()["items"] == []


async def test_officers_list_the_oldest_first_and_read_the_documents(city: City) -> None:
    first = await city.citizen.submitted()
    city.issuer.now.advance(minutes=1)
    second = await city.neighbour.submitted()
    items = (await city.officer().get("/desk/applications?state=DIAJUKAN&type=reklame")).json()["items"]
    assert [one["id"] for one in items] == [first, second]
    case = (await city.officer().get(f"/desk/applications/{first}")).json()
    sha256 = case["documents"][0]["uploaded"]["sha256"]
    assert (await city.officer().get(f"/desk/applications/{first}/documents/{sha256}")).content == PDF + b"ktp"
    assert (await city.officer().get(f"/desk/applications/{second}/documents/{'0' * 64}")).status_code == 404


async def test_a_decision_on_an_older_view_is_refused(city: City) -> None:
    _, desk = await taken(city)
    seen = (await city.officer().get(desk)).headers["ETag"]
    await city.officer().post(f"{desk}/accept", headers={"If-Match": seen})
    assert (await city.officer().post(f"{desk}/assess", headers={"If-Match": seen})).status_code == 412


@pytest.mark.parametrize(
    "items",
    [
        [],
        [{"item": "documents.paspor", "note": "buram"}],
        [{"item": "documents.ktp", "note": "buram"}, {"item": "documents.ktp", "note": "sekali lagi"}],
        [{"item": "documents.ktp", "note": " "}],
    ],
)
async def test_a_correction_names_items_of_the_application_once_each_with_a_note(
    city: City, items: list[dict[str, str]]
) -> None:
    application_id, desk = await taken(city)
    answer = await city.officer().post(f"{desk}/corrections", json={"items": items})
    assert answer.status_code == 422
    assert await city.citizen.state(application_id) == "CEK_BERKAS"


async def test_a_levy_other_than_the_rate_is_explained(city: City) -> None:
    _, desk = await taken(city, "pbg-prototipe")
    await city.officer().post(f"{desk}/accept")
    await city.officer("PERKIM", "p-1").post(f"{desk}/assess")
    assert (await city.officer().post(f"{desk}/levy", json={"amount": 5})).status_code == 422
    answer = await city.officer().post(f"{desk}/levy", json={"amount": 5, "explanation": "Keringanan Perwal"})
    assert answer.json()["payment"]["amount"] == 5


async def test_a_step_out_of_order_is_refused_with_the_state(city: City) -> None:
    _, desk = await taken(city)
    for act, body in (("assess", None), ("issue", None), ("levy", {"amount": 1, "explanation": "tanpa dasar"})):
        answer = await city.officer().post(f"{desk}/{act}", json=body or {})
        assert answer.status_code == 409, act
        assert answer.json()["state"] == "CEK_BERKAS"


async def test_a_permit_is_issued_once_however_often_it_is_asked(city: City) -> None:
    desk = await ready_to_sign(city)
    office = city.officer()
    answers = await asyncio.gather(*(office.post(f"{desk}/issue", headers={"Idempotency-Key": "k"}) for _ in range(3)))
    done = [answer.json() for answer in answers if answer.status_code == 200]
    assert done
    again = await office.post(f"{desk}/issue", headers={"Idempotency-Key": "k"})
    assert again.json()["permit"] == done[0]["permit"]
    assert [step["event"] for step in again.json()["history"]].count("issued") == 1
    assert (await office.post(f"{desk}/issue")).status_code == 409


async def test_permit_numbers_count_without_gaps_and_cannot_be_guessed(city: City) -> None:
    numbers = []
    for _ in range(2):
        desk = await ready_to_sign(city)
        numbers.append((await city.officer().post(f"{desk}/issue")).json()["permit"]["number"])
    assert [number.rsplit("-", 1)[0] for number in numbers] == ["REKLAME-2026-000001", "REKLAME-2026-000002"]
    assert len({number.rsplit("-", 1)[1] for number in numbers}) == 2
    assert (await city.client.get("/verify/REKLAME-2026-000001")).status_code == 404
