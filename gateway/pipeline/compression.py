"""Has the compressed forms of stored answers made, once each: small ones at once, large ones beside the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any, Final

from gateway.rules.caching.coding import compress
from gateway.rules.caching.keys import PrimaryKey
from gateway.rules.caching.policy import CachePolicy
from gateway.rules.caching.stored import StoredResponse
from gateway.store.responses import ResponseStore

AT_ONCE_BYTES: Final = 16_384  # a third of a millisecond; a thread costs nearly as much
_MAX_AT_A_TIME: Final = 2  # large bodies being compressed; whoever else asks gets theirs plain


class Compression:
    """Compresses. `start` runs a coroutine in the background."""

    __slots__ = ("_responses", "_start", "_under_way")

    def __init__(self, responses: ResponseStore, start: Callable[[Coroutine[Any, Any, None]], object]) -> None:
        self._responses = responses
        self._start = start
        self._under_way: set[PrimaryKey] = set()

    def make(self, key: PrimaryKey, stored: StoredResponse, policy: CachePolicy) -> bool:
        """Have the compressed form made; tell whether it is there already."""
        if len(stored.body) <= AT_ONCE_BYTES:
            self._keep(key, stored, compress(stored.body), policy)
            return True
        if key not in self._under_way and len(self._under_way) < _MAX_AT_A_TIME:
            self._under_way.add(key)
            self._start(self._beside(key, stored, policy))
        return False

    async def _beside(self, key: PrimaryKey, stored: StoredResponse, policy: CachePolicy) -> None:
        try:
            gzipped = await asyncio.to_thread(compress, stored.body)
        finally:
            self._under_way.discard(key)
        self._keep(key, stored, gzipped, policy)

    def _keep(self, key: PrimaryKey, stored: StoredResponse, gzipped: bytes, policy: CachePolicy) -> None:
        # What was purged or renewed meanwhile is not there any more, and stays away.
        self._responses.replace(key, stored, replace(stored, gzipped=gzipped), policy)
