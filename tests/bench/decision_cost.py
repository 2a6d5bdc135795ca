"""The CPU time that one kind of limit adds to a request, in the gateway's process, by the kernel's accounting."""

from __future__ import annotations

import asyncio
import os
import statistics
from dataclasses import dataclass, field

from tests.bench.citizens import Answer, Citizen, connect
from tests.bench.ground import Gateway, GatewaySetting, Ground, request
from tests.bench.processes import CPU_OF_THE_OTHERS

_CONNECTIONS = 32
_SLICE_SECONDS = 0.15
_LIMIT = "limit: 100000000, every: 1m, by: citizen"
_ROUTES = f"""  - {{path: /v1/permits/none, methods: [GET]}}
  - {{path: /v1/permits/exact, methods: [GET], rate_limit: {{{_LIMIT}, on_store_failure: closed}}}}
  - path: /v1/permits/leased
    methods: [GET]
    rate_limit: {{{_LIMIT}, accuracy: leased, on_store_failure: closed}}
"""


@dataclass(slots=True)
class Cost:
    """CPU microseconds a request, slice by slice: with the limit, and right after it without."""

    limited: list[float] = field(default_factory=list)
    free: list[float] = field(default_factory=list)

    @property
    def free_micros(self) -> float:
        return statistics.median(self.free)

    @property
    def added_micros(self) -> float:
        """The median of what each slice cost more than the one beside it."""
        return statistics.median(self._added())

    @property
    def spread(self) -> tuple[float, float]:
        """Between these lies the middle half of the slices."""
        first, _, third = statistics.quantiles(self._added(), n=4)
        return first, third

    def figures(self) -> dict[str, object]:
        return {"without_us": self.free_micros, "added_us": self.added_micros, "slices_us": self._added()}

    def _added(self) -> list[float]:
        return [limited - free for limited, free in zip(self.limited, self.free, strict=True)]


async def cpu_a_decision(place: Ground, *, slices: int) -> dict[str, Cost]:
    """Measure requests with and without each kind of limit on the same gateway, in short slices that take turns.

    The gateway has one processor to itself; this process, agency and Redis share the other.
    """
    if (os.cpu_count() or 1) > 1:
        os.sched_setaffinity(0, {CPU_OF_THE_OTHERS})
    redis = place.redis("redis-cost")
    in_memory = place.gateway("memory", GatewaySetting("memory://", _ROUTES, is_pinned=True))
    shared = place.gateway("shared", GatewaySetting(redis.url, _ROUTES, is_pinned=True, budget_ms=10_000))
    kinds = {"memory": (in_memory, "exact"), "leased": (shared, "leased"), "exact": (shared, "exact")}
    token = place.signer.token("citizen-1")
    return {kind: await _cost(gateway, token, path, slices) for kind, (gateway, path) in kinds.items()}


async def _cost(gateway: Gateway, token: str, path: str, slices: int) -> Cost:
    load = FullLoad(gateway)
    await load.connect(_CONNECTIONS)
    free, limited = (request(token, f"/v1/permits/{name}").encode() for name in ("none", path))
    await load.micros(limited, 1.0)
    cost = Cost()
    for _ in range(slices):
        cost.limited.append(await load.micros(limited, _SLICE_SECONDS))
        cost.free.append(await load.micros(free, _SLICE_SECONDS))
    load.leave()
    return cost


class FullLoad:
    """Kept connections that ask again as soon as they are answered."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._citizens: list[Citizen] = []
        self._request = b""
        self._is_over = True
        self._under_way = 0
        self._done = asyncio.Event()
        self._answered = 0
        self._refusals: set[int] = set()

    async def connect(self, connections: int) -> None:
        self._citizens = [await connect(self._gateway.port, self._note) for _ in range(connections)]

    def leave(self) -> None:
        for citizen in self._citizens:
            citizen.leave()

    async def micros(self, wanted: bytes, seconds: float) -> float:
        """Ask for so long; return the CPU microseconds that the gateway spent on each request."""
        self._request, self._is_over, self._answered = wanted, False, 0
        self._under_way = len(self._citizens)
        self._done.clear()
        begun = self._gateway.process.cpu_seconds()
        for citizen in self._citizens:
            citizen.ask(wanted)
        await asyncio.sleep(seconds)
        self._is_over = True
        await self._done.wait()
        if self._refusals:
            raise RuntimeError(f"answered {self._refusals}; see {self._gateway.process.log}")
        return (self._gateway.process.cpu_seconds() - begun) / self._answered * 1e6

    def _note(self, citizen: Citizen, answer: Answer) -> None:
        self._answered += 1
        if answer.status != 200:
            self._refusals.add(answer.status)
        if not self._is_over and citizen.is_connected:
            citizen.ask(self._request)
            return
        self._under_way -= 1
        if not self._under_way:
            self._done.set()
