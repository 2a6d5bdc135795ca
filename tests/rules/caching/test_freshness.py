"""When a stored answer is fresh, and how old it says it is (RFC 9111 section 4.2)."""

from __future__ import annotations

import pytest

from gateway.fields import first
from gateway.rules.caching.policy import CachePolicy
from tests.rules.caching.world import NOW, PLAIN, Reply, World, at

DAY = 86_400

# What the agency says, seconds until the next request, and who answers that one.
CASES = [
    # 4.2.1: lifetimes, and which of them counts
    ("", 3, "origin"),
    ("Cache-Control: max-age=3600", 3, "cache"),
    ("Cache-Control: max-age=3600", 3599.5, "cache"),
    ("Cache-Control: max-age=3600", 3600, "origin"),
    ("Cache-Control: max-age=2", 3, "origin"),
    ("Cache-Control: max-age=0", 0, "origin"),
    ("Cache-Control: max-age=2147483647", DAY * 365, "cache"),
    ("Cache-Control: max-age=2147483648", DAY * 365, "cache"),
    ("Cache-Control: max-age=99999999999", DAY * 365, "cache"),
    ("Cache-Control: max-age=-3600", 3, "origin"),
    ("Cache-Control: max-age='3600'", 3, "origin"),
    ("Cache-Control: max-age=003600", 3, "cache"),
    ("Cache-Control: max-age=3600\nExpires: 0", 3, "cache"),
    (f"Cache-Control: max-age=3600\nExpires: {at(-7200)}", 3, "cache"),
    (f"Cache-Control: max-age=0\nExpires: {at(3600)}", 3, "origin"),
    (f"Cache-Control: max-age=junk\nExpires: {at(3600)}", 3, "origin"),
    ("Cache-Control: s-maxage=3600", 3, "cache"),
    ("Cache-Control: max-age=3600, s-maxage=1", 3, "origin"),
    ("Cache-Control: s-maxage=1, max-age=3600", 3, "origin"),
    ("Cache-Control: max-age=3600\nCache-Control: s-maxage=1", 3, "origin"),
    ("Cache-Control: max-age=1, s-maxage=3600", 3, "cache"),
    (f"Expires: {at(-10)}\nCache-Control: max-age=0, s-maxage=3600", 3, "cache"),
    # 5.3: Expires, against the agency's own Date
    (f"Expires: {at(30 * DAY)}", 3, "cache"),
    (f"Expires: {at(-30 * DAY)}", 3, "origin"),
    (f"Expires: {at(0)}", 0, "origin"),
    ("Expires: 0", 3, "origin"),
    (f"Expires: {at(300)}\nDate: {at(400)}", 0, "origin"),
    (f"Expires: {at(10)}\nDate: foo", 0, "cache"),
    (f"Expires: {at(3600)}\nExpires: {at(7200)}", 3, "origin"),
    (f"Expires: {at(3600)}\nExpires: {at(3600)}", 3, "cache"),
    (f"Date: {at(-10)}\nExpires: {at(10)}\nAge: 25", 0, "origin"),
    (f"Date: {at(10)}\nExpires: {at(20)}\nAge: 15", 0, "origin"),
    (f"Date: {at(3600)}\nExpires: {at(3660)}", 59, "cache"),
    (f"Date: {at(3600)}\nExpires: {at(3660)}", 60, "origin"),
    ("Expires: Tue, 19 Jan 2038 14:14:08 GMT", 3, "cache"),
    ("Expires: Sun, 21 Nov 2286 04:46:39 GMT", 3, "cache"),
    ("Expires: Thursday, 18-Aug-50 02:01:18 GMT", 3, "cache"),
    ("Expires: Thu Aug  8 02:01:18 2050", 3, "cache"),
    ("Expires: THU, 18 AUG 2050 02:01:18 gmt", 3, "cache"),
    ("Expires: Thu, 18 Aug 2050 02:01:18 UTC", 3, "origin"),
    ("Expires: Thu, 18 Aug 50 02:01:18 GMT", 3, "origin"),
    # 4.2.3: age
    ("Cache-Control: max-age=3600\nAge: 7200", 0, "origin"),
    ("Cache-Control: max-age=3600\nAge: 3590", 9, "cache"),
    ("Cache-Control: max-age=3600\nAge: 3590", 10, "origin"),
    ("Cache-Control: max-age=3600\nAge: 2147483648", 0, "origin"),
    ("Cache-Control: max-age=3600\nAge: 7200.0", 0, "cache"),
    ("Cache-Control: max-age=3600\nAge: 7200, 0", 0, "origin"),
    ("Cache-Control: max-age=3600\nAge: 0, 7200", 0, "cache"),
    (f"Cache-Control: max-age=3600\nDate: {at(-7200)}", 0, "origin"),
    (f"Cache-Control: max-age=3600\nDate: {at(7200)}", 3599, "cache"),
    # 4.2.2: a tenth of the time since the last change, at most a day, only where allowed
    (f"Last-Modified: {at(-DAY)}", DAY / 10 - 1, "cache"),
    (f"Last-Modified: {at(-DAY)}", DAY / 10, "origin"),
    (f"Last-Modified: {at(-3650 * DAY)}", DAY - 1, "cache"),
    (f"Last-Modified: {at(-3650 * DAY)}", DAY, "origin"),
    (f"Last-Modified: {at(DAY)}", 0, "origin"),
    ("Last-Modified: yesterday", 0, "origin"),
    (f"Last-Modified: {at(-DAY)}\nLast-Modified: {at(-2 * DAY)}", 0, "origin"),
    (f"Last-Modified: {at(-DAY)}\nExpires: 0", 0, "origin"),
    (f"Last-Modified: {at(-DAY)}\nCache-Control: max-age=1", 2, "origin"),
    # 5.4: Pragma in a response means nothing
    ("Cache-Control: max-age=3600\nPragma: no-cache", 3, "cache"),
    (f"Last-Modified: {at(-DAY)}\nPragma: no-cache", 3, "cache"),
    ("Cache-Control: max-age=3600\nPragma: unrecognised", 3, "cache"),
    # An attachment is an answer like any other
    (f"Last-Modified: {at(-DAY)}\nContent-Disposition: attachment; filename=a.txt", 3, "cache"),
]


