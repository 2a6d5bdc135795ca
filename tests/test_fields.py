"""Header fields as pairs, and blocks that have two forms."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.fields import EMPTY, Block, Fields, first, values, without

FIELDS: Fields = ((b"vary", b"Origin"), (b"date", b"now"), (b"vary", b"Accept"))
TOKENS = st.from_regex(rb"[a-z0-9-]{1,12}", fullmatch=True)
VALUES = st.from_regex(rb"([!-~]([ -~]{0,10}[!-~])?)?", fullmatch=True)


def test_values_come_in_their_order() -> None:
    assert values(FIELDS, b"vary") == [b"Origin", b"Accept"]
    assert values(FIELDS, b"etag") == []


def test_first_is_the_first_or_none() -> None:
    assert first(FIELDS, b"vary") == b"Origin"
    assert first(FIELDS, b"etag") is None


def test_without_drops_every_field_of_the_names() -> None:
    assert without(FIELDS, [b"vary", b"etag"]) == ((b"date", b"now"),)


def test_a_block_needs_one_of_its_forms() -> None:
    with pytest.raises(ValueError, match="fields or its wire form"):
        Block()


def test_a_block_makes_its_wire_form_from_pairs() -> None:
    block = Block(fields=FIELDS)
    assert block.wire == b"vary: Origin\r\ndate: now\r\nvary: Accept\r\n"
    assert block.wire is block.wire
    assert block.fields is FIELDS


def test_a_block_reads_its_pairs_from_wire_bytes() -> None:
    block = Block(wire=b"Vary:Origin\r\nX-Odd: \t a:b \r\n")
    assert block.fields == ((b"vary", b"Origin"), (b"x-odd", b"a:b"))
    assert block.fields is block.fields


def test_the_empty_block_is_empty_in_both_forms() -> None:
    assert EMPTY.fields == ()
    assert EMPTY.wire == b""
    assert Block(wire=b"").fields == ()


@settings(deadline=None)
@given(st.lists(st.tuples(TOKENS, VALUES)).map(tuple))
def test_both_forms_of_a_block_say_the_same(fields: Fields) -> None:
    assert Block(wire=Block(fields=fields).wire).fields == fields
