"""What `Location` and `Content-Location` name, told in the agency's own URL space (RFC 3986 section 5)."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from gateway.rules.caching.exchange import CacheRequest
from gateway.rules.caching.keys import canonical, primary_key
from gateway.rules.caching.policy import CachePolicy

_REFERENCE: Final = re.compile(
    rb"(?:(?P<scheme>[A-Za-z][A-Za-z0-9+.\-]*):)?(?://(?P<authority>[^/?#]*))?(?P<path>[^?#]*)(?:\?(?P<query>[^#]*))?"
)

_DEFAULT_PORTS: Final = {b"http": b":80", b"https": b":443"}


class Target(NamedTuple):
    """A resource in the agency's own URL space, spelt as in a primary key."""

    path: bytes
    query: bytes


def target_of(request: CacheRequest) -> Target:
    """Return what a request itself is about."""
    return Target(canonical(request.path), canonical(request.query))


def resolve(request: CacheRequest, reference: bytes, policy: CachePolicy) -> Target | None:
    """Return what `reference` names when seen from `request`, or None when it is of another origin."""
    match = _REFERENCE.match(reference)
    assert match is not None  # every part is optional
    scheme, authority, path, query = match.group("scheme", "authority", "path", "query")
    if (scheme is not None or authority is not None) and not _is_own(scheme, authority, policy):
        return None
    if authority is not None:
        path = path or b"/"
    elif not path:
        path, query = request.path, request.query if query is None else query
    elif not path.startswith(b"/"):
        path = request.path.rpartition(b"/")[0] + b"/" + path
    key = primary_key("", _without_dot_segments(path), query or b"", policy)
    return Target(key.path, key.query)


def _is_own(scheme: bytes | None, authority: bytes | None, policy: CachePolicy) -> bool:
    if authority is None:
        return False  # `mailto:`, `urn:` and the like
    host = authority.lower()
    if scheme is None:
        return any(origin.partition(b"://")[2] == host for origin in policy.origins)
    host = host.removesuffix(_DEFAULT_PORTS.get(scheme.lower(), b":"))
    return b"%b://%b" % (scheme.lower(), host) in policy.origins


def _without_dot_segments(path: bytes) -> bytes:
    """Resolve `.` and `..` (RFC 3986 section 5.2.4)."""
    kept: list[bytes] = []
    segments = path.split(b"/")[1:]
    for segment in segments:
        if segment == b"..":
            del kept[-1:]
        elif segment != b".":
            kept.append(segment)
    if segments[-1] in (b".", b".."):
        kept.append(b"")
    return b"/" + b"/".join(kept)
