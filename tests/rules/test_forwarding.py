"""Where a request came from: proxies are believed by list, clients never."""

from __future__ import annotations

from ipaddress import ip_address

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.rules.forwarding import address_key, client_address, forwarded_fields, is_trusted, trusted_networks

PROXIES = trusted_networks(["10.0.0.0/8", "2001:db8:ffff::/48"])
CLIENT = "203.0.113.9"


def test_networks_are_read_strictly() -> None:
    assert [str(network) for network in trusted_networks(["10.0.0.0/8", "192.0.2.1", "fd00::/8"])] == [
        "10.0.0.0/8",
        "192.0.2.1/32",
        "fd00::/8",
    ]
    with pytest.raises(ValueError, match="host bits"):
        trusted_networks(["10.0.0.1/8"])


@pytest.mark.parametrize(
    ("peer", "trusted"),
    [
        ("10.1.2.3", True),
        ("::ffff:10.1.2.3", True),
        ("2001:db8:ffff::1", True),
        ("2001:db8:ffff::1%eth0", True),
        ("11.0.0.1", False),
        ("127.0.0.1", False),
        ("", False),
    ],
)
def test_only_listed_proxies_are_trusted_and_loopback_is_none_of_them(peer: str, trusted: bool) -> None:
    assert is_trusted(peer, PROXIES) is trusted
    assert is_trusted(peer, ()) is False


@pytest.mark.parametrize(
    ("peer", "forwarded_for", "address"),
    [
        # a stranger is taken for what they are, whatever they say
        (CLIENT, [b"198.51.100.1"], CLIENT),
        ("127.0.0.1", [b"198.51.100.1"], "127.0.0.1"),
        # a proxy is believed
        ("10.0.0.1", [CLIENT.encode()], CLIENT),
        ("10.0.0.1", [b"2001:DB8:0:0::1"], "2001:db8::1"),
        ("::ffff:10.0.0.1", [b"::ffff:203.0.113.9"], CLIENT),
        ("2001:db8:ffff::1", [CLIENT.encode()], CLIENT),
        # what stands left of the first stranger is the stranger's own word
        ("10.0.0.1", [b"198.51.100.1, 203.0.113.9"], CLIENT),
        ("10.0.0.1", [b"198.51.100.1", b"203.0.113.9,\t10.0.0.2"], CLIENT),
        ("10.0.0.1", [b"10.9.9.9, 203.0.113.9, 10.0.0.2,10.0.0.3"], CLIENT),
        # proxies all the way
        ("10.0.0.1", [b"10.0.0.3, 10.0.0.2"], "10.0.0.3"),
        ("10.0.0.1", [], "10.0.0.1"),
        # ports and brackets
        ("10.0.0.1", [b"203.0.113.9:51234"], CLIENT),
        ("10.0.0.1", [b"[2001:db8::1]:443"], "2001:db8::1"),
        ("10.0.0.1", [b"[2001:db8::1]"], "2001:db8::1"),
        # what is no address ends the walk at the proxy that wrote it
        ("10.0.0.1", [b"unknown"], "10.0.0.1"),
        ("10.0.0.1", [b""], "10.0.0.1"),
        ("10.0.0.1", [b"203.0.113.9, , 10.0.0.2"], "10.0.0.2"),
        ("10.0.0.1", [b"203.0.113.9, _hidden, 10.0.0.2"], "10.0.0.2"),
        ("10.0.0.1", [b"203.0.113.009"], "10.0.0.1"),
        ("10.0.0.1", [b"203.0.113.9:port"], "10.0.0.1"),
        ("10.0.0.1", [b"1.2.3.4.5:80"], "10.0.0.1"),
        ("10.0.0.1", [b"[203.0.113.9"], "10.0.0.1"),
        ("10.0.0.1", [b"fe80::1%eth0"], "10.0.0.1"),
        ("10.0.0.1", [b'"203.0.113.9"'], "10.0.0.1"),
        ("10.0.0.1", [b"203.0.113.9\xa0"], "10.0.0.1"),
        ("10.0.0.1", ["²03.0.113.9".encode("latin-1")], "10.0.0.1"),
        # peers that are no IPv4 address
        ("", [CLIENT.encode()], ""),
        ("/run/gateway.sock", [CLIENT.encode()], "/run/gateway.sock"),
        ("fe80::1%eth0", [], "fe80::1"),
    ],
)
def test_the_client_is_the_right_most_address_nobody_trusted_stands_at(
    peer: str, forwarded_for: list[bytes], address: str
) -> None:
    assert client_address(peer, tuple(forwarded_for), PROXIES) == address


