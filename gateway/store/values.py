"""Shared values by key, each with an end: the second level of the cache. What it holds may vanish at any time.

It has connections and breakers of its own, so that a large value never stands in front of a counter.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Sequence

from gateway.clock import Clock
from gateway.store.dial import pack
from gateway.store.router import Router

# The 1 is the version of how keys are named; what stands in a value is its owner's to version.
_PREFIX = b"gw:v1:"


class MemoryValues:
    """Values of one process, at most `max_bytes` of keys and values; the one longest unused goes first."""

    __slots__ = ("_bytes", "_clock", "_entries", "_max_bytes")

    def __init__(self, clock: Clock, *, max_bytes: int) -> None:
        self._clock = clock
        self._max_bytes = max_bytes
        self._bytes = 0
        self._entries: OrderedDict[bytes, tuple[bytes, float]] = OrderedDict()

    async def get(self, key: bytes) -> bytes | None:
        entry = self._entries.get(key)
        if entry is None:
            return None
        value, ends = entry
        if self._clock.monotonic() >= ends:
            self._drop(key)
            return None
        self._entries.move_to_end(key)
        return value

    async def set(self, key: bytes, value: bytes, ttl_seconds: float) -> None:
        self._drop(key)
        size = len(key) + len(value)
        if ttl_seconds <= 0 or size > self._max_bytes:
            return
        while self._bytes + size > self._max_bytes:
            self._drop(next(iter(self._entries)))
        self._entries[key] = (value, self._clock.monotonic() + ttl_seconds)
        self._bytes += size

    async def delete(self, keys: Sequence[bytes]) -> None:
        for key in keys:
            self._drop(key)

    async def aclose(self) -> None:
        self._entries.clear()
        self._bytes = 0

    def _drop(self, key: bytes) -> None:
        entry = self._entries.pop(key, None)
        if entry is not None:
            self._bytes -= len(key) + len(entry[0])


class RedisValues:
    """Values in Redis."""

    def __init__(self, router: Router) -> None:
        self._router = router

    async def get(self, key: bytes) -> bytes | None:
        stored = _PREFIX + key
        value = await self._router.call(stored, pack("GET", stored))
        assert value is None or isinstance(value, bytes), "GET returns nothing else"
        return value

    async def set(self, key: bytes, value: bytes, ttl_seconds: float) -> None:
        stored, milliseconds = _PREFIX + key, int(ttl_seconds * 1000)
        if milliseconds < 1:
            await self._router.call(stored, pack("DEL", stored))
        else:
            await self._router.call(stored, pack("SET", stored, value, "PX", milliseconds))

    async def delete(self, keys: Sequence[bytes]) -> None:
        # One call each, gathered into one batch: the keys may live on different servers.
        calls = [self._router.call(stored, pack("DEL", stored)) for stored in (_PREFIX + key for key in keys)]
        await asyncio.gather(*calls)

    async def aclose(self) -> None:
        await self._router.aclose()
