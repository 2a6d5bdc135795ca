"""Stale answers: who may get them, and who asks meanwhile (RFC 9111 section 4.2.4, RFC 5861)."""

from __future__ import annotations

import pytest

from gateway.rules.caching.decide import lookup
from gateway.rules.caching.exchange import CacheRequest
from gateway.rules.caching.policy import CachePolicy
from gateway.rules.caching.verdicts import FromCache
from tests.rules.caching.world import PLAIN, Dead, Reply, World, at

FORBIDDING = ["must-revalidate", "proxy-revalidate", "no-cache", "s-maxage=2", "must-revalidate=1"]
FAILURES = [Dead(), Reply("", 500), Reply("", 502), Reply("", 503), Reply("", 504)]

LENIENT = CachePolicy(stale_if_error_seconds=3600)
SWR = CachePolicy(stale_while_revalidate_seconds=3600)
CITY = CachePolicy(ttl_seconds=2, stale_while_revalidate_seconds=10, stale_if_error_seconds=100)


def stale_by(seconds: float, fields: str, policy: CachePolicy = PLAIN) -> World:
    """Return a world whose one answer had two seconds of freshness and is stale by `seconds`."""
    world = World(policy)
    world.ask(Reply(fields))
    world.wait(2 + seconds)
    return world


@pytest.mark.parametrize("failure", FAILURES)
def test_agencys_stale_if_error_lets_a_stale_answer_stand_in(failure: Reply | Dead) -> None:
    world = stale_by(1, "Cache-Control: max-age=2, stale-if-error=60")
    seen = world.ask(failure)
    assert (seen.source, seen.status, seen.value(b"age")) == ("stale-if-error", 200, b"3")
    world.wait(59)
    assert world.ask(failure).source == "stale-if-error"
    world.wait(1)
    assert world.ask(failure).source in ("failed", "origin")


@pytest.mark.parametrize("status", [200, 400, 403, 404, 429, 501])
def test_answers_that_are_no_failures_are_passed_on(status: int) -> None:
    world = stale_by(1, "Cache-Control: max-age=2, stale-if-error=60")
    assert world.ask(Reply("", status)).status == status


def test_without_leave_a_failure_is_a_failure() -> None:
    world = stale_by(1, "Cache-Control: max-age=2")
    assert world.ask(Dead()).source == "failed"
    assert world.ask(Reply("", 503)).status == 503


def test_without_a_stored_answer_a_failure_is_a_failure() -> None:
    world = World(CITY)
    assert world.ask(Dead()).source == "failed"
    assert world.ask(Reply("", 503)).status == 503


@pytest.mark.parametrize("failure", FAILURES)
@pytest.mark.parametrize("policy", [PLAIN, LENIENT, SWR])
@pytest.mark.parametrize("directive", FORBIDDING)
def test_forbidden_stale_answer_is_served_to_nobody(failure: Reply | Dead, policy: CachePolicy, directive: str) -> None:
    both = "stale-if-error=60, stale-while-revalidate=60"
    world = stale_by(1, f"Cache-Control: max-age=2, {directive}, {both}\nETag: x", policy)
    for request in ("", "Cache-Control: max-stale", "Cache-Control: stale-if-error=99"):
        assert world.ask(failure, fields=request).source in ("failed", "origin")


def test_proxy_revalidate_does_not_bind_the_cache_of_one_citizen() -> None:
    policy = CachePolicy(scope="citizen", stale_if_error_seconds=60)
    world = stale_by(1, "Cache-Control: max-age=2, proxy-revalidate", policy)
    assert world.ask(Dead()).source == "stale-if-error"


def test_s_maxage_does_not_forbid_where_the_registry_sets_the_ttl() -> None:
    world = stale_by(20, "Cache-Control: s-maxage=2", CITY)
    assert world.ask(Dead()).source == "stale-if-error"


@pytest.mark.parametrize("fields", ["Cache-Control: max-age=2", f"Expires: {at(2)}", "", 'ETag: "a"'])
def test_registrys_stale_if_error_extends_what_may_be_stored(fields: str) -> None:
    world = stale_by(60, fields, LENIENT)
    assert world.ask(Dead()).source == "stale-if-error"
    world.wait(3600)
    assert world.ask(Dead()).source == "failed"


@pytest.mark.parametrize("fields", ["Cache-Control: no-store", "Cache-Control: private", "Set-Cookie: a=b", "Vary: *"])
def test_registrys_stale_if_error_stores_nothing_that_must_not_be(fields: str) -> None:
    assert stale_by(60, fields, LENIENT).ask(Dead()).source == "failed"


