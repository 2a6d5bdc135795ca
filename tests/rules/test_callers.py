"""Whom a limit counts: no two kinds of caller share a bucket, and strangers never all share one."""

from __future__ import annotations

import pytest

from gateway.rules.access import Identity
from gateway.rules.callers import caller_key, citizen_key
from gateway.rules.heads import read_request_head
from gateway.rules.quota import Missing, QuotaKey

SITI = Identity("http://id", "siti", "s1", 9e9, 0, claims={"kk": "7", "nothing": None})


def key(
    by: QuotaKey, identity: Identity | None = SITI, device: bytes | None = b"d1", address: str = "9.9.9.9"
) -> bytes:
    fields = () if device is None else ((b"x-device", device),)
    head = read_request_head(fields)
    named = caller_key(by, identity=identity, head=head, address=address, service="permits", route="/v1/permits/a")
    return b"nobody" if named is None else named


@pytest.mark.parametrize(
    ("by", "named"),
    [
        (QuotaKey("citizen"), b"citizen:http://id|siti"),
        (QuotaKey("address"), b"address:9.9.9.9"),
        (QuotaKey("service"), b"service:permits"),
        (QuotaKey("route"), b"route:/v1/permits/a"),
        (QuotaKey("claim", "kk"), b"claim:kk:7"),
        (QuotaKey("header", "x-device"), b"header:x-device:d1"),
    ],
)
def test_each_kind_names_its_own(by: QuotaKey, named: bytes) -> None:
    assert key(by) == named


def test_a_citizen_is_the_same_over_sessions() -> None:
    assert key(QuotaKey("citizen")) == citizen_key("http://id", "siti")


def test_one_subscriber_has_all_of_an_ipv6_network() -> None:
    by = QuotaKey("address")
    assert key(by, address="2001:db8:0:1::7") == key(by, address="2001:db8:0:1:ffff::9")
    assert key(by, address="2001:db8:0:1::7") != key(by, address="2001:db8:0:2::7")


@pytest.mark.parametrize("by", [("citizen", None), ("claim", "kk"), ("header", "x-device")])
@pytest.mark.parametrize(
    ("missing", "named"), [("address", b"address:9.9.9.9"), ("open", b"nobody"), ("closed", b"nobody")]
)
def test_who_lacks_what_is_counted_gets_the_declared_answer(
    by: tuple[str, str | None], missing: Missing, named: bytes
) -> None:
    declared = QuotaKey(by[0], by[1], missing)  # type: ignore[arg-type]  # one of the kinds
    assert key(declared, identity=None, device=None) == named


def test_a_claim_that_says_nothing_is_missing() -> None:
    assert key(QuotaKey("claim", "nothing", "open")) == b"nobody"


def test_a_long_value_takes_no_more_room_than_a_short_one() -> None:
    by = QuotaKey("header", "x-device")
    assert len(key(by, device=b"x" * 10_000)) < 100
    assert key(by, device=b"x" * 10_000) != key(by, device=b"x" * 9_999)
