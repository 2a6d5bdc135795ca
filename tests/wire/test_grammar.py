"""The smallest readers accept what HTTP does, which is less than Python's own would."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.wire.grammar import is_token, read_decimal, read_hexadecimal, read_list


@settings(deadline=None)
@given(st.integers(0, 10**15 - 1))
def test_decimal_digits_are_read(number: int) -> None:
    assert read_decimal(b"%d" % number) == number


@settings(deadline=None)
@given(st.integers(0, 2**48 - 1))
def test_hex_digits_are_read_in_either_case(number: int) -> None:
    assert read_hexadecimal(b"%x" % number) == read_hexadecimal(b"%X" % number) == number


@pytest.mark.parametrize(
    "text", [b"", b"+1", b"-1", b" 1", b"1 ", b"1\n", b"1_0", b"0x1", b"1.0", "١".encode(), b"1\xb9"]
)
def test_what_int_would_accept_besides_digits_is_no_number(text: bytes) -> None:
    assert read_decimal(text) is None
    assert read_hexadecimal(text) is None


def test_numbers_of_too_many_digits_are_none() -> None:
    assert read_decimal(b"0" * 16) is None
    assert read_hexadecimal(b"0" * 13) is None


@settings(deadline=None)
@given(st.binary(max_size=20))
def test_a_token_is_made_of_token_characters(value: bytes) -> None:
    allowed = set(b"!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
    assert is_token(value) == (bool(value) and set(value) <= allowed)


def test_a_list_loses_its_empty_elements_and_its_white_space() -> None:
    assert read_list(b" a ,,\tb\t, ,c d") == [b"a", b"b", b"c d"]
    assert read_list(b"\x0ba\x0c") == [b"\x0ba\x0c"]
