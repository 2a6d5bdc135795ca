"""RFC 9111 and its relatives by their directives, through real sockets and on both lanes.

A case is: what the agency says at first, how long then passes, what the second request says, and how it is answered:
`hit` (from memory, fresh), `stale` (from memory, no longer fresh), `validated` (the agency said 304), `asked` (the
agency answered anew), or the code of an error.
"""

from __future__ import annotations

from typing import TypeAlias

import pytest

from tests.pipeline.exam import Exam, verdict

pytestmark = pytest.mark.asyncio(loop_scope="module")

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
