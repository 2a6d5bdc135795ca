"""Targeted fields: CDN-Cache-Control and the city's own (RFC 9213), as structured dictionaries (RFC 8941)."""

from __future__ import annotations

from dataclasses import asdict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.rules.caching.directives import NO_DIRECTIVES
from gateway.rules.caching.structured import OPAQUE, NotADictionary, Value, dictionary
from gateway.rules.caching.targeted import response_directives
from tests.rules.caching.world import Reply, World, fields_of


def said(fields: str) -> dict[str, object]:
    silent = asdict(NO_DIRECTIVES)
    read = asdict(response_directives(fields_of(fields)))
    return {name: value for name, value in read.items() if value != silent[name]}


def aimed(**expected: object) -> dict[str, object]:
    return {"targeted": True, **expected}


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ("CDN-Cache-Control: max-age=60", aimed(max_age=60)),
        ("Tangerang-Cache-Control: max-age=60", aimed(max_age=60)),
        ("CDN-Cache-Control: max-age=60\nCache-Control: no-store", aimed(max_age=60)),
        ("CDN-Cache-Control: max-age=60\nTangerang-Cache-Control: max-age=5", aimed(max_age=5)),
        ("Tangerang-Cache-Control: &&\nCDN-Cache-Control: max-age=60", aimed(max_age=60)),
        ("CDN-Cache-Control: max-age=2147483648", aimed(max_age=2**31)),
        ("CDN-Cache-Control: max-age=99999999999", aimed(max_age=2**31)),
        ("CDN-Cache-Control: max-age=-5", aimed(max_age=0)),
        ("CDN-Cache-Control: max-age=1, max-age=9", aimed(max_age=9)),
        ("CDN-Cache-Control: foobar, max-age=60;x=1", aimed(max_age=60)),
        ("CDN-Cache-Control: no-store", aimed(no_store=True)),
        ("CDN-Cache-Control: no-store=?0", aimed()),
        ("CDN-Cache-Control: no-cache", aimed(no_cache=True)),
        ("CDN-Cache-Control: private", aimed(private=True)),
        ("CDN-Cache-Control: private=?0", aimed()),
        ('CDN-Cache-Control: no-cache="A, b"', aimed(no_cache_fields=frozenset({b"a", b"b"}))),
        ('CDN-Cache-Control: private="x"', aimed(private_fields=frozenset({b"x"}))),
        ('CDN-Cache-Control: private="not a list"', aimed(private=True)),
        ('CDN-Cache-Control: no-cache=""', aimed(no_cache=True)),
        ("CDN-Cache-Control: must-revalidate", aimed(must_revalidate=True, permits_authorized=True)),
        ("CDN-Cache-Control: public", aimed(public=True, permits_authorized=True)),
        ("CDN-Cache-Control: s-maxage=9", aimed(s_maxage=9, permits_authorized=True)),
        ("CDN-Cache-Control: proxy-revalidate, must-understand", aimed(proxy_revalidate=True, must_understand=True)),
        (
            "CDN-Cache-Control: immutable, stale-if-error=5, stale-while-revalidate=6",
            aimed(immutable=True, stale_if_error=5, stale_while_revalidate=6),
        ),
        ("CDN-Cache-Control: max-age=1\nCDN-Cache-Control: no-store", aimed(max_age=1, no_store=True)),
    ],
)
def test_field_aimed_at_this_cache_wins(fields: str, expected: dict[str, object]) -> None:
    assert said(fields) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "max-age=10000, &&&&&",
        'max-age="10000"',
        "max-age",
        "max-age=?1",
        "max-age=10.5",
        "max-age=token",
        "max-age =100",
        "max-age= 100",
        "MaX-aGe=3600",
        "max-age=60,",
        ",max-age=60",
        "max-age=(1 2)",
        "no-store=1",
        'no-store="x"',
        "no-cache=token",
        "no-cache=5",
        "private=1.5",
        "max-age=60 no-store",
        "max-age=1234567890123456",
    ],
)
def test_invalid_targeted_field_is_ignored_whole(text: str) -> None:
    assert said(f"CDN-Cache-Control: {text}\nCache-Control: no-store") == {"no_store": True}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"a", {b"a": True}),
        (b"a=1, b=-2", {b"a": 1, b"b": -2}),
        (b"a=?0,b=?1", {b"a": False, b"b": True}),
        (b'a="x \\"\\\\ y"', {b"a": b'x "\\ y'}),
        (b"a=tok/en:*, *b=c", {b"a": OPAQUE, b"*b": OPAQUE}),
        (b"a=:aGk=:, b=1.25, c=@1659578233", {b"a": OPAQUE, b"b": OPAQUE, b"c": OPAQUE}),
        (b"a=( 1 tok;q=1  ?1 ), b=()", {b"a": OPAQUE, b"b": OPAQUE}),
        (b"a;x;y=2; z=?0, b=1;c", {b"a": True, b"b": 1}),
        (b"a=1 \t,\t b=2", {b"a": 1, b"b": 2}),
        (b"  a=1  ", {b"a": 1}),
        (b"", {}),
    ],
)
def test_dictionary_of_every_type(text: bytes, expected: dict[bytes, Value]) -> None:
    assert dictionary([text]) == expected