@pytest.mark.parametrize(
    ("peer", "address"),
    [("127.0.0.1", "127.0.0.1"), ("::ffff:127.0.0.1", "127.0.0.1"), ("2001:DB8::0:1", "2001:db8::1"), ("a:b", "a:b")],
)
def test_without_trusted_proxies_the_peer_is_the_client_in_its_one_spelling(peer: str, address: str) -> None:
    assert client_address(peer, (b"198.51.100.1",), ()) == address


@settings(deadline=None)
@given(st.lists(st.binary(max_size=40) | st.sampled_from([b"10.0.0.1", b"127.0.0.1", b"1.1.1.1"]), max_size=5))
def test_nothing_a_client_writes_changes_its_address(written: list[bytes]) -> None:
    seen_by_proxy = b",".join([*written, CLIENT.encode()])
    assert client_address("10.0.0.1", (seen_by_proxy,), PROXIES) == CLIENT
    assert client_address("10.0.0.1", (*written, CLIENT.encode()), PROXIES) == CLIENT
    assert client_address(CLIENT, tuple(written), PROXIES) == CLIENT


@settings(deadline=None)
@given(st.lists(st.binary(max_size=40), max_size=5).map(tuple))
def test_any_bytes_lead_to_an_address(written: tuple[bytes, ...]) -> None:
    assert ip_address(client_address("10.0.0.1", written, PROXIES))


def test_a_long_list_of_proxies_is_not_walked_to_its_end() -> None:
    hops = b",".join([CLIENT.encode(), *[b"10.0.0.%d" % number for number in range(1, 33)]])
    assert client_address("10.0.0.200", (hops,), PROXIES) == "10.0.0.1"
    assert client_address("10.0.0.200", (hops.replace(b"10.0.0.1,", b""),), PROXIES) == CLIENT


# ---- limits by address


@pytest.mark.parametrize(
    ("address", "key"),
    [
        ("203.0.113.9", b"203.0.113.9"),
        ("::ffff:203.0.113.9", b"203.0.113.9"),
        ("2001:db8:1:2:3:4:5:6", b"2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::", b"2001:db8:1:2::/64"),
        ("2001:db8::1", b"2001:db8::/64"),
        ("fe80::1%eth0", b"fe80::/64"),
        ("", b""),
        ("a:b", b"a:b"),
    ],
)
def test_a_limit_counts_ipv4_whole_and_ipv6_by_subscriber(address: str, key: bytes) -> None:
    assert address_key(address) == key


@settings(deadline=None)
@given(st.ip_addresses(v=6), st.integers(0, 2**64 - 1))
def test_one_subscriber_cannot_walk_through_buckets(address: object, host: int) -> None:
    base = int(ip_address(str(address)))
    neighbour = ip_address(base >> 64 << 64 | host)
    if base >> 64:  # below lie the IPv4-mapped addresses, each a client of its own
        assert address_key(str(address)) == address_key(str(neighbour))


# ---- what an agency is told


@pytest.mark.parametrize(
    ("address", "host", "fields"),
    [
        (
            "203.0.113.9",
            b"live.tangerangkota.go.id",
            (
                (b"forwarded", b'for=203.0.113.9;host="live.tangerangkota.go.id";proto=https'),
                (b"x-forwarded-for", b"203.0.113.9"),
                (b"x-forwarded-host", b"live.tangerangkota.go.id"),
                (b"x-forwarded-proto", b"https"),
            ),
        ),
        (
            "2001:db8::1",
            b"[::1]:8080",
            (
                (b"forwarded", b'for="[2001:db8::1]";host="[::1]:8080";proto=https'),
                (b"x-forwarded-for", b"2001:db8::1"),
                (b"x-forwarded-host", b"[::1]:8080"),
                (b"x-forwarded-proto", b"https"),
            ),
        ),
        (
            "",
            b"",
            ((b"forwarded", b"for=unknown;proto=https"), (b"x-forwarded-proto", b"https")),
        ),
        (
            "203.0.113.9",
            b'a";for=1.1.1.1',
            (
                (b"forwarded", b"for=203.0.113.9;proto=https"),
                (b"x-forwarded-for", b"203.0.113.9"),
                (b"x-forwarded-proto", b"https"),
            ),
        ),
    ],
)
def test_an_agency_learns_one_address_scheme_and_host(
    address: str, host: bytes, fields: tuple[tuple[bytes, bytes], ...]
) -> None:
    assert forwarded_fields(address, b"https", host) == fields
