"""Asking the agency whether a stored answer still holds, and what its reply changes (RFC 9111 sections 3.2 and 4.3)."""

from __future__ import annotations

import pytest

from gateway.fields import values
from gateway.rules.caching.decide import lookup, on_head
from gateway.rules.caching.exchange import CacheRequest, OriginHead
from gateway.rules.caching.policy import CachePolicy
from gateway.rules.caching.verdicts import AskAgain, NeedsValidation, Refreshed
from tests.rules.caching.world import PLAIN, Reply, World, at, fields_of, went_stale

LM = "Wed, 01 Jan 2020 00:00:00 GMT"
SHORT = "Cache-Control: max-age=2\n"


@pytest.mark.parametrize(
    ("fields", "conditions"),
    [
        ('ETag: "abc"', {b"if-none-match": b'"abc"'}),
        ('ETag: W/"abc"', {b"if-none-match": b'W/"abc"'}),
        ("ETag: abc", {b"if-none-match": b"abc"}),
        (f"Last-Modified: {LM}", {b"if-modified-since": LM.encode()}),
        (f'ETag: "abc"\nLast-Modified: {LM}', {b"if-none-match": b'"abc"', b"if-modified-since": LM.encode()}),
        ('ETag: "abc"\nLast-Modified: yesterday', {b"if-none-match": b'"abc"'}),
        ("", {}),
    ],
)
@pytest.mark.parametrize(
    "own", ["", 'If-None-Match: "mine"', f"If-Modified-Since: {LM}", 'Range: bytes=0-1\nIf-Range: "mine"']
)
def test_agency_is_asked_with_our_validators_and_never_with_the_clients(
    fields: str, conditions: dict[bytes, bytes], own: str
) -> None:
    world = went_stale(fields)
    seen = world.ask(Reply(fields), fields=own)
    asked = dict(seen.asked or ())
    names = (b"if-none-match", b"if-modified-since", b"if-range", b"range")
    assert {name: asked[name] for name in names if name in asked} == conditions


def test_selecting_fields_of_the_request_go_along() -> None:
    world = went_stale('ETag: "abc"\nVary: Abc', request="Abc: 123")
    seen = world.ask(Reply('ETag: "abc"', 304), fields="Abc: 123")
    assert seen.source == "validated"
    assert (b"abc", b"123") in (seen.asked or ())


@pytest.mark.parametrize(
    "directives",
    ["no-cache", "max-age=10000, no-cache", "max-age=10000, No-CaChE", "max-age=10000, no-cache=set-cookie"],
)
def test_no_cache_answer_is_stored_and_asked_about_each_time(directives: str) -> None:
    world = World()
    world.ask(Reply(f'Cache-Control: {directives}\nETag: "a"', body=b"kept"))
    for _ in range(2):
        seen = world.ask(Reply('ETag: "a"', 304))
        assert (seen.source, seen.status, seen.answer.body) == ("validated", 200, b"kept")


def test_fresh_must_revalidate_answer_is_reused_and_asked_about_once_stale() -> None:
    world = World()
    world.ask(Reply('Cache-Control: max-age=2, must-revalidate\nETag: "a"'))
    assert world.ask().source == "cache"
    world.wait(2)
    assert world.ask(Reply('ETag: "a"', 304)).source == "validated"


def test_304_keeps_what_it_does_not_mention_and_makes_the_answer_fresh() -> None:
    world = went_stale(f"Last-Modified: {LM}\nTest-Header: A\nAge: 1")
    seen = world.ask(Reply(f"Last-Modified: {LM}", 304))
    assert (seen.status, seen.value(b"test-header"), seen.value(b"age")) == (200, b"A", b"0")
    world.wait(1)
    again = world.ask()
    assert (again.source, again.value(b"test-header"), again.value(b"age")) == ("cache", b"A", b"1")


UPDATED = [
    "Test-Header",
    "Content-Encoding",
    "X-Test-Header",
    "Content-Foo",
    "X-Content-Foo",
    "Content-Type",
    "Content-Security-Policy",
]


@pytest.mark.parametrize(
    "name", [*UPDATED, "Content-Security-Policy", "Content-MD5", "Content-Location", "X-Frame-Options", "Expires"]
)
def test_304_updates_stored_fields(name: str) -> None:
    world = went_stale(f'ETag: "a"\n{name}: old\n{name}: older')
    seen = world.ask(Reply(f'ETag: "a"\n{name}: new', 304))
    assert values(seen.answer.fields, name.lower().encode()) == [b"new"]
    assert values(world.ask().answer.fields, name.lower().encode()) == [b"new"]


def test_304_updates_the_lifetime_itself() -> None:
    world = went_stale('ETag: "a"')
    world.ask(Reply('ETag: "a"\nCache-Control: max-age=3600', 304))
    world.wait(3599)
    assert world.ask().source == "cache"


