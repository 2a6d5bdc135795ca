"""A browser's question whether a page of another origin may ask (Fetch standard, CORS preflight)."""

from __future__ import annotations

from gateway.fields import first
from gateway.pipeline.call import Call, Reply
from gateway.registry.snapshot import Route
from gateway.rules import cors


def asked_method(call: Call) -> bytes | None:
    """Return the method a browser asks leave for, or None when this is no preflight (Fetch standard)."""
    if call.method != b"OPTIONS" or call.head.origin is None:
        return None
    return first(call.head.fields, b"access-control-request-method")


def preflight(call: Call, route: Route) -> Reply:
    """Answer a preflight; what is not allowed gets no CORS fields, and the browser then refuses by itself."""
    if route.cors is None or call.head.origin is None:
        return Reply(204, ())
    headers = first(call.head.fields, b"access-control-request-headers")
    allowed = cors.preflight(route.cors, call.head.origin, asked_method(call) or b"", headers)
    return Reply(204, allowed if allowed is not None else ((b"vary", b"Origin"),))
