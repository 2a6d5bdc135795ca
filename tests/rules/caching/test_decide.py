"""The verdict on a request: its own directives, its method, and what others may wait for (RFC 9111 section 5.2.1)."""

from __future__ import annotations

import pytest

from gateway.rules.caching.decide import lookup, on_error, on_head, serve
from gateway.rules.caching.exchange import CacheRequest, OriginHead
from gateway.rules.caching.policy import CachePolicy
from gateway.rules.caching.replies import relay
from gateway.rules.caching.stored import StoredResponse
from gateway.rules.caching.storing import Refusal
from gateway.rules.caching.verdicts import (
    Forwarded,
    FromCache,
    GatewayTimeout504,
    Miss,
    NeedsValidation,
    Relay,
    ServeStale,
)
from tests.rules.caching.world import NOW, PLAIN, Reply, World, at, fields_of


def stored_with(fields: str, policy: CachePolicy = PLAIN) -> tuple[StoredResponse, ...]:
    world = World(policy)
    world.ask(Reply(fields))
    return next(iter(world.stored.values()))


def get(fields: str = "", *, method: bytes = b"GET", authorized: bool = False) -> CacheRequest:
    return CacheRequest(method, b"/types", b"", fields_of(fields), authorized)


# What is stored, seconds since, what the client says, who answers.
CASES = [
    ("max-age=3600", 3, "max-age=0", "origin"),
    ("max-age=3600", 3, "max-age=1", "origin"),
    ("max-age=3600", 3, "max-age=3", "cache"),
    ("max-age=3600", 3, "max-age=junk", "origin"),
    ("max-age=3600\nAge: 1800", 0, "max-age=600", "origin"),
    ("max-age=3600\nAge: 1800", 0, "max-age=1800", "cache"),
    ("max-age=2", 3, "max-stale=1000", "stale"),
    ("max-age=2", 3, "max-stale=1", "stale"),
    ("max-age=2", 4, "max-stale=1", "origin"),
    ("max-age=2", 10_000, "max-stale", "stale"),
    ("max-age=1500\nAge: 2000", 0, "max-stale=1000", "stale"),
    ("max-age=2", 3, "max-stale=1000, max-age=1", "origin"),
    ("max-age=1500", 0, "min-fresh=2000", "origin"),
    ("max-age=1500", 0, "min-fresh=1500", "cache"),
    ("max-age=1500\nAge: 1000", 0, "min-fresh=1000", "origin"),
    ("max-age=1500", 0, "min-fresh=junk", "origin"),
    ("max-age=3600", 0, "no-cache", "origin"),
    ("max-age=3600", 0, "no-cache;", "origin"),
    ("max-age=3600", 0, "no-store", "origin"),
    ("max-age=3600", 0, "only-if-cached", "cache"),
    ("max-age=3600", 0, "unknown=1", "cache"),
    ("max-age=2", 3, "only-if-cached", "504"),
    ("max-age=2", 3, "only-if-cached, max-stale=5", "stale"),
    ("max-age=2, stale-while-revalidate=9", 3, "only-if-cached", "stale"),
    ("max-age=3600, immutable", 3, "max-age=0", "cache"),
    ("max-age=3600, immutable", 3, "no-cache", "origin"),
    ("max-age=2, immutable", 3, "max-age=0", "origin"),
    ("max-age=2, immutable", 3, "", "origin"),
    ("max-age=2, immutable, stale-while-revalidate=9", 2, "max-age=0", "origin"),
    ("max-age=2, immutable, stale-while-revalidate=9", 3, "max-age=0", "origin"),
    ("max-age=2, stale-while-revalidate=9", 3, "max-age=0", "origin"),
    ("max-age=2, stale-while-revalidate=9", 3, "min-fresh=1", "origin"),
]


@pytest.mark.parametrize(("stored", "wait_seconds", "wish", "source"), CASES)
def test_wishes_of_the_client_are_honoured(stored: str, wait_seconds: float, wish: str, source: str) -> None:
    world = World()
    world.ask(Reply(f"Cache-Control: {stored}"))
    world.wait(wait_seconds)
    assert world.ask(Reply(), fields=f"Cache-Control: {wish}").source == source


