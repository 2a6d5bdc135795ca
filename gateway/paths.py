"""The one spelling a request's path and query have inside the gateway; routing, cache keys and agencies see no other.

Refuse or normalise, never guess (RFC 3986 section 6.2.2). Normalised: unreserved characters are never percent-encoded,
hexadecimal digits are upper-case. Refused, because two readers could see two different resources in them:

    /a/../b  /a/%2e%2e/b  /a/..;x/b   dot segments, also encoded, also before matrix parameters
    /a%2fb  /a%5cb  /a\\b              encoded slashes, and backslashes in any form
    /a//b  /a/;x/b                    empty segments (one slash at the end is a name of its own, and stays)
    /a%0  /a%zz                       broken percent-encoding
    /a%00  /a%0d  /a%c0%af            encoded control characters, and octets that are not UTF-8
    /a%252fb  /a/%252e%252e/b         any of these after decoding twice, as some frameworks do
    /a b  /a{b}  /a\\x80  /a#b         octets that RFC 3986 section 3.3 does not allow in a path

Paths are case-sensitive. Matrix parameters (`;x=1`) are part of their segment and are kept as they came. A query routes
nothing; what it may hold and what of it counts on a cached route is told here too. This file splits no target and knows
no route.
"""

from __future__ import annotations

import re
from typing import Final

from gateway.errors import MalformedRequest

_UNRESERVED: Final = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"
_PATH_OCTETS: Final = _UNRESERVED + b"!$&'()*+,;=:@/"
# More than RFC 3986 section 3.4 allows: clients leave brackets and quotes raw, and no reader disagrees about them.
_QUERY_OCTETS: Final = bytes(octet for octet in range(0x21, 0x7F) if octet != ord("#"))
_TRIPLET: Final = re.compile(rb"%([0-9A-Fa-f]{2})?")
_DECODED_TWICE: Final = re.compile(rb"%25(?:25)*(?:2[EFef]|5[Cc]|[01][0-9A-Fa-f]|7[Ff])")
_PARAMETERS: Final = re.compile(rb";|%3B")
_DOTS: Final = (b".", b"..")


def canonical_path(raw: bytes) -> bytes:
    """Return the canonical form of an absolute path as it came on the wire, without its query.

    Raises MalformedRequest for every path that could be read in two ways.
    """
    if not raw.startswith(b"/"):
        raise MalformedRequest("the path does not begin with a slash")
    foreign = raw.translate(None, _PATH_OCTETS)
    if foreign:
        if foreign.strip(b"%"):
            raise MalformedRequest("the path holds an octet that needs percent-encoding")
        raw = _TRIPLET.sub(_canonical_path_octet, raw)
        _refuse_second_meanings(raw)
    if b"//" in raw:
        raise MalformedRequest("the path holds an empty segment")
    if b"/." in raw or b"/;" in raw or b"/%3B" in raw:
        _refuse_ambiguous_segments(raw)
    return raw


def _canonical_path_octet(triplet: re.Match[bytes]) -> bytes:
    digits = triplet[1]
    if digits is None:
        raise MalformedRequest("the path holds a broken percent-encoding")
    octet = bytes.fromhex(digits.decode())
    if octet in _UNRESERVED:
        return octet
    if octet in b"/\\":
        raise MalformedRequest("the path holds an encoded slash or backslash")
    if octet < b" " or octet == b"\x7f":
        raise MalformedRequest("the path holds an encoded control character")
    return triplet[0].upper()


def _refuse_second_meanings(path: bytes) -> None:
    """Refuse what lenient readers see more in: overlong forms of slashes and dots are no UTF-8, others decode twice."""
    try:
        _TRIPLET.sub(lambda triplet: bytes.fromhex(triplet[1].decode()), path).decode()
    except UnicodeDecodeError:
        raise MalformedRequest("the path is not UTF-8") from None
    if _DECODED_TWICE.search(path) is not None:
        raise MalformedRequest("the path holds a separator, dot or control character encoded twice")


def _refuse_ambiguous_segments(path: bytes) -> None:
    for segment in path.split(b"/")[1:]:
        # Servers that cut matrix parameters off before they resolve dots see `..` in `..;x`, and nothing in `;x`.
        name = _PARAMETERS.split(segment, maxsplit=1)[0]
        if name in _DOTS:
            raise MalformedRequest("the path holds a dot segment")
        if segment and not name:
            raise MalformedRequest("the path holds an empty segment")


def check_query(query: bytes) -> None:
    """Raise MalformedRequest unless `query` is printable ASCII without spaces and `#` (RFC 3986 section 3.4)."""
    if query.translate(None, _QUERY_OCTETS):
        raise MalformedRequest("the query holds an octet that needs percent-encoding")


def canonical_query(query: bytes, names: tuple[bytes, ...]) -> bytes:
    """Keep the parameters called one of `names`, in the order they came, repeated ones too, normalised like a path.

    `names` are canonical themselves. A percent sign that begins no octet stands for itself and is encoded. Raises
    MalformedRequest where `check_query` does.
    """
    check_query(query)
    if b"%" in query:
        query = _TRIPLET.sub(_canonical_query_octet, query)
    parameters = query.split(b"&") if names else ()
    return b"&".join([parameter for parameter in parameters if parameter.partition(b"=")[0] in names])


def _canonical_query_octet(triplet: re.Match[bytes]) -> bytes:
    if triplet[1] is None:
        return b"%25"
    octet = bytes.fromhex(triplet[1].decode())
    return octet if octet in _UNRESERVED else triplet[0].upper()
