"""A million citizens, each with a token of their own and two limits: what they leave in Redis and in the gateways."""

from __future__ import annotations

import asyncio
import signal
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Final

from tests.bench.citizens import Answer, Citizen, connect
from tests.bench.ground import Gateway, GatewaySetting, Ground, request
from tests.bench.reporting import Table
from tests.servers import RedisServer

_GATEWAYS: Final = 2
_CONNECTIONS: Final = 32  # to each
_LOOKS: Final = 10
_AIM_BYTES: Final = 150
_FLAT_SHARE: Final = 0.03  # from half way to the end; what an allocator keeps for itself is within it

# One request of ten a day is forgotten after more than two hours, longer than the run takes on a busy machine.
_ROUTES: Final = """  - path: /v1/permits/mine
    methods: [GET]
    rate_limit: [{limit: 30, every: 1m}, {limit: 10, every: 1d}]
"""


async def many_citizens(place: Ground, citizens: int) -> tuple[Table, list[str]]:
    """Let so many ask once each; return what is kept of them, and what is not as promised."""
    redis = place.redis("redis-citizens")
    # Patient, for a busy machine must not keep a citizen out of Redis: that is another suite's matter.
    setting = GatewaySetting(redis.url, _ROUTES, budget_ms=10_000)
    gateways = [place.gateway(f"citizens-{number}", setting) for number in range(_GATEWAYS)]
    begun, empty = time.perf_counter(), _info(redis, "used_memory")
    stream = Stream(place, citizens, gateways)
    await stream.run()
    keys, expiring = _keys(redis)
    bytes_each = (_info(redis, "used_memory") - empty) / max(1, keys)
    asked = f"{stream.answered:,} of {citizens:,} in {time.perf_counter() - begun:.0f} s"
    rows = (
        ("citizens", f"{asked}, {stream.refused.total()} not answered 200"),
        ("keys · keys with a TTL", f"{keys:,} · {expiring:,}"),
        ("bytes a citizen in Redis, two limits, aim ≤ 150", f"{bytes_each:.0f}"),
        *stream.memory_rows(),
        ("growth from half way to the end", f"{stream.growth:.1%}"),
    )
    broken = [f"{keys - expiring} keys without a TTL"] if keys != expiring else []
    # Of 60 bits of a name, two citizens may share one.
    broken += [f"{keys} keys of {stream.answered} citizens"] if keys < stream.answered - 2 else []
    broken += [f"{bytes_each:.0f} bytes a citizen"] if bytes_each > _AIM_BYTES else []
    broken += [f"memory grows by {stream.growth:.1%}"] if stream.growth > _FLAT_SHARE else []
    broken += [f"not answered 200: {dict(stream.refused)}"] if stream.refused else []
    return Table("Many citizens", ("what", "seen"), rows), broken


@dataclass(slots=True)
class Stream:
    """Ever new citizens, one after the other on kept connections."""

    place: Ground
    citizens: int
    gateways: list[Gateway]
    memory: list[list[int]] = field(default_factory=list)  # of each gateway, in bytes, at each look
    refused: Counter[int] = field(default_factory=Counter)  # by status; 0: the connection broke
    _next: int = 0
    answered: int = 0
    is_over: bool = False
    _return: asyncio.Task[None] | None = None
    _done: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def growth(self) -> float:
        """By what share the memory of the gateway that grew most did so, from half way to the end."""
        if not self.memory:
            return 0.0
        half, end = self.memory[len(self.memory) // 2], self.memory[-1]
        return max(after / before - 1 for before, after in zip(half, end, strict=True))

    def memory_rows(self) -> list[tuple[str, str]]:
        """Tell the memory at each look."""
        return [
            (f"MB of each gateway after {(look + 1) / _LOOKS:.0%}", " · ".join(f"{one / 1e6:.1f}" for one in memory))
            for look, memory in enumerate(self.memory)
        ]

    async def run(self) -> None:
        """Return when everybody has been answered, or somebody presses Ctrl-C: then what was seen so far counts."""
        asyncio.get_running_loop().add_signal_handler(signal.SIGINT, self._done.set)
        for gateway in self.gateways:
            for _ in range(_CONNECTIONS):
                self._ask(await connect(gateway.port, self._note))
        await self._done.wait()
        self.is_over = True

    def _ask(self, citizen: Citizen) -> None:
        if self._next < self.citizens and not self.is_over:
            self._next += 1
            token = self.place.signer.token(f"citizen-{self._next:07}")
            citizen.ask(request(token, "/v1/permits/mine").encode())

    def _note(self, citizen: Citizen, answer: Answer) -> None:
        self.answered += 1
        if answer.status != 200:
            self.refused[answer.status] += 1
        if self.answered * _LOOKS // self.citizens > len(self.memory):
            self.memory.append([gateway.process.memory_bytes() for gateway in self.gateways])
        if self.answered == self.citizens:
            self._done.set()
        elif citizen.is_connected:
            self._ask(citizen)
        else:
            self._return = asyncio.create_task(self._come_back(citizen.port))

    async def _come_back(self, port: int) -> None:
        self._ask(await connect(port, self._note))


def _keys(redis: RedisServer) -> tuple[int, int]:
    """Return how many keys there are, and how many of them have an end."""
    line = next(line for line in _text(redis, "KEYSPACE").splitlines() if line.startswith("db0:"))
    told = dict(part.split("=") for part in line.removeprefix("db0:").split(","))
    return int(told["keys"]), int(told["expires"])


def _info(redis: RedisServer, name: str) -> int:
    return int(_text(redis, "MEMORY").split(f"{name}:")[1].split()[0])


def _text(redis: RedisServer, section: str) -> str:
    told = redis.ask("INFO", section)
    assert isinstance(told, bytes)
    return told.decode()
