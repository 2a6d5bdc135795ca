"""Citizens who keep coming while something happens to the gateway's processes, and what they saw."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from types import TracebackType

import httpx

GUARD_SECONDS = 100.0  # against a hang; nothing is measured by it
_PACE_SECONDS = 0.01  # between a citizen's requests, so that processes which start meanwhile get their share


class Crowd:
    """Citizens on kept connections, each with one request after the other; enter to let them come, leave to stop them.

    A connection that is closed as the gateway announced is opened anew; one that breaks is counted in `broken`.
    """

    def __init__(
        self, base: str, *, citizens: int = 24, path: str = "/v1/permits/quick", come_back: bool = True
    ) -> None:
        """With `come_back` not, a citizen whose connection was closed as announced stays away."""
        self._base = base
        self._citizens = citizens
        self._path = path
        self._come_back = come_back
        self._is_over = False
        self._tasks: list[asyncio.Task[None]] = []
        self.answered = 0
        self.closed_politely = 0
        self.broken: list[str] = []
        self.refused: list[str] = []

    async def __aenter__(self) -> Crowd:
        self._tasks = [asyncio.create_task(self._come(number)) for number in range(self._citizens)]
        await self.more(self._citizens)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        await asyncio.gather(*self._tasks)

    def stop(self) -> None:
        self._is_over = True

    async def more(self, count: int) -> None:
        """Wait until so many more requests were answered."""
        wanted = self.answered + count
        await until(lambda: self.answered >= wanted)

    async def _come(self, number: int) -> None:
        while not self._is_over:
            async with httpx.AsyncClient(base_url=self._base, timeout=30, trust_env=False) as client:
                try:
                    await self._stay(client, number)
                    if not self._come_back:
                        return
                except httpx.HTTPError as error:
                    self.broken.append(repr(error))
                    await asyncio.sleep(0.01)

    async def _stay(self, client: httpx.AsyncClient, number: int) -> None:
        while not self._is_over:
            if number % 2:
                reply = await client.get(self._path)
            else:
                reply = await client.post(self._path, content=b"u" * 4_096)
            self.answered += 1
            if reply.status_code != 200:
                self.refused.append(reply.text)
            if reply.headers.get("connection") == "close":
                self.closed_politely += 1
                return
            await asyncio.sleep(_PACE_SECONDS)


async def until(promise: Callable[[], bool]) -> None:
    """Wait until something is so."""
    async with asyncio.timeout(GUARD_SECONDS):
        while not promise():
            await asyncio.sleep(0.01)


async def eventually(promise: Callable[[], Awaitable[bool]]) -> None:
    """Wait until something that must be asked for is so."""
    async with asyncio.timeout(GUARD_SECONDS):
        while not await promise():
            await asyncio.sleep(0.02)
