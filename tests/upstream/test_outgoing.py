"""What stands in front of a request's own fields."""

from __future__ import annotations

import pytest

from gateway.rules.delivery import Target
from gateway.upstream.outgoing import authority, framing, request_target
from tests.upstream.agencies import Pieces, request


@pytest.mark.parametrize(
    ("scheme", "host", "port", "expected"),
    [
        ("http", "permits.example", 8102, "permits.example:8102"),
        ("http", "permits.example", 80, "permits.example"),
        ("https", "permits.example", 443, "permits.example"),
        ("https", "permits.example", 80, "permits.example:80"),
        ("http", "2001:db8::1", 8102, "[2001:db8::1]:8102"),
        ("https", "2001:db8::1", 443, "[2001:db8::1]"),
        ("unix", "/run/permits.sock", 0, "localhost"),
        ("http", "layanan.köln.example", 80, "layanan.xn--kln-sna.example"),
    ],
)
def test_host_names_the_target(scheme: str, host: str, port: int, expected: str) -> None:
    assert authority(Target(url="", scheme=scheme, host=host, port=port)) == expected


def test_request_target_is_put_together_and_not_touched() -> None:
    target = Target(url="", scheme="http", host="h", port=80, base_path=b"/api")
    assert request_target(target, request(path=b"/a%2Fb")) == b"/api/a%2Fb"
    assert request_target(target, request(path=b"/a", query=b"q=%20")) == b"/api/a?q=%20"


@pytest.mark.parametrize(
    ("method", "body", "expected"),
    [
        (b"GET", None, ()),
        (b"DELETE", None, ()),
        (b"POST", None, ((b"content-length", b"0"),)),
        (b"PUT", None, ((b"content-length", b"0"),)),
        (b"PATCH", None, ((b"content-length", b"0"),)),
        (b"POST", Pieces(length=7), ((b"content-length", b"7"),)),
        (b"GET", Pieces(length=0), ((b"content-length", b"0"),)),
        (b"POST", Pieces(), ((b"transfer-encoding", b"chunked"),)),
    ],
)
def test_body_is_framed_in_one_way(method: bytes, body: Pieces | None, expected: object) -> None:
    assert framing(request(method, body=body)) == expected
