"""The gateway's own public pages: the catalogue of services, its key set, its health.

Everything here is for everybody; it tells what the registry tells, and nothing about any caller.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict

from gateway.pipeline.call import Call, Reply
from gateway.pipeline.handler import Page
from gateway.registry.snapshot import Route, Service, Snapshot


def public_pages(snapshot: Callable[[], Snapshot], jwks: Callable[[], bytes]) -> Mapping[bytes, Page]:
    """Return the pages by their paths, for the pipeline to answer where no route is declared."""

    def healthz(_: Call) -> Reply:
        return _page(b'{"status":"pass"}', b"application/json", b"no-store")

    def services(_: Call) -> Reply:
        body = json.dumps(catalogue(snapshot()), ensure_ascii=False).encode()
        return _page(body, b"application/json", b"public, max-age=60")

    def keys(_: Call) -> Reply:
        return _page(jwks(), b"application/jwk-set+json", b"public, max-age=300")

    return {b"/healthz": healthz, b"/v1/services": services, b"/.well-known/jwks.json": keys}


def _page(content: bytes, media_type: bytes, cache_control: bytes) -> Reply:
    return Reply(200, ((b"content-type", media_type), (b"cache-control", cache_control)), content)


def catalogue(snapshot: Snapshot) -> dict[str, object]:
    """What the city offers, as the registry has it."""
    return {"services": [_service(one, snapshot) for one in snapshot.services.values()]}


def _service(service: Service, snapshot: Snapshot) -> dict[str, object]:
    return {
        "name": service.name,
        "title": asdict(service.title),
        "description": asdict(service.description) if service.description else None,
        "agency": {
            "code": service.agency_code,
            "name": service.agency.name,
            "contact": service.agency.contact,
        },
        "promise": {
            "availability": service.promise.availability,
            "p95_seconds": service.promise.p95_seconds,
        },
        "routes": [_route(route) for route in snapshot.routes if route.service is service],
    }


def _route(route: Route) -> dict[str, object]:
    return {
        "path": route.template,
        "methods": sorted(method.decode() for method in route.methods) or ["*"],
        "sign_in": route.auth.mode,
        "emergency": route.emergency,
        "cached_seconds": route.cache.ttl_seconds if route.cache is not None else None,
    }
