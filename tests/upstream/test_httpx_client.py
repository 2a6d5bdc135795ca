"""What is peculiar to the httpx client: it works through tasks."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Generator
from typing import Any

import pytest

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
