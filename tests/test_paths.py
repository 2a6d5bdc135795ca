"""The one spelling of paths and queries (RFC 3986 sections 3.3, 3.4 and 6.2.2)."""

from __future__ import annotations

import re
from urllib.parse import unquote_to_bytes

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.errors import MalformedRequest
from gateway.paths import canonical_path, canonical_query, check_query

CANONICAL_PATH = re.compile(rb"(/([A-Za-z0-9._~!$&'()*+,;=:@-]|%[0-9A-F]{2})*)+")
# Bytes that paths are made of, and those that attacks on them are made of, more often than the rest.
SPICED = st.lists(
    st.sampled_from(
        [b"/", b".", b"%", b"2", b"e", b"F", b"5C", b";", b"a", b"~", b"%2e", b"%25", b"%C3%A9", b"\\", b"\xff"]
    )
    | st.binary(min_size=1, max_size=1)
).map(lambda pieces: b"/" + b"".join(pieces))


@pytest.mark.parametrize(
    ("raw", "canonical"),
    [
        (b"/", b"/"),
        (b"/v1/permits/types", b"/v1/permits/types"),
        (b"/v1/Permits", b"/v1/Permits"),  # case counts
        (b"/v1/x/", b"/v1/x/"),  # so does a slash at the end
        (b"/v1/%70ermits/%7Eab%2D", b"/v1/permits/~ab-"),
        (b"/caf%c3%a9", b"/caf%C3%A9"),
        (b"/a%20b%3a", b"/a%20b%3A"),
        (b"/100%25", b"/100%25"),
        (b"/%2541", b"/%2541"),  # decoding happens once
        (b"/types;v=1/a;b", b"/types;v=1/a;b"),
        (b"/.well-known/jwks.json", b"/.well-known/jwks.json"),
        (b"/.../a..b/..c/d..", b"/.../a..b/..c/d.."),
        (b"/a%3Bb", b"/a%3Bb"),
        (b"/!$&'()*+,=:@-._~", b"/!$&'()*+,=:@-._~"),
    ],
)
def test_a_path_has_one_spelling(raw: bytes, canonical: bytes) -> None:
    assert canonical_path(raw) == canonical


@pytest.mark.parametrize(
    ("why", "raws"),
    [
        ("begin with a slash", [b"", b"v1", b"*", b"http://a/b", b"%2F"]),
        (
            "dot segment",
            [
                b"/.",
                b"/..",
                b"/a/./b",
                b"/a/../b",
                b"/a/..",
                b"/%2e",
                b"/%2E%2e/a",
                b"/.%2e",
                b"/a/..;x=1/b",
                b"/..%3bx",
            ],
        ),
        ("empty segment", [b"//", b"//a", b"/a//b", b"/a//", b"/a/;x/b", b"/;", b"/%3b"]),
        ("encoded slash", [b"/a%2fb", b"/a%2Fb", b"/a%5cb", b"/a%5C"]),
        ("encoded control", [b"/%00", b"/a%0d%0aHost:b", b"/%1f", b"/%7F"]),
        ("broken", [b"/%", b"/a%", b"/%2", b"/%zz", b"/%%2e", b"/%+1", b"/%0x"]),
        (
            "needs percent-encoding",
            [b"/a b", b"/a\\b", b"/a\x00", b"/\x7f", b"/\xc3\xa9", b"/a#b", b"/a?b", b"/{a}", b'/"'],
        ),
        ("not UTF-8", [b"/%c0%af", b"/%c0%ae%c0%ae/", b"/%ff", b"/%ed%a0%80", b"/%e9"]),
        (
            "encoded twice",
            [b"/a%252fb", b"/a/%252e%252E/b", b"/%255c", b"/%2500", b"/%25250d", b"/%25%32%66", b"/%257f"],
        ),
    ],
)
def test_what_could_be_read_in_two_ways_is_refused(why: str, raws: list[bytes]) -> None:
    for raw in raws:
        with pytest.raises(MalformedRequest, match=why) as refused:
            canonical_path(raw)
        assert refused.value.status == 400


@settings(deadline=None, max_examples=500)
@given(SPICED)
def test_a_path_is_refused_or_spelled_canonically(raw: bytes) -> None:
    try:
        path = canonical_path(raw)
    except MalformedRequest:
        return
    assert CANONICAL_PATH.fullmatch(path)
    assert canonical_path(path) == path
    assert unquote_to_bytes(path) == unquote_to_bytes(raw)
    segments = unquote_to_bytes(unquote_to_bytes(path)).split(b"/")[1:]
    assert len(segments) == path.count(b"/")
    assert not {b".", b".."}.intersection(segment.partition(b";")[0] for segment in segments)
    assert all(segment.partition(b";")[0] for segment in segments[:-1])


@settings(deadline=None)
@given(st.text(min_size=1, max_size=20))
def test_every_encoding_of_a_name_has_the_same_spelling(name: str) -> None:
    encoded = b"/x" + b"".join(b"%%%02X" % octet for octet in name.encode())
    try:
        path = canonical_path(encoded)
    except MalformedRequest:
        assert re.search(r"[\x00-\x1f\x7f/\\]|%", name)
        return
    assert canonical_path(encoded.lower()) == path
    assert unquote_to_bytes(path).decode() == "/x" + name


@pytest.mark.parametrize(
    ("query", "names", "kept"),
    [
        (b"", (b"a",), b""),
        (b"a=1&b=2", (), b""),
        (b"a=1&b=2&a=3", (b"a",), b"a=1&a=3"),
        (b"b=2&a=1", (b"a", b"b"), b"b=2&a=1"),
        (b"a&a=&&b", (b"a",), b"a&a="),
        (b"%61=%7e%2b+", (b"a",), b"a=~%2B+"),
        (b"a=1;b=2", (b"a", b"b"), b"a=1;b=2"),
        (b"A=1&aa=1&=a", (b"a",), b""),
        (b"a=%26b=1", (b"a", b"b"), b"a=%26b=1"),
        (b"a=50%&b=%zz&c=%%341", (b"a", b"b", b"c"), b"a=50%25&b=%25zz&c=%2541"),
        (b"filter[x]={1}", (b"filter[x]",), b"filter[x]={1}"),
    ],
)
def test_only_listed_parameters_are_kept(query: bytes, names: tuple[bytes, ...], kept: bytes) -> None:
    assert canonical_query(query, names) == kept


@pytest.mark.parametrize("query", [b"a b", b"a#b", b"\x00", b"a\r\nb", b"\x7f", b"\xe9"])
def test_a_query_is_printable_ascii(query: bytes) -> None:
    with pytest.raises(MalformedRequest):
        check_query(query)
    with pytest.raises(MalformedRequest):
        canonical_query(query, (b"a",))


@settings(deadline=None)
@given(st.text(alphabet="ab=&%26;4+", max_size=30).map(str.encode))
def test_a_canonical_query_stays_as_it_is(query: bytes) -> None:
    names = (b"a", b"b")
    kept = canonical_query(query, names)
    assert canonical_query(kept, names) == kept
    assert all(parameter.partition(b"=")[0] in names for parameter in kept.split(b"&") if kept)