@pytest.mark.parametrize(
    "text",
    [
        b"A=1",
        b"1a=1",
        b"a=",
        b"a==1",
        b"a=1.",
        b"a=1.2345",
        b"a=1234567890123.1",
        b'a="x',
        b'a="\x80"',
        b'a="\\x"',
        b"a=?2",
        b"a=:a b:",
        b"a=(1",
        b"a=(1,2)",
        b"a=(1b)",
        b"a=1;",
        b"a=1;B",
        b"a 1",
        b"a=@x",
        b"\xc3\xa9=1",
        b"a;b=(",
    ],
)
def test_one_byte_out_of_place_and_it_is_no_dictionary(text: bytes) -> None:
    with pytest.raises(NotADictionary):
        dictionary([text])


KEYS = st.from_regex(r"[a-z*][a-z0-9_\-.*]{0,6}", fullmatch=True)
ITEMS = st.one_of(
    st.booleans().map(lambda value: (value, "?1" if value else "?0")),
    st.integers(-(10**15) + 1, 10**15 - 1).map(lambda value: (value, str(value))),
    st.text("abc ,;=()", max_size=8).map(lambda value: (value.encode(), f'"{value}"')),
)


@settings(deadline=None)
@given(st.dictionaries(KEYS, ITEMS, max_size=5))
def test_written_dictionary_is_read_back(written: dict[str, tuple[Value, str]]) -> None:
    text = ", ".join(f"{key}={item}" for key, (_, item) in written.items())
    assert dictionary([text.encode()]) == {key.encode(): value for key, (value, _) in written.items()}


@settings(deadline=None)
@given(st.lists(st.binary(max_size=60), max_size=3))
def test_any_bytes_are_a_dictionary_or_refused(lines: list[bytes]) -> None:
    response_directives(tuple((b"cdn-cache-control", line) for line in lines))


@pytest.mark.parametrize(
    ("fields", "wait_seconds", "source"),
    [
        ("CDN-Cache-Control: max-age=3600", 3, "cache"),
        ("CDN-Cache-Control: max-age=3600\nAge: 7200", 3, "origin"),
        ("CDN-Cache-Control: max-age=0\nExpires: Thu, 18 Aug 2050 02:01:18 GMT", 3, "origin"),
        ("CDN-Cache-Control: max-age=3600\nExpires: 0", 3, "cache"),
        ("CDN-Cache-Control: max-age=3600\nCache-Control: max-age=1", 3, "cache"),
        ("CDN-Cache-Control: max-age=1\nCache-Control: max-age=3600", 3, "origin"),
        ("CDN-Cache-Control: private\nCache-Control: max-age=3600", 3, "origin"),
        ("CDN-Cache-Control: no-cache\nCache-Control: max-age=3600", 3, "origin"),
        ("CDN-Cache-Control: no-store\nCache-Control: max-age=3600", 3, "origin"),
        ("CDN-Cache-Control: max-age=3600\nCache-Control: no-store", 3, "cache"),
        ("CDN-Cache-Control: max-age=3600, &&&\nCache-Control: no-store", 3, "origin"),
        ("CDN-Cache-Control: public\nExpires: Thu, 18 Aug 2050 02:01:18 GMT", 3, "origin"),
    ],
)
def test_targeted_field_decides_what_is_reused(fields: str, wait_seconds: float, source: str) -> None:
    world = World()
    world.ask(Reply(fields))
    world.wait(wait_seconds)
    assert world.ask(Reply()).source == source


def test_targeted_field_is_passed_on_to_the_client() -> None:
    world = World()
    assert world.ask(Reply("CDN-Cache-Control: max-age=60")).value(b"cdn-cache-control") == b"max-age=60"
    assert world.ask().value(b"cdn-cache-control") == b"max-age=60"
