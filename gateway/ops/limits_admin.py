"""What an operator may see of a citizen's limits, and have forgotten: the part of the admin API that is about budgets.

A citizen is named in the request's body, by the subject their issuer knows them under, and is named nowhere else: no
address, no log line and no answer holds the name.
"""

from __future__ import annotations

import json
import math
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from gateway.registry.explain import Explained, explain
from gateway.registry.snapshot import Route, Snapshot
from gateway.rules.callers import citizen_key
from gateway.rules.concurrency import ConcurrencyPolicy, Slot
from gateway.rules.quota import Charge, QuotaPolicy, Verdict
from gateway.store.fallback import Limiter
from gateway.store.ports import StoreError

Endpoint = Callable[[Request], Awaitable[Response]]
P = TypeVar("P", QuotaPolicy, ConcurrencyPolicy)

_AT_ONCE: Final = 100  # limits asked about in one step of the store, which serves citizens meanwhile
_NAMES: Final = frozenset({"citizen", "issuer", "method", "path"})


@dataclass(frozen=True, slots=True)
class LimitControls:
    """What the endpoints work with."""

    snapshot: Callable[[], Snapshot]
    limiter: Limiter


class _Refused(Exception):
    """The question cannot be answered; the text says what to change."""


def limit_endpoints(controls: LimitControls) -> tuple[tuple[str, Endpoint, str], ...]:
    """Return the endpoints, each as path, function and method."""

    async def show(request: Request) -> Response:
        return await _answered(request, lambda asked: _state(controls, asked))

    async def reset(request: Request) -> Response:
        async def forget(asked: dict[str, str]) -> dict[str, object]:
            await controls.limiter.reset([_key(controls.snapshot(), asked)])
            return {"reset": True}

        return await _answered(request, forget)

    return (("/admin/limits", show, "POST"), ("/admin/limits/reset", reset, "POST"))


async def _answered(request: Request, answer: Callable[[dict[str, str]], Awaitable[dict[str, object]]]) -> Response:
    try:
        return JSONResponse(await answer(_asked(await request.body())))
    except _Refused as refusal:
        return JSONResponse({"error": str(refusal)}, 400)
    except StoreError as error:
        return JSONResponse({"error": f"the store does not answer: {error}"}, 503)


def _asked(body: bytes) -> dict[str, str]:
    try:
        document: Any = json.loads(body)  # JSON holds anything
    except ValueError:
        document = None
    if not isinstance(document, dict) or not all(isinstance(value, str) for value in document.values()):
        raise _Refused('send a JSON object such as {"citizen": "…"}')
    unknown = set(document) - _NAMES
    if unknown:
        raise _Refused(f"unknown member {min(unknown)}: write {', '.join(sorted(_NAMES))}")
    return document


def _key(snapshot: Snapshot, asked: dict[str, str]) -> bytes:
    """Name the citizen as limits do."""
    subject, issuer = asked.get("citizen", ""), asked.get("issuer")
    known = [one.issuer for one in snapshot.issuers]
    if not subject:
        raise _Refused("name a citizen: the subject (`sub`) their issuer knows them under")
    if issuer is None and len(known) == 1:
        issuer = known[0]
    if issuer not in known:
        raise _Refused(f"say which issuer knows the citizen; listed are: {', '.join(known) or 'none'}")
    return citizen_key(issuer, subject)


async def _state(controls: LimitControls, asked: dict[str, str]) -> dict[str, object]:
    snapshot, limiter = controls.snapshot(), controls.limiter
    key, routes = _key(snapshot, asked), _routes(snapshot, asked)
    rates = [Charge(key, one) for one in _distinct(one for route in routes for one in route.limits)]
    slots = [Slot(key, one) for one in _distinct(one for route in routes for one in route.concurrency)]
    verdicts: list[Verdict] = []
    for first in range(0, len(rates), _AT_ONCE):
        verdicts += await limiter.peek(rates[first : first + _AT_ONCE])
    counts: list[int] = []
    for first in range(0, len(slots), _AT_ONCE):
        counts += await limiter.in_flight.count(slots[first : first + _AT_ONCE])
    return {
        "limits": [_rate(charge.policy, verdict) for charge, verdict in zip(rates, verdicts, strict=True)],
        "concurrency": [_concurrency(slot.policy, count) for slot, count in zip(slots, counts, strict=True)],
    }


def _routes(snapshot: Snapshot, asked: dict[str, str]) -> Iterable[Route]:
    """Return the routes that are asked about: the one that answers a request, else all."""
    if "path" not in asked:
        return snapshot.routes
    told = explain(snapshot, asked.get("method", "GET"), asked["path"])
    if not isinstance(told, Explained):
        raise _Refused(f"{told.reason}: {told.remedy}")
    return (told.route,)


def _distinct(policies: Iterable[P]) -> list[P]:
    """Return those that count by citizen, each once: routes share what they have from their service."""
    return list({one.name: one for one in policies if one.by.kind == "citizen"}.values())


def _rate(policy: QuotaPolicy, verdict: Verdict) -> dict[str, object]:
    return {
        "name": policy.name,
        "limit": policy.limit,
        "every_seconds": policy.period_seconds,
        "burst": policy.burst,
        "cost": policy.cost,
        "accuracy": policy.accuracy,
        "mode": policy.mode,
        "used": policy.burst - verdict.remaining,
        "left": verdict.remaining,
        "full_again_seconds": math.ceil(verdict.reset_seconds),
        "next_request_seconds": math.ceil(verdict.retry_after_seconds),
    }


def _concurrency(policy: ConcurrencyPolicy, count: int) -> dict[str, object]:
    return {
        "name": policy.name,
        "limit": policy.limit,
        "accuracy": policy.accuracy,
        "mode": policy.mode,
        "in_flight": count,
        "left": max(0, policy.limit - count),
    }
