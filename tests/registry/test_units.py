from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic_core import PydanticCustomError

from gateway.registry.units import Kind, Quantity, write

KINDS: list[Kind] = ["duration", "size", "percent"]


@pytest.mark.parametrize(
    ("kind", "text", "amount"),
    [
        ("duration", "500ms", 0.5),
        ("duration", "10s", 10),
        ("duration", "10m", 600),
        ("duration", "24h", 86_400),
        ("duration", "7d", 604_800),
        ("duration", "0s", 0),
        ("duration", "1.5s", 1.5),
        ("size", "1B", 1),
        ("size", "5MB", 5_000_000),
        ("size", "1MiB", 1_048_576),
        ("size", "1KiB", 1_024),
        ("size", "1.5KB", 1_500),
        ("size", "1GB", 1_000_000_000),
        ("percent", "99.5%", 0.995),
        ("percent", "100%", 1),
    ],
)
def test_a_quantity_is_read_in_its_unit(kind: Kind, text: str, amount: float) -> None:
    assert Quantity(kind).read(text) == amount


@pytest.mark.parametrize(
    ("kind", "value", "reason", "remedy"),
    [
        ("duration", 10, "10 what? A number alone is no duration", "write 10s, 10m or 10ms"),
        ("duration", 1.5, "1.5 what? A number alone is no duration", "write 1.5s, 1.5m or 1.5ms"),
        ("size", 5, "5 what? A number alone is no size", "write 5KB or 5MB"),
        ("percent", 99.5, "99.5 what? A number alone is no percent", "write 99.5%"),
        ("duration", "10", "a number alone is no duration", "write 10s, 10m or 500ms (units: ms s m h d)"),
        ("duration", "10 s", "not a unit of a duration", "write 10s, 10m or 500ms (units: ms s m h d)"),
        ("duration", "10S", "not a unit of a duration", "write 10s, 10m or 500ms (units: ms s m h d)"),
        ("duration", "10sec", "not a unit of a duration", "write 10s, 10m or 500ms (units: ms s m h d)"),
        ("duration", "-1s", "not a duration", "write 10s, 10m or 500ms (units: ms s m h d)"),
        ("duration", "soon", "not a duration", "write 10s, 10m or 500ms (units: ms s m h d)"),
        ("duration", True, "not a duration", "write 10s, 10m or 500ms (units: ms s m h d)"),
        ("duration", ["10s"], "not a duration", "write 10s, 10m or 500ms (units: ms s m h d)"),
        ("size", "5mb", "not a unit of a size", "write 512KB, 5MB or 1MiB (units: B KB MB GB KiB MiB)"),
        ("size", "0.5B", "not a whole number of bytes", "write a smaller unit, such as B"),
        ("percent", "99.5", "a number alone is no percent", "write 99.5%"),
    ],
)
def test_what_is_no_quantity_is_refused_with_the_reason_and_a_remedy(
    kind: Kind, value: object, reason: str, remedy: str
) -> None:
    with pytest.raises(PydanticCustomError) as caught:
        Quantity(kind).read(value)
    assert caught.value.context is not None
    assert (caught.value.context["reason"], caught.value.context["remedy"]) == (reason, remedy)


@pytest.mark.parametrize(
    ("quantity", "text", "remedy"),
    [
        (Quantity("duration", at_most=60), "61s", "write 0s to 1m"),
        (Quantity("duration", at_least=0.001), "0s", "write 1ms or more"),
        (Quantity("percent", at_most=1), "100.1%", "write 0% to 100%"),
    ],
)
def test_a_quantity_out_of_bounds_is_refused_with_the_bounds(quantity: Quantity, text: str, remedy: str) -> None:
    with pytest.raises(PydanticCustomError) as caught:
        quantity.read(text)
    assert caught.value.context is not None
    assert caught.value.context["remedy"] == remedy


@given(milliseconds=st.integers(min_value=0, max_value=10**12))
def test_every_written_duration_is_read_back(milliseconds: int) -> None:
    assert Quantity("duration").read(write("duration", milliseconds / 1000)) == milliseconds / 1000


@given(size=st.integers(min_value=0, max_value=10**14))
def test_every_written_size_is_read_back(size: int) -> None:
    assert Quantity("size").read(write("size", size)) == size


@given(tenths=st.integers(min_value=0, max_value=100_000))
def test_every_written_percent_is_read_back(tenths: int) -> None:
    share = tenths / 100_000
    assert Quantity("percent").read(write("percent", share)) == pytest.approx(share)


@given(kind=st.sampled_from(KINDS), value=st.text() | st.integers() | st.floats() | st.none() | st.booleans())
def test_anything_else_is_refused_and_nothing_crashes(kind: Kind, value: object) -> None:
    with contextlib.suppress(PydanticCustomError):
        amount = Quantity(kind).read(value)
        assert isinstance(value, str)
        assert amount >= 0
