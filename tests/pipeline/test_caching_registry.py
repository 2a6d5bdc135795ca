"""What the registry says beyond the agency, and what of a request reaches the agency."""

from __future__ import annotations

import pytest

from tests.pipeline.exam import Exam, verdict

pytestmark = pytest.mark.asyncio(loop_scope="module")


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
