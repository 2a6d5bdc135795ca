"""Order: files that take long begin first, or the last of them would be waited for by an idle processor."""

from __future__ import annotations

import pytest

# Whole processes, made-up requests for every operation, floods: a minute or two each, in few tests.
_LONG = (
    "tests/process/test_workers.py",
    "test_contract.py",
    "tests/acceptance/",
    "tests/process/",
    "test_durability.py",
    "tests/registry/test_reader.py",
    "tests/store/",
    "tests/edge/",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the long files first, the longest before the others."""
    items.sort(key=_rank)


def _rank(item: pytest.Item) -> int:
    path = item.path.as_posix()
    return next((rank for rank, part in enumerate(_LONG) if part in path), len(_LONG))
