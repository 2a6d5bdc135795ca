"""Tells what applies to a route, each value with the place it comes from. Secrets are shown as they are written."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count, takewhile

from gateway.errors import MalformedRequest
from gateway.paths import canonical_path
from gateway.registry.model_fields import flow
from gateway.registry.problems import Origin
from gateway.registry.snapshot import Route, Service, Snapshot
from gateway.registry.units import write
from gateway.rules.caching.policy import CachePolicy
from gateway.rules.concurrency import ConcurrencyPolicy
from gateway.rules.delivery import TlsPolicy
from gateway.rules.matching import Match, MethodMissing
from gateway.rules.quota import QuotaPolicy


@dataclass(frozen=True, slots=True)
class Effective:
    """One setting of a route as it is applied; without an origin it is the default."""

    setting: str
    value: str
    origin: Origin | None


@dataclass(frozen=True, slots=True)
class Explained:
    """A request's route with everything that applies to it."""

    route: Route
    parameters: tuple[tuple[str, str], ...]
    settings: tuple[Effective, ...]


@dataclass(frozen=True, slots=True)
class Unexplained:
    """Why a request reaches no route."""

    status: int
    reason: str
    remedy: str


def explain(snapshot: Snapshot, method: str, path: str) -> Explained | Unexplained:
    """Tell what would happen to a request with `method` for `path` (a query is not looked at)."""
    try:
        canonical = canonical_path(path.partition("?")[0].encode())
    except MalformedRequest as fault:
        return Unexplained(400, f"no such path is let in: {fault.reason}", "write the path as a client sends it")
    found = snapshot.matcher.match(method.encode(), canonical)
    if isinstance(found, Match):
        parameters = tuple((name, value.decode()) for name, value in found.params)
        return Explained(found.value, parameters, tuple(effective(found.value)))
    if isinstance(found, MethodMissing):
        allowed = ", ".join(name.decode() for name in found.allowed)
        lowercase = " (methods are in capitals)" if method != method.upper() else ""
        reason = f"routes match this path, but none lists {method}{lowercase}; Allow: {allowed}"
        return Unexplained(405, reason, f"use {allowed}, or list {method} under `methods`")
    return _not_found(snapshot, canonical.decode())


def _not_found(snapshot: Snapshot, path: str) -> Unexplained:
    segments = path.split("/")
    name = segments[2] if len(segments) > 2 and segments[1] == "v1" else None
    if path != "/" and path.endswith("/") and isinstance(snapshot.matcher.match(b"GET", path[:-1].encode()), Match):
        return Unexplained(404, "a slash at the end is part of the path", f"ask for {path[:-1]}, or list {path} too")
    if name not in snapshot.services:
        known = ", ".join(sorted(snapshot.services)) or "none"
        near = difflib.get_close_matches(name or "", snapshot.services, n=1)
        hint = f"did you mean /v1/{near[0]}/…?" if near else f"services are: {known}"
        return Unexplained(404, "no service has this path; paths begin with /v1/<service>/", hint)
    templates = sorted({route.template for route in snapshot.routes if route.template.split("/")[2] == name})
    near = difflib.get_close_matches(path, templates, n=1)
    hint = f"did you mean {near[0]}?" if near else f"list it in the file of {name}; listed are: {', '.join(templates)}"
    return Unexplained(404, f"the service {name} lists no such path, and nothing is open that is not listed", hint)


def effective(route: Route) -> Iterator[Effective]:
    """Yield every setting that applies to `route`, in the order of a service's file."""
    for setting, value in _settings(route):
        origin = route.origins.get(setting)
        yield Effective(setting, _written(route, setting) or value, origin)


def _written(route: Route, setting: str) -> str | None:
    """Return a setting as it is written when part of it comes from outside its file, and may be a secret."""
    origin = route.origins.get(setting)
    if origin is None or origin.written is not None:
        return None if origin is None else origin.written
    entries = list(takewhile(bool, (route.origins.get(f"{setting}.{index}") for index in count())))
    if not any(entry.written for entry in entries if entry is not None):
        return None
    return "[" + ", ".join((entry and entry.written) or "…" for entry in entries) + "]"


def _settings(route: Route) -> Iterator[tuple[str, str]]:
    yield "path", route.template
    yield "methods", flow(sorted(method.decode() for method in route.methods) or ["*"])
    if route.service is not None:
        yield "class", "emergency" if route.emergency else "normal"
        yield from _upstream(route.service)
    yield "auth.mode", route.auth.mode
    if route.auth.mode == "none":
        yield "auth.pass_authorization", _word(route.auth.pass_authorization)
    else:
        yield "auth.scopes", flow(sorted(route.auth.scopes))
        if route.service is not None:
            yield "auth.claims", flow(list(route.auth.claims))
            yield "auth.purpose", route.auth.purpose or "none"
        yield "auth.assurance", str(route.auth.assurance or "none")
    if not route.limits:
        yield "rate_limit", "none"
    for index, limit in enumerate(route.limits):
        yield from _limit(f"rate_limit.{index}", limit)
    if not route.concurrency:
        yield "concurrency", "none"
    for index, crowd in enumerate(route.concurrency):
        yield from _concurrency(f"concurrency.{index}", crowd)
    if route.service is not None:
        yield from _delivery(route)
    if route.cors is None:
        yield "cors", "none"
    else:
        yield "cors.origins", flow(sorted(origin.decode() for origin in route.cors.origins))
        yield "cors.methods", flow([method.decode() for method in route.cors.methods])
        yield "cors.max_age", write("duration", route.cors.max_age_seconds)
    for index, part in enumerate(route.aggregate.parts if route.aggregate is not None else ()):
        asked = part.path.decode() + (f"?{part.query.decode()}" if part.query else "")
        yield f"parts.{index}.path", asked
        yield f"parts.{index}.required", _word(part.required)
        yield f"parts.{index}.timeout", write("duration", part.timeout_seconds)
        yield f"parts.{index}.keep_last", write("duration", part.keep_last_seconds)


