from __future__ import annotations

from pathlib import Path

import pytest

from tests.city.city import City


@pytest.fixture
def city(tmp_path: Path) -> City:
    """A city still to be declared and entered."""
    return City(tmp_path)
