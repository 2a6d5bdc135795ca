"""An agency has its own stored answers forgotten, by a credential of its own: `POST /purge/<service>` on the ops port.

On that port, because agencies stand in the city's network, and nobody on the Internet has anything to purge. All is
said in the agency's own URL space, as its `Location` fields are, and nothing of another's can be named.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from typing import Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from gateway.errors import MalformedRequest
from gateway.ops.cache_admin import CacheControls, Endpoint
from gateway.paths import canonical_path
from gateway.registry.snapshot import Snapshot
from gateway.rules.caching.keys import canonical
from gateway.store.purge import Purge
from gateway.telemetry.logs import Log

PATH: Final = "/purge/{service}"

_PARAMETERS: Final = frozenset({"path", "tag", "soft"})
_MISSING: Final = "say Authorization: Bearer <the purge_token of your service file>"
_WRONG: Final = "this is no service's purge_token; it stands in your service file, and a changed one needs a reload"
_FOREIGN: Final = "this purge_token belongs to another service; an agency purges its own answers only"


def agency_purge(controls: CacheControls, log: Log) -> Endpoint:
    """Return the endpoint. Every attempt is logged: for which service, by whose credential, what kind, how many."""

    async def purge(request: Request) -> Response:
        snapshot, service = controls.snapshot(), request.path_params["service"]
        owner = _owner(snapshot, request.headers.get("authorization", ""))
        note = _noted(log, service, owner)
        if owner is None:
            note("refused", 401)
            text = _WRONG if "authorization" in request.headers else _MISSING
            return JSONResponse({"error": text}, 401, {"www-authenticate": 'Bearer realm="purge"'})
        if owner != service:
            note("refused", 403)
            return JSONResponse({"error": _FOREIGN}, 403)
        wanted = _purge_of(request, service)
        if isinstance(wanted, str):
            note("refused", 400)
            return JSONResponse({"error": wanted}, 400)
        count = controls.purge(wanted)
        note(_kind(wanted), 200, soft=wanted.soft, purged=count)
        return JSONResponse({"purged": count})

    return purge


def _noted(log: Log, service: str, owner: str | None) -> Callable[..., None]:
    def note(what: str, status: int, **more: object) -> None:
        write = log.info if status == 200 else log.warning
        # Paths and tags may name a case, so what exactly was purged stays with the agency. Nor is a name that came with
        # a wrong credential worth a line of its own.
        named = service if owner is not None else "unknown"
        write("purge by agency", service=named, credential_of=owner, what=what, status=status, **more)

    return note


def _owner(snapshot: Snapshot, authorization: str) -> str | None:
    """Return the service whose credential this is. Every one is compared, so that time tells nothing."""
    scheme, _, given = authorization.partition(" ")
    found = None
    for service in snapshot.services.values():
        wanted = service.purge_token
        if wanted is not None and hmac.compare_digest(given.strip().encode(), wanted.encode()):
            found = service.name
    return found if scheme.lower() == "bearer" else None


def _purge_of(request: Request, service: str) -> Purge | str:
    """Return what is to go, or what to write instead."""
    asked = request.query_params
    unknown = set(asked) - _PARAMETERS
    if unknown:
        # A misspelt name must not turn into "everything".
        return f"unknown parameter {min(unknown)}: write path, tag or soft"
    soft = asked.get("soft", "") in ("1", "true", "yes")
    tag = asked["tag"].encode() if "tag" in asked else None
    if "path" not in asked:
        return Purge(service=service, tag=tag, soft=soft)
    path, question_mark, query = asked["path"].partition("?")
    try:
        own_path = canonical_path(path.encode())
    except MalformedRequest as error:
        return f"path is none: {error.reason}; write it as your service sees it, such as /types?page=2"
    return Purge(service, canonical(own_path), canonical(query.encode()) if question_mark else None, tag, soft)


def _kind(purge: Purge) -> str:
    kinds = [name for name, value in (("path", purge.path), ("tag", purge.tag)) if value is not None]
    return "+".join(kinds) or "service"
