"""Finds the server that has a key: always the same one, or the primary of the day that sentinels name."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol, TypeAlias

from redis.exceptions import AskError, RedisError, ResponseError

from gateway.clock import Clock
from gateway.registry.store_address import Node, StoreAddress
from gateway.store.dial import Dial, Link, list_of, pack, text_of
from gateway.store.lane import Lane
from gateway.store.ports import ComponentHealth, StoreError

_SENTINEL_SECONDS = 0.3  # a hung sentinel is passed over; another knows as much

# Written by probes, by nobody read.
PROBE_KEY = b"gw:probe"


def probe_command(key: bytes = PROBE_KEY) -> bytes:
    """A call that needs all that calls need: permission, memory, and a server that takes writes."""
    return pack("SET", key, "1", "PX", 1000)


class Router(Protocol):
    """Brings calls to the server that has their key."""

    @property
    def is_sharded(self) -> bool:
        """Tell whether keys live on several servers, so that one script cannot reach them all."""
        ...

    async def call(self, key: bytes, packed: bytes) -> object:
        """Send a call about `key` and return its reply; raise StoreError."""
        ...

    async def connect(self, key: bytes) -> Link:
        """Open a connection of the caller's own to the server of `key`; raise RedisError or OSError."""
        ...

    async def ping(self) -> None:
        """Raise StoreError unless the store answers now."""
        ...

    def health(self) -> ComponentHealth: ...

    async def aclose(self) -> None: ...


Find: TypeAlias = Callable[[], Awaitable[Link]]


class SingleRouter:
    """One server has every key; `find` connects to whichever it is today."""

    is_sharded = False

    def __init__(self, name: str, find: Find, dial: Dial, clock: Clock, *, budget_seconds: float) -> None:
        self._name = name
        self._find = find
        self._dial = dial
        self._clock = clock
        self._budget = budget_seconds
        self._since = clock.wall()
        self._lane: Lane | None = None

    async def call(self, key: bytes, packed: bytes) -> object:
        lane = self._lane or self._open_lane()
        try:
            return await lane.submit(packed)
        except AskError as error:
            raise self._is_cluster() from error

    async def connect(self, key: bytes) -> Link:
        return await self._find()

    async def ping(self) -> None:
        try:
            await (self._lane or self._open_lane()).ping()
        except AskError as error:
            raise self._is_cluster() from error

    def health(self) -> ComponentHealth:
        return self._lane.health() if self._lane else ComponentHealth("pass", self._since, f"{self._name}, not asked")

    async def aclose(self) -> None:
        if self._lane is not None:
            await self._lane.aclose()

    def _is_cluster(self) -> StoreError:
        return StoreError(f"{self._name} is part of a cluster; write redis+cluster:// in the store URL")

    def _open_lane(self) -> Lane:
        # Made at the first call, for it belongs to the event loop.
        self._lane = Lane(
            self._name,
            self._find,
            self._clock,
            probe=probe_command(),
            preamble=self._dial.preamble,
            preamble_replies=self._dial.preamble_replies,
            budget_seconds=self._budget,
        )
        return self._lane


class Sentinels:
    """Asks sentinels who the primary is, and checks that it agrees."""

    def __init__(self, address: StoreAddress, dial: Dial) -> None:
        self._nodes = list(address.nodes)
        self._service = address.service
        self._dial = dial

    async def find(self) -> Link:
        """Connect to the primary; raise RedisError or OSError when no sentinel names a willing one."""
        reasons = []
        for node in tuple(self._nodes):
            try:
                async with asyncio.timeout(_SENTINEL_SECONDS):
                    primary = await self._named_by(node)
                link = await self._dial.data(primary)
            except (RedisError, OSError) as error:
                reasons.append(f"{node[0]}:{node[1]}: {error or type(error).__name__}")
                # Asked last from now on: the time for a connection may not suffice for several that hang.
                self._nodes.remove(node)
                self._nodes.append(node)
            else:
                return link
        raise ResponseError(f"no sentinel names a primary of {self._service} ({'; '.join(reasons)})")

    async def _named_by(self, sentinel: Node) -> Node:
        question = pack("SENTINEL", "GET-MASTER-ADDR-BY-NAME", self._service)
        reply = await self._dial.ask(sentinel, question, sentinel=True)
        if reply is None:
            raise ResponseError(f"knows no service {self._service!r}")
        host, port = map(text_of, list_of(reply))
        role = list_of(await self._dial.ask((host, int(port)), pack("ROLE")))
        if role[0] != b"master":  # a sentinel may lag behind a failover
            raise ResponseError(f"names {host}:{port}, which is no primary")
        return host, int(port)