def _upstream(service: Service) -> Iterator[tuple[str, str]]:
    yield "name", service.name
    yield "agency.code", service.agency_code
    yield "sector", service.sector
    for index, target in enumerate(service.upstream.targets):
        yield f"upstream.targets.{index}", target.url
    tls = next((target.tls for target in service.upstream.targets if target.tls is not None), None)
    if tls is not None:
        yield from _tls(tls)
    health = service.upstream.health
    if health is None:
        yield "upstream.health", "none"
    else:
        yield "upstream.health.path", health.path
        yield "upstream.health.interval", write("duration", health.interval_seconds)
        yield "upstream.health.timeout", write("duration", health.timeout_seconds)
        yield "upstream.health.unhealthy_after", str(health.unhealthy_after)
        yield "upstream.health.healthy_after", str(health.healthy_after)
    yield "upstream.retries.attempts", str(service.upstream.retry.attempts)
    yield "upstream.max_connections", str(service.upstream.max_connections)
    yield "upstream.emergency_connections", str(service.upstream.emergency_connections)
    yield "upstream.max_in_flight", str(service.upstream.max_in_flight)


def _tls(tls: TlsPolicy) -> Iterator[tuple[str, str]]:
    yield "upstream.tls.ca", tls.ca_path or "the system's authorities"
    yield "upstream.tls.server_name", tls.server_name or "the target's host"
    yield "upstream.tls.pins", flow(sorted(tls.pins))
    yield "upstream.tls.certificate", tls.certificate_path or "none"
    if tls.key_path is not None:
        yield "upstream.tls.key", tls.key_path
    yield "upstream.tls.minimum_version", tls.minimum_version


def _limit(prefix: str, limit: QuotaPolicy) -> Iterator[tuple[str, str]]:
    yield f"{prefix}.limit", str(limit.limit)
    yield f"{prefix}.every", write("duration", limit.period_seconds)
    yield f"{prefix}.burst", str(limit.burst)
    yield f"{prefix}.cost", str(limit.cost)
    yield from _counting(prefix, limit)


def _concurrency(prefix: str, limit: ConcurrencyPolicy) -> Iterator[tuple[str, str]]:
    yield f"{prefix}.limit", str(limit.limit)
    yield from _counting(prefix, limit)


def _counting(prefix: str, limit: QuotaPolicy | ConcurrencyPolicy) -> Iterator[tuple[str, str]]:
    yield f"{prefix}.by", limit.by.kind + (f":{limit.by.name}" if limit.by.name else "")
    if limit.by.kind in ("citizen", "claim", "header"):
        yield f"{prefix}.missing", limit.by.missing
    yield f"{prefix}.accuracy", limit.accuracy
    yield f"{prefix}.mode", limit.mode
    yield f"{prefix}.on_store_failure", limit.on_store_failure


def _delivery(route: Route) -> Iterator[tuple[str, str]]:
    if route.cache is None:
        yield "cache", "none"
    else:
        yield from _cache(route.cache)
    yield "timeout.connect", write("duration", route.timeouts.connect_seconds)
    yield "timeout.read", write("duration", route.timeouts.read_seconds)
    yield "timeout.total", write("duration", route.timeouts.total_seconds)
    yield "max_body", write("size", route.max_body_bytes)
    yield "upgrade", flow(sorted(protocol.decode() for protocol in route.upgrade))
    if route.offline is not None:
        yield "offline", "{" + ", ".join(f"{key}: …" for key in route.offline) + "}"


def _cache(cache: CachePolicy) -> Iterator[tuple[str, str]]:
    for name, seconds in (
        ("ttl", cache.ttl_seconds),
        ("stale_while_revalidate", cache.stale_while_revalidate_seconds),
        ("stale_if_error", cache.stale_if_error_seconds),
    ):
        yield f"cache.{name}", "the agency decides" if seconds is None else write("duration", seconds)
    yield "cache.query", flow([name.decode() for name in cache.query])
    every = ["*"] if cache.sent_fields is None else []
    yield "cache.headers", flow([*every, *(name.decode() for name in cache.key_fields)])
    yield "cache.scope", cache.scope
    yield "cache.compress", _word(cache.compress)
    yield "cache.store_set_cookie", _word(cache.store_set_cookie)
    yield "cache.max_body", write("size", cache.max_body_bytes)
    for status, seconds in cache.ttl_by_status.items():
        yield f"cache.statuses.{status}", write("duration", seconds)


def _word(value: bool) -> str:
    return "true" if value else "false"
