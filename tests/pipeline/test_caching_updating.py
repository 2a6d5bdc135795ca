"""What freshens or outdates a stored answer, who may have it, and when it may stand in.

RFC 9111 sections 3.5, 4.3.5 and 4.4, RFC 5861 section 4.
"""

from __future__ import annotations

import pytest

from tests.pipeline.exam import Exam, Raw, lines_of, verdict, wire

pytestmark = pytest.mark.asyncio(loop_scope="module")


HEADS = [  # section 4.3.5: what HEAD says of the stored answer to GET
    ('Cache-Control: max-age=60 | ETag: "v1"', "hit"),
    ('Cache-Control: max-age=60 | ETag: "v2"', "asked"),
    ('Cache-Control: max-age=60 | ETag: "v1" | Content-Length: 11', "asked"),
]


@pytest.mark.parametrize(("fields", "expected"), HEADS)
async def test_head_freshens_or_outdates_what_get_brought(exam: Exam, fields: str, expected: str) -> None:
    page = exam.page('Cache-Control: max-age=60 | ETag: "v1"', body=b"0123456789")
    await page.get()
    exam.wait(59)
    lines = lines_of(fields, 0)
    page.answer = lambda _: Raw(wire=wire(200, lines, b"0123456789", is_head=True))
    await page.get("Cache-Control: no-cache", method="HEAD")
    page.answer = None
    exam.wait(59)
    assert verdict(page, await page.get("Cache-Control: max-stale=0"), 2) == expected


CHANGES = [  # section 4.4
    ("POST", 200, "asked"),
    ("PUT", 201, "asked"),
    ("PATCH", 204, "asked"),
    ("DELETE", 303, "asked"),
    ("POST", 400, "hit"),
    ("POST", 500, "hit"),
    ("OPTIONS", 200, "hit"),
]


@pytest.mark.parametrize(("method", "status", "expected"), CHANGES)
async def test_a_successful_change_makes_the_stored_answer_obsolete(
    exam: Exam, method: str, status: int, expected: str
) -> None:
    page = exam.page("Cache-Control: max-age=60")
    await page.get()
    page.says("", status=status)
    await page.get(method=method)
    page.says("Cache-Control: max-age=60")
    assert verdict(page, await page.get(), 2) == expected


@pytest.mark.parametrize(
    ("reference", "expected"),
    [
        ("{path}", "asked"),
        ("{origin}{path}", "asked"),
        ("http://elsewhere.test{path}", "hit"),
        ("//elsewhere.test{path}", "hit"),
        ("{path}?page=1", "hit"),
        ("{path}?page=2", "asked"),
    ],
)
@pytest.mark.parametrize("name", ["Location", "Content-Location"])
async def test_a_change_outdates_what_it_names_of_its_own_origin(
    exam: Exam, name: str, reference: str, expected: str
) -> None:
    page, other = exam.page("Cache-Control: max-age=60"), exam.page("", status=201)
    await page.get(query="?page=2")
    named = reference.format(path=page.path, origin=exam.origin.url)
    other.says(f"{name}: {named}", status=201)
    await other.get(method="POST")
    assert verdict(page, await page.get(query="?page=2"), 1) == expected


async def test_a_change_of_one_view_leaves_the_others(exam: Exam) -> None:
    page = exam.page("Cache-Control: max-age=60")
    for query in ("?page=1", "?page=2"):
        await page.get(query=query)
    await page.get(method="PUT", query="?page=1")
    assert verdict(page, await page.get(query="?page=2"), 3) == "hit"
    assert verdict(page, await page.get(query="?page=1"), 3) == "asked"


AUTHORIZED = [  # section 3.5: the agency learns who asks
    ("Cache-Control: max-age=60", "asked"),
    ("Cache-Control: max-age=60, public", "hit"),
    ("Cache-Control: max-age=60, must-revalidate", "hit"),
    ("Cache-Control: s-maxage=60", "hit"),
    ("Cache-Control: max-age=60, private", "asked"),
]


@pytest.mark.parametrize(("fields", "expected"), AUTHORIZED)
async def test_what_the_agency_says_to_someone_it_knows_is_shared_only_by_its_own_word(
    exam: Exam, fields: str, expected: str
) -> None:
    passed, known = exam.page(fields, kind="passed"), exam.page(fields, kind="known")
    await passed.get("Authorization: Basic c2l0aQ==")
    assert verdict(passed, await passed.get("Authorization: Basic YnVkaQ=="), 1) == expected
    await known.get(token="siti")
    assert verdict(known, await known.get(token="budi"), 1) == expected


@pytest.mark.parametrize("fields", ["Cache-Control: max-age=60", "Cache-Control: max-age=60, private"])
async def test_a_citizens_own_answers_are_theirs_alone(exam: Exam, fields: str) -> None:
    page = exam.page(fields, kind="mine")
    await page.get(token="siti")
    assert verdict(page, await page.get(token="siti"), 1) == "hit"
    assert verdict(page, await page.get(token="budi"), 1) == "asked"


@pytest.mark.parametrize(("fields", "expected"), [("", "hit"), (", private", "asked"), (", no-store", "asked")])
async def test_strangers_share_only_what_is_for_all(exam: Exam, fields: str, expected: str) -> None:
    page = exam.page(f"Cache-Control: max-age=60{fields}", kind="either")
    await page.get("Cookie: who=siti")
    assert verdict(page, await page.get("Cookie: who=budi"), 1) == expected


FAILURES = [  # RFC 5861 section 4, and the registry's stale_if_error
    ("plain", "Cache-Control: max-age=60, stale-if-error=100", 503, "", True),
    ("plain", "Cache-Control: max-age=60, stale-if-error=100", 500, "", True),
    ("plain", "Cache-Control: max-age=60, stale-if-error=100", 502, "", True),
    ("plain", "Cache-Control: max-age=60, stale-if-error=100", 504, "", True),
    ("plain", "Cache-Control: max-age=60, stale-if-error=100", 501, "", False),
    ("plain", "Cache-Control: max-age=60, stale-if-error=5", 503, "", False),
    ("plain", "Cache-Control: max-age=60, stale-if-error=100, must-revalidate", 503, "", False),
    ("plain", "Cache-Control: max-age=60", 503, "", False),
    ("plain", "Cache-Control: max-age=60", 503, "Cache-Control: stale-if-error=100", True),
    ("ttl", "", 503, "", True),
    ("ttl", "Cache-Control: max-age=1", 503, "", True),
    ("ttl", "Cache-Control: must-revalidate", 503, "", False),
    ("ttl", "Cache-Control: no-store", 503, "", False),
]


@pytest.mark.parametrize(("kind", "fields", "status", "asks", "stands_in"), FAILURES)
async def test_a_stale_answer_stands_in_for_a_failure_where_that_is_allowed(
    exam: Exam, kind: str, fields: str, status: int, asks: str, stands_in: bool
) -> None:
    page = exam.page(fields, kind=kind)
    await page.get()
    exam.wait(700 if kind == "ttl" else 70)
    page.says("", status=status)
    reply = await page.get(asks)
    assert reply.status_code == (200 if stands_in else status)
    assert ("stale-if-error" in reply.headers["cache-status"]) == stands_in
    assert ("tangerang-notice" in reply.headers) == stands_in
