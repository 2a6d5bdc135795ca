"""What a citizen is promised from draft to submission."""

import asyncio

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from services.kit.database import Database, open_engine
from services.kit.testing import problem_code
from services.permits.applications import MAX_EVENTS
from services.permits.machine import EventKind
from services.permits.store import open_case, record
from services.permits.tables import Application
from services.permits.tests.conftest import PDF, PNG, REKLAME, City


async def test_an_application_begins_as_a_draft_that_says_what_is_missing(city: City) -> None:
    answer = await city.citizen.post("/applications", json={"type": "reklame", "details": {"area_m2": 4}})
    body = answer.json()
    assert answer.status_code == 201
    assert answer.headers["Location"] == f"applications/{body['id']}"
    assert body["state"] == "DRAF"
    assert body["applicant_name"] == "Siti Rahmawati"
    missing = {one["item"] for one in body["missing"]}
    assert {"details.text", "details.address", "details.kecamatan", "documents.ktp"} <= missing
    assert "details.area_m2" not in missing
    assert "documents.kuasa" not in missing  # a power of attorney is not required


async def test_a_creation_sent_twice_with_one_key_happens_once(city: City) -> None:
    headers = {"Idempotency-Key": "permohonan-1"}
    body = {"type": "reklame", "details": REKLAME}
    first = await city.citizen.post("/applications", json=body, headers=headers)
    second = await city.citizen.post("/applications", json=body, headers=headers)
    assert first.json() == second.json()
    assert second.headers["Idempotency-Replayed"] == "true"
    assert len((await city.citizen.get("/applications")).json()["items"]) == 1


@pytest.mark.parametrize(
    ("details", "field"),
    [
        ({"area_m2": "4"}, "details.area_m2"),
        ({"area_m2": True}, "details.area_m2"),
        ({"area_m2": 0}, "details.area_m2"),
        ({"text": "  "}, "details.text"),
        ({"kecamatan": "36.71.99"}, "details.kecamatan"),
        ({"nik": "x"}, "details.nik"),
    ],
)
async def test_an_answer_that_does_not_fit_is_named(city: City, details: dict[str, object], field: str) -> None:
    answer = await city.citizen.post("/applications", json={"type": "reklame", "details": details})
    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == [field]


async def test_an_unknown_type_is_refused(city: City) -> None:
    answer = await city.citizen.post("/applications", json={"type": "imb"})
    assert answer.status_code == 422


async def test_without_a_name_in_the_assertion_the_form_asks_for_it(city: City) -> None:
    nameless = type(city.citizen)(city, "citizen-3")
    answer = await nameless.post("/applications", json={"type": "reklame"})
    assert answer.json()["errors"][0]["field"] == "applicant_name"
    given = await nameless.post("/applications", json={"type": "reklame", "applicant_name": " PT Maju "})
    assert given.json()["applicant_name"] == "PT Maju"


async def test_nobody_applies_anonymously(city: City) -> None:
    answer = await city.client.post("/applications", json={"type": "reklame"})
    assert answer.status_code == 401
    assert problem_code(answer) == "not-authenticated"


async def test_a_document_is_known_by_its_content(city: City) -> None:
    application_id = await city.citizen.draft()
    answer = await city.citizen.upload(application_id, "ktp", PNG)
    uploaded = next(one for one in answer.json()["documents"] if one["code"] == "ktp")["uploaded"]
    assert uploaded["media_type"] == "image/png"
    download = await city.citizen.get(f"/applications/{application_id}/documents/{uploaded['sha256']}")
    assert download.content == PNG
    assert download.headers["X-Content-Type-Options"] == "nosniff"
    assert "attachment" in download.headers["Content-Disposition"]


async def test_a_document_arrives_as_a_form_field_too(city: City) -> None:
    application_id = await city.citizen.draft()
    path = f"/applications/{application_id}/documents?document=ktp"
    answer = await city.citizen.post(path, files={"file": ("ktp.jpg", PDF, "image/jpeg")})
    assert answer.status_code == 201


async def test_a_document_sent_again_after_a_lost_answer_is_one(city: City) -> None:
    application_id = await city.citizen.draft()
    first = await city.citizen.upload(application_id, "ktp")
    second = await city.citizen.upload(application_id, "ktp")
    assert (first.status_code, second.status_code) == (201, 200)
    assert len(second.json()["history"]) == len(first.json()["history"])


