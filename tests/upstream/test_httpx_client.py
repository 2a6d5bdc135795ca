"""What is peculiar to the httpx client: it works through tasks."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Generator
from typing import Any

import pytest

from gateway.errors import InternalFault, Saturated
from gateway.rules.delivery import Timeouts, UpstreamPolicy
from gateway.upstream.httpx_client import HttpxClient
from tests.upstream.agencies import PATIENT, Wire, agency, request

STREAM = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"


async def test_cancel_in_the_tick_in_which_the_answer_arrives_leaks_no_connection() -> None:
    closed = asyncio.Event()
    loop = asyncio.get_running_loop()
    waiting: asyncio.Task[object] | None = None

    async def play(wire: Wire) -> None:
        await wire.request()
        await wire.send(STREAM)
        await wire.gone()
        closed.set()

    def cancel_the_waiting(_: object) -> None:
        assert waiting is not None
        waiting.cancel()

    def make_task(
        loop: asyncio.AbstractEventLoop, coroutine: Coroutine[Any, Any, Any] | Generator[Any, Any, Any], **options: Any
    ) -> asyncio.Task[Any]:
        task = asyncio.Task(coroutine, loop=loop, **options)
        if getattr(coroutine, "__name__", "") == "exchange":
            task.add_done_callback(cancel_the_waiting)  # registered first, so it runs before the one who waits
        return task

    async with agency(play) as permits:
        client = HttpxClient()
        loop.set_task_factory(make_task)
        waiting = asyncio.create_task(client.send(permits.target, request(), PATIENT))
        with pytest.raises(asyncio.CancelledError):
            await waiting
        loop.set_task_factory(None)
        await closed.wait()
        await client.aclose()


async def test_field_that_would_split_the_head_is_not_sent() -> None:
    client = HttpxClient()
    async with agency() as permits:
        with pytest.raises(InternalFault):
            await client.send(permits.target, request(added=((b"x-a", b"1\r\nX-B: 2"),)), PATIENT)
        assert permits.received == []
    await client.aclose()


async def test_total_that_ends_while_the_pool_is_full_is_saturated() -> None:
    client = HttpxClient()
    asked = asyncio.Event()

    async def play(wire: Wire) -> None:
        await wire.request()
        asked.set()
        await wire.gone()

    async with agency(play) as permits:
        client.apply([UpstreamPolicy("permits", (permits.target,), max_connections=1)])
        busy = asyncio.create_task(client.send(permits.target, request(), PATIENT))
        await asked.wait()
        with pytest.raises(Saturated):
            await client.send(permits.target, request(), Timeouts(connect_seconds=20, total_seconds=0.02))
        busy.cancel()
        await asyncio.gather(busy, return_exceptions=True)
    await client.aclose()


async def test_reload_keeps_the_pools_that_did_not_change() -> None:
    client = HttpxClient()
    async with agency() as permits:
        for _ in range(2):
            client.apply([UpstreamPolicy("permits", (permits.target,))])
            await client.send(permits.target, request(), PATIENT)
        assert permits.connections == 1
    await client.aclose()
