"""RFC 9111 and its relatives, section by section, through real sockets and on both lanes.

A case is: what the agency says at first, how long then passes, what the second request says, and how it is answered:
`hit` (from memory, fresh), `stale` (from memory, no longer fresh), `validated` (the agency said 304), `asked` (the
agency answered anew), or the code of an error.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TypeAlias

import pytest
import pytest_asyncio

from tests.city.city import City
from tests.pipeline.exam import Exam, Raw, lines_of, verdict, wire

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=["direct", "asgi"])
async def exam(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Exam]:
    async with Exam(City(tmp_path_factory.mktemp("exam"), lane=request.param)) as exam:
        yield exam


Case: TypeAlias = tuple[str, float, str, str]

LIFETIME: list[Case] = [  # section 4.2.1
    ("Cache-Control: max-age=60", 0, "", "hit"),
    ("Cache-Control: max-age=60", 59, "", "hit"),
    ("Cache-Control: max-age=60", 60, "", "asked"),
    ("Cache-Control: max-age=0", 0, "", "asked"),
    ("Cache-Control: MAX-AGE=60", 30, "", "hit"),
    ('Cache-Control: max-age="60"', 30, "", "hit"),
    ("Cache-Control: max-age=60.5", 1, "", "asked"),
    ("Cache-Control: max-age=-1", 0, "", "asked"),
    ("Cache-Control: max-age=abc", 1, "", "asked"),
    ("Cache-Control: max-age=99999999999999999999", 86_400, "", "hit"),
    ("Cache-Control: max-age=60, max-age=10", 30, "", "asked"),
    ("Cache-Control: s-maxage=60", 30, "", "hit"),
    ("Cache-Control: s-maxage=60, max-age=1", 30, "", "hit"),
    ("Cache-Control: s-maxage=1, max-age=60", 30, "", "asked"),
    ("Cache-Control: s-maxage=60 | Expires: @-10", 30, "", "hit"),
    ("Cache-Control: max-age=60 | Expires: @-10", 30, "", "hit"),
    ("Expires: @60", 59, "", "hit"),
    ("Expires: @60", 60, "", "asked"),
    ("Expires: @-1", 0, "", "asked"),
    ("Expires: 0", 0, "", "asked"),
    ("Expires: never", 0, "", "asked"),
    ("Expires: @60 | Expires: @90", 30, "", "asked"),
    ("Date: @-30 | Expires: @30", 20, "", "hit"),
    ("Date: @-50 | Expires: @-10", 0, "", "asked"),
    ("Cache-Control: max-age=60, public, foo=bar", 30, "", "hit"),
    ("Cache-Control: foo, max-age=60", 30, "", "hit"),
    ("X-Cache-Control: max-age=60", 0, "", "asked"),
    ("", 0, "", "asked"),
]

HEURISTIC: list[Case] = [  # section 4.2.2
    ("Last-Modified: @-1000", 90, "", "hit"),
    ("Last-Modified: @-1000", 110, "", "validated"),
    ("Last-Modified: @-100000000", 86_000, "", "hit"),
    ("Last-Modified: @-100000000", 86_500, "", "validated"),
    ("Last-Modified: @1000", 0, "", "validated"),
    ("Last-Modified: @-1000 | Cache-Control: no-cache", 1, "", "validated"),
]

AGE: list[Case] = [  # section 4.2.3
    ("Cache-Control: max-age=60 | Age: 30", 29, "", "hit"),
    ("Cache-Control: max-age=60 | Age: 30", 30, "", "asked"),
    ("Cache-Control: max-age=60 | Age: 70", 0, "", "asked"),
    ("Cache-Control: max-age=60 | Age: -5", 30, "", "hit"),
    ("Cache-Control: max-age=60 | Age: x", 30, "", "hit"),
    ("Cache-Control: max-age=60 | Date: @-40", 10, "", "hit"),
    ("Cache-Control: max-age=60 | Date: @-40", 20, "", "asked"),
    ("Cache-Control: max-age=60 | Date: @40", 59, "", "hit"),
    ("Cache-Control: max-age=60 | Date: yesterday", 59, "", "hit"),
]

RESPONSE: list[Case] = [  # section 5.2.2
    ("Cache-Control: no-store, max-age=60", 0, "", "asked"),
    ("Cache-Control: max-age=60, NO-STORE", 0, "", "asked"),
    ("Cache-Control: private, max-age=60", 0, "", "asked"),
    ("Cache-Control: max-age=60 | Cache-Control: private", 0, "", "asked"),
    ("Cache-Control: no-cache, max-age=60", 0, "", "asked"),
    ('Cache-Control: no-cache, max-age=60 | ETag: "v1"', 0, "", "validated"),
    ('Cache-Control: max-age=60, no-cache="set-cookie" | Set-Cookie: a=b', 30, "", "hit"),
    ('Cache-Control: max-age=60, private="x-name" | X-Name: Siti', 30, "", "hit"),
    ("Cache-Control: max-age=60 | Set-Cookie: a=b", 30, "", "asked"),
    ("Cache-Control: must-understand, no-store, max-age=60", 30, "", "hit"),
    ("Cache-Control: must-revalidate, max-age=60", 30, "", "hit"),
    ("Cache-Control: public", 0, "", "asked"),
    ('Cache-Control: public | ETag: "v1"', 0, "", "validated"),
    ("Cache-Control: max-age=60, no-transform", 30, "", "hit"),
    ("Pragma: no-cache | Cache-Control: max-age=60", 30, "", "hit"),
]

REQUEST: list[Case] = [  # sections 5.2.1 and 5.4
    ("Cache-Control: max-age=60", 30, "Cache-Control: no-cache", "asked"),
    ('Cache-Control: max-age=60 | ETag: "v1"', 30, "Cache-Control: no-cache", "validated"),
    ("Cache-Control: max-age=60", 30, "Cache-Control: no-store", "asked"),
    ("Cache-Control: max-age=60", 30, "Cache-Control: max-age=0", "asked"),
    ("Cache-Control: max-age=60", 30, "Cache-Control: max-age=29", "asked"),
    ("Cache-Control: max-age=60", 30, "Cache-Control: max-age=30", "hit"),
    ("Cache-Control: max-age=60", 30, "Cache-Control: min-fresh=30", "hit"),
    ("Cache-Control: max-age=60", 30, "Cache-Control: min-fresh=31", "asked"),
    ("Cache-Control: max-age=60", 70, "Cache-Control: max-stale", "stale"),
    ("Cache-Control: max-age=60", 70, "Cache-Control: max-stale=10", "stale"),
    ("Cache-Control: max-age=60", 70, "Cache-Control: max-stale=9", "asked"),
    ("Cache-Control: max-age=60, must-revalidate", 70, "Cache-Control: max-stale", "asked"),
    ("Cache-Control: max-age=60, proxy-revalidate", 70, "Cache-Control: max-stale", "asked"),
    ("Cache-Control: s-maxage=60", 70, "Cache-Control: max-stale", "asked"),
    ("Cache-Control: max-age=60", 30, "Cache-Control: only-if-cached", "hit"),
    ("Cache-Control: max-age=60", 70, "Cache-Control: only-if-cached", "nothing-stored"),
    ("Cache-Control: max-age=60", 70, "Cache-Control: only-if-cached, max-stale", "stale"),
    ("Cache-Control: no-store", 0, "Cache-Control: only-if-cached", "nothing-stored"),
    ("Cache-Control: max-age=60", 30, "Pragma: no-cache", "asked"),
    ("Cache-Control: max-age=60", 30, "Pragma: no-cache | Cache-Control: max-age=60", "hit"),
    ("Cache-Control: max-age=60, immutable", 30, "Cache-Control: max-age=0", "hit"),
    ("Cache-Control: max-age=60, immutable", 30, "Cache-Control: no-cache", "asked"),
    ("Cache-Control: max-age=60", 30, "Authorization: Bearer x", "hit"),
    ("Cache-Control: max-age=60", 30, "X-Anything: 1", "hit"),
]

VARY: list[Case] = [  # section 4.1; the first request says nothing
    ("Cache-Control: max-age=60 | Vary: Foo", 30, "", "hit"),
    ("Cache-Control: max-age=60 | Vary: Foo", 30, "Foo: 1", "asked"),
    ("Cache-Control: max-age=60 | Vary: Foo", 30, "Bar: 1", "hit"),
    ("Cache-Control: max-age=60 | Vary: foo, BAR", 30, "Bar: 1", "asked"),
    ("Cache-Control: max-age=60 | Vary: *", 30, "", "asked"),
    ("Cache-Control: max-age=60 | Vary: Foo, *", 30, "", "asked"),
    ("Cache-Control: max-age=60 | Vary: Foo | Vary: Bar", 30, "Bar: 1", "asked"),
    ("Cache-Control: max-age=60 | Vary:", 30, "Foo: 1", "hit"),
]

STALE: list[Case] = [  # section 4.2.4 and RFC 5861; the agency still answers
    ("Cache-Control: max-age=60, stale-while-revalidate=30", 80, "", "stale"),
    ("Cache-Control: max-age=60, stale-while-revalidate=30", 90, "", "asked"),
    ("Cache-Control: max-age=60, stale-while-revalidate=30, must-revalidate", 80, "", "asked"),
    ("Cache-Control: max-age=60, stale-while-revalidate=30, no-cache", 80, "", "asked"),
    ("Cache-Control: max-age=60, stale-while-revalidate=x", 80, "", "asked"),
    ("Cache-Control: max-age=60, stale-if-error=30", 80, "", "asked"),
    ('Cache-Control: max-age=60 | ETag: "v1"', 80, "", "validated"),
    ("Cache-Control: max-age=60 | Last-Modified: @-9000", 80, "", "validated"),
    ('Cache-Control: max-age=60 | ETag: W/"v1"', 80, "", "validated"),
    ("Cache-Control: max-age=60 | Last-Modified: nonsense", 80, "", "asked"),
]

TARGETED: list[Case] = [  # RFC 9213
    ("CDN-Cache-Control: max-age=60 | Cache-Control: no-store", 30, "", "hit"),
    ("CDN-Cache-Control: max-age=60 | Cache-Control: max-age=1", 30, "", "hit"),
    ("CDN-Cache-Control: no-store | Cache-Control: max-age=60", 30, "", "asked"),
    ("CDN-Cache-Control: max-age=1 | Cache-Control: max-age=60", 30, "", "asked"),
    ("CDN-Cache-Control: max-age=60 | Expires: @-10", 30, "", "hit"),
    ("CDN-Cache-Control: &&& | Cache-Control: max-age=60", 30, "", "hit"),
    ("CDN-Cache-Control: | Cache-Control: max-age=60", 30, "", "hit"),
    ("CDN-Cache-Control: private, max-age=60", 30, "", "asked"),
]


@pytest.mark.parametrize(
    ("fields", "wait_seconds", "asks", "expected"),
    LIFETIME + HEURISTIC + AGE + RESPONSE + REQUEST + VARY + STALE + TARGETED,
)
async def test_the_second_request_is_answered_as_the_rfc_says(
    exam: Exam, fields: str, wait_seconds: float, asks: str, expected: str
) -> None:
    page = exam.page(fields)
    assert (await page.get()).status_code == 200
    exam.wait(wait_seconds)
    before = len(page.asked)
    reply = await page.get(asks)
    assert verdict(page, reply, before) == expected
    await exam.settled()


STATUSES = [  # section 3 and RFC 9110 section 15.1: with a lifetime every final one, by guess the listed ones
    *((status, "Cache-Control: max-age=60", "hit") for status in (200, 203, 204, 300, 301, 302, 307, 308)),
    *((status, "Cache-Control: max-age=60", "hit") for status in (400, 403, 404, 405, 410, 414, 418, 429, 501, 599)),
    *((status, "Cache-Control: must-understand, max-age=60", "hit") for status in (200, 404)),
    (599, "Cache-Control: must-understand, max-age=60", "asked"),
    *((status, "Last-Modified: @-100000", "hit") for status in (200, 203, 204, 300, 301, 308, 404, 405, 410, 414, 501)),
    *((status, "Last-Modified: @-100000", "asked") for status in (201, 302, 303, 307, 403, 418, 500, 503)),
    (206, "Cache-Control: max-age=60 | Content-Range: bytes 0-7/100", "asked"),
]


@pytest.mark.parametrize(("status", "fields", "expected"), STATUSES)
async def test_a_status_is_stored_as_its_meaning_allows(exam: Exam, status: int, fields: str, expected: str) -> None:
    page = exam.page(fields, status=status)
    assert (await page.get()).status_code == status
    reply = await page.get()
    assert reply.status_code == status
    assert verdict(page, reply, 1) == expected


@pytest.mark.parametrize("method", ["HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
async def test_only_answers_to_get_are_stored(exam: Exam, method: str) -> None:
    page = exam.page("Cache-Control: max-age=60")
    await page.get(method=method)
    assert verdict(page, await page.get(), 1) == "asked"


async def test_head_is_answered_from_what_get_brought(exam: Exam) -> None:
    page = exam.page("Cache-Control: max-age=60", body=b"0123456789")
    await page.get()
    reply = await page.get(method="HEAD")
    assert (len(page.asked), reply.content, reply.headers["content-length"]) == (1, b"", "10")


async def test_a_fresh_answer_counts_its_age(exam: Exam) -> None:
    page = exam.page("Cache-Control: max-age=60 | Age: 7")
    await page.get()
    exam.wait(12)
    reply = await page.get()
    assert reply.headers["age"] == "19"
    assert reply.headers["cache-status"] == "tangerang; hit; ttl=41"


@pytest.mark.parametrize("name", ["Keep-Alive", "Proxy-Authenticate", "TE", "Upgrade", "X-Hop"])
async def test_fields_of_the_connection_are_not_stored(exam: Exam, name: str) -> None:  # section 3.1
    page = exam.page(f"Cache-Control: max-age=60 | Connection: X-Hop | {name}: x | X-End: y")
    await page.get()
    reply = await page.get()
    assert len(page.asked) == 1
    assert name.lower() not in reply.headers
    assert reply.headers["x-end"] == "y"


async def test_fields_named_by_no_cache_and_private_are_not_shown_to_the_next(exam: Exam) -> None:
    page = exam.page('Cache-Control: max-age=60, private="x-a", no-cache="x-b" | X-A: 1 | X-B: 2 | X-C: 3')
    first = await page.get()
    second = await page.get()
    assert {"x-a", "x-b", "x-c"} <= set(first.headers)
    assert {"x-a", "x-b", "x-c"} & set(second.headers) == {"x-c"}


async def test_a_304_updates_the_stored_fields_but_not_the_length(exam: Exam) -> None:  # section 3.2
    page = exam.page('Cache-Control: max-age=10 | ETag: "v1" | X-Edition: 1', body=b"0123456789")
    await page.get()
    exam.wait(20)
    page.says('Cache-Control: max-age=100 | ETag: "v1" | X-Edition: 2 | Content-Length: 99')
    validated = await page.get()
    exam.wait(90)
    reply = await page.get()
    for one in (validated, reply):
        assert (one.status_code, one.content, one.headers["x-edition"]) == (200, b"0123456789", "2")
        assert one.headers["content-length"] == "10"
    assert len(page.asked) == 2


async def test_a_304_about_another_answer_has_the_whole_one_fetched(exam: Exam) -> None:  # section 4.3.4
    page = exam.page('Cache-Control: max-age=1 | ETag: "v1"')
    await page.get()
    exam.wait(5)
    answers = iter(
        (Raw(wire=b'HTTP/1.1 304 X\r\nETag: "v2"\r\n\r\n'), Raw(wire=b"HTTP/1.1 200 X\r\nContent-Length: 3\r\n\r\nnew"))
    )
    page.answer = lambda _: next(answers)
    reply = await page.get()
    assert (reply.status_code, reply.text) == (200, "new")
    assert page.asked[-1].header("if-none-match") is None


async def test_a_304_nobody_asked_for_is_the_agencys_fault(exam: Exam) -> None:
    page = exam.page()
    page.answer = lambda _: Raw(wire=b"HTTP/1.1 304 X\r\n\r\n")
    reply = await page.get()
    assert (reply.status_code, reply.json()["source"]) == (502, "agency")
    assert "fwd=uri-miss; fwd-status=304" in reply.headers["cache-status"]


CUT_OFF = [  # section 3.3
    b"HTTP/1.1 200 X\r\nCache-Control: max-age=60\r\nContent-Length: 100000\r\n\r\nhalf",
    b"HTTP/1.1 200 X\r\nCache-Control: max-age=60\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
]


@pytest.mark.parametrize("text", CUT_OFF)
async def test_what_broke_off_is_never_stored(exam: Exam, text: bytes) -> None:
    page = exam.page()
    page.answer = lambda _: Raw(wire=text, cut=True)
    with pytest.raises(Exception, match=r"peer closed|incomplete|protocol"):
        await page.get()
    page.answer = None
    page.says("Cache-Control: max-age=60")
    reply = await page.get()
    assert verdict(page, reply, 1) == "asked"


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


REGISTRY = [  # what the registry says beyond the agency's word
    ("ttl", "", 200, 599, "hit"),
    ("ttl", "Cache-Control: max-age=1", 200, 599, "hit"),
    ("ttl", "", 200, 630, "stale"),
    ("ttl", "", 200, 700, "asked"),
    ("ttl", "Cache-Control: no-store", 200, 0, "asked"),
    ("ttl", "Cache-Control: private", 200, 0, "asked"),
    ("ttl", "Set-Cookie: a=b", 200, 0, "asked"),
    ("ttl", "", 404, 4, "hit"),
    ("ttl", "", 404, 5, "stale"),
    ("ttl", "", 404, 66, "asked"),
    ("ttl", "", 500, 0, "asked"),
    ("ttl", "", 302, 0, "asked"),
]


@pytest.mark.parametrize(("kind", "fields", "status", "wait_seconds", "expected"), REGISTRY)
async def test_the_registrys_own_lifetimes(
    exam: Exam, kind: str, fields: str, status: int, wait_seconds: float, expected: str
) -> None:
    page = exam.page(fields, kind=kind, status=status)
    await page.get()
    exam.wait(wait_seconds)
    assert verdict(page, await page.get(), 1) == expected
    await exam.settled()


KEYS = [  # what is in the key reaches the agency, and nothing else does
    ("ttl", "?page=1", "?page=1&utm=x", "hit"),
    ("ttl", "?page=1", "?utm=x&page=1", "hit"),
    ("ttl", "?page=1", "?page=2", "asked"),
    ("ttl", "?page=1&q=a", "?q=a&page=1", "asked"),
    ("ttl", "?q=a%7Eb", "?q=a~b", "hit"),
    ("ttl", "?q=a%2fb", "?q=a%2Fb", "hit"),
    ("ttl", "?q=a%2fb", "?q=a/b", "asked"),
    ("ttl", "", "?", "hit"),
    ("plain", "?a=1", "?a=1&b=2", "asked"),
    ("plain", "?a=1&b=2", "?b=2&a=1", "asked"),
]


@pytest.mark.parametrize(("kind", "one", "other", "expected"), KEYS)
async def test_addresses_are_told_apart_by_what_the_agency_sees(
    exam: Exam, kind: str, one: str, other: str, expected: str
) -> None:
    page = exam.page("Cache-Control: max-age=60", kind=kind)
    await page.get(query=one)
    reply = await page.get(query=other)
    assert verdict(page, reply, 1) == expected
    if expected == "hit":
        assert len({received.target for received in page.asked}) == 1


async def test_fields_the_registry_puts_into_the_key_always_tell_answers_apart(exam: Exam) -> None:
    page = exam.page("Cache-Control: max-age=60", kind="keyed")
    for city in ("tangerang", "serang"):
        await page.get(f"X-City: {city}")
    assert len(page.asked) == 2
    assert (await page.get("X-City: tangerang")).text == "answer 1"


async def test_a_cookie_is_not_sent_to_an_agency_whose_answers_are_shared(exam: Exam) -> None:
    page = exam.page("Cache-Control: max-age=60")
    await page.get("Cookie: who=siti")
    assert page.asked[0].header("cookie") is None


async def test_a_request_with_a_body_is_none_of_the_caches_business(exam: Exam) -> None:
    page = exam.page("Cache-Control: max-age=60")
    reply = await exam.client.request("GET", f"/v1/permits{page.path}", content=b"planted")
    assert "cache-status" not in reply.headers
    assert verdict(page, await page.get(), 1) == "asked"


POSTED = [  # RFC 9110 section 9.3.3
    ("Cache-Control: max-age=60 | Content-Location: {path}", "hit"),
    ("Cache-Control: max-age=60", "asked"),
    ("Content-Location: {path}", "asked"),
    ("Cache-Control: max-age=60 | Content-Location: {path}/other", "asked"),
    ("Cache-Control: max-age=60 | Content-Location: http://elsewhere.test{path}", "asked"),
]


@pytest.mark.parametrize(("fields", "expected"), POSTED)
async def test_an_answer_to_post_serves_get_when_it_says_that_it_is_the_same(
    exam: Exam, fields: str, expected: str
) -> None:
    page = exam.page("", kind="post")
    page.says(fields.format(path=page.path))
    await page.get(method="POST")
    reply = await page.get()
    assert verdict(page, reply, 1) == expected
    assert reply.text == ("answer 1" if expected == "hit" else "answer 2")


async def test_trailers_are_stored_and_sent_again(exam: Exam) -> None:
    page = exam.page()
    chunked = b"5\r\nhello\r\n0\r\nX-Checksum: abc\r\nSet-Cookie: a=b\r\n\r\n"
    head = b"HTTP/1.1 200 X\r\nCache-Control: max-age=60\r\nTrailer: X-Checksum\r\nTransfer-Encoding: chunked\r\n\r\n"
    page.answer = lambda _: Raw(wire=head + chunked)
    await page.get()
    await exam.settled()
    if exam.city.lane == "direct":  # ASGI has no place for them
        raw = await exam.raw(page)
        assert raw.endswith(b"5\r\nhello\r\n0\r\nx-checksum: abc\r\n\r\n")
    reply = await page.get()
    assert (len(page.asked), reply.text) == (1, "hello")


async def test_interim_answers_pass_and_are_never_stored(exam: Exam) -> None:
    page = exam.page()
    page.answer = lambda _: Raw(
        wire=b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
        b"HTTP/1.1 200 X\r\nCache-Control: max-age=60\r\nContent-Length: 2\r\n\r\nok"
    )
    assert (await page.get()).text == "ok"
    reply = await page.get()
    assert (len(page.asked), reply.status_code) == (1, 200)
    assert "link" not in reply.headers


@pytest.mark.parametrize(
    ("fields", "detail"),
    [
        ("Cache-Control: no-store", "no-store"),
        ("Cache-Control: private", "private"),
        ("Cache-Control: max-age=60 | Set-Cookie: a=b", "set-cookie"),
        ("Cache-Control: max-age=60 | Vary: *", "vary"),
        ("", "no-freshness"),
    ],
)
async def test_cache_status_says_why_an_answer_is_not_stored(exam: Exam, fields: str, detail: str) -> None:
    page = exam.page(fields)
    said = (await page.get()).headers["cache-status"]
    assert said == f'tangerang; fwd=uri-miss; fwd-status=200; key="permits {page.path}"; detail={detail}'


async def test_cache_status_tells_a_miss_that_is_stored(exam: Exam) -> None:
    page = exam.page("Cache-Control: max-age=60 | Vary: Foo")
    said = (await page.get()).headers["cache-status"]
    assert said == f'tangerang; fwd=uri-miss; fwd-status=200; stored; ttl=60; key="permits {page.path}"'
    assert "fwd=vary-miss" in (await page.get("Foo: 1")).headers["cache-status"]


async def test_a_citizens_key_is_not_shown(exam: Exam) -> None:
    page = exam.page("Cache-Control: max-age=60", kind="mine")
    assert "key=" not in (await page.get(token="siti")).headers["cache-status"]


async def test_an_answer_too_large_to_keep_streams_through(exam: Exam) -> None:
    page = exam.page("", kind="small", body=b"x" * 300_000)
    for _ in range(2):
        reply = await page.get()
        assert (len(reply.content), verdict(page, reply, len(page.asked) - 1)) == (300_000, "asked")
    assert "detail=too-large" in reply.headers["cache-status"]


async def test_an_answer_that_turns_out_too_large_streams_through_and_is_not_kept(exam: Exam) -> None:
    page = exam.page(kind="small")
    head = b"HTTP/1.1 200 X\r\nTransfer-Encoding: chunked\r\n\r\n"
    page.answer = lambda _: Raw(wire=head + 5 * (b"10000\r\n" + b"x" * 65_536 + b"\r\n") + b"0\r\n\r\n")
    for _ in range(2):
        assert len((await page.get()).content) == 5 * 65_536
    assert len(page.asked) == 2
