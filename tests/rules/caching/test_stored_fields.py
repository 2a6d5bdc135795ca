"""What of an answer is stored: its fields, its whole body, its trailers (RFC 9111 sections 3.1 and 3.3)."""

from __future__ import annotations

import pytest

from gateway.rules.caching.exchange import CacheRequest, Exchange, OriginHead
from gateway.rules.caching.policy import CachePolicy
from gateway.rules.caching.storing import Decision, Storing, content_length, storing_of, tags_of
from tests.rules.caching.world import NOW, PLAIN, Reply, World, fields_of

FRESH = "Cache-Control: max-age=3600\n"


def decide(fields: str, status: int = 200, *, request: str = "", policy: CachePolicy = PLAIN) -> Decision:
    asked = CacheRequest(b"GET", b"/types", b"", fields_of(request))
    return storing_of(Exchange(asked, OriginHead(status, b"OK", fields_of(fields)), policy, NOW, NOW + 1))


HOP_BY_HOP = ["Connection: x", "Keep-Alive: timeout=5", "Proxy-Authenticate: Basic", "Proxy-Authentication-Info: x"]
HOP_BY_HOP += ["Proxy-Authorization: x", "Proxy-Connection: x", "TE: trailers", "Trailer: x", "Upgrade: h2c"]


@pytest.mark.parametrize("line", [*HOP_BY_HOP, "Transfer-Encoding: chunked"])
def test_fields_of_the_connection_are_never_stored(line: str) -> None:
    world = World()
    world.ask(Reply(FRESH + line))
    name = line.partition(":")[0].lower().encode()
    assert world.ask().value(name) is None


@pytest.mark.parametrize(
    "line",
    [
        "Test-Header: a",
        "X-Content-Foo: a",
        "Content-Encoding: foo",
        "Content-Location: /bar",
        "Content-MD5: N7UdGUp1E+RbVvZSTy1R8g==",
        "Content-Range: a",
        "Content-Security-Policy: default-src 'self'",
        "Content-Type: text/plain;charset=utf-8",
        "Clear-Site-Data: cookies",
        'ETag: "ghijkl"',
        "Public-Key-Pins: a",
        "X-Frame-Options: sameorigin",
        "Expires: Mon, 11 Jan 2038 11:11:11 GMT",
    ],
)
def test_every_other_field_is_stored(line: str) -> None:
    world = World()
    world.ask(Reply(FRESH + line))
    name, _, value = line.partition(": ")
    assert world.ask().value(name.lower().encode()) == value.encode()


def test_fields_named_by_connection_are_not_stored() -> None:
    world = World()
    world.ask(Reply(FRESH + "Connection: A, b\nConnection: d\na: 1\nB: 2\nc: 3\nd: 4"))
    seen = world.ask()
    assert [seen.value(name) for name in (b"a", b"b", b"c", b"d")] == [None, None, b"3", None]


@pytest.mark.parametrize("directive", ["no-cache", "private"])
def test_fields_that_need_asking_reach_the_first_client_but_not_the_store(directive: str) -> None:
    world = World()
    first_time = world.ask(Reply(f'Cache-Control: max-age=3600, {directive}="a, B"\na: 1\nb: 2\nc: 3'))
    again = world.ask()
    assert first_time.value(b"a") == b"1"
    assert [again.value(name) for name in (b"a", b"b", b"c")] == [None, None, b"3"]


def storing(fields: str = FRESH, status: int = 200, **policy: int) -> Storing:
    decision = decide(fields, status, policy=CachePolicy(**policy))  # type: ignore[arg-type]  # only sizes are given
    assert isinstance(decision, Storing)
    return decision


@pytest.mark.parametrize(
    ("fields", "body", "whole"),
    [
        (FRESH, b"", True),
        (FRESH, b"0123456789", True),
        (FRESH, b"0123456789A", False),
        (FRESH + "Content-Length: 5", b"01234", True),
        (FRESH + "Content-Length: 5", b"0123", False),
        (FRESH + "Content-Length: 5", b"012345", False),
        (FRESH + "Content-Length: 0", b"", True),
    ],
)
def test_only_a_whole_body_within_bounds_is_stored(fields: str, body: bytes, whole: bool) -> None:
    stored = storing(fields, max_body_bytes=10).finish(body)
    assert (stored is not None) is whole
    if stored is not None:
        lengths = [value for name, value in stored.fields if name == b"content-length"]
        assert lengths == [b"%d" % len(body)]


def test_answer_without_content_is_given_no_length() -> None:
    stored = storing(status=204).finish(b"")
    assert stored is not None
    assert b"content-length" not in dict(stored.fields)


def test_trailers_are_kept_apart_and_without_what_frames_or_routes() -> None:
    trailers = fields_of("Digest: x\nSet-Cookie: a=b\nContent-Length: 3\nTransfer-Encoding: chunked\nVary: a\nAge: 9")
    stored = storing().finish(b"abc", trailers)
    assert stored is not None
    assert stored.trailers == ((b"digest", b"x"),)
    assert b"digest" not in dict(stored.fields)


@pytest.mark.parametrize(
    ("fields", "status", "policy", "may"),
    [
        (FRESH, 200, PLAIN, True),
        ('Cache-Control: max-age=0\nETag: "a"', 200, PLAIN, False),
        ('Cache-Control: max-age=60, no-cache\nETag: "a"', 200, PLAIN, False),
        (FRESH + "Age: 4000\nETag: x", 200, PLAIN, False),
        ("", 200, CachePolicy(ttl_seconds=5), True),
        ('ETag: "a"', 200, CachePolicy(ttl_seconds=0), False),
    ],
)
def test_waiting_requests_share_only_what_is_fresh_unasked(
    fields: str, status: int, policy: CachePolicy, may: bool
) -> None:
    decision = decide(fields, status, policy=policy)
    assert isinstance(decision, Storing)
    assert decision.may_serve_waiters is may


def test_waiting_request_of_another_variant_does_not_share() -> None:
    decision = decide(FRESH + "Vary: Accept-Language", request="Accept-Language: id")
    assert isinstance(decision, Storing)
    assert decision.suits(fields_of("Accept-Language: ID"))
    assert not decision.suits(fields_of("Accept-Language: en"))


@pytest.mark.parametrize(
    ("fields", "length"),
    [
        ("", None),
        ("Content-Length: 0", 0),
        ("Content-Length: 12", 12),
        ("Content-Length: -1", -1),
        ("Content-Length: ", -1),
        ("Content-Length: 1, 1", -1),
        (f"Content-Length: {'9' * 5000}", -1),
    ],
)
def test_content_length_is_a_number_or_a_reason_to_refuse(fields: str, length: int | None) -> None:
    assert content_length(fields_of(fields)) == length


def test_tags_come_from_both_fields() -> None:
    fields = fields_of("Cache-Tag: permits, types ,\nCache-Tag: fees\nSurrogate-Key: a b  c")
    assert tags_of(fields) == {b"permits", b"types", b"fees", b"a", b"b", b"c"}
