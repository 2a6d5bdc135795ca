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
    """Return what `reference` names when seen from `request`, or None when it is none of the agency's resources.

    What begins with a slash names a path on the agency's server, which may hold more than the agency: the base path of
    the target is cut off, as it is put before each path that is asked for.
    """
    match = _REFERENCE.match(reference)
    assert match is not None  # every part is optional
    scheme, authority, path, query = match.group("scheme", "authority", "path", "query")
    own: bytes | None
    if scheme is None and authority is None and not path.startswith(b"/"):
        if not path:
            path, query = request.path, request.query if query is None else query
        else:
            path = request.path.rpartition(b"/")[0] + b"/" + path
        own = _without_dot_segments(path)
    else:
        bases = _base_paths(scheme, authority, policy)
        own = _below(bases, _without_dot_segments(path or b"/")) if bases else None
    if own is None:
        return None
    key = primary_key("", own, query or b"", policy)
    return Target(key.path, key.query)


def _base_paths(scheme: bytes | None, authority: bytes | None, policy: CachePolicy) -> list[bytes]:
    """Return under which paths of the named origin the agency's resources are; none when the origin is another's."""
    if scheme is None and authority is None:
        return [_split(origin)[1] for origin in policy.origins] or [b""]
    if authority is None:
        return []  # `mailto:`, `urn:` and the like
    host = authority.lower()
    if scheme is None:
        named = {b"%b://%b" % (known, host) for known in _DEFAULT_PORTS}
    else:
        named = {b"%b://%b" % (scheme.lower(), host.removesuffix(_DEFAULT_PORTS.get(scheme.lower(), b":")))}
    return [path for origin, path in map(_split, policy.origins) if origin in named]


def _split(origin: bytes) -> tuple[bytes, bytes]:
    scheme, _, rest = origin.partition(b"://")
    host, slash, path = rest.partition(b"/")
    return b"%b://%b" % (scheme, host), slash + path


def _below(base_paths: list[bytes], path: bytes) -> bytes | None:
    """Return `path` without the longest base path it is below, None when it is below none."""
    for base in sorted(base_paths, key=len, reverse=True):
        if path == base or path.startswith(base + b"/"):
            return path[len(base) :] or b"/"
    return None


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
