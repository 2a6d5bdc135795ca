"""Host and authority: a name or an address with an optional port; whether it is ours is judged by whoever knows."""

from __future__ import annotations

import re
from ipaddress import AddressValueError, IPv6Address
from typing import Final

from gateway.wire import refusals
from gateway.wire.malformed import Malformed

# RFC 3986 section 3.2.2 allows a reg-name every escape and delimiter; names that resolve are made of these. The
# underscore is no host name's (RFC 952), but container networks give it out.
_HOST: Final = re.compile(rb"(?:([0-9a-z_-]+(?:\.[0-9a-z_-]+)*\.?)|\[([0-9a-f:.]+)\])(?::([0-9]{1,5}))?")
_MAX_NAME_BYTES: Final = 255  # RFC 1035 section 2.3.4
_MAX_PORT: Final = 65_535


def read_host(value: bytes) -> bytes:
    """Return a `host[:port]` in lower case, or raise Malformed (RFC 9110 section 7.2, RFC 9112 section 3.2).

    Stricter than the grammar: no empty host and no empty port, for an http URI has a host and nobody means the latter.
    """
    host = value.lower()
    match = _HOST.fullmatch(host)
    if match is None:
        raise Malformed(refusals.BAD_HOST)
    name, address, port = match.groups()
    if name is not None and len(name) > _MAX_NAME_BYTES:
        raise Malformed(refusals.BAD_HOST)
    if port is not None and int(port) > _MAX_PORT:
        raise Malformed(refusals.BAD_HOST)
    if address is not None:
        try:
            IPv6Address(address.decode("ascii"))
        except AddressValueError:
            raise Malformed(refusals.BAD_HOST) from None
    return host
