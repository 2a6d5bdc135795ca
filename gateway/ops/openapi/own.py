"""What the gateway itself adds to the merged document: its problem answers, sign-in, limits, and its own pages."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from gateway.errors import (
    BodyTooLarge,
    BrokeProtocol,
    GatewayError,
    MethodNotAllowed,
    NotAuthenticated,
    NotPermitted,
    QuotaExceeded,
    RouteNotFound,
    TimedOut,
    Unreachable,
)
from gateway.messages import CATALOGUE
from gateway.ops.openapi.references import Json
from gateway.registry.snapshot import Route
from gateway.rules.caching.policy import CachePolicy
from gateway.rules.quota import QuotaPolicy

PROBLEM: Final[Mapping[str, str]] = {"$ref": "#/components/schemas/Problem"}
PROBLEM_TYPE: Final = "application/problem+json"

_SIGN_IN: Final = "citizen"
_WITH_BODY: Final = frozenset({"post", "put", "patch"})
# One cause stands for each status; the problem's `code` tells them apart.
_CAUSES: Final[Mapping[int, type[GatewayError]]] = {
    401: NotAuthenticated,
    403: NotPermitted,
    404: RouteNotFound,
    405: MethodNotAllowed,
    413: BodyTooLarge,
    429: QuotaExceeded,
    502: BrokeProtocol,
    503: Unreachable,
    504: TimedOut,
}
_FIELDS_OF: Final[Mapping[int, tuple[str, str]]] = {
    401: ("WWW-Authenticate", "What is wrong with the token (RFC 6750)"),
    405: ("Allow", "The methods there are"),
    429: ("Retry-After", "Whole seconds"),
    503: ("Retry-After", "Whole seconds"),
}


def problem_answers(route: Route, method: str, *, has_body: bool) -> dict[int, Json]:
    """Return the problems the gateway itself may answer with on this route, by status."""
    statuses = _statuses(route, method, has_body)
    return {status: {"$ref": f"#/components/responses/Gateway{status}"} for status in statuses}


def _statuses(route: Route, method: str, has_body: bool) -> Iterator[int]:
    # A route of class emergency is refused for want of nothing (design: emergency first).
    if route.auth.mode != "none" and not route.emergency:
        yield 401
        if route.auth.scopes or route.auth.assurance is not None:
            yield 403
    if has_body or method in _WITH_BODY:
        yield 413
    modes = [one.mode for one in route.limits] + [one.mode for one in route.concurrency]
    if "enforce" in modes:
        yield 429
    yield from (502, 503, 504)


def problem_response(status: int) -> Json:
    """Describe one problem answer of the gateway."""
    text = CATALOGUE[_CAUSES[status].code]
    described: Json = {
        "description": f"{text.id.title} / {text.en.title}",
        "content": {PROBLEM_TYPE: {"schema": dict(PROBLEM)}},
    }
    if status in _FIELDS_OF:
        name, meaning = _FIELDS_OF[status]
        described["headers"] = {name: {"description": meaning, "schema": {"type": "string"}}}
    return described


def components() -> Json:
    """Return the components that operations refer to from here."""
    return {
        "schemas": {"Problem": _problem_schema()},
        "responses": {f"Gateway{status}": problem_response(status) for status in sorted(_CAUSES)},
        "securitySchemes": {
            _SIGN_IN: {
                "type": "http",
                "scheme": "bearer",
                "bearerFormat": "JWT",
                "description": "The access token of the city's sign-in. Agencies never see it.",
            }
        },
    }


def _problem_schema() -> Json:
    text = {"type": "string"}
    return {
        "type": "object",
        "description": "RFC 9457 problem details, in Indonesian or English by Accept-Language",
        "required": ["type", "title", "status", "detail", "instance", "code", "case", "source"],
        "properties": {
            "type": {"type": "string", "format": "uri"},
            "title": text,
            "status": {"type": "integer"},
            "detail": text,
            "instance": text,
            "code": {"type": "string", "description": "Stable; programs may rely on it"},
            "case": {"type": "string", "description": "What a citizen reads to the help desk"},
            "source": {"type": "string", "enum": ["gateway", "agency", "client"], "description": "Whose fault it is"},
            "agency": {"type": "object", "properties": {"name": text, "contact": {"type": ["string", "null"]}}},
            "retry_after": {"type": "integer", "description": "Seconds"},
        },
    }


def security(route: Route) -> list[Json]:
    """Return the sign-in a route asks for, as OpenAPI has it; scopes are listed as roles."""
    if route.auth.mode == "none":
        return []
    needed: list[Json] = [{_SIGN_IN: sorted(route.auth.scopes)}]
    return needed if route.auth.mode == "required" else [{}, *needed]


def policy(route: Route) -> Json:
    """Return what the gateway does on a route, for the extension `x-gateway` and for readers of /docs."""
    auth = route.auth
    told: Json = {"sign_in": auth.mode, "emergency": route.emergency, "max_body_bytes": route.max_body_bytes}
    if auth.assurance is not None:
        told["assurance"] = auth.assurance
    if auth.claims:
        told["agency_learns"] = {"claims": list(auth.claims), "purpose": auth.purpose}
    limits = [_limit(one) for one in route.limits if one.mode == "enforce"]
    if limits:
        told["rate_limits"] = limits
    crowds = [one for one in route.concurrency if one.mode == "enforce"]
    if crowds:
        told["in_flight"] = [{"limit": one.limit, "by": one.by.kind} for one in crowds]
    if route.cache is not None:
        told["cache"] = _cache(route.cache)
    return told


def _limit(limit: QuotaPolicy) -> Json:
    return {"limit": limit.limit, "every_seconds": limit.period_seconds, "burst": limit.burst, "by": limit.by.kind}


def _cache(cache: CachePolicy) -> Json:
    told: Json = {"seconds": cache.ttl_seconds, "scope": cache.scope}
    if cache.stale_if_error_seconds:
        told["stale_if_error_seconds"] = cache.stale_if_error_seconds
    return told


def page_operation(summary: str, media_types: tuple[str, ...]) -> Json:
    """Describe a page that the gateway answers itself."""
    content = {one: {"schema": {"type": "object" if one.endswith("json") else "string"}} for one in media_types}
    return {
        "summary": summary,
        "tags": ["gateway"],
        "security": [],
        "responses": {"200": {"description": summary, "content": content}},
    }


def aggregate_operation(route: Route) -> Json:
    """Describe one answer made of several agencies' answers."""
    parts = [part.name for part in route.aggregate.parts] if route.aggregate is not None else []
    schema = {
        "type": "object",
        "required": ["parts", "complete", "missing"],
        "properties": {
            "parts": {"type": "object", "properties": {name: {"type": "object"} for name in parts}},
            "complete": {"type": "boolean", "description": "No part is missing"},
            "missing": {"type": "array", "items": {"type": "string", "enum": parts}},
        },
    }
    answers: Json = {"200": {"description": "The parts there are", "content": {"application/json": {"schema": schema}}}}
    answers |= {str(status): answer for status, answer in problem_answers(route, "get", has_body=False).items()}
    return {
        "summary": "Several services in one answer: " + ", ".join(parts),
        "tags": ["gateway"],
        "security": security(route),
        "responses": answers,
        "x-gateway": policy(route),
    }
