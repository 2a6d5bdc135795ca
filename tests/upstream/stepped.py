"""Runs coroutines by hand inside a test that is a task, so that both ways of waiting are shown with the same tests."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable
from dataclasses import replace
from typing import Any, Protocol, TypeVar

from gateway.fields import Fields
from gateway.rules.delivery import Target, Timeouts, UpstreamPolicy
from gateway.stepping import Exchange
from gateway.upstream.ports import ResponseBody, Trailed, UpstreamClient, UpstreamRequest, UpstreamResponse

T = TypeVar("T")


class Client(UpstreamClient, Protocol):
    """A client that is told of reloads."""

    def apply(self, policies: Iterable[UpstreamPolicy]) -> None: ...


async def by_hand(coroutine: Coroutine[Any, Any, T]) -> T:
    """Return what `coroutine` returns, stepped by hand; interrupted when this task is cancelled."""
    outcome: asyncio.Future[T] = asyncio.get_running_loop().create_future()

    async def run() -> None:
        result = await coroutine
        if not outcome.done():
            outcome.set_result(result)

    def ended(error: BaseException | None) -> None:
        if error is not None and not outcome.done():
            outcome.set_exception(error) if isinstance(error, Exception) else outcome.cancel()

    exchange = Exchange(run(), ended)
    exchange.start()
    try:
        return await asyncio.shield(outcome)
    except asyncio.CancelledError:
        exchange.interrupt(asyncio.CancelledError())
        await asyncio.gather(outcome, return_exceptions=True)
        raise


class SteppedClient:
    """Another client, every call of which is stepped by hand."""

    def __init__(self, inner: Client) -> None:
        self._inner = inner

    def apply(self, policies: Iterable[UpstreamPolicy]) -> None:
        self._inner.apply(policies)

    async def send(
        self, target: Target, request: UpstreamRequest, timeouts: Timeouts, *, emergency: bool = False
    ) -> UpstreamResponse:
        response = await by_hand(self._inner.send(target, request, timeouts, emergency=emergency))
        return response if response.body is None else replace(response, body=_SteppedBody(response.body))

    async def aclose(self) -> None:
        await by_hand(self._inner.aclose())


class _SteppedBody:
    def __init__(self, inner: ResponseBody) -> None:
        self._inner = inner

    @property
    def trailers(self) -> Fields:
        assert isinstance(self._inner, Trailed)
        return self._inner.trailers

    async def read(self) -> bytes:
        return await by_hand(self._inner.read())

    async def aclose(self) -> None:
        await by_hand(self._inner.aclose())
