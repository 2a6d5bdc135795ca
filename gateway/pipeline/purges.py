"""Purges that reach every process: an operator tells one worker, and all forget.

Telling twice is telling once, so nobody waits for an answer; who may have missed one asks about all it keeps.
"""

from __future__ import annotations

from functools import partial

from gateway.pipeline.cache import Cache
from gateway.store.ports import Bus
from gateway.store.purge import TOPIC, Purge, decode_purge
from gateway.store.shared_responses import SharedResponses


class SharedPurges:
    """Joins `cache` to the bus."""

    def __init__(self, cache: Cache, bus: Bus, shared: SharedResponses | None = None) -> None:
        self._cache = cache
        self._bus = bus
        self._shared = shared
        bus.subscribe(TOPIC, self._hear)
        bus.on_gap(self._doubt_all)

    def purge(self, purge: Purge) -> int:
        """Purge here, tell all others, and return how many answers it was here."""
        count = self._cache.purge(purge)
        tell = partial(self._bus.publish, TOPIC, purge.encode())
        if self._shared is None:
            tell()
        else:
            # Whoever forgets before the store does would find there what they have just forgotten.
            self._shared.purge(purge, tell)
        return count

    def _hear(self, message: bytes) -> None:
        self._cache.purge(decode_purge(message))

    def _doubt_all(self) -> None:
        """Ask about everything before it is used again: nobody knows which purges were lost on the way."""
        self._cache.purge(Purge(soft=True))
