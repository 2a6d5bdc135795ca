"""Primary keys, what reaches the agency, invalidation, Cache-Status, sizes."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.fields import Fields
from gateway.rules.caching.keys import SHARED, PrimaryKey, canonical, citizen_partition, fields_to_send, primary_key
from gateway.rules.caching.policy import ALL_QUERY, CachePolicy
from tests.rules.caching.world import fields_of

LISTED = CachePolicy(query=(b"page", b"q", b"filter[a]"))
UNORDERED = CachePolicy(query=(b"page", b"q"), query_order_matters=False)
ALL = CachePolicy(query=(ALL_QUERY,))


@pytest.mark.parametrize(
    ("text", "spelling"),
    [
        (b"/types", b"/types"),
        (b"/%74ypes", b"/types"),
        (b"/a%2fb", b"/a%2Fb"),
        (b"/a%2Fb", b"/a%2Fb"),
        (b"/%7euser", b"/~user"),
        (b"/a b", b"/a%20b"),
        (b"/\xc3\xa9", b"/%C3%A9"),
        (b"/%c3%a9", b"/%C3%A9"),
        (b"/%25%32%35", b"/%2525"),
        (b"/%zz%", b"/%zz%"),
        (b"", b""),
    ],
)
def test_percent_encoding_has_one_spelling(text: bytes, spelling: bytes) -> None:
    assert canonical(text) == spelling
    assert canonical(spelling) == spelling


@settings(deadline=None)
@given(st.binary(max_size=30))
def test_canonical_spelling_is_stable_and_ascii(text: bytes) -> None:
    once = canonical(text)
    # What decoding yields is never a new escape: "%25" stays encoded.
    assert canonical(once) == once
    assert once.isascii()


@pytest.mark.parametrize(
    ("query", "policy", "expected"),
    [
        (b"", LISTED, b""),
        (b"page=1&q=a", LISTED, b"page=1&q=a"),
        (b"q=a&page=1", LISTED, b"q=a&page=1"),
        (b"utm=1&page=1&x", LISTED, b"page=1"),
        (b"PAGE=1", LISTED, b""),
        (b"%70age=1", LISTED, b"page=1"),
        (b"page", LISTED, b"page"),
        (b"page=", LISTED, b"page="),
        (b"page=1&page=2", LISTED, b"page=1&page=2"),
        (b"&&page=1&", LISTED, b"page=1"),
        (b"filter%5ba%5d=1&filter[a]=2", LISTED, b"filter%5Ba%5D=1&filter[a]=2"),
        (b"q=a%20b+c&q=a+b%20c", LISTED, b"q=a%20b+c&q=a+b%20c"),
        (b"page=1;q=2", LISTED, b"page=1;q=2"),
        (b"q=a&page=1", UNORDERED, b"page=1&q=a"),
        (b"q=2&page=1&q=1", UNORDERED, b"page=1&q=2&q=1"),
        (b"z=1&a=2", ALL, b"z=1&a=2"),
        (b"z=1", CachePolicy(), b""),
    ],
)
def test_only_listed_parameters_are_in_the_key_and_reach_the_agency(
    query: bytes, policy: CachePolicy, expected: bytes
) -> None:
    key = primary_key("permits", b"/types", query, policy)
    assert key.query == expected
    assert key.target == (b"/types?" + expected if expected else b"/types")


def test_order_of_parameters_counts_unless_the_registry_says_otherwise() -> None:
    one, other = (primary_key("permits", b"/", query, LISTED) for query in (b"q=1&page=2", b"page=2&q=1"))
    assert one != other
    one, other = (primary_key("permits", b"/", query, UNORDERED) for query in (b"q=1&page=2", b"page=2&q=1"))
    assert one == other


def test_key_tells_services_and_partitions_apart() -> None:
    keys = {
        primary_key(service, b"/me", b"", CachePolicy(), partition=partition)
        for service in ("permits", "complaints")
        for partition in (
            SHARED,
            citizen_partition("p1", "0"),
            citizen_partition("p1", "1"),
            citizen_partition("p2", "0"),
        )
    }
    assert len(keys) == 8


@settings(deadline=None)
@given(st.text(max_size=6), st.text(max_size=6), st.text(max_size=6), st.text(max_size=6))
def test_no_two_sessions_share_a_partition(citizen: str, generation: str, other: str, other_generation: str) -> None:
    same = (citizen, generation) == (other, other_generation)
    assert (citizen_partition(citizen, generation) == citizen_partition(other, other_generation)) is same
    assert citizen_partition(citizen, generation) != SHARED


def test_key_is_readable() -> None:
    assert str(PrimaryKey(SHARED, "permits", b"/types", b"page=1")) == "shared permits /types?page=1"


CLIENT = fields_of("Accept: a\nCookie: a=b\nX-Foo: 1\nIf-None-Match: x\nX-District: n")


@pytest.mark.parametrize(
    ("policy", "names"),
    [
        (CachePolicy(), "accept x-foo if-none-match x-district"),
        (CachePolicy(key_fields=(b"cookie",)), "accept cookie x-foo if-none-match x-district"),
        (CachePolicy(scope="citizen"), "accept cookie x-foo if-none-match x-district"),
        (CachePolicy(sent_fields=frozenset({b"accept"})), "accept if-none-match"),
        (CachePolicy(sent_fields=frozenset(), key_fields=(b"x-district",)), "if-none-match x-district"),
        (CachePolicy(sent_fields=frozenset({b"cookie"})), "cookie if-none-match"),
    ],
)
def test_what_could_change_an_answer_unseen_does_not_reach_the_agency(policy: CachePolicy, names: str) -> None:
    sent: Fields = fields_to_send(CLIENT, policy)
    assert [name for name, _ in sent] == names.encode().split()
