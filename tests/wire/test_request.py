"""What well-formed requests come to."""

from __future__ import annotations

from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway import paths
from gateway.errors import MalformedRequest
from gateway.fields import Fields
from gateway.wire.framing import CHUNKED, NO_BODY, BodyKind, Framing
from gateway.wire.grammar import HeadLimits
from gateway.wire.malformed import Malformed
from gateway.wire.request import HTTP_10, HTTP_11, Head, parse_head, parse_request_line, reconcile

_LIMITS: Final = HeadLimits()


def read(*lines: bytes) -> tuple[Head, Fields]:
    return parse_head(b"\r\n".join([b"Host: City.Example", *lines, b"", b""]), _LIMITS)


def head(*lines: bytes) -> Head:
    return read(*lines)[0]


def target(raw: bytes, method: bytes = b"GET") -> tuple[bytes, bytes, bytes]:
    line = parse_request_line(method + b" " + raw + b" HTTP/1.1", _LIMITS)
    assert line.target == raw
    return line.path, line.query, line.authority


def test_method_target_and_version_are_told_apart() -> None:
    line = parse_request_line(b"PATCH /v1/x?a=1 HTTP/1.0", _LIMITS)
    assert (line.method, line.path, line.query, line.version) == (b"PATCH", b"/v1/x", b"a=1", HTTP_10)


def test_an_unknown_method_is_a_method_and_keeps_its_case() -> None:
    assert parse_request_line(b"get / HTTP/1.1", _LIMITS).method == b"get"


ORIGIN_FORMS: Final = [
    (b"/", b"/", b""),
    (b"/v1/x/", b"/v1/x/", b""),
    (b"/v1/x?", b"/v1/x", b""),
    (b"/v1/x?a=1?b=//../", b"/v1/x", b"a=1?b=//../"),
    (b"/v1/x?a[0]=%20&b={|}", b"/v1/x", b"a[0]=%20&b={|}"),
    (b"/%7Etono/%c3%a9/a%2Eb", b"/~tono/%C3%A9/a.b", b""),
    (b"/.well-known/x", b"/.well-known/x", b""),
    (b"/V1/x;v=1", b"/V1/x;v=1", b""),
]


@pytest.mark.parametrize(("raw", "path", "query"), ORIGIN_FORMS)
def test_origin_form_becomes_a_canonical_path_and_a_query(raw: bytes, path: bytes, query: bytes) -> None:
    assert target(raw) == (path, query, b"")


ABSOLUTE_FORMS: Final = [
    (b"http://City.Example/v1/x?a=1", b"/v1/x", b"a=1", b"city.example"),
    (b"HTTPS://city.example:443/%61", b"/a", b"", b"city.example:443"),
    (b"http://city.example", b"/", b"", b"city.example"),
    (b"http://city.example?a=1", b"/", b"a=1", b"city.example"),
    (b"http://[::1]:80/", b"/", b"", b"[::1]:80"),
]


@pytest.mark.parametrize(("raw", "path", "query", "authority"), ABSOLUTE_FORMS)
def test_absolute_form_names_its_host(raw: bytes, path: bytes, query: bytes, authority: bytes) -> None:
    assert target(raw) == (path, query, authority)


def test_options_may_ask_about_the_whole_server_in_two_forms() -> None:
    assert target(b"*", b"OPTIONS") == (b"*", b"", b"")
    assert target(b"http://city.example", b"OPTIONS") == (b"*", b"", b"city.example")
    assert target(b"http://city.example/", b"OPTIONS") == (b"/", b"", b"city.example")


@settings(deadline=None)
@given(st.binary(max_size=30) | st.text("/.;%2eEfF5cC#?a\\~", max_size=12).map(str.encode))
def test_a_path_has_the_canonical_form_of_all_lanes_or_none(raw: bytes) -> None:
    """The quick check of `parse_request_line` accepts nothing that `gateway.paths` would change or refuse."""
    line = b"GET /" + raw + b" HTTP/1.1"
    path, _, query = (b"/" + raw).partition(b"?")
    try:
        paths.check_query(query)
        expected = paths.canonical_path(path)
    except MalformedRequest:
        with pytest.raises(Malformed):
            parse_request_line(line, _LIMITS)
    else:
        assert parse_request_line(line, _LIMITS).path == expected


def test_fields_are_all_there_in_order() -> None:
    assert read(b"X-A: 1", b"x-a:2")[1] == ((b"host", b"City.Example"), (b"x-a", b"1"), (b"x-a", b"2"))