def test_304_never_updates_the_length_of_the_stored_body() -> None:
    world = went_stale('ETag: "a"\nContent-Length: 10')
    seen = world.ask(Reply('ETag: "a"\nContent-Length: 36', 304))
    assert seen.value(b"content-length") == b"10"
    assert world.ask().value(b"content-length") == b"10"


def test_304_brings_no_field_of_its_connection() -> None:
    world = went_stale('ETag: "a"\nA: 1')
    seen = world.ask(Reply('ETag: "a"\nConnection: a\nA: 2\nKeep-Alive: x', 304))
    assert (seen.value(b"a"), seen.value(b"keep-alive"), seen.value(b"connection")) == (b"1", None, None)


def test_304_may_withhold_a_field_from_the_store() -> None:
    world = went_stale('ETag: "a"\nA: 1')
    world.ask(Reply('ETag: "a"\nCache-Control: max-age=60, no-cache="a"\nA: 2', 304))
    assert world.ask().value(b"a") is None


def test_304_without_a_date_is_of_the_moment_it_came() -> None:
    world = went_stale('ETag: "a"')
    world.wait(7200)
    seen = world.ask(Reply('ETag: "a"', 304, date=False))
    assert (seen.value(b"date"), seen.value(b"age")) == (at(7203).encode(), b"0")
    assert world.ask().source == "cache"


def test_304_with_an_age_is_that_old() -> None:
    world = went_stale('ETag: "a"')
    world.ask(Reply('ETag: "a"\nCache-Control: max-age=60\nAge: 50', 304))
    assert world.ask().value(b"age") == b"50"
    world.wait(10)
    assert world.ask(Reply('ETag: "a"', 304)).source == "validated"


@pytest.mark.parametrize(
    ("ours", "theirs", "accepted"),
    [
        ('ETag: "a"', 'ETag: "a"', True),
        ('ETag: "a"', "", True),
        ('ETag: "a"', 'ETag: W/"a"', True),
        ('ETag: W/"a"', 'ETag: W/"a"', True),
        ('ETag: W/"a"', 'ETag: "a"', False),
        ('ETag: "a"', 'ETag: "b"', False),
        ('ETag: "a"', 'ETag: W/"b"', False),
        (f"Last-Modified: {LM}", f"Last-Modified: {LM}", True),
        (f"Last-Modified: {LM}", "", True),
        (f"Last-Modified: {LM}", 'ETag: "a"', True),
        (f"Last-Modified: {LM}", f"Last-Modified: {at(0)}", False),
        ('ETag: "a"', f"Last-Modified: {at(0)}", True),
    ],
)
def test_304_refreshes_only_the_answer_it_speaks_of(ours: str, theirs: str, accepted: bool) -> None:
    world = went_stale(ours, body=b"ours")
    seen = world.ask(Reply(theirs, 304, b"theirs"))
    assert (seen.source, seen.answer.body) == (("validated", b"ours") if accepted else ("origin", b"theirs"))


def test_304_of_another_answer_drops_ours_and_asks_for_the_whole() -> None:
    world = went_stale('ETag: "a"')
    seen = world.ask(Reply('ETag: "b"\nCache-Control: max-age=60', 304, b"b"), fields='If-None-Match: "b"')
    assert seen.asked is not None
    assert values(seen.asked, b"if-none-match") == []
    assert (seen.source, seen.status) == ("origin", 304)
    assert world.ask().answer.body == b"b"


def test_304_to_head_of_another_answer_asks_again_as_the_client_asked() -> None:
    request = CacheRequest(b"HEAD", b"/types", b"", fields_of('If-None-Match: "mine"'))
    world = went_stale('ETag: "a"')
    stored = next(iter(world.stored.values()))
    verdict = lookup(request, stored, PLAIN, world.now)
    assert isinstance(verdict, NeedsValidation)
    head = OriginHead(304, b"", fields_of('ETag: "b"'))
    outcome = on_head(request, verdict, head, stored, PLAIN, request_time=world.now, response_time=world.now)
    assert outcome == AskAgain(request.fields, drop=stored)


def test_304_refreshes_every_variant_with_the_same_strong_tag() -> None:
    world = World()
    for foo in ("1", "2", "3"):
        tag = '"same"' if foo != "3" else '"other"'
        world.ask(Reply(f"{SHORT}Vary: Foo\nETag: {tag}", body=foo.encode()), fields=f"Foo: {foo}")
    world.wait(3)
    world.ask(Reply('ETag: "same"\nCache-Control: max-age=60\nX: new', 304), fields="Foo: 1")
    seen = world.ask(fields="Foo: 2")
    assert (seen.answer.body, seen.value(b"x")) == (b"2", b"new")
    assert world.ask(Reply('ETag: "other"', 304), fields="Foo: 3").source == "validated"


