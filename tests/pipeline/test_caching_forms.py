"""What the gateway adds to stored answers: entity tags where the agency gives none, and compressed forms."""

from __future__ import annotations

import gzip

import httpx
import pytest

from tests.pipeline.exam import Exam, Page

pytestmark = pytest.mark.asyncio(loop_scope="module")

TEXT = b'{"permit": "building", "fee": 25000}\n' * 60
FRESH = "Cache-Control: max-age=60 | Content-Type: application/json"


async def test_a_stored_answer_without_an_entity_tag_gets_one_and_is_known_by_it(exam: Exam) -> None:
    page = exam.page("Cache-Control: max-age=60", body=b"0123456789")
    await page.get()
    tag = (await page.get()).headers["etag"]
    known = await page.get(f"If-None-Match: {tag}")
    part = await page.get(f"Range: bytes=2-3 | If-Range: {tag}")
    assert (len(page.asked), known.status_code, known.content) == (1, 304, b"")
    assert known.headers["etag"] == tag
    assert (part.status_code, part.content) == (206, b"23")


async def test_the_agency_never_hears_of_a_tag_it_did_not_give_and_the_same_content_has_the_same(exam: Exam) -> None:
    page = exam.page("Cache-Control: max-age=60 | Last-Modified: @-1000", body=b"0123456789")
    await page.get()
    tag = (await page.get()).headers["etag"]
    exam.wait(61)
    page.says("Cache-Control: max-age=60", body=b"0123456789")
    renewed = await page.get(f"If-None-Match: {tag}")
    assert page.asked[1].header("if-none-match") is None
    assert page.asked[1].header("if-modified-since") is not None
    assert (renewed.status_code, (await page.get()).headers["etag"]) == (304, tag)
    page.says("Cache-Control: max-age=60", body=b"abcdefghij")
    exam.wait(61)
    assert (await page.get(f"If-None-Match: {tag}")).content == b"abcdefghij"


@pytest.mark.parametrize("fields", ["Cache-Control: no-store", 'Cache-Control: max-age=60 | ETag: "v1"'])
async def test_an_answer_that_is_not_kept_or_has_a_tag_gets_none(exam: Exam, fields: str) -> None:
    page = exam.page(fields)
    for _ in range(2):
        assert (await page.get()).headers.get("etag") in (None, '"v1"')


async def compressed(page: Page, fields: str = "Accept-Encoding: gzip") -> httpx.Response:
    await page.get("Accept-Encoding: gzip")
    return await page.get(fields)


async def test_a_stored_text_is_given_compressed_to_who_takes_it_so_and_plain_to_others(exam: Exam) -> None:
    page = exam.page(f'{FRESH} | ETag: "v1" | Vary: Accept-Language', body=TEXT)
    for _ in range(2):
        small = await compressed(page)
        assert small.headers["content-encoding"] == "gzip"
        assert int(small.headers["content-length"]) < len(TEXT) / 4
        assert (small.content, small.headers["etag"]) == (TEXT, '"v1-gzip"')
        plain = await page.get("Accept-Encoding: br")
        assert "content-encoding" not in plain.headers
        assert (plain.content, plain.headers["etag"]) == (TEXT, '"v1"')
        assert small.headers["vary"] == plain.headers["vary"] == "Accept-Language, Accept-Encoding"
    known = await page.get('Accept-Encoding: gzip | If-None-Match: "v1-gzip"')
    head = await page.get("Accept-Encoding: gzip", method="HEAD")
    assert (known.status_code, known.content) == (304, b"")
    assert (head.content, head.headers["content-length"]) == (b"", small.headers["content-length"])
    assert len(page.asked) == 1


async def test_a_304_of_the_agency_keeps_the_compressed_form(exam: Exam) -> None:
    page = exam.page(f'{FRESH} | ETag: "v1"', body=TEXT)
    await compressed(page)
    exam.wait(61)
    validated = await page.get("Accept-Encoding: gzip")
    assert "fwd-status=304" in validated.headers["cache-status"]
    assert (validated.content, validated.headers["content-encoding"]) == (TEXT, "gzip")


@pytest.mark.parametrize(
    ("fields", "body", "asks"),
    [
        (FRESH, TEXT[:1_000], "Accept-Encoding: gzip"),
        (f"{FRESH} | Cache-Control: no-transform", TEXT, "Accept-Encoding: gzip"),
        ("Cache-Control: max-age=60 | Content-Type: image/png", TEXT, "Accept-Encoding: gzip"),
        ("Cache-Control: max-age=60", TEXT, "Accept-Encoding: gzip"),
        (FRESH, TEXT, "Accept-Encoding: gzip;q=0"),
        (FRESH, TEXT, "Accept-Encoding: gzip;q=0.5, identity"),
        (FRESH, TEXT, "Accept-Encoding: *;q=0"),
        (FRESH, TEXT, "Accept-Encoding: gzip | Cache-Control: no-transform"),
        (FRESH, TEXT, "Accept-Encoding: gzip | Range: bytes=0-9"),
        (f"{FRESH} | Content-Digest: sha-256=:AAAA:", TEXT, "Accept-Encoding: gzip"),
    ],
)
async def test_what_may_not_or_need_not_be_compressed_is_given_as_it_is(
    exam: Exam, fields: str, body: bytes, asks: str
) -> None:
    page = exam.page(fields, body=body)
    reply = await compressed(page, asks)
    assert "content-encoding" not in reply.headers
    assert reply.content == (body if "Range" not in asks else body[:10])


async def test_what_the_agency_has_encoded_stays_as_it_is(exam: Exam) -> None:
    encoded = gzip.compress(TEXT)
    page = exam.page(f"{FRESH} | Content-Encoding: gzip", body=encoded)
    reply = await compressed(page)
    assert (reply.content, int(reply.headers["content-length"])) == (TEXT, len(encoded))
    assert "vary" not in reply.headers


async def test_a_large_answer_is_compressed_beside_the_loop_and_only_once(exam: Exam) -> None:
    page = exam.page(FRESH, body=TEXT * 40)
    await page.get("Accept-Encoding: gzip")
    await exam.settled()
    first = await page.get("Accept-Encoding: gzip")
    await exam.settled()
    second = await page.get("Accept-Encoding: gzip")
    assert "content-encoding" not in first.headers
    assert second.headers["content-encoding"] == "gzip"
    assert first.content == second.content == TEXT * 40


async def test_where_the_gateway_compresses_the_agency_is_asked_for_the_plain_form(exam: Exam) -> None:
    page = exam.page(kind="ttl", body=TEXT)
    await page.get("Accept-Encoding: gzip")
    assert page.asked[0].header("accept-encoding") is None


async def test_a_citizens_own_answers_are_not_compressed_unless_the_registry_says_so(exam: Exam) -> None:
    page = exam.page(FRESH, kind="mine", body=TEXT)
    for _ in range(2):
        assert "content-encoding" not in (await page.get("Accept-Encoding: gzip", token="siti")).headers
