"""What an operator may see of the cache, and have forgotten: the part of the admin API that is about stored answers.

Addresses are public ones, as a citizen's app asks for them. Bodies are never shown, and of citizens' own answers only
how many there are.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from typing import Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from gateway.clock import Clock
from gateway.errors import MalformedRequest
from gateway.paths import canonical_path
from gateway.registry.snapshot import Route, Snapshot
from gateway.rules.caching.keys import SHARED, PrimaryKey, primary_key
from gateway.rules.caching.policy import CachePolicy
from gateway.rules.caching.stored import StoredResponse
from gateway.rules.matching import Match
from gateway.store.purge import Purge
from gateway.store.responses import ResponseStore

Endpoint = Callable[[Request], Awaitable[Response]]

_PURGE_PARAMETERS: Final = frozenset({"service", "url", "tag", "soft"})


@dataclass(frozen=True, slots=True)
class CacheControls:
    """What the endpoints work with. `purge` reaches every process and returns how many keys it met in this one."""

    snapshot: Callable[[], Snapshot]
    responses: ResponseStore
    purge: Callable[[Purge], int]
    clock: Clock


class _Refused(Exception):
    """The question cannot be answered; the text says what to change."""


def cache_endpoints(controls: CacheControls) -> tuple[tuple[str, Endpoint, str], ...]:
    """Return the endpoints, each as path, function and method."""

    async def stats(_: Request) -> Response:
        return JSONResponse(asdict(controls.responses.occupancy()))

    async def inspect(request: Request) -> Response:
        try:
            return JSONResponse(_inspected(controls, request.query_params.get("url", "")))
        except _Refused as refusal:
            return JSONResponse({"error": str(refusal)}, 400)

    async def purge(request: Request) -> Response:
        try:
            return JSONResponse({"purged": controls.purge(_purge_of(controls, request))})
        except _Refused as refusal:
            return JSONResponse({"error": str(refusal)}, 400)

    return (
        ("/admin/cache", stats, "GET"),
        ("/admin/cache/inspect", inspect, "GET"),
        ("/admin/cache/purge", purge, "POST"),
    )


def _purge_of(controls: CacheControls, request: Request) -> Purge:
    asked = request.query_params
    unknown = set(asked) - _PURGE_PARAMETERS
    if unknown:
        # A misspelt name must not turn into "everything".
        raise _Refused(f"unknown parameter {min(unknown)}: write service, url, tag or soft")
    soft = asked.get("soft", "") in ("1", "true", "yes")
    tag = asked["tag"].encode() if "tag" in asked else None
    service = asked.get("service")
    if service is not None and service not in controls.snapshot().services:
        raise _Refused(f"no service is called {service}")
    if "url" not in asked:
        return Purge(service=service, tag=tag, soft=soft)
    _, key = _key_of(controls, asked["url"])
    if service is not None and key.service != service:
        raise _Refused(f"this address belongs to the service {key.service}")
    query = key.query if "?" in asked["url"] else None
    return Purge(key.service, key.path, query, tag, soft)


def _key_of(controls: CacheControls, url: str) -> tuple[CachePolicy, PrimaryKey]:
    """Return the policy and the shared key of a public address such as /v1/permits/types?page=2."""
    text = url.partition("://")[2].partition("/")[2] if "://" in url else url.removeprefix("/")
    path, _, query = text.partition("?")
    try:
        public = canonical_path(b"/" + path.encode())
    except MalformedRequest as error:
        raise _Refused(f"url is no address: {error.reason}") from None
    found = controls.snapshot().matcher.match(b"GET", public)
    route = found.value if isinstance(found, Match) else None
    if not isinstance(route, Route) or route.service is None or route.cache is None:
        raise _Refused("no route that keeps answers is at this address; write it as /v1/permits/types")
    agency_path = public[len(route.strip_prefix) :] or b"/"
    return route.cache, primary_key(route.service.name, agency_path, query.encode(), route.cache)


def _inspected(controls: CacheControls, url: str) -> dict[str, object]:
    policy, key = _key_of(controls, url)
    now = controls.clock.wall()
    shared = [one for one in controls.responses.keys_at(key.service, key.path) if one.partition == SHARED]
    at_path = controls.responses.keys_at(key.service, key.path)
    return {
        "service": key.service,
        "target": key.target.decode("ascii"),
        "variants": [_shown(one, policy, now) for one in controls.responses.variants(key)],
        "other_queries": sorted(one.query.decode("ascii") for one in shared if one != key),
        "citizens_own": len(at_path) - len(shared),
    }


def _shown(stored: StoredResponse, policy: CachePolicy, now: float) -> dict[str, object]:
    ttl = stored.expires_at(policy) - now
    return {
        "status": stored.status,
        "age_seconds": int(stored.age_at(now)),
        "ttl_seconds": int(ttl),
        "state": "fresh" if ttl > 0 else "stale",
        "kept_for_seconds": int(stored.keep_until(policy) - now),
        "selected_by": {name.decode("latin-1"): _text(value) for name, value in stored.selecting},
        "tags": sorted(tag.decode("latin-1") for tag in stored.tags),
        "body_bytes": len(stored.body),
        "memory_bytes": stored.size_bytes,
    }


def _text(value: bytes | None) -> str | None:
    return None if value is None else value.decode("latin-1")
