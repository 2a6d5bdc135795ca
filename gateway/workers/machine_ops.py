"""The ops port of a machine with many workers: the same calls as with one, answered for all of them.

Health, metrics, registry and reload are the supervisor's own. Every other call is put to all workers, and their answers
are joined, so that a new call needs nothing here.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from gateway.ops.admin import guarded
from gateway.workers.channel import Body
from gateway.workers.machine import Machine

_METHODS: Final = ["GET", "POST", "PUT", "PATCH", "DELETE"]
_FIGURES: Final = frozenset({"/admin/cache"})  # what is read there is how much each has


def machine_application(
    machine: Machine,
    *,
    reload: Callable[[], Awaitable[tuple[str, ...]]],
    registry: Callable[[], dict[str, object]],
    token: Callable[[], str | None],
) -> Starlette:
    """Build the application of the supervisor's ops port."""

    async def healthz(_: Request) -> Response:
        return JSONResponse({"status": "pass"})

    async def readyz(_: Request) -> Response:
        await machine.refresh()
        status, document = machine.readiness.report()
        return JSONResponse(document, status)

    async def exposition(_: Request) -> Response:
        await machine.refresh()
        return Response(machine.totals.exposition(), media_type="text/plain; version=0.0.4; charset=utf-8")

    async def reloaded(_: Request) -> Response:
        errors = await reload()
        return JSONResponse({"accepted": not errors, "errors": list(errors)}, 422 if errors else 200)

    async def present(_: Request) -> Response:
        await machine.refresh()
        return JSONResponse(registry() | {"workers": machine.roll()})

    async def all_workers(request: Request) -> Response:
        asked = {
            "method": request.method,
            "target": request.url.path + (f"?{request.url.query}" if request.url.query else ""),
            "headers": [[name, value] for name, value in request.headers.items() if name != "content-length"],
            "content": (await request.body()).decode("latin-1"),
        }
        serving = machine.serving()
        answers = await asyncio.gather(*(member.ask(asked) for member in serving))
        told = [(one.number, answer) for one, answer in zip(serving, answers, strict=True)]
        return joined(told, adds_up=request.method != "GET" or request.url.path in _FIGURES)

    return Starlette(
        routes=[
            Route("/healthz", healthz),
            Route("/readyz", readyz),
            Route("/metrics", exposition),
            Route("/admin/registry", guarded(token, present)),
            Route("/admin/reload", guarded(token, reloaded), methods=["POST"]),
            Route("/{rest:path}", all_workers, methods=_METHODS),
        ]
    )


def joined(told: Sequence[tuple[int, Body | None]], *, adds_up: bool) -> Response:
    """Join the workers' answers. The worst is the answer: what only some have done is not done.

    JSON objects also list each worker's own. `adds_up`: their numbers are parts of a whole, such as what was done.
    """
    answers = [(number, answer) for number, answer in told if answer is not None]
    silent = [number for number, answer in told if answer is None]
    if silent or not answers:
        who = ", ".join(f"worker {number} did not answer" for number in silent) or "no worker serves"
        return JSONResponse({"error": f"{who}; ask again"}, 503)
    _, worst = max(answers, key=lambda one: int(one[1]["status"]))
    objects = [(number, _object(answer)) for number, answer in answers]
    whole = _object(worst)
    if whole is None or any(each is None for _, each in objects):
        return Response(worst["content"].encode("latin-1"), worst["status"], media_type=worst["type"] or None)
    each_own = [{"worker": number, **(each or {})} for number, each in objects]
    if adds_up and worst["status"] < 400:
        whole = {name: _added(name, value, each_own) for name, value in whole.items()}
    return JSONResponse({**whole, "workers": each_own}, worst["status"])


def _object(answer: Body) -> dict[str, Any] | None:
    """Return an answer's JSON object, None when it is anything else."""
    if not answer["type"].startswith("application/json"):
        return None
    document = json.loads(answer["content"].encode("latin-1"))
    return document if isinstance(document, dict) else None


def _added(name: str, value: object, each_own: Sequence[dict[str, Any]]) -> object:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return sum(one.get(name, 0) for one in each_own)
    if isinstance(value, dict):
        inner = [one.get(name, {}) for one in each_own]
        return {key: _added(key, each, inner) for one in inner for key, each in one.items()}
    return value
