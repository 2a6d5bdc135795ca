"""What the shared store has still to be told was forgotten. Until it knows, nothing that is meant is taken from it.

So a change is obeyed in this process from the moment it is made, however slow or dead the store is; and it reaches the
store in the end, in order, as long as this process lives.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter, deque
from collections.abc import Awaitable, Callable
from typing import Final, NamedTuple

from gateway.rules.caching.keys import PrimaryKey
from gateway.store.ports import StoreError

MAX_OWED: Final = 10_000
_AGAIN_SECONDS: Final = 0.3  # shortened by up to half at random


class _News(NamedTuple):
    service: str | None
    path: bytes | None
    tell: Callable[[], Awaitable[object]]
    told: Callable[[], object] | None


class Owed:
    """News for the store, the oldest first."""

    __slots__ = ("_everything", "_meant", "_news", "_teller")

    def __init__(self, everything: Callable[[], Awaitable[object]]) -> None:
        """`everything` tells the store to forget all: what is told in place of more news than can be kept."""
        self._everything = everything
        self._news: deque[_News] = deque()
        self._meant: Counter[tuple[str | None, bytes | None]] = Counter()
        self._teller: asyncio.Task[None] | None = None

    def __len__(self) -> int:
        return len(self._news)

    def add(
        self,
        service: str | None,
        path: bytes | None,
        tell: Callable[[], Awaitable[object]],
        told: Callable[[], object] | None = None,
    ) -> None:
        """Have the store told of a change: of all paths without `path`, of all services without `service`.

        `told` is called once it knows.
        """
        if len(self._news) >= MAX_OWED:
            self._give_up_details()
        self._append(_News(service, path, tell, told))
        if self._teller is None:
            self._teller = asyncio.create_task(self._tell_all())

    def names(self, key: PrimaryKey) -> bool:
        """Tell whether something is owed about what `key` names."""
        meant = self._meant
        return bool(meant) and any(
            scope in meant for scope in ((key.service, key.path), (key.service, None), (None, None))
        )

    async def aclose(self) -> None:
        """Stop; what is still owed is lost."""
        if self._teller is not None:
            self._teller.cancel()
            await asyncio.gather(self._teller, return_exceptions=True)

    def _append(self, news: _News) -> None:
        self._news.append(news)
        self._meant[(news.service, news.path)] += 1

    def _give_up_details(self) -> None:
        """Put one order to forget everything in the place of all news; who waits to be told waits for that."""
        waiting = [news.told for news in self._news if news.told is not None]
        self._news.clear()
        self._meant.clear()

        def told() -> None:
            for one in waiting:
                one()

        self._append(_News(None, None, self._everything, told))

    async def _tell_all(self) -> None:
        try:
            while self._news:
                news = self._news[0]
                try:
                    await news.tell()
                except StoreError:
                    await asyncio.sleep(_AGAIN_SECONDS * (1 - random.random() / 2))  # noqa: S311  # jitter, no secret
                    continue
                if self._news[0] is news:  # else everything is to be forgotten, and this with it
                    self._settle(self._news.popleft())
        finally:
            self._teller = None

    def _settle(self, news: _News) -> None:
        scope = (news.service, news.path)
        self._meant[scope] -= 1
        if not self._meant[scope]:
            del self._meant[scope]
        if news.told is not None:
            news.told()
