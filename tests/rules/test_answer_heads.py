"""What a client may see of an agency's fields, and which trailers go on, in both directions."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.fields import Fields
from gateway.rules.heads import FieldKind, answer_field_kind, answer_fields, read_request_head, trailer_fields

NAMES = st.sampled_from(
    b"cache-control connection content-length content-type cookie date set-cookie server te trailer x-odd x-request-id "
    b"x-user-id x_odd".split()
)
VALUES = st.sampled_from([b"", b"a, b", b"close", b"x-odd, Date", b"content-type"]) | st.binary(max_size=8)
FIELDS = st.lists(st.tuples(NAMES, VALUES), max_size=12).map(tuple)


def test_an_answer_keeps_what_is_the_agencys_to_say() -> None:
    fields = (
        (b"server", b"gunicorn"),
        (b"content-type", b"application/json"),
        (b"content-length", b"12"),
        (b"set-cookie", b"a=1"),
        (b"set-cookie", b"b=2"),
        (b"access-control-allow-origin", b"*"),
        (b"transfer-encoding", b"chunked"),
        (b"keep-alive", b"timeout=5"),
        (b"x-odd", b"1"),
        (b"connection", b"keep-alive"),
    )
    assert answer_fields(fields) == (
        (b"content-type", b"application/json"),
        (b"content-length", b"12"),
        (b"set-cookie", b"a=1"),
        (b"set-cookie", b"b=2"),
        (b"x-odd", b"1"),
    )


def test_an_agency_may_nominate_its_own_fields_but_none_that_protect_the_citizen() -> None:
    fields = (
        (b"connection", b"X-Odd, cache-control, content-type"),
        (b"connection", b"content-length, set-cookie, vary"),
        (b"cache-control", b"private"),
        (b"content-type", b"text/html"),
        (b"content-length", b"3"),
        (b"set-cookie", b"a=1"),
        (b"vary", b"accept"),
        (b"x-odd", b"1"),
    )
    assert answer_fields(fields) == fields[2:-1]


@settings(deadline=None)
@given(FIELDS)
def test_filtering_an_answer_twice_changes_nothing_more(fields: Fields) -> None:
    once = answer_fields(fields)
    assert answer_fields(once) == once
    assert all(name == b"content-length" or answer_field_kind(name) is FieldKind.PASS for name, _ in once)


# ---- trailers (RFC 9110 section 6.5.1)


def test_trailers_obey_the_rules_of_their_direction() -> None:
    fields = ((b"x-checksum", b"1"), (b"x-user-id", b"2"), (b"server", b"3"), (b"access-control-allow-origin", b"*"))
    assert trailer_fields(fields, of_answer=False) == (fields[0], fields[2], fields[3])
    assert trailer_fields(fields, of_answer=True) == (fields[0], fields[1])


@pytest.mark.parametrize(
    "name",
    b"content-length transfer-encoding host authorization cookie set-cookie cache-control expires vary content-type "
    b"content-encoding content-range trailer te age date location retry-after max-forwards range if-match expect "
    b"www-authenticate idempotency-key x_checksum".split(),
)
def test_what_decides_how_a_message_is_handled_is_no_trailer(name: bytes) -> None:
    assert trailer_fields(((name, b"1"),), of_answer=False) == ()
    assert trailer_fields(((name, b"1"),), of_answer=True) == ()


def test_a_nominated_trailer_goes_no_further() -> None:
    fields = ((b"x-checksum", b"1"), (b"x-odd", b"2"))
    assert trailer_fields(fields, of_answer=True, nominated=frozenset((b"x-odd",))) == fields[:1]


@settings(deadline=None)
@given(FIELDS, st.booleans())
def test_a_trailer_passes_only_where_a_header_would(fields: Fields, of_answer: bool) -> None:
    allowed = answer_fields(fields) if of_answer else read_request_head(fields).passed.fields
    nominated = frozenset(
        option.strip(b" \t").lower() for name, value in fields if name == b"connection" for option in value.split(b",")
    )
    assert set(trailer_fields(fields, of_answer=of_answer, nominated=nominated)) <= set(allowed)
