"""The ops port: health, readiness, metrics, and the few things an operator may do, behind a token.

Bound to loopback unless configured otherwise. Without a configured token the admin calls do not exist.
"""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from gateway.ops.agency_purge import PATH, agency_purge
from gateway.ops.cache_admin import CacheControls, cache_endpoints
from gateway.ops.health import Readiness
from gateway.ops.limits_admin import LimitControls, limit_endpoints
from gateway.telemetry.logs import Log
from gateway.telemetry.metrics import Metrics

Endpoint = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Controls:
    """What an operator may do. `reload` returns errors, none when the new registry serves."""

    reload: Callable[[], Awaitable[tuple[str, ...]]]
    registry: Callable[[], dict[str, object]]
    cache: CacheControls
    limits: LimitControls
    token: Callable[[], str | None]
    log: Log


def ops_application(readiness: Readiness, metrics: Metrics, controls: Controls) -> Starlette:
    """Build the application of the ops port."""

    async def healthz(_: Request) -> Response:
        return JSONResponse({"status": "pass"})

    async def readyz(_: Request) -> Response:
        status, document = readiness.report()
        return JSONResponse(document, status)

    async def exposition(_: Request) -> Response:
        return Response(metrics.exposition(), media_type="text/plain; version=0.0.4; charset=utf-8")

    async def reload(_: Request) -> Response:
        errors = await controls.reload()
        return JSONResponse({"accepted": not errors, "errors": list(errors)}, 422 if errors else 200)

    async def registry(_: Request) -> Response:
        return JSONResponse(controls.registry())

    return Starlette(
        routes=[
            Route("/healthz", healthz),
            Route("/readyz", readyz),
            Route("/metrics", exposition),
            Route("/admin/registry", guarded(controls.token, registry)),
            Route(PATH, agency_purge(controls.cache, controls.log), methods=["POST"]),
            Route("/admin/reload", guarded(controls.token, reload), methods=["POST"]),
            *(
                Route(path, guarded(controls.token, endpoint), methods=[method])
                for path, endpoint, method in (*cache_endpoints(controls.cache), *limit_endpoints(controls.limits))
            ),
        ]
    )


def guarded(token: Callable[[], str | None], endpoint: Endpoint) -> Endpoint:
    """Return `endpoint` behind the operators' token; without a configured one it does not exist."""

    async def checked(request: Request) -> Response:
        wanted = token()
        given = request.headers.get("authorization", "").removeprefix("Bearer ")
        if wanted is None:
            return JSONResponse({"error": "set server.admin_token in gateway.yaml to use /admin"}, 404)
        if not hmac.compare_digest(given.encode(), wanted.encode()):
            return JSONResponse({"error": "Authorization: Bearer <server.admin_token> is needed"}, 401)
        return await endpoint(request)

    return checked
