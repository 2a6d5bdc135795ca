"""Putting a service together: its routes inside the few layers every request passes, and serving it.

Outermost is the envelope (request id, case code, one log line, no escaped error), then the caller, then the
service's own routes. Nothing here knows what any service does.
"""

import re
import secrets
import socket
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from types import MappingProxyType
from typing import Any

import structlog
import uvicorn
from starlette.applications import Starlette
from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.typing import FilteringBoundLogger

from services.kit.assertion import AssertionVerifier
from services.kit.database import Database, in_thread
from services.kit.etag import conditional_json, json_response
from services.kit.logs import forward_standard_logging, make_logger
from services.kit.problem import (
    Problem,
    bad_request,
    exception_handlers,
    internal_problem,
    not_found,
    problem_response,
)
from services.kit.settings import Settings
from services.kit.sweeping import Leftovers, sweeping

Hook = Callable[[], AbstractAsyncContextManager[None]]

_ALWAYS_OPEN = frozenset({"/healthz", "/openapi.json"})
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_TRACEPARENT = re.compile(r"00-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
_CASE_ALPHABET = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"  # nothing that is misheard on the phone
_KEEP_ALIVE_SECONDS = 75  # longer than the gateway keeps an idle connection, so that it closes first
_DRAIN_SECONDS = 20


def build_app(
    *,
    name: str,
    routes: Sequence[BaseRoute],
    verifier: AssertionVerifier,
    database: Database,
    openapi: Mapping[str, Any],  # Any: JSON
    lifespan: Sequence[Hook] = (),
    leftovers: Sequence[Leftovers] = (),
    open_paths: Collection[str] = (),
    refuse_bad_assertion: bool = True,
    problem_members: Mapping[str, Any] = MappingProxyType({}),
    log: FilteringBoundLogger | None = None,
    state: Mapping[str, object] | None = None,
    on_drain: Sequence[Callable[[], Awaitable[None]]] = (),
) -> Starlette:
    """Build the service's application. It owns `verifier` and `database` and closes them at the end.

    `open_paths` are exact paths whose `Authorization` is none of the gateway's (a payment callback).
    `leftovers` are deleted now and then: `OnceOnly.leftovers`, and what else outlives its use.
    With `refuse_bad_assertion=False` a bad assertion counts as anonymous: for 112 alone.
    `problem_members` come first in every problem, whoever raised it: 112 puts its telephone number there.
    `on_drain` is awaited when the server is told to end, before it waits for requests: to answer long polls.
    """
    logger = log or make_logger(name)

    @asynccontextmanager
    async def run(_app: Starlette) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            stack.push_async_callback(database.close)
            stack.push_async_callback(verifier.close)
            for hook in lifespan:
                await stack.enter_async_context(hook())
            await stack.enter_async_context(sweeping(database, leftovers, logger))
            yield

    app = Starlette(
        routes=[*routes, *_standard_routes(name, database, openapi)],
        middleware=[
            Middleware(_Envelope, log=logger, problem_members=problem_members),
            Middleware(
                _Caller,
                verifier=verifier,
                open_paths=_ALWAYS_OPEN.union(open_paths),
                refuses=refuse_bad_assertion,
            ),
        ],
        exception_handlers=exception_handlers(),
        lifespan=run,
    )
    app.router.redirect_slashes = False  # a redirect would name an address the gateway does not have
    app.state.log = logger
    app.state.on_drain = tuple(on_drain)
    for key, value in (state or {}).items():
        setattr(app.state, key, value)
    return app


def _standard_routes(name: str, database: Database, openapi: Mapping[str, Any]) -> list[BaseRoute]:
    async def healthz(_request: Request) -> Response:
        alive = await in_thread(database.is_alive)
        body = {"status": "ok" if alive else "fail", "service": name}
        return json_response(body, 200 if alive else 503, {"Cache-Control": "no-store"})

    async def document(request: Request) -> Response:
        return conditional_json(request, openapi, cache_control="public, max-age=300")

    return [Route("/healthz", healthz), Route("/openapi.json", document)]


def carried_headers() -> dict[str, str]:
    """Return the headers to put on a call made on behalf of the present request."""
    context = structlog.contextvars.get_contextvars()
    names = {"request_id": "X-Request-ID", "traceparent": "traceparent"}
    return {header: context[key] for key, header in names.items() if key in context}


class _Envelope:
    """Names the request, answers what escaped from it, and logs it once: route and figures, no content."""

    def __init__(self, app: ASGIApp, *, log: FilteringBoundLogger, problem_members: Mapping[str, Any]) -> None:
        self._app = app
        self._log = log
        self._problem_members = problem_members

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        context = _context(Headers(scope=scope))
        scope.setdefault("state", {}).update(case=context["case"], problem_members=self._problem_members)
        status = 0

        async def send_named(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)["X-Request-ID"] = context["request_id"]
            await send(message)

        started = time.perf_counter()
        with structlog.contextvars.bound_contextvars(**context):
            try:
                _refuse_nul(scope)
                await self._app(scope, receive, send_named)
            except Exception as exc:
                if not isinstance(exc, Problem):
                    self._log.exception("request failed")
                if status:
                    raise  # half an answer is out: only breaking the connection tells the client so
                problem = exc if isinstance(exc, Problem) else internal_problem()
                await problem_response(problem, Request(scope))(scope, receive, send_named)
            finally:
                self._log.info("request", **_figures(scope, status, started))


def _context(headers: Headers) -> dict[str, str]:
    given = headers.get("x-request-id", "")
    context = {
        "request_id": given if _REQUEST_ID.fullmatch(given) else secrets.token_hex(16),
        "case": "".join(secrets.choice(_CASE_ALPHABET) for _ in range(6)),
    }
    if trace := _TRACEPARENT.fullmatch(headers.get("traceparent", "")):
        context |= {"traceparent": trace[0], "trace_id": trace[1]}
    return context


def _refuse_nul(scope: Scope) -> None:
    # PostgreSQL stores no NUL; no honest address has one.
    if "\0" in scope["path"]:
        raise not_found()
    if b"%00" in scope["query_string"]:
        raise bad_request("nul-character", "Karakter NUL tidak diterima.", "NUL is not accepted.")


def _figures(scope: Scope, status: int, started: float) -> dict[str, object]:
    # The template, not the path: a ticket number in a log would tie a secret report to its reporter.
    route = scope.get("route")
    return {
        "method": scope["method"],
        "route": getattr(route, "path", "-"),
        "status": status,
        "duration_ms": round((time.perf_counter() - started) * 1000, 1),
        "signed_in": scope["state"].get("caller") is not None,
    }


class _Caller:
    """Puts the verified caller into the request's state, or refuses a bad assertion."""

    def __init__(
        self, app: ASGIApp, *, verifier: AssertionVerifier, open_paths: Collection[str], refuses: bool
    ) -> None:
        self._app = app
        self._verifier = verifier
        self._open_paths = open_paths
        self._refuses = refuses

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] not in self._open_paths:
            try:
                scope["state"]["caller"] = await self._verifier.verify(_authorization(scope))
            except Problem:
                if self._refuses:
                    raise
                scope["state"]["caller"] = None
        await self._app(scope, receive, send)


def _authorization(scope: Scope) -> str | None:
    values = Headers(scope=scope).getlist("authorization")
    # Two identities in one request: which one is meant is not ours to guess, so neither is believed.
    return values[0] if len(values) == 1 else ", ".join(values) or None


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, on_drain: Sequence[Callable[[], Awaitable[None]]]) -> None:
        super().__init__(config)
        self._on_drain = on_drain

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        if self.started and sockets:
            host, port = sockets[0].getsockname()[:2]
            print(f"listening on http://{f'[{host}]' if ':' in host else host}:{port}", flush=True)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for hook in self._on_drain:
            await hook()
        await super().shutdown(sockets=sockets)


def serve(app: Starlette, settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT, finishing what was begun; a busy port ends with its name (exit 1)."""
    forward_standard_logging(app.state.log)
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        listener = socket.create_server((settings.host, settings.port), family=family, backlog=2048)
    except OSError as exc:
        sys.exit(f"{settings.name}: cannot listen on {settings.host}:{settings.port}: {exc.strerror}. Use --port.")
    config = uvicorn.Config(
        app,
        access_log=False,
        log_config=None,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=_DRAIN_SECONDS,
        lifespan="on",
    )
    _Server(config, app.state.on_drain).run(sockets=[listener])
