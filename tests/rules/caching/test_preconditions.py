"""The client's own conditions and ranges, answered from the cache (RFC 9110 sections 13 and 14)."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.rules.caching.preconditions import is_not_modified, is_strong, weakly_equal
from gateway.rules.caching.ranges import asks_for_several, requested_slice
from tests.rules.caching.world import NOW, Reply, World, at, fields_of

FRESH = "Cache-Control: max-age=100000\n"


@pytest.mark.parametrize(
    ("tag", "strong"),
    [
        (b'"a"', True),
        (b'""', True),
        (b'W/"a"', False),
        (b'w/"a"', False),
        (b"a", False),
        (b'"a', False),
        (b'"a"b"', False),
        (b'"a b"', False),
        (b'"\xfc"', True),
        (None, False),
    ],
)
def test_strong_tags(tag: bytes | None, strong: bool) -> None:
    assert is_strong(tag) is strong


@pytest.mark.parametrize(
    ("one", "other", "equal"),
    [
        (b'"a"', b'"a"', True),
        (b'W/"a"', b'"a"', True),
        (b'"a"', b'W/"a"', True),
        (b'"a"', b'"b"', False),
        (b"a", b"a", True),
        (b"a", b'"a"', False),
        (b'w/"a"', b'W/"a"', False),
        (b'W\\"a"', b'W\\"a"', True),
    ],
)
def test_weak_comparison(one: bytes, other: bytes, equal: bool) -> None:
    assert weakly_equal(one, other) is equal


# What is stored, what the client says, and the status it gets.
CONDITIONS = [
    ('ETag: "abcdef"', 'If-None-Match: "abcdef"', 304),
    ('ETag: "abcdef"', 'If-None-Match: W/"abcdef"', 304),
    ('ETag: W/"abcdef"', 'If-None-Match: W/"abcdef"', 304),
    ('ETag: W/"abcdef"', 'If-None-Match: "abcdef"', 304),
    ('ETag: "abcdef\xfc"', 'If-None-Match: "abcdef\xfc"', 304),
    ('ETag: "abcdef"', 'If-None-Match: "abcdef", "1234", "5678"', 304),
    ('ETag: "abcdef"', 'If-None-Match: "1234", "abcdef", "5678"', 304),
    ('ETag: "abcdef"', 'If-None-Match: "1234", "5678", "abcdef"', 304),
    ('ETag: "abcdef"', 'If-None-Match: "1234"\nIf-None-Match: "abcdef"', 304),
    ('ETag: "a,b"', 'If-None-Match: "x", "a,b"', 304),
    ('ETag: "a"', 'If-None-Match: "b,"a","', 200),
    ('ETag: "abcdef"', "If-None-Match: *", 304),
    ("", "If-None-Match: *", 304),
    ("", 'If-None-Match: "a"', 200),
    ('ETag: "abcdef"', 'If-None-Match: "other"', 200),
    ('ETag: "abcdef"', "If-None-Match: abcdef", 200),
    ("ETag: abcdef", "If-None-Match: abcdef", 304),
    ("ETag: abcdef", 'If-None-Match: "abcdef"', 200),
    ('ETag: "abcdef"', "If-None-Match: ", 200),
    (f"Last-Modified: {at(-3000)}", f"If-Modified-Since: {at(-3000)}", 304),
    (f"Last-Modified: {at(-3000)}", f"If-Modified-Since: {at(-2000)}", 304),
    (f"Last-Modified: {at(-3000)}", f"If-Modified-Since: {at(-4000)}", 200),
    ("Last-Modified: Tuesday, 12-Jan-27 08:00:00 GMT", "If-Modified-Since: Tue Jan 12 08:00:00 2027", 304),
    (f"Last-Modified: {at(-3000)}", "If-Modified-Since: today", 200),
    (f"Last-Modified: {at(-3000)}", f"If-Modified-Since: {at(0)}\nIf-Modified-Since: {at(1)}", 200),
    ("", f"If-Modified-Since: {at(-3000)}", 200),
    ("", f"If-Modified-Since: {at(0)}", 304),
    ("Last-Modified: junk", f"If-Modified-Since: {at(0)}", 304),
    (f'Last-Modified: {at(-5000)}\nETag: "a"', f'If-None-Match: "a"\nIf-Modified-Since: {at(-10_000)}', 304),
    (f'Last-Modified: {at(-5000)}\nETag: "a"', f'If-None-Match: "b"\nIf-Modified-Since: {at(0)}', 200),
]


@pytest.mark.parametrize(("stored", "request_fields", "status"), CONDITIONS)
def test_condition_is_answered_from_a_fresh_answer(stored: str, request_fields: str, status: int) -> None:
    world = World()
    world.ask(Reply(FRESH + stored))
    world.wait(3)
    for method in (b"GET", b"HEAD"):
        seen = world.ask(method=method, fields=request_fields)
        assert (seen.source, seen.status) == ("cache", status)
        assert seen.answer.body == (b"0123456789" if status == 200 and method == b"GET" else b"")


@pytest.mark.parametrize(("stored", "request_fields", "status"), CONDITIONS)
def test_condition_is_answered_the_same_when_the_answer_has_just_come(
    stored: str, request_fields: str, status: int
) -> None:
    world = World()
    seen = world.ask(Reply(FRESH + stored), fields=request_fields)
    assert (seen.source, seen.status) == ("origin", status)
    assert world.ask().answer.body == b"0123456789", "the whole answer is stored although the client got a 304"


@pytest.mark.parametrize(
    ("stored", "request_fields"),
    [('ETag: "a"', 'If-None-Match: "a"'), (f"Last-Modified: {at(-3000)}", f"If-Modified-Since: {at(-3000)}")],
)
def test_condition_is_answered_after_validation(stored: str, request_fields: str) -> None:
    world = World()
    world.ask(Reply(f"Cache-Control: max-age=2\n{stored}"))
    world.wait(3)
    seen = world.ask(Reply(stored, 304), fields=request_fields)
    assert (seen.source, seen.status) == ("validated", 304)


def test_304_carries_validators_and_what_steers_caches_but_nothing_of_the_content() -> None:
    world = World()
    fields = f'ETag: "a"\nLast-Modified: {at(-9)}\nVary: Foo\nContent-Location: /x\nContent-Type: text/plain'
    world.ask(Reply(f"{FRESH}{fields}\nContent-Language: id\nContent-Encoding: gzip\nX: y"))
    seen = world.ask(fields='If-None-Match: "a"')
    names = sorted(name for name, _ in seen.answer.fields)
    assert names == [b"age", b"cache-control", b"content-location", b"date", b"etag", b"last-modified", b"vary", b"x"]


@pytest.mark.parametrize("status", [404, 301, 500])
def test_conditions_count_only_where_the_answer_would_be_a_success(status: int) -> None:
    world = World()
    for _ in range(2):
        seen = world.ask(Reply(FRESH + 'ETag: "a"', status), fields='If-None-Match: "a"\nRange: bytes=0-1')
        assert seen.status == status


@pytest.mark.parametrize("condition", ['If-Match: "a"', f"If-Unmodified-Since: {at(0)}"])
def test_conditions_for_the_origin_alone_are_passed_on(condition: str) -> None:
    world = World()
    world.ask(Reply(FRESH + 'ETag: "a"'))
    seen = world.ask(Reply("", 412), fields=condition)
    assert (seen.source, seen.status) == ("origin", 412)
    assert seen.asked == fields_of(condition)


@settings(deadline=None)
@given(st.binary(max_size=40), st.binary(max_size=40), st.binary(max_size=40))
def test_any_condition_can_be_judged(tag: bytes, wanted: bytes, since: bytes) -> None:
    is_not_modified(((b"if-none-match", wanted),), ((b"etag", tag),), NOW)
    is_not_modified(((b"if-modified-since", since),), ((b"last-modified", tag),), NOW)


# Ranges. What is asked of ten bytes, and what comes.
RANGES: list[tuple[str, int, bytes, str | None]] = [
    ("bytes=0-1", 206, b"01", "bytes 0-1/10"),
    ("bytes=1-", 206, b"123456789", "bytes 1-9/10"),
    ("bytes=-1", 206, b"9", "bytes 9-9/10"),
    ("bytes=-5", 206, b"56789", "bytes 5-9/10"),
    ("bytes=-50", 206, b"0123456789", "bytes 0-9/10"),
    ("bytes=0-0", 206, b"0", "bytes 0-0/10"),
    ("bytes=9-9", 206, b"9", "bytes 9-9/10"),
    ("bytes=5-500", 206, b"56789", "bytes 5-9/10"),
    ("bytes=0-", 206, b"0123456789", "bytes 0-9/10"),
    ("BYTES= 2-3 ", 206, b"23", "bytes 2-3/10"),
    ("bytes=10-", 416, b"", "bytes */10"),
    ("bytes=10-11", 416, b"", "bytes */10"),
    ("bytes=-0", 416, b"", "bytes */10"),
    ("bytes=999999999999999999-", 416, b"", "bytes */10"),
    ("bytes=5-4", 200, b"0123456789", None),
    ("bytes=a-b", 200, b"0123456789", None),
    ("bytes=-", 200, b"0123456789", None),
    ("bytes", 200, b"0123456789", None),
    ("bytes=1-2-3", 200, b"0123456789", None),
    ("lines=0-1", 200, b"0123456789", None),
    ("bytes=+1-2", 200, b"0123456789", None),
    ("bytes=0-9999999999999999999999", 200, b"0123456789", None),
    ("bytes=0-1\nRange: bytes=2-3", 200, b"0123456789", None),
]


@pytest.mark.parametrize(("asked", "status", "body", "content_range"), RANGES)
def test_range_is_cut_from_the_whole_stored_answer(
    asked: str, status: int, body: bytes, content_range: str | None
) -> None:
    world = World()
    world.ask(Reply(FRESH + 'ETag: "a"\nA: 1\nVary: Foo'))
    seen = world.ask(fields=f"Range: {asked}")
    assert (seen.source, seen.status, seen.answer.body) == ("cache", status, body)
    assert seen.value(b"content-range") == (content_range.encode() if content_range else None)
    assert seen.value(b"content-length") == b"%d" % len(body)
    assert seen.value(b"vary") == b"Foo"
    assert seen.value(b"a") == (None if status == 416 else b"1")


def test_range_of_an_empty_answer_cannot_be_given() -> None:
    world = World()
    world.ask(Reply(FRESH, body=b""))
    for asked in ("bytes=0-", "bytes=-1"):
        assert world.ask(fields=f"Range: {asked}").status == 416


@pytest.mark.parametrize("status", [203, 404])
def test_range_is_ignored_where_the_answer_is_not_200(status: int) -> None:
    world = World()
    world.ask(Reply(FRESH, status))
    assert world.ask(fields="Range: bytes=0-1").status == status


def test_range_means_nothing_to_head() -> None:
    world = World()
    world.ask(Reply(FRESH))
    for asked in ("bytes=0-1", "bytes=0-1, 3-4", "bytes=99-"):
        seen = world.ask(method=b"HEAD", fields=f"Range: {asked}")
        assert (seen.source, seen.status) == ("cache", 200)


@pytest.mark.parametrize(
    ("stored", "if_range", "status"),
    [
        ('ETag: "a"', 'If-Range: "a"', 206),
        ('ETag: "a"', 'If-Range: "b"', 200),
        ('ETag: W/"a"', 'If-Range: W/"a"', 200),
        ('ETag: "a"', 'If-Range: W/"a"', 200),
        ("", 'If-Range: "a"', 200),
        ('ETag: "a"', 'If-Range: "a"\nIf-Range: "a"', 200),
        (f"Last-Modified: {at(-10)}", f"If-Range: {at(-10)}", 206),
        (f"Last-Modified: {at(-10)}", f"If-Range: {at(-9)}", 200),
        (f"Last-Modified: {at(-10)}", f"If-Range: {at(-11)}", 200),
        (f"Last-Modified: {at(0)}", f"If-Range: {at(0)}", 200),
        (f"Last-Modified: {at(-1)}", f"If-Range: {at(-1)}", 206),
        ("", f"If-Range: {at(-10)}", 200),
        ("Last-Modified: junk", "If-Range: junk", 200),
    ],
)
def test_if_range_needs_a_strong_validator_that_still_holds(stored: str, if_range: str, status: int) -> None:
    world = World()
    world.ask(Reply(FRESH + stored))
    assert world.ask(fields=f"Range: bytes=0-1\n{if_range}").status == status


def test_condition_is_judged_before_the_range() -> None:
    world = World()
    world.ask(Reply(FRESH + 'ETag: "a"'))
    assert world.ask(fields='Range: bytes=0-1\nIf-None-Match: "a"').status == 304
    assert world.ask(fields='Range: bytes=0-1\nIf-None-Match: "b"').status == 206


def test_several_ranges_are_left_to_the_agency() -> None:
    world = World()
    world.ask(Reply(FRESH))
    seen = world.ask(Reply("", 206), fields="Range: bytes=0-1, 3-4")
    assert (seen.source, seen.status) == ("origin", 206)
    assert seen.asked == fields_of("Range: bytes=0-1, 3-4")
    assert world.ask().status == 200


def test_range_of_what_is_not_stored_is_passed_on_and_its_part_never_stored_as_whole() -> None:
    world = World()
    seen = world.ask(Reply(FRESH + "Content-Range: bytes 0-1/10", 206, b"01"), fields="Range: bytes=0-1")
    assert seen.asked == fields_of("Range: bytes=0-1")
    assert (seen.status, seen.answer.body) == (206, b"01")
    assert world.ask(Reply()).source == "origin"


def test_range_is_answered_after_validation() -> None:
    world = World()
    world.ask(Reply('Cache-Control: max-age=2\nETag: "a"'))
    world.wait(3)
    seen = world.ask(Reply('ETag: "a"', 304), fields="Range: bytes=0-1")
    assert (seen.source, seen.status, seen.answer.body) == ("validated", 206, b"01")


@settings(deadline=None)
@given(st.text("bytes=0123456789-, ", max_size=20), st.integers(0, 50))
def test_any_slice_lies_within_the_body(text: str, length: int) -> None:
    fields = ((b"range", text.encode()),)
    part = requested_slice(fields, length)
    assert part is None or 0 <= part.start <= part.stop <= length
    assert part is None or not asks_for_several(fields)


@settings(deadline=None)
@given(st.binary(max_size=30), st.binary(max_size=30))
def test_any_range_can_be_read(text: bytes, other: bytes) -> None:
    requested_slice(((b"range", text),), 10)
    asks_for_several(((b"range", text), (b"range", other)))
