"""Which stored answers are given compressed, and as what."""

from __future__ import annotations

import gzip
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.fields import first
from gateway.rules.caching.coding import compress, is_compressible, represented, wants_compressing
from gateway.rules.caching.exchange import CacheRequest
from gateway.rules.caching.freshness import Freshness
from gateway.rules.caching.policy import CachePolicy
from gateway.rules.caching.stored import StoredResponse
from tests.rules.caching.world import fields_of

POLICY = CachePolicy(ttl_seconds=60, compress=True)
TEXT = b"all citizens are equal, " * 100
FRESHNESS = Freshness(
    born=0,
    lifetime_seconds=60,
    explicit=True,
    no_cache=False,
    forbids_stale=False,
    s_maxage=False,
    immutable=False,
    stale_while_revalidate_seconds=None,
    stale_if_error_seconds=None,
)


def stored(
    fields: str = "Content-Type: text/plain", body: bytes = TEXT, gzipped: bytes | None = None
) -> StoredResponse:
    return StoredResponse(200, b"OK", fields_of(fields), body, (), 0, 0, (), FRESHNESS, gzipped=gzipped)


def asking(accept_encoding: bytes | None, fields: str = "") -> CacheRequest:
    return CacheRequest(b"GET", b"/types", b"", fields_of(fields), accept_encoding=accept_encoding)


@pytest.mark.parametrize(
    ("accept_encoding", "wants"),
    [
        (None, False),
        (b"", False),
        (b"gzip", True),
        (b"GZIP", True),
        (b"x-gzip", True),
        (b"deflate, gzip;q=0.5, br", True),
        (b"*", True),
        (b"br, *;q=0.1", True),
        (b"*;q=0", False),
        (b"gzip;q=0, *", False),
        (b"gzip;q=0.4, identity;q=0.5", False),
        (b"gzip;q=0.5, identity;q=0.5", True),
        (b"gzip;q=nonsense", False),
        (b"gzipped", False),
    ],
)
def test_accept_encoding_is_read_by_its_weights(accept_encoding: bytes | None, wants: bool) -> None:
    assert wants_compressing(stored(), asking(accept_encoding), POLICY) is wants


def test_it_is_made_once_and_only_where_the_registry_says_so() -> None:
    assert not wants_compressing(stored(gzipped=b""), asking(b"gzip"), POLICY)
    assert not wants_compressing(stored(gzipped=b"x"), asking(b"gzip"), POLICY)
    assert not wants_compressing(stored(), asking(b"gzip"), CachePolicy())


@pytest.mark.parametrize(
    ("fields", "may"),
    [
        ("Content-Type: application/json", True),
        ("Content-Type: TEXT/HTML ; charset=utf-8", True),
        ("Content-Type: application/geo+json", True),
        ("Content-Type: image/svg+xml", True),
        ("Content-Type: text/event-stream", False),
        ("Content-Type: image/jpeg", False),
        ("Content-Type: application/pdf", False),
        ("X-None: 1", False),
        ("Content-Type: text/plain\nContent-Encoding: br", False),
        ("Content-Type: text/plain\nRepr-Digest: sha-256=:AAAA:", False),
        ("Content-Type: text/plain\nCache-Control: No-Transform", False),
        ("Content-Type: text/plain\nVary: *", False),
    ],
)
def test_only_text_that_is_not_bound_to_its_bytes_is_compressed(fields: str, may: bool) -> None:
    assert is_compressible(stored(fields)) is may


def test_what_hardly_shrinks_stays_as_it_is() -> None:
    assert compress(random.Random(1).randbytes(5_000)) == b""
    assert represented(stored(gzipped=b""), asking(b"gzip"), POLICY) == stored(gzipped=b"")


@pytest.mark.parametrize(
    ("fields", "entity_tag", "vary"),
    [
        ('Content-Type: text/plain\nETag: "a"', b'"a-gzip"', b"Accept-Encoding"),
        ('Content-Type: text/plain\nETag: W/"a"\nVary: Foo', b'W/"a"', b"Foo, Accept-Encoding"),
        ("Content-Type: text/plain\nVary: accept-encoding", None, b"accept-encoding"),
    ],
)
def test_the_compressed_form_is_told_apart_by_its_fields(fields: str, entity_tag: bytes | None, vary: bytes) -> None:
    one = stored(f"{fields}\nContent-Length: {len(TEXT)}", gzipped=compress(TEXT))
    shown = represented(one, asking(b"gzip"), POLICY)
    assert gzip.decompress(shown.body) == TEXT
    assert first(shown.fields, b"content-length") == b"%d" % len(shown.body)
    assert (first(shown.fields, b"etag"), first(shown.fields, b"vary")) == (entity_tag, vary)
    plain = represented(one, asking(None), POLICY)
    assert (plain.body, first(plain.fields, b"vary"), first(plain.fields, b"content-encoding")) == (TEXT, vary, None)


@settings(deadline=None)
@given(st.binary(max_size=3_000), st.sampled_from((None, b"gzip", b"*;q=0", b"br")))
def test_whatever_is_shown_unpacks_to_what_the_agency_sent(content: bytes, accept_encoding: bytes | None) -> None:
    body = content + TEXT
    one = stored('Content-Type: text/plain\nETag: "a"', body, compress(body))
    shown = represented(one, asking(accept_encoding), POLICY)
    is_packed = first(shown.fields, b"content-encoding") == b"gzip"
    assert is_packed <= (accept_encoding == b"gzip")
    assert (gzip.decompress(shown.body) if is_packed else shown.body) == body
