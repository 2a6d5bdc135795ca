from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.city.city import City
from tests.pipeline.exam import Exam


@pytest.fixture
def city(tmp_path: Path) -> City:
    """A city still to be declared and entered."""
    return City(tmp_path)


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=["direct", "asgi"])
async def exam(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Exam]:
    """One city on each lane for all small questions about caching of a module."""
    async with Exam(City(tmp_path_factory.mktemp("exam"), lane=request.param)) as exam:
        yield exam