@pytest.mark.parametrize(("fields", "wait_seconds", "source"), CASES)
def test_answer_is_reused_exactly_while_it_is_fresh(fields: str, wait_seconds: float, source: str) -> None:
    world = World()
    world.ask(Reply(fields))
    world.wait(wait_seconds)
    assert world.ask(Reply()).source == source


@pytest.mark.parametrize("status", [200, 203, 204, 300, 301, 308, 404, 405, 410, 414, 501])
def test_status_cacheable_by_heuristic(status: int) -> None:
    assert _second(Reply(f"Last-Modified: {at(-DAY)}", status, b"")) == "cache"


@pytest.mark.parametrize("status", [201, 202, 302, 303, 307, 400, 403, 429, 500, 502, 503, 504, 599])
def test_status_needs_explicit_freshness_or_public(status: int) -> None:
    assert _second(Reply(f"Last-Modified: {at(-DAY)}", status)) == "origin"
    assert _second(Reply(f"Last-Modified: {at(-DAY)}\nCache-Control: public", status)) == "cache"


@pytest.mark.parametrize(
    "status", [200, 203, 204, 299, 301, 302, 303, 307, 308, 400, 404, 410, 499, 500, 502, 503, 504, 599]
)
def test_any_final_status_is_reused_with_explicit_freshness(status: int) -> None:
    assert _second(Reply("Cache-Control: max-age=3600", status, b"")) == "cache"
    assert _second(Reply(f"Expires: {at(-5000)}\nLast-Modified: {at(-100_000)}", status, b"")) == "origin"


def _second(reply: Reply) -> str:
    world = World()
    world.ask(reply)
    world.wait(3)
    return world.ask(Reply()).source


def test_age_counts_from_the_age_received_and_the_time_it_took_and_the_time_kept() -> None:
    world = World()
    world.ask(Reply("Cache-Control: max-age=3600\nAge: 30", takes_seconds=4))
    world.wait(10.9)
    seen = world.ask()
    assert [value for name, value in seen.answer.fields if name == b"age"] == [b"44"]