@pytest.mark.parametrize(
    ("lines", "framing"),
    [
        ([], NO_BODY),
        ([b"Content-Length: 0"], Framing(BodyKind.LENGTH, 0)),
        ([b"Content-Length: 999999999999999"], Framing(BodyKind.LENGTH, 999_999_999_999_999)),
        ([b"content-length:\t007 "], Framing(BodyKind.LENGTH, 7)),
        ([b"Transfer-Encoding: chunked"], CHUNKED),
        ([b"TRANSFER-ENCODING: ChunkeD "], CHUNKED),
    ],
)
def test_framing_is_what_one_field_says(lines: list[bytes], framing: Framing) -> None:
    assert head(*lines).framing == framing


def test_a_body_may_follow_only_where_one_was_announced() -> None:
    assert not NO_BODY.has_body
    assert not Framing(BodyKind.LENGTH, 0).has_body
    assert Framing(BodyKind.LENGTH, 1).has_body
    assert CHUNKED.has_body


@pytest.mark.parametrize(
    ("lines", "http_11", "http_10"),
    [
        ([], True, False),
        ([b"Connection: close"], False, False),
        ([b"Connection: Keep-Alive"], True, True),
        ([b"Connection: keep-alive, close"], False, False),
        ([b"Connection: keep-alive", b"Connection: CLOSE"], False, False),
        ([b"Connection: , ,"], True, False),
    ],
)
def test_a_connection_goes_on_unless_told_otherwise(lines: list[bytes], http_11: bool, http_10: bool) -> None:
    assert head(*lines).is_persistent(HTTP_11) is http_11
    assert head(*lines).is_persistent(HTTP_10) is http_10


def test_nominated_fields_of_all_connection_fields_are_named() -> None:
    options = head(b"Connection: X-A, close", b"Connection: x-b ,upgrade, keep-alive", b"Connection: close").options
    assert options.nominated == {b"x-a", b"x-b"}


def test_the_wish_for_100_counts_with_a_body_and_in_http_11() -> None:
    wish = b"Expect: 100-Continue"
    assert head(wish, b"Content-Length: 1").wants_continue(HTTP_11)
    assert head(wish, b"Transfer-Encoding: chunked").wants_continue(HTTP_11)
    assert not head(wish, b"Content-Length: 1").wants_continue(HTTP_10)
    assert not head(wish, b"Content-Length: 0").wants_continue(HTTP_11)
    assert not head(wish).wants_continue(HTTP_11)
    assert not head(b"Content-Length: 1").wants_continue(HTTP_11)


@pytest.mark.parametrize(
    ("lines", "offered"),
    [
        ([b"Connection: Upgrade", b"Upgrade: WebSocket"], (b"websocket",)),
        ([b"Connection: keep-alive, upgrade", b"Upgrade: a/1, b", b"Upgrade: c"], (b"a/1", b"b", b"c")),
        ([b"Upgrade: websocket"], ()),
        ([b"Connection: upgrade"], ()),
        ([b"Connection: upgrade, http2-settings", b"Upgrade: h2c", b"HTTP2-Settings: AAMAAABkAAQ"], ()),
        ([b"Connection: upgrade", b"Upgrade: H2C, websocket"], (b"websocket",)),
        ([b"Connection: upgrade", b"Upgrade: websocket", b"Content-Length: 1"], ()),
        ([b"Connection: upgrade", b"Upgrade: websocket", b"Transfer-Encoding: chunked"], ()),
    ],
)
def test_an_upgrade_counts_when_announced_without_body_and_not_to_h2c(lines: list[bytes], offered: object) -> None:
    assert head(*lines).offers(HTTP_11) == offered
    assert head(*lines).offers(HTTP_10) == ()


@pytest.mark.parametrize(
    "host", [b"a", b"a.b-c_d.", b"127.0.0.1", b"a:0", b"A:65535", b"[::1]", b"[::FFFF:1.2.3.4]:80"]
)
def test_a_host_is_a_name_or_an_address_with_a_port(host: bytes) -> None:
    assert parse_head(b"Host: " + host + b"\r\n\r\n", _LIMITS)[0].host == host.lower()


def test_the_host_meant_is_agreed_by_line_and_block() -> None:
    with_host, without = head(), parse_head(b"\r\n", _LIMITS)[0]
    old, new = (parse_request_line(b"GET / HTTP/1." + minor, _LIMITS) for minor in (b"0", b"1"))
    absolute = parse_request_line(b"GET http://CITY.example/ HTTP/1.0", _LIMITS)
    assert reconcile(new, with_host) == b"city.example"
    assert reconcile(old, without) == b""
    assert reconcile(absolute, without) == b"city.example"
    assert reconcile(absolute, with_host) == b"city.example"
