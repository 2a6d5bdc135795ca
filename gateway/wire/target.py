"""The request target in its four forms (RFC 9112 section 3.2); which route it leads to is not known here.

Origin-form, a path, is the usual one. Absolute-form is accepted for http and https; whether the host is ours is the
edge's to judge. Asterisk-form is OPTIONS's alone. Authority-form belongs to CONNECT, which has no use here.

What a path may be spelled like (dot segments, encoded separators, empty segments, escapes) is decided once for all
lanes, in `gateway.paths`; here its refusals become those of the parser, so that the connection ends.
"""

from __future__ import annotations

import re
from typing import Final

from gateway import paths
from gateway.errors import MalformedRequest
from gateway.wire import refusals
from gateway.wire.host import read_host
from gateway.wire.malformed import Malformed

WHOLE_SERVER: Final = b"*"  # the path of asterisk-form

_ABSOLUTE: Final = re.compile(rb"([A-Za-z][A-Za-z0-9+.\-]*)://([^/?#]*)(.*)", re.DOTALL)


def canonical_path(raw: bytes) -> bytes:
    """Return the canonical spelling of an absolute path, or raise Malformed; a canonical path is returned as it is."""
    try:
        return paths.canonical_path(raw)
    except MalformedRequest as fault:
        raise Malformed(refusals.BAD_PATH.because(fault.reason)) from None


def check_query(raw: bytes) -> None:
    """Refuse a query with a byte that no request target may have."""
    try:
        paths.check_query(raw)
    except MalformedRequest as fault:
        raise Malformed(refusals.BAD_QUERY.because(fault.reason)) from None


def read_rare_form(method: bytes, target: bytes) -> tuple[bytes, bytes, bytes]:
    """Read a target that is no path: return path, query and authority (RFC 9112 sections 3.2.2 to 3.2.4)."""
    if target == b"*" and method == b"OPTIONS":
        return WHOLE_SERVER, b"", b""
    match = _ABSOLUTE.fullmatch(target)
    if match is None:
        raise Malformed(refusals.TARGET_FORM)
    scheme, authority, rest = match.groups()
    if scheme.lower() not in (b"http", b"https"):
        raise Malformed(refusals.BAD_SCHEME)
    if b"@" in authority:
        raise Malformed(refusals.USERINFO)
    host = read_host(authority)
    if not rest and method == b"OPTIONS":
        return WHOLE_SERVER, b"", host
    path, _, query = rest.partition(b"?")
    path = canonical_path(path or b"/")
    check_query(query)
    return path, query, host
