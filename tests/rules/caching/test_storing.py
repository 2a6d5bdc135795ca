"""May an answer be stored, and what of it (RFC 9111 sections 3, 3.1, 3.5, 5.2.2)."""

from __future__ import annotations

import pytest

from gateway.rules.caching.exchange import CacheRequest, Exchange, OriginHead
from gateway.rules.caching.policy import CachePolicy
from gateway.rules.caching.storing import Decision, Refusal, Storing, storing_of
from tests.rules.caching.world import NOW, ORIGIN, PLAIN, Reply, World, at, fields_of

FRESH = "Cache-Control: max-age=3600\n"


def decide(
    fields: str,
    status: int = 200,
    *,
    method: bytes = b"GET",
    request: str = "",
    policy: CachePolicy = PLAIN,
    authorized: bool = False,
    target: bytes = b"/types",
) -> Decision:
    path, _, query = target.partition(b"?")
    asked = CacheRequest(method, path, query, fields_of(request), authorized)
    return storing_of(Exchange(asked, OriginHead(status, b"OK", fields_of(fields)), policy, NOW, NOW + 1))


@pytest.mark.parametrize(
    ("fields", "status", "refusal"),
    [
        ("Cache-Control: no-store", 200, Refusal.NO_STORE),
        (f"Cache-Control: max-age=10000, no-store\nExpires: {at(10_000)}", 200, Refusal.NO_STORE),
        ("Cache-Control: No-StOrE", 200, Refusal.NO_STORE),
        ("Cache-Control: max-age=60\nCache-Control: no-store", 200, Refusal.NO_STORE),
        ("Cache-Control: private, max-age=3600", 200, Refusal.PRIVATE),
        ("Cache-Control: max-age=3600, no-store, must-understand", 599, Refusal.NOT_UNDERSTOOD),
        ("Cache-Control: max-age=3600, must-understand", 299, Refusal.NOT_UNDERSTOOD),
        (FRESH, 206, Refusal.STATUS),
        (FRESH, 304, Refusal.STATUS),
        (FRESH, 100, Refusal.STATUS),
        (FRESH, 103, Refusal.STATUS),
        (FRESH + "Vary: *", 200, Refusal.VARY),
        (FRESH + "Vary: a b", 200, Refusal.VARY),
        (FRESH + "Set-Cookie: a=b", 200, Refusal.SET_COOKIE),
        (FRESH + "Set-Cookie2: a=b", 200, Refusal.SET_COOKIE),
        ("", 200, Refusal.NO_FRESHNESS),
        ("", 201, Refusal.NO_FRESHNESS),
        ('ETag: "a"', 500, Refusal.NO_FRESHNESS),
        ("Cache-Control: max-age=0", 200, Refusal.NO_FRESHNESS),
        ("Cache-Control: max-age=0, stale-if-error=60, must-revalidate", 200, Refusal.NO_FRESHNESS),
        ("Cache-Control: no-cache, max-age=60", 200, Refusal.NO_FRESHNESS),
        (FRESH + "Content-Length: 1x", 200, Refusal.INCOMPLETE),
        (FRESH + "Content-Length: 1\nContent-Length: 2", 200, Refusal.INCOMPLETE),
        (FRESH + "Content-Length: 1048577", 200, Refusal.TOO_LARGE),
    ],
)
def test_answer_is_refused(fields: str, status: int, refusal: Refusal) -> None:
    assert decide(fields, status) is refusal


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ("Cache-Control: max-age=3600, no-store, must-understand", 200),
        ("Cache-Control: no-store, must-understand, max-age=60", 404),
        (f"Expires: {at(60)}", 503),
        (FRESH, 599),
        ('ETag: "a"', 200),
        ('ETag: "a"\nCache-Control: no-cache', 200),
        ('ETag: "a"\nCache-Control: max-age=0', 500),
        (f"Last-Modified: {at(-10)}", 404),
        (f"Expires: {at(-5000)}\nLast-Modified: {at(-100_000)}", 200),
        (FRESH + "Content-Length: 10\nContent-Length: 10", 200),
        (FRESH + "Content-Length: 1048576", 200),
        ("Cache-Control: max-age=0, stale-if-error=60", 200),
        (FRESH + "Content-Range: bytes 0-1/2", 200),
        ('Cache-Control: max-age=60, private="x-name"', 200),
        ('Cache-Control: max-age=60, no-cache="set-cookie"\nSet-Cookie: a=b', 200),
        ('Cache-Control: max-age=60, private="set-cookie, set-cookie2"\nSet-Cookie: a=b\nSet-Cookie2: a=b', 200),
    ],
)
def test_answer_is_stored(fields: str, status: int) -> None:
    assert isinstance(decide(fields, status), Storing)


@pytest.mark.parametrize("method", [b"HEAD", b"PUT", b"PATCH", b"DELETE", b"OPTIONS", b"M-SEARCH", b"get"])
def test_only_get_and_some_posts_are_stored(method: bytes) -> None:
    assert decide(FRESH + "Content-Location: /types", method=method) is Refusal.METHOD


