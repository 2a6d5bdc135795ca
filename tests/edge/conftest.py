"""The edge is shown on both event loops, and where both lanes can do it, on both lanes.

A module's tests share one running gateway: starting one takes longer than what is shown. So they share its loop, and
say so (`loop_scope`); connections end with each test.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest
import pytest_asyncio
import uvloop

from tests.edge.town import Town, running_town

LoopFactory = Callable[[], asyncio.AbstractEventLoop]


def pytest_asyncio_loop_factories(config: pytest.Config, item: pytest.Item) -> dict[str, LoopFactory]:
    """Production runs on uvloop; asyncio's own loop shows what rests on neither's habits."""
    return {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def _direct(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Town]:
    async with running_town(tmp_path_factory.mktemp("city")) as made:
        yield made


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def _asgi(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Town]:
    async with running_town(tmp_path_factory.mktemp("city"), lane="asgi") as made:
        yield made


@pytest_asyncio.fixture(loop_scope="module")
async def town(_direct: Town) -> AsyncIterator[Town]:
    """One open service behind the direct lane."""
    yield _direct
    await _direct.leave()


@pytest_asyncio.fixture(loop_scope="module")
async def asgi_town(_asgi: Town) -> AsyncIterator[Town]:
    """The same behind the ASGI lane."""
    yield _asgi
    await _asgi.leave()


@pytest_asyncio.fixture(loop_scope="module", params=["direct", "asgi"])
async def either(request: pytest.FixtureRequest, _direct: Town, _asgi: Town) -> AsyncIterator[Town]:
    """The same behind each lane."""
    made = _direct if request.param == "direct" else _asgi
    yield made
    await made.leave()