@pytest.mark.parametrize(
    ("request_fields", "source"),
    [
        ("Pragma: no-cache", "origin"),
        ("Pragma: unrecognised", "cache"),
        ("Pragma: no-cache\nCache-Control: x", "cache"),
    ],
)
def test_pragma_counts_for_old_clients(request_fields: str, source: str) -> None:
    world = World()
    world.ask(Reply("Cache-Control: max-age=3600"))
    assert world.ask(Reply(), fields=request_fields).source == source


def test_client_that_insists_is_answered_by_validation() -> None:
    world = World()
    world.ask(Reply(f'Cache-Control: max-age=3600\nETag: "a"\nLast-Modified: {at(-10_000)}'))
    for wish in ("no-cache", "max-age=0", "min-fresh=9999"):
        world.wait(1)
        seen = world.ask(Reply('ETag: "a"', 304), fields=f"Cache-Control: {wish}")
        assert (seen.source, seen.status) == ("validated", 200)


def test_only_if_cached_without_a_stored_answer_is_504() -> None:
    assert lookup(get("Cache-Control: only-if-cached"), (), PLAIN, NOW) == GatewayTimeout504()
    wish = "Cache-Control: only-if-cached, no-store"
    assert lookup(get(wish), stored_with("Cache-Control: max-age=60"), PLAIN, NOW) == GatewayTimeout504()


@pytest.mark.parametrize(
    ("request_", "stored", "now", "reason"),
    [
        (get(), "", NOW, Forwarded.URI_MISS),
        (get("Range: bytes=0-1"), "", NOW, Forwarded.URI_MISS),
        (get("Range: bytes=0-1,3-4"), "", NOW, Forwarded.URI_MISS),
        (get(method=b"HEAD"), "", NOW, Forwarded.URI_MISS),
        (get("Foo: 2"), "Cache-Control: max-age=60\nVary: Foo", NOW, Forwarded.VARY_MISS),
        (get(method=b"POST"), "Cache-Control: max-age=60", NOW, Forwarded.METHOD),
        (get(method=b"OPTIONS"), "", NOW, Forwarded.METHOD),
        (get("Cache-Control: no-store"), "Cache-Control: max-age=60", NOW, Forwarded.REQUEST),
        (get("Cache-Control: no-cache"), "Cache-Control: max-age=60", NOW, Forwarded.REQUEST),
        (get("Range: bytes=0-1,3-4"), "Cache-Control: max-age=60", NOW, Forwarded.REQUEST),
        (get('If-Match: "a"'), "Cache-Control: max-age=60", NOW, Forwarded.REQUEST),
        (get(), "Cache-Control: max-age=60", NOW + 60, Forwarded.STALE),
        (get("Cache-Control: no-cache"), "Cache-Control: max-age=60\nETag: x", NOW + 60, Forwarded.STALE),
        (get(), 'Cache-Control: no-cache\nETag: "a"', NOW, Forwarded.STALE),
    ],
)
def test_verdict_says_why_the_agency_is_asked(
    request_: CacheRequest, stored: str, now: float, reason: Forwarded
) -> None:
    variants = stored_with(stored) if stored else ()
    verdict = lookup(request_, variants, PLAIN, now)
    assert isinstance(verdict, Miss | NeedsValidation)
    assert verdict.reason is reason


def test_miss_asks_for_the_whole_answer_so_that_it_serves_everyone() -> None:
    fields = f'Accept: a\nIf-None-Match: "x"\nIf-Modified-Since: {at(0)}\nCache-Control: max-age=0'
    verdict = lookup(get(fields), (), PLAIN, NOW)
    assert verdict == Miss(Forwarded.URI_MISS, fields_of("Accept: a\nCache-Control: max-age=0"), collapsible=True)


@pytest.mark.parametrize("request_", [get("If-None-Match: x", method=b"HEAD"), get("Range: bytes=0-1\nIf-Range: x")])
def test_miss_that_wants_less_than_the_whole_answer_is_passed_on_as_it_came(request_: CacheRequest) -> None:
    assert lookup(request_, (), PLAIN, NOW) == Miss(Forwarded.URI_MISS, request_.fields, collapsible=False)


@pytest.mark.parametrize(("method", "collapsible"), [(b"GET", True), (b"HEAD", False)])
def test_nobody_waits_for_an_answer_without_a_body(method: bytes, collapsible: bool) -> None:
    verdict = lookup(get(method=method), stored_with("Cache-Control: max-age=60"), PLAIN, NOW + 60)
    assert isinstance(verdict, NeedsValidation)
    assert verdict.collapsible is collapsible


