"""Which part of the cache is whose, so that it goes when the session ends.

A citizen's answers lie in a partition named by their session, so nobody reaches them once the session is refused; this
frees what is left of them, and keeps an answer that was under way from coming back.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from gateway.rules.access import Identity
from gateway.store.responses import ResponseStore

_MAX_SESSIONS: Final = 100_000
_AT_ONCE: Final = 500  # looked at in one turn of the loop
_PAUSE_SECONDS: Final = 0.5  # between two sweeps when revocations keep coming


class Citizens:
    """The sessions that have something stored."""

    __slots__ = ("__weakref__", "_is_revoked", "_is_sweeping", "_left", "_responses", "_sessions", "_wants_another")

    def __init__(self, responses: ResponseStore, is_revoked: Callable[[Identity], bool]) -> None:
        self._responses = responses
        self._is_revoked = is_revoked
        self._sessions: OrderedDict[str, Identity] = OrderedDict()
        self._left: list[str] = []
        self._is_sweeping = False
        self._wants_another = False

    def __len__(self) -> int:
        return len(self._sessions)

    def note(self, partition: str, citizen: Identity) -> None:
        """Remember whose `partition` is, by the oldest sign-in seen in it."""
        self._sessions.setdefault(partition, citizen)
        if len(self._sessions) > _MAX_SESSIONS:
            self._responses.forget_partition(self._sessions.popitem(last=False)[0])

    def has_ended(self, citizen: Identity | None) -> bool:
        """Tell whether the session of `citizen` was revoked."""
        return citizen is not None and self._is_revoked(citizen)

    def sweep(self) -> None:
        """Forget everything of sessions that were revoked; called at each news of revocations. Needs a running loop."""
        if self._is_sweeping:
            self._wants_another = True
        elif self._sessions:
            self._is_sweeping = True
            self._start()

    def _start(self) -> None:
        self._wants_another = False
        self._left = list(self._sessions)
        self._sweep_some()

    def _sweep_some(self) -> None:
        for _ in range(min(_AT_ONCE, len(self._left))):
            partition = self._left.pop()
            citizen = self._sessions.get(partition)
            if citizen is not None and self._is_revoked(citizen):
                self._responses.forget_partition(partition)
            if not self._responses.has_partition(partition):
                self._sessions.pop(partition, None)
        loop = asyncio.get_running_loop()
        if self._left:
            loop.call_soon(self._sweep_some)
        elif self._wants_another:
            loop.call_later(_PAUSE_SECONDS, self._start)
        else:
            self._is_sweeping = False
