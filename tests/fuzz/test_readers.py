"""The fuzzer's readers hold for what it begins with, and notice what nobody has explained."""

from __future__ import annotations

import pytest

from tests.fuzz import readers
from tests.fuzz.readers import READERS, Unexplained, seeds
from tests.wire.differential import Explanations


def read_all(name: str) -> None:
    for raw in seeds(name):
        READERS[name](raw)


@pytest.mark.parametrize("name", READERS)
def test_what_the_fuzzer_begins_with_is_explained(name: str) -> None:
    assert len(list(seeds(name))) > 20
    read_all(name)


@pytest.mark.parametrize("name", READERS)
def test_a_difference_without_a_row_stops_the_fuzzer(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readers, "_EXPLAINED", Explanations(""))
    with pytest.raises(Unexplained, match="reason="):
        read_all(name)
