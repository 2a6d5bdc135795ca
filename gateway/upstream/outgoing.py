"""What every client writes in front of a request's own fields: the request target, Host and the body's framing; pure.

It escapes and normalises nothing: what reaches it is canonical already.
"""

from __future__ import annotations

from typing import Final

from gateway.fields import Fields
from gateway.rules.delivery import Target
from gateway.upstream.ports import UpstreamRequest

_USUAL_PORTS: Final = {"http": 80, "https": 443}
_EXPECT_CONTENT: Final = frozenset({b"POST", b"PUT", b"PATCH"})


def authority(target: Target) -> str:
    """Return the value of Host for a target: a literal IPv6 address in brackets, the usual port left out."""
    if target.scheme == "unix":
        return "localhost"  # a socket's path is no host name; RFC 9110 section 7.2 wants a value all the same
    host = f"[{target.host}]" if ":" in target.host else target.host.encode("idna").decode()
    return host if target.port == _USUAL_PORTS[target.scheme] else f"{host}:{target.port}"


def request_target(target: Target, request: UpstreamRequest) -> bytes:
    """Return the request target in origin-form (RFC 9112 section 3.2.1)."""
    path = target.base_path + request.path
    return b"%b?%b" % (path, request.query) if request.query else path


def framing(request: UpstreamRequest) -> Fields:
    """Return the field that frames the request's body (RFC 9112 section 6)."""
    if request.body is None:
        # RFC 9110 section 8.6: say 0 where the method expects content.
        return ((b"content-length", b"0"),) if request.method in _EXPECT_CONTENT else ()
    if request.body.length is None:
        return ((b"transfer-encoding", b"chunked"),)
    return ((b"content-length", b"%d" % request.body.length),)