@pytest.mark.parametrize(
    ("fields", "status", "stored"),
    [
        (FRESH + "Content-Location: /types?a=1", 200, True),
        (FRESH + "Content-Location: ?a=1", 200, True),
        (FRESH + "Content-Location: types?a=1", 201, True),
        (FRESH + f"Content-Location: {ORIGIN.decode()}/types?a=1", 200, True),
        (FRESH + "Content-Location: //permits.internal:8102/t%79pes?a=1", 200, True),
        (f"Expires: {at(60)}\nContent-Location: /types?a=1", 200, True),
        (FRESH, 200, False),
        (FRESH + "Content-Location: /types", 200, False),
        (FRESH + "Content-Location: /types?a=2", 200, False),
        (FRESH + "Content-Location: http://elsewhere/types?a=1", 200, False),
        (FRESH + "Content-Location: /types?a=1", 404, False),
        (f"Last-Modified: {at(-86_400)}\nContent-Location: /types?a=1", 200, False),
    ],
)
def test_post_answer_that_is_what_a_get_would_bring_is_kept_for_gets(fields: str, status: int, stored: bool) -> None:
    decision = decide(fields, status, method=b"POST", target=b"/types?a=1")
    assert isinstance(decision, Storing) is stored
    assert stored or decision is Refusal.METHOD


def test_stored_post_answer_serves_gets() -> None:
    world = World()
    world.ask(Reply(FRESH + "Content-Location: /types", body=b"made"), method=b"POST")
    world.wait(3)
    seen = world.ask()
    assert (seen.source, seen.answer.body) == ("cache", b"made")
    assert world.ask(Reply(), method=b"POST").source == "origin"


def test_registry_ttl_does_not_make_post_answers_reusable() -> None:
    policy = CachePolicy(ttl_seconds=600)
    assert decide("Content-Location: /types", method=b"POST", policy=policy) is Refusal.METHOD


def test_request_no_store_keeps_its_answer_out() -> None:
    assert decide(FRESH, request="Cache-Control: no-store") is Refusal.NO_STORE_REQUEST


@pytest.mark.parametrize(
    ("directives", "shared"),
    [
        ("max-age=3600", False),
        ("max-age=3600, public", True),
        ("max-age=3600, must-revalidate", True),
        ("s-maxage=3600", True),
        ("max-age=3600, proxy-revalidate", False),
        ("max-age=3600, s-maxage=junk", False),
        ("max-age=3600, public=1", False),
        ("max-age=3600, public, private", False),
        ("max-age=3600, public, no-store", False),
    ],
)
def test_answer_to_a_known_caller_is_shared_only_on_the_agencys_word(directives: str, shared: bool) -> None:
    world = World()
    world.ask(Reply(f"Cache-Control: {directives}"), authorized=True)
    assert world.ask(Reply()).source == ("cache" if shared else "origin")
    assert world.ask(Reply(), authorized=True).source == ("cache" if shared else "origin")


def test_authorization_that_is_passed_on_counts_as_a_login_by_itself() -> None:
    assert decide(FRESH, request="Authorization: Basic x") is Refusal.CREDENTIALS
    assert isinstance(decide("Cache-Control: s-maxage=60", request="Authorization: Basic x"), Storing)


def test_cookie_counts_as_a_login_unless_it_is_in_the_key() -> None:
    assert decide(FRESH, request="Cookie: sid=1") is Refusal.CREDENTIALS
    assert isinstance(decide("Cache-Control: public, max-age=60", request="Cookie: sid=1"), Storing)
    keyed = CachePolicy(key_fields=(b"cookie",))
    decision = decide(FRESH, request="Cookie: sid=1", policy=keyed)
    assert isinstance(decision, Storing)
    assert decision.selecting == ((b"cookie", b"sid=1"),)


def test_request_with_a_cookie_is_served_what_was_fetched_without() -> None:
    world = World()
    world.ask(Reply(FRESH))
    assert world.ask(fields="Cookie: a=b").source == "cache"


def test_set_cookie_is_stored_only_on_the_registrys_word() -> None:
    world = World(CachePolicy(store_set_cookie=True))
    world.ask(Reply(FRESH + "Set-Cookie: a=b"))
    seen = world.ask()
    assert (seen.source, seen.value(b"set-cookie")) == ("cache", b"a=b")


CITIZEN = CachePolicy(scope="citizen")


@pytest.mark.parametrize(
    ("directives", "wait_seconds", "source"),
    [
        ("private, max-age=60", 3, "cache"),
        ("max-age=60", 3, "cache"),
        ("s-maxage=60, max-age=1", 3, "origin"),
        ("s-maxage=60", 3, "origin"),
        ("max-age=60, proxy-revalidate", 3, "cache"),
        ("no-store", 3, "origin"),
        ('private="x", max-age=60', 3, "cache"),
    ],
)
def test_partition_of_one_citizen_is_a_private_cache(directives: str, wait_seconds: float, source: str) -> None:
    world = World(CITIZEN)
    world.ask(Reply(f"Cache-Control: {directives}\nX: 1"), authorized=True)
    world.wait(wait_seconds)
    seen = world.ask(Reply(), authorized=True)
    assert seen.source == source
    assert source != "cache" or seen.value(b"x") == b"1"
