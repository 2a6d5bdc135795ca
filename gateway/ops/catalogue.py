"""The gateway's own public pages: the catalogue of services, its key set, its health.

Everything here is for everybody; it tells what the registry tells, and nothing about any caller.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from typing import Final

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route as Page

from gateway.registry.snapshot import Route, Service, Snapshot

PATHS: Final = frozenset(("/healthz", "/v1/services", "/.well-known/jwks.json"))


def public_pages(snapshot: Callable[[], Snapshot], jwks: Callable[[], bytes]) -> Starlette:
    """Build the application that answers PATHS."""

    async def healthz(_: Request) -> Response:
        return Response(b'{"status":"pass"}', media_type="application/json", headers={"cache-control": "no-store"})

    async def services(_: Request) -> Response:
        body = json.dumps(catalogue(snapshot()), ensure_ascii=False).encode()
        return Response(body, media_type="application/json", headers={"cache-control": "public, max-age=60"})

    async def keys(_: Request) -> Response:
        return Response(jwks(), media_type="application/jwk-set+json", headers={"cache-control": "public, max-age=300"})

    return Starlette(
        routes=[
            Page("/healthz", healthz),
            Page("/v1/services", services),
            Page("/.well-known/jwks.json", keys),
        ]
    )


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
