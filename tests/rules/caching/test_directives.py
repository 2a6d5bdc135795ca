"""Cache-Control and Pragma, whole, broken, repeated and overflowing (RFC 9111 sections 1.2.2, 4.2.1, 5.2, 5.4)."""

from __future__ import annotations

import math
from dataclasses import asdict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.rules.caching.directives import (
    MAX_DELTA_SECONDS,
    NO_DIRECTIVES,
    NO_WISHES,
    cache_control,
    delta_seconds,
    field_names,
    request_directives,
)
from tests.rules.caching.world import fields_of

MAX = MAX_DELTA_SECONDS


def said(*lines: bytes) -> dict[str, object]:
    """Return only what differs from saying nothing."""
    silent = asdict(NO_DIRECTIVES)
    return {name: value for name, value in asdict(cache_control(list(lines))).items() if value != silent[name]}


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        (b"0", 0),
        (b"60", 60),
        (b"003600", 3600),
        (b"2147483647", 2**31 - 1),
        (b"2147483648", MAX),
        (b"2147483649", MAX),
        (b"99999999999", MAX),
        (b"9" * 5000, MAX),
        (b"0" * 5000 + b"7", 7),
        (None, None),
        (b"", None),
        (b"-1", None),
        (b"+1", None),
        (b"3600.0", None),
        (b"36e2", None),
        (b"a3600", None),
        (b"3600a", None),
        (b" 3600", None),
        ("٣".encode(), None),
        (b"1_000", None),
    ],
)
def test_delta_seconds_are_digits_and_never_overflow(text: bytes | None, seconds: int | None) -> None:
    assert delta_seconds(text) == seconds


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([], {}),
        ([b""], {}),
        ([b" , ,, "], {}),
        ([b"nothing-to-see-here"], {}),
        ([b"max-age=60"], {"max_age": 60}),
        ([b"MaX-aGe=60"], {"max_age": 60}),
        ([b'max-age="60"'], {"max_age": 60}),
        ([b'max-age="6\\0"'], {"max_age": 60}),
        ([b"foobar, max-age=60"], {"max_age": 60}),
        ([b"foo=bar,max-age=60,"], {"max_age": 60}),
        ([b"\tmax-age=60 "], {"max_age": 60}),
        ([b"No-StOrE"], {"no_store": True}),
        ([b"no-cache"], {"no_cache": True}),
        ([b"private"], {"private": True}),
        ([b"must-understand, no-store"], {"must_understand": True, "no_store": True}),
        ([b"immutable"], {"immutable": True}),
        ([b"public"], {"public": True, "permits_authorized": True}),
        ([b"must-revalidate"], {"must_revalidate": True, "permits_authorized": True}),
        ([b"proxy-revalidate"], {"proxy_revalidate": True}),
        ([b"s-maxage=5"], {"s_maxage": 5, "permits_authorized": True}),
        ([b"stale-while-revalidate=7, stale-if-error=8"], {"stale_while_revalidate": 7, "stale_if_error": 8}),
        ([b"max-age=60", b"no-store"], {"max_age": 60, "no_store": True}),
    ],
)
def test_well_formed_directives_mean_what_they_say(lines: list[bytes], expected: dict[str, object]) -> None:
    assert said(*lines) == expected


@pytest.mark.parametrize(
    "text",
    [
        b"max-age",
        b"max-age=",
        b"max-age=-3600",
        b"max-age='3600'",
        b"max-age=3600.0",
        b"max-age=3600.5",
        b"max-age=a3600",
        b"max-age=3600a",
        b"max-age =3600",
        b"max-age= 3600",
        b'max-age=""',
        b"max-age=60 extra",
    ],
)
def test_unreadable_lifetime_is_zero(text: bytes) -> None:
    assert said(text) == {"max_age": 0}


@pytest.mark.parametrize("name", ["max-age", "s-maxage", "stale-while-revalidate", "stale-if-error"])
@pytest.mark.parametrize(("first", "second", "kept"), [(1800, 1, 1), (1, 1800, 1), (60, 60, 60)])
def test_repeated_lifetimes_count_as_the_shortest(name: str, first: int, second: int, kept: int) -> None:
    attribute = name.replace("-", "_")
    together = asdict(cache_control([f"{name}={first}, {name}={second}".encode()]))
    apart = asdict(cache_control([f"{name}={first}".encode(), f"{name}={second}".encode()]))
    assert together[attribute] == apart[attribute] == kept


@pytest.mark.parametrize("name", ["no-store", "no-cache", "private", "must-revalidate", "proxy-revalidate"])
@pytest.mark.parametrize(
    "shape", ["{}=1", "{}=token", '{}="', "{};", "max-age=60; {}", "max-age=60 {}", "{}=", "{} x", "a=b c, {}"]
)
def test_what_forbids_counts_even_where_it_is_broken(name: str, shape: str) -> None:
    read = asdict(cache_control([shape.format(name).encode()]))
    assert read[name.replace("-", "_")] is True


@pytest.mark.parametrize("text", [b"public=yes", b"immutable=1", b"must-understand=x", b"public;", b"immutable x"])
def test_what_permits_counts_only_when_well_formed(text: bytes) -> None:
    assert said(text) == {}


