"""The table is bounded, keeps what is used, and counts what it does."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.wire.table import MAX_SECOND_CHANCES, Counters, SecondChanceTable


@dataclass(slots=True)
class Kept:
    """A meaning; equal to another whether used or not."""

    meaning: bytes
    used: bool = field(default=False, compare=False)


def table_of(*keys: bytes, max_entries: int) -> SecondChanceTable[Kept]:
    table: SecondChanceTable[Kept] = SecondChanceTable(max_entries, max_key_bytes=8)
    for key in keys:
        table.put(key, Kept(key.upper()))
    return table


def test_what_was_put_is_found() -> None:
    table = table_of(b"a", max_entries=2)
    assert table.get(b"a") == Kept(b"A")
    assert table.get(b"b") is None
    assert table.counters() == Counters(hits=1, misses=1, evictions=0, size=1)


def test_a_second_meaning_replaces_the_first() -> None:
    table = table_of(b"a", b"b", max_entries=2)
    table.put(b"a", Kept(b"new"))
    assert table.get(b"a") == Kept(b"new")
    assert table.counters().evictions == 0


def test_the_oldest_unused_entry_makes_room() -> None:
    table = table_of(b"a", b"b", b"c", max_entries=3)
    table.get(b"a")
    table.put(b"d", Kept(b"D"))
    assert sorted(table.entries) == [b"a", b"c", b"d"]


def test_keys_seen_once_never_push_out_a_key_in_use() -> None:
    table = table_of(b"hot", max_entries=4)
    for number in range(100):
        assert table.get(b"hot") == Kept(b"HOT")
        table.put(b"%d" % number, Kept(b""))
    assert len(table) == 4
    assert table.counters().evictions == 97


def test_a_full_ring_of_used_entries_still_makes_room_at_bounded_cost() -> None:
    size = MAX_SECOND_CHANCES * 2
    table = table_of(*[b"%d" % number for number in range(size)], max_entries=size)
    for key in list(table.entries):
        table.get(key)
    table.put(b"new", Kept(b""))
    assert len(table) == size
    assert sum(not entry.used for entry in table.entries.values()) == MAX_SECOND_CHANCES + 1


def test_a_key_too_long_is_not_kept() -> None:
    table = table_of(b"123456789", b"12345678", max_entries=2)
    assert list(table.entries) == [b"12345678"]


def test_entries_are_forgotten_by_their_meaning() -> None:
    table = table_of(b"a", b"b", b"c", max_entries=3)
    assert table.forget(lambda kept: kept.meaning in b"AC") == 2
    assert list(table.entries) == [b"b"]
    assert table.forget(lambda kept: kept.meaning == b"A") == 0
    table.clear()
    assert len(table) == 0


def test_a_table_without_room_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="without room"):
        table_of(max_entries=0)


KEYS = st.binary(max_size=1)
STEPS = st.lists(st.tuples(st.sampled_from(["put", "get", "forget", "clear"]), KEYS), max_size=60)


@settings(deadline=None)
@given(STEPS, st.integers(1, 4))
def test_it_never_grows_beyond_its_bound_and_never_tells_a_wrong_meaning(
    steps: list[tuple[str, bytes]], bound: int
) -> None:
    table = table_of(max_entries=bound)
    for step, key in steps:
        if step == "put":
            table.put(key, Kept(key.upper()))
            assert table.entries[key] == Kept(key.upper())
        elif step == "get":
            assert table.get(key) in (None, Kept(key.upper()))
        elif step == "forget":
            table.forget(lambda kept, key=key: kept.meaning == key.upper())  # type: ignore[misc]  # lambda with a default
            assert table.get(key) is None
        else:
            table.clear()
        assert len(table) <= bound