@pytest.mark.parametrize(
    "fields", ["Cache-Control: max-age=3600", f"Expires: {at(3600)}", f"Last-Modified: {at(-DAY)}"]
)
def test_stored_answer_tells_its_age_and_keeps_its_date_and_expiry(fields: str) -> None:
    world = World()
    first_time = world.ask(Reply(fields))
    world.wait(3)
    again = world.ask()
    assert again.value(b"age") == b"3"
    for name in (b"date", b"expires", b"last-modified", b"cache-control"):
        assert again.value(name) == first_time.value(name)


def test_answer_without_a_date_is_given_the_moment_it_came() -> None:
    world = World()
    world.ask(Reply("Cache-Control: max-age=60", date=False))
    assert world.ask().value(b"date") == at(0).encode()


def test_clock_that_runs_back_makes_no_negative_age() -> None:
    world = World()
    world.ask(Reply("Cache-Control: max-age=60"))
    world.wait(-100)
    assert world.ask().value(b"age") == b"0"


# 10 minutes by registry, against what the agency says.
TEN = CachePolicy(ttl_seconds=600, negative_ttl_seconds=30, ttl_by_status={302: 5, 410: 900, 203: 0})


@pytest.mark.parametrize(
    ("fields", "status", "fresh_seconds"),
    [
        ("", 200, 600),
        ("Cache-Control: max-age=1", 200, 600),
        ("Cache-Control: max-age=3600", 200, 600),
        ("Cache-Control: s-maxage=1", 200, 600),
        ("Expires: 0", 200, 600),
        (f"Date: {at(-7200)}", 200, 600),
        ("Age: 5000", 200, 600),
        ("", 301, 600),
        ("", 404, 30),
        ("Cache-Control: max-age=3600", 404, 30),
        ("", 410, 900),
        ("", 302, 5),
    ],
)
def test_ttl_of_the_registry_comes_before_the_freshness_of_the_agency(
    fields: str, status: int, fresh_seconds: float
) -> None:
    world = World(TEN)
    world.ask(Reply(fields, status))
    world.wait(fresh_seconds - 1)
    assert world.ask(Reply()).source == "cache"
    world.wait(1)
    assert world.ask(Reply()).source == "origin"


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ("Cache-Control: no-store", 200),
        ("Cache-Control: private", 200),
        ("Set-Cookie: a=b", 200),
        ("Vary: *", 200),
        ("Cache-Control: no-cache", 200),
        ("", 203),
        ("", 201),
        ("", 403),
        ("", 500),
        ("", 503),
    ],
)
def test_ttl_of_the_registry_makes_nothing_shared_that_must_not_be(fields: str, status: int) -> None:
    world = World(TEN)
    world.ask(Reply(fields, status))
    assert world.ask(Reply()).source in ("origin", "validated")


def test_ttl_of_the_registry_never_shares_what_was_fetched_with_a_login() -> None:
    world = World(TEN)
    world.ask(Reply(), authorized=True)
    assert world.ask(Reply()).source == "origin"


def test_changed_ttl_counts_at_once_for_what_is_already_stored() -> None:
    world = World(TEN)
    world.ask(Reply())
    world.wait(100)
    world.policy = CachePolicy(ttl_seconds=60)
    assert world.ask(Reply()).source == "origin"


def test_query_is_no_obstacle_to_reuse() -> None:
    world = World(PLAIN)
    world.ask(Reply("Cache-Control: max-age=60"), target=b"/types?a=1")
    assert world.ask(target=b"/types?a=1").source == "cache"
    assert world.ask(Reply(), target=b"/types?a=2").source == "origin"


def test_soft_purge_makes_an_answer_stale_and_a_304_makes_it_fresh_again() -> None:
    world = World()
    world.ask(Reply('Cache-Control: max-age=3600\nETag: "a"'))
    world.wait(10)
    world.purge_softly()
    world.wait(5)
    world.purge_softly()
    stored = next(iter(world.stored.values()))[0]
    assert stored.stale_from == NOW + 10
    assert world.ask(Reply('ETag: "a"', 304)).source == "validated"
    assert world.ask().source == "cache"
    assert first(stored.fields, b"etag") == b'"a"'
