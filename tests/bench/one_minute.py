"""Four gateway processes on one Redis, more requests than the limits allow, and a judge who looks at every window."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

from tests.bench.citizens import Answer, Crowd
from tests.bench.ground import GatewaySetting, Ground, request
from tests.bench.judge import most_admitted, overshoot
from tests.bench.reporting import Table

_PROCESSES = 4
_CITIZENS = 3
_RATE, _BURST = 60, 40
_SLICE = _BURST // 10  # docs: a lease is a tenth of the burst for each worker
_CONNECTIONS, _PACE_SECONDS = 2, 0.05  # of one citizen at one process: more than twice the limit in all

_ROUTES = "".join(
    f"  - path: /v1/permits/{accuracy}\n"
    "    methods: [GET]\n"
    f"    rate_limit: {{limit: {_RATE}, every: 1s, burst: {_BURST}, accuracy: {accuracy}, on_store_failure: closed}}\n"
    for accuracy in ("exact", "leased")
)
# What the workers together may admit beyond the limit in any window.
_DECLARED = {"exact": 0, "leased": _PROCESSES * _SLICE}


async def one_minute(place: Ground, seconds: float) -> tuple[Table, list[str]]:
    """Ask for so long; return what was admitted beside what the limits allow, and what exceeds it."""
    redis = place.redis("redis-minute")
    # Patient, for what is asked here is whether the count is right, not how soon it comes on a busy machine.
    setting = GatewaySetting(redis.url, _ROUTES, budget_ms=10_000)
    gateways = [place.gateway(f"minute-{number}", setting) for number in range(_PROCESSES)]
    crowds: dict[tuple[str, int], list[Crowd]] = {}
    for accuracy in _DECLARED:
        for citizen in range(_CITIZENS):
            wanted = request(place.signer.token(f"citizen-{citizen}"), f"/v1/permits/{accuracy}").encode()
            crowds[accuracy, citizen] = [
                Crowd(gateway.port, [wanted], _CONNECTIONS, _PACE_SECONDS) for gateway in gateways
            ]
    begun = time.perf_counter()
    everybody = [crowd for group in crowds.values() for crowd in group]
    for crowd in everybody:
        crowd.start()
    await asyncio.sleep(seconds)
    await asyncio.gather(*(crowd.stop() for crowd in everybody))
    lasted = time.perf_counter() - begun
    answers = {who: [one for crowd in group for one in crowd.answers] for who, group in crowds.items()}
    return await asyncio.to_thread(_judge, answers, lasted)


def _judge(answers: dict[tuple[str, int], list[Answer]], lasted: float) -> tuple[Table, list[str]]:
    rows, broken = [], []
    for (accuracy, citizen), told in answers.items():
        admitted = [one for one in told if one.status == 200]
        over = overshoot(admitted, burst=_BURST, rate=_RATE)
        if over > _DECLARED[accuracy]:
            broken.append(f"{accuracy}, citizen {citizen}: overshoot {over:.2f} of at most {_DECLARED[accuracy]}")
        failures = sum(one.status not in (200, 429) for one in told)
        broken += [f"{accuracy}, citizen {citizen}: {failures} neither admitted nor denied"] if failures else []
        rows.append(_row(f"{accuracy}, citizen {citizen}", told, len(admitted), lasted, over, _DECLARED[accuracy]))
    note = (
        f"{_PROCESSES} processes, {lasted:.0f} s, {_RATE} a second and a burst of {_BURST}. `overshoot` is the most by "
        "which any window exceeds burst + rate × window; below 0, no window came up to the limit."
    )
    columns = ("limit", "asked", "admitted", "the model's most", "overshoot", "declared")
    return Table("Four processes on one Redis", columns, tuple(rows), note), broken


def _row(
    name: str, told: Sequence[Answer], admitted: int, lasted: float, over: float, declared: int
) -> tuple[str, ...]:
    most = most_admitted(lasted, burst=_BURST, rate=_RATE)
    return name, f"{len(told):,}", f"{admitted:,}", f"{most:,.0f}", f"{over:.2f}", f"≤ {declared}"