@pytest.mark.parametrize("text", [b"must-revalidate=1", b"s-maxage=x", b"s-maxage", b"must-revalidate x"])
def test_broken_directive_never_permits_sharing_what_was_fetched_with_credentials(text: bytes) -> None:
    assert cache_control([text]).permits_authorized is False


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b'extension="max-age=3600", max-age=1', {"max_age": 1}),
        (b'max-age=1, extension="max-age=3600"', {"max_age": 1}),
        (b'extension="no-store", max-age=1', {"max_age": 1}),
        (b'extension="a\\", no-store, \\"b", max-age=1', {"max_age": 1}),
        (b'a=b"c, no-store"d', {"no_store": True}),
    ],
)
def test_directives_inside_quoted_strings_are_text(text: bytes, expected: dict[str, object]) -> None:
    assert said(text) == expected


def test_quote_that_never_closes_hides_no_prohibition_and_grants_no_lifetime() -> None:
    assert said(b'foo="bar, no-store, max-age=3600, public') == {"no_store": True, "max_age": 0}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b'no-cache="Set-Cookie"', {"no_cache_fields": frozenset({b"set-cookie"})}),
        (b'no-cache="a, B"', {"no_cache_fields": frozenset({b"a", b"b"})}),
        (b'no-cache="a", no-cache="b"', {"no_cache_fields": frozenset({b"a", b"b"})}),
        (b'private="x-name"', {"private_fields": frozenset({b"x-name"})}),
        (b'private="x", private', {"private_fields": frozenset({b"x"}), "private": True}),
        (b"no-cache=set-cookie", {"no_cache": True}),
        (b'no-cache=""', {"no_cache": True}),
        (b'no-cache="a b"', {"no_cache": True}),
        (b'private="a,"', {"private": True}),
        (b'private=","', {"private": True}),
    ],
)
def test_listed_fields_qualify_only_when_the_list_is_whole(text: bytes, expected: dict[str, object]) -> None:
    assert said(text) == expected


def test_field_names_are_lower_case() -> None:
    assert field_names(b" A ,b") == {b"a", b"b"}


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ("", {}),
        ("Pragma: no-cache", {"no_cache": True}),
        ("Pragma: No-Cache, x", {"no_cache": True}),
        ("Pragma: unrecognised", {}),
        ("Pragma: no-cache\nCache-Control: max-age=60", {"max_age": 60}),
        ("Cache-Control: no-cache", {"no_cache": True}),
        ("Cache-Control: no-store", {"no_store": True}),
        ("Cache-Control: no-cache;", {"no_cache": True}),
        ("Cache-Control: no-store x", {"no_store": True}),
        ("Cache-Control: only-if-cached", {"only_if_cached": True}),
        ("Cache-Control: max-age=0", {"max_age": 0}),
        ("Cache-Control: max-age=x", {"max_age": 0}),
        ("Cache-Control: max-age=60, max-age=5", {"max_age": 5}),
        ("Cache-Control: min-fresh=5, min-fresh=9", {"min_fresh": 9}),
        ("Cache-Control: min-fresh=x", {"min_fresh": MAX}),
        ("Cache-Control: max-stale", {"max_stale": math.inf}),
        ("Cache-Control: max-stale=10", {"max_stale": 10}),
        ("Cache-Control: max-stale=x", {"max_stale": 0}),
        ("Cache-Control: max-stale, max-stale=3", {"max_stale": 3}),
        ("Cache-Control: stale-if-error=30", {"stale_if_error": 30}),
        ("Cache-Control: nothing-to-see-here", {}),
    ],
)
def test_request_directives(fields: str, expected: dict[str, object]) -> None:
    read = asdict(request_directives(fields_of(fields)))
    silent = asdict(NO_WISHES)
    assert {name: value for name, value in read.items() if value != silent[name]} == expected


@settings(deadline=None)
@given(st.lists(st.binary(max_size=80), max_size=4))
def test_any_bytes_are_read_without_an_error(lines: list[bytes]) -> None:
    cache_control(lines)
    request_directives(tuple((b"cache-control", line) for line in lines))
    request_directives(tuple((b"pragma", line) for line in lines))


@settings(deadline=None)
@given(
    before=st.lists(st.text("abcz-=019 ;'\t", max_size=12), max_size=3),
    after=st.lists(st.text('abcz-=019 ;"\t', max_size=12), max_size=3),
    name=st.sampled_from(["no-store", "no-cache", "private"]),
)
def test_no_neighbour_can_talk_a_prohibition_away(before: list[str], after: list[str], name: str) -> None:
    text = ",".join([*before, name, *after]).encode()
    assert asdict(cache_control([text]))[name.replace("-", "_")] is True


@settings(deadline=None)
@given(st.text('abcz-=019 ;"\\,', max_size=60))
def test_junk_never_lengthens_a_lifetime(junk: str) -> None:
    for text in (f"max-age=5,{junk}", f"{junk},max-age=5"):
        read = cache_control([text.encode()])
        assert read.max_age is None or read.max_age <= 5


def test_long_hostile_values_are_read_in_linear_time() -> None:
    hostile = b'a="' + b'\\"' * 50_000
    assert cache_control([hostile]) == NO_DIRECTIVES
    assert cache_control([b'"' * 100_001]) == NO_DIRECTIVES
