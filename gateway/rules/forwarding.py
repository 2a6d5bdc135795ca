"""Where a request came from, and how agencies are told of it (RFC 7239 and the older X-Forwarded fields).

What a client says of its own address is never believed. What proxies in front of the gateway say is, if the registry
lists them: the addresses in X-Forwarded-For are read from the right, each believed while the one who wrote it is
trusted, and the first that is not trusted is the client. Loopback is no trusted proxy unless it is listed. Agencies see
one address, the client's, and never the list.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final, TypeAlias

from gateway.fields import Fields

Network: TypeAlias = IPv4Network | IPv6Network
Address: TypeAlias = IPv4Address | IPv6Address

_MAX_HOPS: Final = 32  # bounds the work that a long list of trusted addresses asks for; nobody has so many proxies
_NODE: Final = re.compile(r"\[([0-9A-Fa-f:.]+)\](?::[0-9]{1,5})?|([0-9.]+):[0-9]{1,5}|([0-9A-Fa-f:.]+)")
_HOST: Final = re.compile(rb"[A-Za-z0-9._:\[\]-]+")
_IPV4: Final = re.compile(rb"[0-9]{1,3}(?:\.[0-9]{1,3}){3}")


def trusted_networks(texts: Iterable[str]) -> tuple[Network, ...]:
    """Read networks such as `10.0.0.0/8` or single addresses. Raises ValueError, also for `10.0.0.1/8`."""
    return tuple(ip_network(text) for text in texts)


def is_trusted(peer: str, trusted: Sequence[Network]) -> bool:
    """Tell whether `peer`, an address of a socket's other end, is a listed proxy."""
    address = _peer_address(peer) if trusted else None
    return address is not None and _is_listed(address, trusted)


def client_address(peer: str, forwarded_for: tuple[bytes, ...], trusted: Sequence[Network]) -> str:
    """Return the client's address: the right-most one nobody we trust stands at, or `peer` itself.

    `forwarded_for` holds the values of all X-Forwarded-For fields. What is no address ends the walk, and the proxy
    that wrote it counts as the client. A peer without an IP address (a Unix socket) is returned as it is.
    """
    if not trusted and ":" not in peer:
        return peer  # the usual case, and an IPv4 address has one spelling only
    address = _peer_address(peer)
    if address is None:
        return peer
    if trusted and forwarded_for:
        for node in reversed(b",".join(forwarded_for).rsplit(b",", _MAX_HOPS)[-_MAX_HOPS:]):
            before = _node_address(node) if _is_listed(address, trusted) else None
            if before is None:
                break
            address = before
    return str(address)


def address_key(address: str) -> bytes:
    """Return what a limit counts an address by: IPv4 whole; of IPv6 the /64, for one subscriber has all of it."""
    parsed = _peer_address(address) if ":" in address else None
    if not isinstance(parsed, IPv6Address):
        return (address if parsed is None else str(parsed)).encode()
    return str(IPv6Network((int(parsed) >> 64 << 64, 64))).encode()


@lru_cache(maxsize=4_096)  # a citizen's next request comes from where the last one came
def forwarded_fields(address: str, scheme: bytes, host: bytes) -> Fields:
    """Return the fields by which an agency learns the client's address, scheme and host; an empty host is left out.

    `address` is what `client_address` returned. One that is no IP address (a Unix socket) is `unknown` in Forwarded and
    absent from X-Forwarded-For.
    """
    plain = address.encode()
    is_address = True
    if ":" in address:
        node = b'"[%b]"' % plain  # RFC 7239 section 6: a colon needs quotes
    elif _IPV4.fullmatch(plain):
        node = plain
    else:
        node, is_address = b"unknown", False
    forwarded = b"for=%b" % node
    known_host = host if _HOST.fullmatch(host) else b""
    if known_host:
        forwarded += b';host="%b"' % known_host
    fields: Fields = ((b"forwarded", forwarded + b";proto=%b" % scheme),)
    if is_address:
        fields += ((b"x-forwarded-for", plain),)
    if known_host:
        fields += ((b"x-forwarded-host", known_host),)
    return (*fields, (b"x-forwarded-proto", scheme))


def _is_listed(address: Address, trusted: Sequence[Network]) -> bool:
    return any(address in network for network in trusted)


def _peer_address(text: str) -> Address | None:
    try:
        return _unmapped(ip_address(text.partition("%")[0]))  # without the zone of a link-local address
    except ValueError:
        return None


def _node_address(node: bytes) -> Address | None:
    """Read one element of X-Forwarded-For; ports and brackets are cut off, names and zones are no addresses."""
    found = _NODE.fullmatch(node.strip(b" \t").decode("latin-1"))
    if found is None:
        return None
    try:
        return _unmapped(ip_address(found[1] or found[2] or found[3]))
    except ValueError:
        return None


def _unmapped(address: Address) -> Address:
    """Return the IPv4 address inside an IPv4-mapped IPv6 address: both are one client, on a dual-stack socket."""
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return address if mapped is None else mapped
