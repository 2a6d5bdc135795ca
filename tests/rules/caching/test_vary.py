"""Variants: which stored answer a request selects (RFC 9111 section 4.1)."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.rules.caching.policy import CachePolicy
from gateway.rules.caching.vary import normalised, selecting_of, selects, vary_names
from tests.rules.caching.world import Reply, World, fields_of

FRESH = "Cache-Control: max-age=5000\n"
THREE = "Vary: Foo, Bar, Baz"


@pytest.mark.parametrize(
    ("lines", "names"),
    [
        ("", ()),
        ("Vary: ", ()),
        ("Vary: Foo", (b"foo",)),
        ("Vary: Foo, bar,, FOO", (b"bar", b"foo")),
        ("Vary: Foo\nVary: Bar", (b"bar", b"foo")),
        ("Vary: *", None),
        ("Vary: *, *", None),
        ("Vary: *\nVary: *", None),
        ("Vary: , *", None),
        ("Vary: \nVary: *", None),
        ("Vary: *, Foo", None),
        ("Vary: Foo, *", None),
        ("Vary: Foo Bar", None),
        ("Vary: Föö", None),
    ],
)
def test_names_that_select(lines: str, names: tuple[bytes, ...] | None) -> None:
    assert vary_names(fields_of(lines)) == names


# The field that varies, the first request, the second, and whether they select the same answer.
CASES = [
    ("Vary: Foo", "Foo: 1", "Foo: 1", True),
    ("Vary: Foo", "Foo: 1", "Foo: 2", False),
    ("Vary: Foo", "", "Foo: 1", False),
    ("Vary: Foo", "Foo: 1", "", False),
    ("Vary: Foo", "", "", True),
    ("Vary: Foo", "Foo: ", "", False),
    ("Vary: Foo", "Foo: 1\nOther: 2", "Foo: 1\nOther: 3", True),
    ("Vary: Foo, Bar", "Foo: 1\nBar: abc", "Foo: 1\nBar: abc", True),
    ("Vary: Foo, Bar", "Foo: 1\nBar: abc", "Bar: abc\nFoo: 1", True),
    ("Vary: Foo, Bar", "Foo: 1\nBar: abc", "Foo: 2\nBar: abc", False),
    ("Vary: Foo, Bar", "Foo: 1\nBar: abc", "", False),
    (THREE, "Foo: 1\nBar: abc\nBaz: 789", "Foo: 1\nBar: abc\nBaz: 789", True),
    (THREE, "Foo: 1\nBar: abc\nBaz: 789", "Foo: 1\nBaz: 789\nBar: abcde", False),
    (THREE, "Foo: 1\nBaz: 789", "Foo: 1\nBaz: 789", True),
    ("Vary: Foo", "Foo: 1, 2", "Foo: 1\nFoo: 2", True),
    ("Vary: Foo", "Foo: 1,2", "Foo:   1, 2 ", True),
    ("Vary: Foo", "Foo: 1,2", "Foo: 2,1", False),
    ("Vary: Foo", "Foo: a", "Foo: A", False),
    ("Vary: Foo", 'Foo: "a,b"', 'Foo: "a, b"', False),
    ("Vary: Accept-Language", "Accept-Language: en, de", "Accept-Language: de, en", True),
    ("Vary: Accept-Language", "Accept-Language: en, de", "Accept-Language: eN, De", True),
    ("Vary: Accept-Language", "Accept-Language: en, de", "Accept-Language:  en ,   de", True),
    ("Vary: Accept-Language", "Accept-Language: en;q=0.5, de", "Accept-Language: de;q=1.0, en; q=0.500", True),
    ("Vary: Accept-Language", "Accept-Language: en, de;q=0.5", "Accept-Language: en, de;q=0.4", False),
    ("Vary: Accept-Language", "Accept-Language: en;q=junk", "Accept-Language: en", False),
    ("Vary: Accept-Encoding", "Accept-Encoding: gzip, br", "Accept-Encoding: br,GZIP", True),
    ("Vary: Accept-Encoding", "Accept-Encoding: gzip", "Accept-Encoding: br", False),
    ("Vary: Accept", "Accept: text/html, text/plain", "Accept: text/html,text/plain", True),
    ("Vary: Cookie", "Cookie: a=1", "Cookie: a=1", True),
    ("Vary: Cookie", "Cookie: a=1, b", "Cookie: a=1,b", False),
]


@pytest.mark.parametrize(("vary", "first", "second", "same"), CASES)
def test_request_selects_the_answer_made_for_its_like(vary: str, first: str, second: str, same: bool) -> None:
    world = World(CachePolicy(key_fields=(b"cookie",)) if "Cookie" in vary else World().policy)
    world.ask(Reply(FRESH + vary), fields=first)
    assert world.ask(Reply(), fields=second).source == ("cache" if same else "origin")


@pytest.mark.parametrize("vary", ["Vary: *", "Vary: *, Foo", "Vary: Foo\nVary: *"])
def test_answer_that_varies_on_everything_is_never_reused(vary: str) -> None:
    world = World()
    world.ask(Reply(FRESH + vary), fields="Foo: 1")
    assert world.ask(Reply(), fields="Foo: 1").source == "origin"


def test_variants_live_side_by_side() -> None:
    world = World()
    world.ask(Reply(FRESH + "Vary: Foo", body=b"one"), fields="Foo: 1")
    world.ask(Reply(FRESH + "Vary: Foo", body=b"two"), fields="Foo: 2")
    assert world.ask(fields="Foo: 1").answer.body == b"one"
    assert world.ask(fields="Foo: 2").answer.body == b"two"


def test_newest_of_several_matching_answers_is_used() -> None:
    world = World()
    world.ask(Reply(FRESH + "Vary: Foo", body=b"old"), fields="Foo: 1\nBar: 1")
    world.wait(1)
    world.ask(Reply("Cache-Control: max-age=5000\nVary: Foo, Bar", body=b"new"), fields="Foo: 2\nBar: 2")
    world.wait(1)
    world.ask(Reply(FRESH, body=b"newest"), fields="Foo: 3")
    assert world.ask(fields="Foo: 1\nBar: 1").answer.body == b"newest"
    for variants in world.stored.values():
        assert len(variants) == 3


@pytest.mark.parametrize(
    ("accept_language", "content_language", "same"),
    [
        ("fr;q=0.5, de;q=1.0", "Content-Language: de", True),
        ("fr;q=0.5, DE", "Content-Language: de", True),
        ("fr, de;q=0.9", "Content-Language: de", False),
        ("fr, de", "Content-Language: de", False),
        ("de;q=0", "Content-Language: de", False),
        ("fr", "Content-Language: de", False),
        ("", "Content-Language: de", False),
        ("de-CH", "Content-Language: de", False),
        ("de", "Content-Language: de, en", False),
        ("de", "Content-Language: de\nContent-Language: en", False),
        ("de", "", False),
    ],
)
def test_answer_in_the_one_language_liked_best_suits(accept_language: str, content_language: str, same: bool) -> None:
    world = World()
    world.ask(Reply(FRESH + f"Vary: Accept-Language\n{content_language}"), fields="Accept-Language: en, de")
    seen = world.ask(Reply(), fields=f"Accept-Language: {accept_language}")
    assert seen.source == ("cache" if same else "origin")


def test_fields_of_the_registry_separate_answers_as_vary_does() -> None:
    world = World(CachePolicy(ttl_seconds=60, key_fields=(b"x-district",)))
    world.ask(Reply("Vary: Foo", body=b"north"), fields="X-District: n\nFoo: 1")
    assert world.ask(fields="X-District: n\nFoo: 1").answer.body == b"north"
    assert world.ask(Reply(), fields="X-District: s\nFoo: 1").source == "origin"
    assert world.ask(Reply(), fields="X-District: n\nFoo: 2").source == "origin"
    plain = World(CachePolicy(ttl_seconds=60, key_fields=(b"x-district",)))
    plain.ask(Reply(), fields="X-District: n")
    assert plain.ask(Reply(), fields="X-District: s").source == "origin"


def test_fields_of_the_registry_do_not_rescue_an_answer_that_varies_on_everything() -> None:
    world = World(CachePolicy(ttl_seconds=60, key_fields=(b"x-district",)))
    world.ask(Reply("Vary: *"), fields="X-District: n")
    assert world.ask(Reply(), fields="X-District: n").source == "origin"


NAMES = st.sampled_from([b"foo", b"accept-language", b"accept-encoding", b"cookie", b"accept"])
LINES = st.lists(st.from_regex(rb"[abAB;q=.01, *\-\"]{0,12}", fullmatch=True), max_size=3)


@settings(deadline=None)
@given(NAMES, LINES)
def test_a_request_selects_what_it_fetched_itself(name: bytes, lines: list[bytes]) -> None:
    fields = tuple((name, line) for line in lines)
    assert selects(selecting_of((name,), fields), fields, ())


@settings(deadline=None)
@given(NAMES, LINES)
def test_normal_form_is_stable(name: bytes, lines: list[bytes]) -> None:
    once = normalised(name, lines)
    if once is not None and name not in (b"accept-language", b"accept-encoding"):
        assert normalised(name, [once]) == once


@settings(deadline=None)
@given(NAMES, LINES, LINES)
def test_absent_and_present_are_never_the_same(name: bytes, lines: list[bytes], others: list[bytes]) -> None:
    if bool(lines) != bool(others):
        assert normalised(name, lines) != normalised(name, others)