@pytest.mark.parametrize(
    ("request_", "policy", "collapsible"),
    [
        (get(), PLAIN, True),
        (get('If-None-Match: "a"'), PLAIN, True),
        (get("Cache-Control: no-cache"), PLAIN, True),
        (get(method=b"HEAD"), PLAIN, False),
        (get(method=b"POST"), PLAIN, False),
        (get("Range: bytes=0-1"), PLAIN, False),
        (get("Cache-Control: no-store"), PLAIN, False),
        (get("Cookie: a=b"), PLAIN, False),
        (get(authorized=True), PLAIN, False),
        (get("Cookie: a=b"), CachePolicy(key_fields=(b"cookie",)), True),
        (get(authorized=True), CachePolicy(scope="citizen"), True),
    ],
)
def test_others_wait_only_for_an_answer_that_is_likely_theirs_too(
    request_: CacheRequest, policy: CachePolicy, collapsible: bool
) -> None:
    verdict = lookup(request_, (), policy, NOW)
    assert isinstance(verdict, Miss)
    assert verdict.collapsible is collapsible


def test_hit_tells_age_and_freshness_left() -> None:
    verdict = lookup(get(), stored_with("Cache-Control: max-age=60"), PLAIN, NOW + 12.3)
    assert isinstance(verdict, FromCache)
    assert (verdict.age_seconds, verdict.ttl_seconds, verdict.stale) == (12, 47, False)
    assert verdict.revalidate_in_background is False
    late = lookup(get(), stored_with("Cache-Control: max-age=60, stale-while-revalidate=60"), PLAIN, NOW + 72.3)
    assert isinstance(late, FromCache)
    assert (late.age_seconds, late.ttl_seconds, late.stale) == (72, -13, True)
    assert late.revalidation is not None
    assert late.revalidation.reason is Forwarded.STALE


def test_stand_in_tells_age_and_how_long_it_is_stale() -> None:
    (stored,) = stored_with('Cache-Control: max-age=60, stale-if-error=600\nETag: "a"')
    verdict = lookup(get(), (stored,), PLAIN, NOW + 72.3)
    assert isinstance(verdict, NeedsValidation)
    outcome = on_error(get(), verdict, PLAIN, NOW + 72.3)
    assert isinstance(outcome, ServeStale)
    assert (outcome.stored, outcome.age_seconds, outcome.ttl_seconds) == (stored, 72, -13)


def test_miss_is_never_answered_with_something_else_on_error() -> None:
    verdict = Miss(Forwarded.URI_MISS, (), collapsible=True)
    head = OriginHead(503, b"", ())
    outcome = on_head(get(), verdict, head, (), PLAIN, request_time=NOW, response_time=NOW)
    assert isinstance(outcome, Relay)
    assert outcome.status == 503


def test_answer_to_a_miss_that_is_not_stored_drops_nothing() -> None:
    verdict = Miss(Forwarded.URI_MISS, (), collapsible=True)
    head = OriginHead(200, b"", fields_of("Cache-Control: no-store"))
    outcome = on_head(get(), verdict, head, (), PLAIN, request_time=NOW, response_time=NOW)
    assert isinstance(outcome, Relay)
    assert (outcome.storing, outcome.refusal, outcome.drop, outcome.replace) == (None, Refusal.NO_STORE, (), ())


def test_request_that_waited_is_served_by_its_own_condition_and_range() -> None:
    (stored,) = stored_with('Cache-Control: max-age=60\nETag: "a"')
    assert serve(get(), stored, PLAIN, NOW + 1).answer.body == b"0123456789"
    assert serve(get('If-None-Match: "a"'), stored, PLAIN, NOW + 1).answer.status == 304
    assert serve(get("Range: bytes=2-3"), stored, PLAIN, NOW + 1).answer.body == b"23"
    assert serve(get(), stored, PLAIN, NOW + 61).stale


def test_request_that_waits_while_the_answer_arrives_is_told_its_own_head() -> None:
    head = OriginHead(200, b"OK", fields_of('ETag: "a"'))
    assert relay(get(), head, NOW) == Relay(200, b"OK", head.fields, with_body=True)
    assert relay(get('If-None-Match: "a"'), head, NOW).status == 304
    assert relay(get('If-None-Match: "a"'), head, NOW).with_body is False
    assert relay(get('If-None-Match: "a"', method=b"POST"), head, NOW).status == 200
    assert relay(get(method=b"HEAD"), head, NOW).with_body is False
