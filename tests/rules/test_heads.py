"""What a message's fields come to: read once, filtered by name, and the same for the same bytes."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.fields import EMPTY, Fields
from gateway.rules.heads import (
    FieldKind,
    RequestHead,
    read_request_head,
    request_field_kind,
    select,
)

TRACE = b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
IDS = TRACE[2:53]

NAMES = st.sampled_from(
    b"accept accept-language authorization connection content-length content-type cookie forwarded host if-match "
    b"origin server set-cookie te traceparent tracestate upgrade vary x-app-version x-forwarded-for x-odd x-request-id "
    b"x-user-id x_user_id".split()
)
VALUES = st.sampled_from([b"", b"a", b"a, b", b"close", b"x-odd, Accept", b"x-app-version", TRACE]) | st.binary(
    max_size=8
)
FIELDS = st.lists(st.tuples(NAMES, VALUES), max_size=12).map(tuple)


def _head(*fields: tuple[bytes, bytes]) -> RequestHead:
    return read_request_head(fields)


# ---- what passes to an agency


def test_a_phones_head_is_read_whole() -> None:
    head = _head(
        (b"host", b"live.tangerangkota.go.id"),
        (b"accept", b"application/json"),
        (b"accept-language", b"en-GB"),
        (b"accept-encoding", b"gzip"),
        (b"authorization", b"Bearer abc"),
        (b"x-app-version", b"5.2.1"),
        (b"x-forwarded-for", b"10.0.0.1"),
        (b"x-request-id", b"phone-00001"),
        (b"traceparent", TRACE),
        (b"connection", b"keep-alive"),
    )
    assert head.passed.fields == (
        (b"accept", b"application/json"),
        (b"accept-language", b"en-GB"),
        (b"accept-encoding", b"gzip"),
        (b"x-app-version", b"5.2.1"),
    )
    assert head.authorization == (b"Bearer abc",)
    assert head.language == "en"
    assert head.plain
    assert head.accept_encoding == b"gzip"
    assert head.traceparent == TRACE
    assert head.request_id == b"phone-00001"
    assert head.forwarded_for == (b"10.0.0.1",)
    assert head.token is None


def test_an_empty_head_says_nothing() -> None:
    head = _head()
    assert head.fields == ()
    assert head.passed.fields == ()
    assert head.authorization == ()
    assert head.forwarded_for == ()
    assert head.plain
    assert head.language == "id"
    assert {head.accept_encoding, head.origin, head.traceparent, head.tracestate, head.request_id} == {None}
    assert head.forwarded_proto is None


def test_every_authorization_is_kept_for_the_identity_stage_to_judge() -> None:
    head = _head((b"authorization", b"Bearer a"), (b"authorization", b"Bearer b"))
    assert head.authorization == (b"Bearer a", b"Bearer b")
    assert head.passed.fields == ()


@pytest.mark.parametrize("options", [b"x-odd", b"close, X-Odd", b"close,\tx-ODD ,"])
def test_a_nominated_field_goes_no_further(options: bytes) -> None:
    head = _head((b"x-odd", b"1"), (b"accept", b"*/*"), (b"connection", options))
    assert head.passed.fields == ((b"accept", b"*/*"),)


def test_every_connection_field_nominates() -> None:
    head = _head((b"connection", b"x-odd"), (b"x-odd", b"1"), (b"x-even", b"2"), (b"connection", b"x-even"))
    assert head.passed.fields == ()


def test_nominating_what_the_gateway_reads_changes_nothing() -> None:
    options = b"authorization, traceparent, x-request-id, x-forwarded-for, host, origin"
    fields = (
        (b"authorization", b"Bearer a"),
        (b"traceparent", TRACE),
        (b"x-request-id", b"phone-00001"),
        (b"x-forwarded-for", b"10.0.0.1"),
    )
    head, free = _head(*fields, (b"connection", options)), _head(*fields)
    assert (head.authorization, head.traceparent, head.request_id, head.forwarded_for) == (
        free.authorization,
        free.traceparent,
        free.request_id,
        free.forwarded_for,
    )


def test_a_nominated_encoding_wish_is_nobodys() -> None:
    assert _head((b"accept-encoding", b"br"), (b"connection", b"accept-encoding")).accept_encoding is None


@settings(deadline=None)
@given(FIELDS)
def test_an_agency_sees_only_passing_fields_in_their_order(fields: Fields) -> None:
    passed = read_request_head(fields).passed.fields
    remaining = iter(fields)
    assert all(field in remaining for field in passed)
    assert all(request_field_kind(name) is FieldKind.PASS for name, _ in passed)
    assert read_request_head(passed).passed.fields == passed


@settings(deadline=None)
@given(FIELDS)
def test_the_same_bytes_mean_the_same(fields: Fields) -> None:
    one, other = read_request_head(fields), read_request_head(fields)
    told = [[getattr(head, name) for name in RequestHead.__slots__ if name != "passed"] for head in (one, other)]
    assert told[0] == told[1]
    assert one.passed.wire == other.passed.wire


# ---- what a head means


@pytest.mark.parametrize(
    "name",
    b"cache-control pragma range if-match if-none-match if-modified-since if-unmodified-since if-range upgrade "
    b"expect".split(),
)
def test_a_head_that_asks_for_more_than_its_route_is_not_plain(name: bytes) -> None:
    assert not _head((b"accept", b"*/*"), (name, b"x")).plain


def test_list_fields_are_combined() -> None:
    head = _head((b"accept-encoding", b"gzip"), (b"accept-language", b"fr"), (b"accept-encoding", b"br"))
    assert head.accept_encoding == b"gzip, br"
    assert _head((b"accept-language", b"id;q=0.1"), (b"accept-language", b"en")).language == "en"


def test_an_origin_must_be_one() -> None:
    assert _head((b"origin", b"https://a.id")).origin == b"https://a.id"
    assert _head((b"origin", b"https://a.id"), (b"origin", b"https://a.id")).origin is None


@pytest.mark.parametrize(
    ("values", "proto"),
    [
        ([b"https"], b"https"),
        ([b"HTTP"], b"http"),
        ([b"https", b"https"], None),
        ([b"https,http"], None),
        ([b"javascript"], None),
        ([b""], None),
    ],
)
def test_a_forwarded_scheme_is_http_or_https_or_nothing(values: list[bytes], proto: bytes | None) -> None:
    assert _head(*((b"x-forwarded-proto", value) for value in values)).forwarded_proto == proto


@pytest.mark.parametrize(
    ("values", "request_id"),
    [
        ([b"0af7651916cd43dd8448eb211c80319c"], b"0af7651916cd43dd8448eb211c80319c"),
        ([b"A-b_c.8x"], b"A-b_c.8x"),
        ([b"a" * 64], b"a" * 64),
        ([b"a" * 65], None),
        ([b"short-1"], None),
        ([b"phone 00001"], None),
        ([b'phone"00001'], None),
        ([b"phone-\xc3\xa9-0001"], None),
        ([b"phone-00001", b"phone-00002"], None),
        ([], None),
    ],
)
def test_a_request_id_is_harmless_or_nothing(values: list[bytes], request_id: bytes | None) -> None:
    assert _head(*((b"x-request-id", value) for value in values)).request_id == request_id


@pytest.mark.parametrize(
    ("value", "read"),
    [
        (TRACE, TRACE),
        (b"00" + IDS + b"00", b"00" + IDS + b"00"),
        (b"00" + IDS + b"ff", b"00" + IDS + b"ff"),
        (b"cc" + IDS + b"03", b"00" + IDS + b"01"),
        (b"cc" + IDS + b"02-what-comes", b"00" + IDS + b"00"),
        (TRACE + b"-more", None),
        (b"cc" + IDS + b"01more", None),
        (b"ff" + IDS + b"01", None),
        (TRACE.upper(), None),
        (b"00-" + b"0" * 32 + b"-00f067aa0ba902b7-01", None),
        (b"00-4bf92f3577b34da6a3ce929d0e0e4736-" + b"0" * 16 + b"-01", None),
        (TRACE[:-1], None),
        (TRACE.replace(b"-", b"_"), None),
        (b"", None),
    ],
)
def test_a_traceparent_is_valid_or_nothing(value: bytes, read: bytes | None) -> None:
    assert _head((b"traceparent", value)).traceparent == read


def test_two_traceparents_are_none() -> None:
    head = _head((b"traceparent", TRACE), (b"traceparent", TRACE), (b"tracestate", b"a=1"))
    assert head.traceparent is None
    assert head.tracestate is None


@pytest.mark.parametrize(
    ("values", "read"),
    [
        ([b"congo=t61rcWkgMzE"], b"congo=t61rcWkgMzE"),
        ([b"a=1, b=2", b"c=3"], b"a=1,b=2,c=3"),
        ([b"a=1,,b=2,"], b"a=1,b=2"),
        ([b"fw529a3039@dt=FfAAA"], b"fw529a3039@dt=FfAAA"),
        ([b",".join(b"k%d=v" % number for number in range(32))], b",".join(b"k%d=v" % number for number in range(32))),
        ([b",".join(b"k%d=v" % number for number in range(33))], None),
        ([b"a=" + b"x" * 256 + b",b=" + b"x" * 256], None),
        ([b"a=" + b"x" * 257], None),
        ([b"A=1"], None),
        ([b"a"], None),
        ([b"a="], None),
        ([b"a=b=c"], None),
        ([b"a=\x01"], None),
        ([b""], None),
        ([], None),
    ],
)
def test_a_tracestate_is_valid_or_nothing(values: list[bytes], read: bytes | None) -> None:
    states = ((b"tracestate", value) for value in values)
    assert _head((b"traceparent", TRACE), *states).tracestate == read


def test_a_tracestate_alone_is_nothing() -> None:
    assert _head((b"tracestate", b"a=1")).tracestate is None


# ---- cached routes


def test_only_selected_fields_are_sent_on_a_cached_route() -> None:
    head = _head((b"accept", b"*/*"), (b"x-odd", b"1"), (b"cookie", b"a"), (b"accept", b"text/html"))
    assert select(head, frozenset((b"accept", b"cookie"))).fields == ((b"accept", b"*/*"), (b"accept", b"text/html"))
    assert select(head, frozenset((b"accept-language",))) is EMPTY