async def test_a_replaced_document_stays_in_the_history(city: City) -> None:
    application_id = await city.citizen.draft()
    first = await city.citizen.upload(application_id, "ktp", PDF + b"1")
    old = first.json()["documents"][0]["uploaded"]["sha256"]
    await city.citizen.upload(application_id, "ktp", PDF + b"2")
    assert (await city.citizen.get(f"/applications/{application_id}/documents/{old}")).content == PDF + b"1"


@pytest.mark.parametrize(
    ("content", "code", "status"),
    [(b"MZ program", "ktp", 415), (PDF, "paspor", 422), (PDF, "", 422), (PDF + b"0" * 10_485_761, "ktp", 413)],
    ids=["a program", "not of this type", "unnamed", "too large"],
)
async def test_what_is_no_document_of_the_application_is_refused(
    city: City, content: bytes, code: str, status: int
) -> None:
    application_id = await city.citizen.draft()
    answer = await city.citizen.upload(application_id, code, content)
    assert answer.status_code == status
    problem_code(answer)


async def test_an_incomplete_application_cannot_be_submitted_and_says_why(city: City) -> None:
    application_id = await city.citizen.draft()
    answer = await city.citizen.post(f"/applications/{application_id}/submit")
    assert answer.status_code == 422
    assert {"documents.ktp", "documents.jaminan"} <= {error["field"] for error in answer.json()["errors"]}
    assert await city.citizen.state(application_id) == "DRAF"


async def test_a_complete_application_is_submitted_with_due_date_and_place_in_the_queue(city: City) -> None:
    await city.neighbour.submitted()
    city.issuer.now.advance(minutes=1)
    application_id = await city.citizen.submitted()
    body = (await city.citizen.get(f"/applications/{application_id}")).json()
    assert body["state"] == "DIAJUKAN"
    assert body["queue"] == {"position": 2, "of": 2}
    # Twelve working days of eight hours from Tuesday 24 November 2026, 09.01.
    assert body["promise"]["due"] == "2026-12-10T09:01:00+07:00"
    assert body["promise"]["due_text"] == "10 Desember 2026 pukul 09.01 WIB"
    assert [step["event"] for step in body["history"]][-1] == "submitted"


async def test_submitting_twice_is_one_submission(city: City) -> None:
    application_id = await city.citizen.complete()
    path = f"/applications/{application_id}/submit"
    key = {"Idempotency-Key": "ajukan"}
    first = await city.citizen.post(path, headers=key)
    assert (await city.citizen.post(path, headers=key)).json() == first.json()
    again = await city.citizen.post(path)
    assert again.status_code == 409
    assert again.json()["state"] == "DIAJUKAN"


async def test_two_submissions_at_once_leave_one_event(city: City) -> None:
    application_id = await city.citizen.complete()
    path = f"/applications/{application_id}/submit"
    answers = await asyncio.gather(*(city.citizen.post(path) for _ in range(8)))
    assert sorted(answer.status_code for answer in answers) == [200] + [409] * 7
    history = (await city.citizen.get(f"/applications/{application_id}")).json()["history"]
    assert [step["event"] for step in history].count("submitted") == 1


async def test_after_submission_nothing_changes_under_the_officers_eyes(city: City) -> None:
    application_id = await city.citizen.submitted()
    changed = await city.citizen.call("PATCH", f"/applications/{application_id}", json={"details": {"area_m2": 9}})
    assert changed.status_code == 409
    assert (await city.citizen.upload(application_id, "ktp", PNG)).status_code == 409


async def test_a_draft_is_changed_answer_by_answer(city: City) -> None:
    application_id = await city.citizen.draft()
    answer = await city.citizen.call("PATCH", f"/applications/{application_id}", json={"details": {"area_m2": 9}})
    assert answer.json()["details"] == {**REKLAME, "area_m2": 9}


async def test_a_change_based_on_an_older_view_is_refused(city: City) -> None:
    application_id = await city.citizen.draft()
    path = f"/applications/{application_id}"
    seen = (await city.citizen.get(path)).headers["ETag"]
    await city.citizen.call("PATCH", path, json={"details": {"area_m2": 9}}, headers={"If-Match": seen})
    late = await city.citizen.call("PATCH", path, json={"details": {"area_m2": 1}}, headers={"If-Match": seen})
    assert late.status_code == 412
    assert (await city.citizen.get(path)).json()["details"]["area_m2"] == 9


async def test_an_unchanged_application_need_not_be_sent_again(city: City) -> None:
    path = f"/applications/{await city.citizen.draft()}"
    seen = (await city.citizen.get(path)).headers["ETag"]
    assert (await city.citizen.get(path, headers={"If-None-Match": seen})).status_code == 304


