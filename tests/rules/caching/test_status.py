"""The Cache-Status field (RFC 9211) and what keeping an answer costs."""

from __future__ import annotations

import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.rules.caching.keys import PrimaryKey
from gateway.rules.caching.policy import CachePolicy
from gateway.rules.caching.status import CacheStatus
from gateway.rules.caching.stored import VALIDATION_GRACE_SECONDS, StoredResponse
from gateway.rules.caching.verdicts import Forwarded
from tests.rules.caching.world import NOW, PLAIN, Reply, World


@pytest.mark.parametrize(
    ("status", "text"),
    [
        (CacheStatus(hit=True), "tangerang; hit"),
        (CacheStatus(hit=True, ttl_seconds=376), "tangerang; hit; ttl=376"),
        (CacheStatus(hit=True, ttl_seconds=-412), "tangerang; hit; ttl=-412"),
        (CacheStatus(fwd=Forwarded.URI_MISS), "tangerang; fwd=uri-miss"),
        (CacheStatus(fwd=Forwarded.STALE, fwd_status=304), "tangerang; fwd=stale; fwd-status=304"),
        (
            CacheStatus(fwd=Forwarded.VARY_MISS, fwd_status=200, stored=True, collapsed=True, ttl_seconds=60),
            "tangerang; fwd=vary-miss; fwd-status=200; stored; collapsed; ttl=60",
        ),
        (CacheStatus(fwd=Forwarded.REQUEST, detail="no-store"), "tangerang; fwd=request; detail=no-store"),
        (CacheStatus(hit=True, detail="two words"), 'tangerang; hit; detail="two words"'),
        (CacheStatus(hit=True, key='/a?b="c\\d"'), r'tangerang; hit; key="/a?b=\"c\\d\""'),
        (CacheStatus(hit=True, key="é\n"), 'tangerang; hit; key="??"'),
    ],
)
def test_member_is_rendered_as_a_structured_item(status: CacheStatus, text: str) -> None:
    assert status.render() == text.encode()


@settings(deadline=None)
@given(st.text(max_size=20), st.text(max_size=20))
def test_no_text_can_break_out_of_the_field(key: str, detail: str) -> None:
    rendered = CacheStatus(hit=True, key=key, detail=detail).render()
    assert rendered.isascii()
    assert all(32 <= byte < 127 for byte in rendered)


def one_stored(fields: str, policy: CachePolicy = PLAIN, body: bytes = b"0123456789") -> StoredResponse:
    world = World(policy)
    world.ask(Reply(fields, body=body))
    return next(iter(world.stored.values()))[0]


@pytest.mark.parametrize(
    ("fields", "policy", "seconds"),
    [
        ("Cache-Control: max-age=60", PLAIN, 60),
        ("Cache-Control: max-age=60, stale-if-error=100", PLAIN, 160),
        ("Cache-Control: max-age=60, stale-while-revalidate=200, stale-if-error=100", PLAIN, 260),
        ("Cache-Control: max-age=60, stale-if-error=100, must-revalidate", PLAIN, 60),
        ('Cache-Control: max-age=60\nETag: "a"', PLAIN, 60 + VALIDATION_GRACE_SECONDS),
        ("Cache-Control: max-age=60\nLast-Modified: x", PLAIN, 60 + VALIDATION_GRACE_SECONDS),
        ("", CachePolicy(ttl_seconds=5, stale_if_error_seconds=10), 15),
    ],
)
def test_answer_may_be_forgotten_when_nothing_can_use_it_any_more(
    fields: str, policy: CachePolicy, seconds: float
) -> None:
    assert one_stored(fields, policy).keep_until(policy) == NOW + seconds


@pytest.mark.parametrize("body_bytes", [0, 100, 10_000])
def test_size_is_what_the_interpreter_really_keeps(body_bytes: int) -> None:
    """Bounded from both sides: a bound in bytes must neither be overrun nor wasted."""
    count = 300
    fields = "Cache-Control: max-age=60\nVary: Foo\n" + "\n".join(f"X-Name-{n}: {'v' * 20}{n}" for n in range(12))
    kept: dict[PrimaryKey, tuple[StoredResponse, ...]] = {}
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        for number in range(count):
            stored = one_stored(fields + f"\nCache-Tag: tag-{number}", body=bytes([number % 250]) * body_bytes)
            kept[PrimaryKey("shared", "permits", b"/types/%d" % number, b"")] = (stored,)
        real = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    counted = sum(one.size_bytes for variants in kept.values() for one in variants)
    assert 0.8 < counted / real < 1.25
