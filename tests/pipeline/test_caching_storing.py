"""What is stored, and what of it (RFC 9111 sections 3 and 4.3.4); what `Cache-Status` tells of it (RFC 9211)."""

from __future__ import annotations

import pytest

from tests.pipeline.exam import Exam, Raw, verdict

pytestmark = pytest.mark.asyncio(loop_scope="module")


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