async def test_an_application_exists_for_its_owner_only(city: City) -> None:
    application_id = await city.citizen.submitted()
    for path in (f"/applications/{application_id}", f"/applications/{application_id}/documents/{'0' * 64}"):
        assert (await city.neighbour.get(path)).status_code == 404
    assert (await city.neighbour.post(f"/applications/{application_id}/withdraw")).status_code == 404
    assert (await city.neighbour.get("/applications")).json()["items"] == []


async def test_a_withdrawn_application_stays_readable_and_is_over(city: City) -> None:
    application_id = await city.citizen.submitted()
    answer = await city.citizen.post(f"/applications/{application_id}/withdraw", json={})
    assert answer.json()["state"] == "DIBATALKAN"
    assert answer.json()["promise"]["due"] is None
    assert (await city.citizen.post(f"/applications/{application_id}/submit")).status_code == 409
    assert await city.citizen.state(application_id) == "DIBATALKAN"


async def test_the_own_applications_are_paged_and_filtered(city: City) -> None:
    for _ in range(3):
        await city.citizen.draft()
        city.issuer.now.advance(minutes=1)
    submitted = await city.citizen.submitted("pbg-prototipe")
    first = (await city.citizen.get("/applications?limit=2")).json()
    rest = (await city.citizen.get(f"/applications?limit=2&cursor={first['next']}")).json()
    assert first["items"][0]["id"] == submitted
    assert len(first["items"] + rest["items"]) == 4
    assert rest["next"] is None
    chosen = (await city.citizen.get("/applications?state=DIAJUKAN&type=pbg-prototipe")).json()
    assert [one["id"] for one in chosen["items"]] == [submitted]
    assert (await city.citizen.get("/applications?state=SELESAI")).status_code == 400


async def test_no_application_can_be_changed_without_end(city: City) -> None:
    application_id = await city.citizen.draft()
    database = Database(open_engine(city.settings.database_url))

    def change_often(session: Session) -> None:
        opened = open_case(session, application_id)
        while opened.case.version < MAX_EVENTS - 1:
            detail = {"details": {"area_m2": 2}}
            opened = record(session, opened, EventKind.DETAILS_CHANGED, at=city.issuer.now(), actor="x", detail=detail)

    await database.write(change_often)
    await database.close()
    path, change = f"/applications/{application_id}", {"details": {"area_m2": 3}}
    assert (await city.citizen.call("PATCH", path, json=change)).status_code == 200
    assert problem_code(await city.citizen.call("PATCH", path, json=change)) == "too-many-changes"


@pytest.mark.parametrize(
    ("content", "media_type", "status"),
    [(b"{}", "text/plain", 415), (b'{"a":1}', "application/json", 422), (b"{", "application/json", 400)],
)
async def test_an_act_that_needs_no_body_takes_no_other(
    city: City, content: bytes, media_type: str, status: int
) -> None:
    path = f"/applications/{await city.citizen.complete()}/submit"
    answer = await city.citizen.post(path, content=content, headers={"Content-Type": media_type})
    assert answer.status_code == status


async def test_an_application_that_never_was_does_not_exist(city: City) -> None:
    assert (await city.citizen.get("/applications/IZN-AAAAA-AAAAA")).status_code == 404
    assert (await city.officer().get("/desk/applications/IZN-AAAAA-AAAAA")).status_code == 404


async def test_a_history_never_runs_backwards_when_the_clock_is_set_back(city: City) -> None:
    path = f"/applications/{await city.citizen.draft()}"
    city.issuer.now.advance(seconds=-3)
    answer = await city.citizen.call("PATCH", path, json={"details": {"area_m2": 9}})
    times = [step["at"] for step in answer.json()["history"]]
    assert times == sorted(times)


async def test_the_columns_beside_the_events_say_the_same(city: City) -> None:
    await city.citizen.submitted()
    await city.officer().post("/desk/next")
    await city.neighbour.draft()
    database = Database(open_engine(city.settings.database_url))

    def compare(session: Session) -> int:
        rows = session.scalars(select(Application)).all()
        for row in rows:
            case = open_case(session, row.id).case
            assert (row.state, row.version, row.assignee) == (case.state, case.version, case.assignee)
            assert (row.state_since, row.updated_at, row.submitted_at) == (
                case.since,
                case.updated_at,
                case.submitted_at,
            )
        return len(rows)

    assert await database.read(compare) == 2
    await database.close()
