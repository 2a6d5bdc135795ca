"""Which stored answer suits a request, and as what: variants, conditions, ranges (RFC 9111 sections 4.1 to 4.3)."""

from __future__ import annotations

import pytest

from tests.pipeline.exam import Exam, verdict

pytestmark = pytest.mark.asyncio(loop_scope="module")


VARIANTS = [  # section 4.1: asked for with the first, answered from that for the second?
    ("Accept-Language", "id", "id", True),
    ("Accept-Language", "id", "ID", True),
    ("Accept-Language", "id, en", "en,id", True),
    ("Accept-Language", "id, en;q=0.5", "en;q=0.50,id", True),
    ("Accept-Language", "id", "en", False),
    ("Accept-Encoding", "gzip, br", "br,  gzip", True),
    ("Accept-Encoding", "gzip", "br", False),
    ("Foo", "1, 2", "1,2", True),
    ("Foo", "1, 2", "2, 1", False),
    ("Foo", "a", "A", False),
    ("Cookie", "a=1", "a=2", True),  # it never reaches the agency here, so it cannot tell answers apart
]


@pytest.mark.parametrize(("name", "one", "other", "same"), VARIANTS)
async def test_selecting_fields_are_compared_by_their_meaning(
    exam: Exam, name: str, one: str, other: str, same: bool
) -> None:
    page = exam.page(f"Cache-Control: max-age=60 | Vary: {name}")
    await page.get(f"{name}: {one}")
    reply = await page.get(f"{name}: {other}")
    assert verdict(page, reply, 1) == ("hit" if same else "asked")
    again = await page.get(f"{name}: {one}")
    assert again.text == "answer 1"


CONDITIONS = [  # RFC 9110 section 13, RFC 9111 section 4.3.2, on a stored answer
    ('If-None-Match: "v1"', 304),
    ('If-None-Match: W/"v1"', 304),
    ('If-None-Match: "x", "v1"', 304),
    ("If-None-Match: *", 304),
    ('If-None-Match: "x"', 200),
    ('If-None-Match: "x" | If-Modified-Since: @0', 200),
    ("If-Modified-Since: @-1000", 304),
    ("If-Modified-Since: @0", 304),
    ("If-Modified-Since: @-1001", 200),
    ("If-Modified-Since: yesterday", 200),
]


@pytest.mark.parametrize(("asks", "status"), CONDITIONS)
async def test_the_clients_own_conditions_are_judged_from_memory(exam: Exam, asks: str, status: int) -> None:
    page = exam.page('Cache-Control: max-age=60 | ETag: "v1" | Last-Modified: @-1000')
    await page.get()
    reply = await page.get(asks)
    assert (len(page.asked), reply.status_code) == (1, status)
    assert reply.headers["etag"] == '"v1"'
    assert "; hit" in reply.headers["cache-status"]


@pytest.mark.parametrize(("asks", "status"), CONDITIONS[:5])
async def test_the_clients_conditions_are_kept_back_on_a_miss_and_the_whole_answer_is_stored(
    exam: Exam, asks: str, status: int
) -> None:
    page = exam.page('Cache-Control: max-age=60 | ETag: "v1" | Last-Modified: @-1000')
    reply = await page.get(asks)
    await exam.settled()
    assert (reply.status_code, page.asked[0].header("if-none-match")) == (status, None)
    again = await page.get()
    assert (len(page.asked), again.text) == (1, "answer 1")


@pytest.mark.parametrize("asks", ['If-Match: "v1"', "If-Unmodified-Since: @0"])
async def test_conditions_for_the_origin_alone_go_to_the_origin(exam: Exam, asks: str) -> None:
    page = exam.page('Cache-Control: max-age=60 | ETag: "v1"')
    await page.get()
    reply = await page.get(asks)
    assert verdict(page, reply, 1) == "asked"
    assert "fwd=request" in reply.headers["cache-status"]


RANGES = [  # RFC 9110 section 14, from a stored whole answer
    ("Range: bytes=0-3", 206, b"0123", "bytes 0-3/10"),
    ("Range: bytes=4-", 206, b"456789", "bytes 4-9/10"),
    ("Range: bytes=-3", 206, b"789", "bytes 7-9/10"),
    ("Range: bytes=0-99", 206, b"0123456789", "bytes 0-9/10"),
    ("Range: bytes=10-", 416, b"", "bytes */10"),
    ("Range: bytes=3-1", 200, b"0123456789", None),
    ("Range: lines=0-3", 200, b"0123456789", None),
    ('Range: bytes=0-3 | If-Range: "v1"', 206, b"0123", "bytes 0-3/10"),
    ('Range: bytes=0-3 | If-Range: "v2"', 200, b"0123456789", None),
    ('Range: bytes=0-3 | If-None-Match: "v1"', 304, b"", None),
]


@pytest.mark.parametrize(("asks", "status", "body", "content_range"), RANGES)
async def test_a_part_is_cut_from_a_whole_stored_answer(
    exam: Exam, asks: str, status: int, body: bytes, content_range: str | None
) -> None:
    page = exam.page('Cache-Control: max-age=60 | ETag: "v1"', body=b"0123456789")
    await page.get()
    reply = await page.get(asks)
    assert (len(page.asked), reply.status_code, reply.content) == (1, status, body)
    assert reply.headers.get("content-range") == content_range


async def test_several_ranges_are_left_to_the_agency(exam: Exam) -> None:
    page = exam.page("Cache-Control: max-age=60", body=b"0123456789")
    await page.get()
    await page.get("Range: bytes=0-1,4-5")
    assert page.asked[-1].header("range") == "bytes=0-1,4-5"


async def test_a_part_asked_for_while_stale_is_cut_from_the_new_whole(exam: Exam) -> None:
    page = exam.page('Cache-Control: max-age=60 | ETag: "v1"', body=b"0123456789")
    await page.get()
    exam.wait(61)
    page.says('Cache-Control: max-age=60 | ETag: "v2"', body=b"abcdefghij")
    reply = await page.get("Range: bytes=0-3")
    assert (reply.status_code, reply.content) == (206, b"abcd")