def test_304_that_varies_otherwise_changes_only_the_variant_it_answers() -> None:
    world = World()
    for foo in ("1", "2"):
        world.ask(Reply(f'{SHORT}Vary: Foo\nETag: "same"'), fields=f"Foo: {foo}\nBar: x")
    world.wait(3)
    world.ask(Reply('ETag: "same"\nCache-Control: max-age=60\nVary: Bar', 304), fields="Foo: 1\nBar: x")
    assert world.ask(fields="Foo: 9\nBar: x").source == "cache"
    selecting = sorted(one.selecting for variants in world.stored.values() for one in variants)
    assert selecting == [((b"bar", b"x"),), ((b"foo", b"2"),)]


@pytest.mark.parametrize("news", ["no-store", "private", "no-store, max-age=60"])
def test_304_can_take_back_the_leave_to_store(news: str) -> None:
    world = went_stale('ETag: "a"', body=b"last time")
    seen = world.ask(Reply(f'ETag: "a"\nCache-Control: {news}', 304))
    assert (seen.source, seen.answer.body) == ("validated", b"last time")
    assert all(not variants for variants in world.stored.values())


def test_304_that_varies_on_everything_ends_reuse() -> None:
    world = went_stale('ETag: "a"')
    world.ask(Reply('ETag: "a"\nVary: *', 304))
    assert world.ask(Reply()).source == "origin"


def test_cookie_in_a_304_is_for_this_client_only() -> None:
    world = went_stale('ETag: "a"')
    seen = world.ask(Reply('ETag: "a"\nCache-Control: max-age=60\nSet-Cookie: mine=1', 304))
    assert seen.value(b"set-cookie") == b"mine=1"
    assert world.ask().value(b"set-cookie") is None


def test_cookie_in_a_304_is_stored_on_the_registrys_word() -> None:
    world = went_stale('ETag: "a"', policy=CachePolicy(store_set_cookie=True))
    world.ask(Reply('ETag: "a"\nCache-Control: max-age=60\nSet-Cookie: all=1', 304))
    assert values(world.ask().answer.fields, b"set-cookie") == [b"all=1"]


def test_304_to_a_known_caller_does_not_touch_the_shared_answer() -> None:
    world = went_stale('ETag: "a"\nName: nobody')
    seen = world.ask(Reply('ETag: "a"\nCache-Control: max-age=60\nName: Siti', 304), authorized=True)
    assert (seen.source, seen.value(b"name")) == ("validated", b"Siti")
    stored = next(iter(world.stored.values()))[0]
    assert dict(stored.fields)[b"name"] == b"nobody"
    assert world.ask(Reply('ETag: "a"', 304)).value(b"name") == b"nobody"


def test_refreshed_answer_tells_whether_waiting_requests_may_share_it() -> None:
    world = went_stale('ETag: "a"')
    stored = next(iter(world.stored.values()))
    request = CacheRequest(b"GET", b"/types", b"", ())
    verdict = lookup(request, stored, PLAIN, world.now)
    assert isinstance(verdict, NeedsValidation)
    assert verdict.collapsible
    for extra, shareable in (("Cache-Control: max-age=60", True), ("Cache-Control: no-store", False)):
        head = OriginHead(304, b"", fields_of(extra))
        outcome = on_head(request, verdict, head, stored, PLAIN, request_time=world.now, response_time=world.now + 1)
        assert isinstance(outcome, Refreshed)
        assert outcome.shareable is shareable
        assert (outcome.age_seconds, outcome.ttl_seconds) == ((1, 59) if shareable else (1, outcome.ttl_seconds))


def test_full_answer_replaces_the_stored_one() -> None:
    world = went_stale('ETag: "a"')
    assert world.ask(Reply('ETag: "b"\nCache-Control: max-age=60', body=b"new")).source == "origin"
    assert world.ask().answer.body == b"new"


@pytest.mark.parametrize(
    ("fields", "status", "authorized", "kept"),
    [
        ("Cache-Control: no-store", 200, False, False),
        ("Cache-Control: private, max-age=60", 200, False, False),
        ("", 404, False, False),
        ("Cache-Control: no-store", 410, False, False),
        ("", 301, False, False),
        ("", 400, False, True),
        ("", 401, False, True),
        ("", 429, False, True),
        ("", 500, False, True),
        ("Cache-Control: max-age=60", 200, True, True),
    ],
)
def test_answer_that_is_not_stored_drops_the_old_one_only_if_it_supersedes_it(
    fields: str, status: int, authorized: bool, kept: bool
) -> None:
    world = went_stale('ETag: "a"')
    world.ask(Reply(fields, status), authorized=authorized)
    assert any(world.stored.values()) is kept


def test_unexpected_304_is_passed_on() -> None:
    world = World()
    seen = world.ask(Reply("", 304), fields="Cache-Control: no-store")
    assert (seen.source, seen.status) == ("origin", 304)