def test_agencys_word_on_stale_comes_first_unless_the_registry_sets_the_ttl() -> None:
    fields = "Cache-Control: max-age=2, stale-if-error=5, stale-while-revalidate=1"
    assert stale_by(6, fields, LENIENT).ask(Dead()).source == "failed"
    assert stale_by(2, fields, SWR).ask(Reply()).source == "origin"
    assert stale_by(50, fields, CITY).ask(Dead()).source == "stale-if-error"
    assert stale_by(5, fields, CITY).ask(Reply()).source == "stale"


def test_agencys_word_on_stale_counts_where_the_registry_only_sets_a_ttl() -> None:
    fields = "Cache-Control: stale-if-error=5, stale-while-revalidate=1"
    policy = CachePolicy(ttl_seconds=2)
    assert stale_by(0.5, fields, policy).ask(Reply()).source == "stale"
    assert stale_by(4, fields, policy).ask(Dead()).source == "stale-if-error"
    assert stale_by(6, fields, policy).ask(Dead()).source == "failed"


def test_client_may_itself_accept_a_stale_answer_on_error() -> None:
    world = stale_by(1, 'Cache-Control: max-age=2\nETag: "a"')
    assert world.ask(Dead(), fields="Cache-Control: stale-if-error=10").source == "stale-if-error"
    assert world.ask(Dead(), fields="Cache-Control: stale-if-error=0").source == "failed"
    world.wait(10)
    assert world.ask(Dead(), fields="Cache-Control: stale-if-error=10").source == "failed"


def test_fresh_answer_stands_in_when_the_client_insisted_on_asking() -> None:
    world = World(LENIENT)
    world.ask(Reply("Cache-Control: max-age=60"))
    assert world.ask(Dead(), fields="Cache-Control: no-cache").source == "stale-if-error"
    strict = World()
    strict.ask(Reply("Cache-Control: max-age=60"))
    assert strict.ask(Dead(), fields="Cache-Control: no-cache").source == "failed"


def test_stale_answer_for_an_error_obeys_the_clients_condition() -> None:
    world = stale_by(1, 'Cache-Control: max-age=2, stale-if-error=60\nETag: "a"')
    assert world.ask(Dead(), fields='If-None-Match: "a"').status == 304


# stale-while-revalidate


def test_stale_answer_is_served_while_it_is_revalidated() -> None:
    world = stale_by(2, 'Cache-Control: max-age=1, stale-while-revalidate=3600\nETag: "abc"')
    seen = world.ask(Reply('ETag: "abc"\nCache-Control: max-age=60', 304))
    assert (seen.source, seen.in_background, seen.value(b"age")) == ("stale", True, b"4")
    assert world.asked == 2
    again = world.ask()
    assert (again.source, again.in_background) == ("cache", False)


def test_window_to_revalidate_ends() -> None:
    world = World()
    world.ask(Reply('Cache-Control: max-age=1, stale-while-revalidate=4\nETag: "abc"'))
    world.wait(3)
    assert world.ask(Reply('Cache-Control: no-cache\nETag: "def"', body=b"new")).source == "stale"
    world.wait(3)
    assert world.ask(Reply('ETag: "def"', 304)).source == "validated"
    late = World()
    late.ask(Reply('Cache-Control: max-age=1, stale-while-revalidate=4\nETag: "abc"'))
    late.wait(5)
    assert late.ask(Reply()).source == "origin"


@pytest.mark.parametrize(
    ("fields", "source"),
    [("Cache-Control: max-age=2", "stale"), (f"Expires: {at(2)}", "stale"), ('ETag: "a"', "origin"), ("", "origin")],
)
def test_registrys_stale_while_revalidate_extends_only_a_lifetime_the_agency_gave(fields: str, source: str) -> None:
    assert stale_by(60, fields, SWR).ask(Reply()).source == source


def test_background_revalidation_that_fails_leaves_the_stale_answer() -> None:
    world = stale_by(1, "", CITY)
    assert world.ask(Dead()).source == "stale"
    assert world.ask(Reply("", 503)).source == "stale"
    assert world.ask(Reply()).source == "stale"
    assert world.ask().source == "cache"


def test_head_gets_a_stale_answer_too() -> None:
    world = stale_by(1, "", CITY)
    seen = world.ask(Reply(body=b""), method=b"HEAD")
    assert (seen.source, seen.in_background) == ("stale", True)


def test_soft_purge_serves_stale_while_it_asks() -> None:
    world = World(CITY)
    world.ask(Reply())
    world.wait(1)
    world.purge_softly()
    assert world.ask(Reply()).source == "stale"


def test_stale_answer_tells_how_long_it_has_been_stale() -> None:
    world = stale_by(3.5, "Cache-Control: max-age=2, stale-while-revalidate=60")
    variants = next(iter(world.stored.values()))
    verdict = lookup(CacheRequest(b"GET", b"/types", b"", ()), variants, PLAIN, world.now)
    assert isinstance(verdict, FromCache)
    assert (verdict.ttl_seconds, verdict.age_seconds) == (-4, 5)
