"""Every promise of the port is kept by every client: tests that take `client` run once with each.

They run on both event loops, and with each client both awaited by a task and stepped by hand.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest
import uvloop

from gateway.clock import SystemClock
from gateway.upstream.direct import DirectClient
from gateway.upstream.httpx_client import HttpxClient
from tests.upstream.stepped import Client, SteppedClient

LoopFactory = Callable[[], asyncio.AbstractEventLoop]


def pytest_asyncio_loop_factories(config: pytest.Config, item: pytest.Item) -> dict[str, LoopFactory]:
    """Run what touches a socket on both event loops."""
    return {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


@pytest.fixture(params=["httpx", "direct", "httpx stepped", "direct stepped"])
async def client(request: pytest.FixtureRequest) -> AsyncIterator[Client]:
    kind, _, way = request.param.partition(" ")
    made: Client = HttpxClient() if kind == "httpx" else DirectClient(SystemClock())
    if way:
        made = SteppedClient(made)
    yield made
    await made.aclose()


@pytest.fixture(params=["direct", "direct stepped"])
async def direct(request: pytest.FixtureRequest) -> AsyncIterator[Client]:
    """The direct client alone, for what only it can do."""
    made: Client = DirectClient(SystemClock())
    if request.param.endswith("stepped"):
        made = SteppedClient(made)
    yield made
    await made.aclose()
