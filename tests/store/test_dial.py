"""Replies that are not what was asked for are refused, not believed."""

from __future__ import annotations

import pytest
from redis.exceptions import ResponseError

from gateway.store.dial import list_of, pack, text_of


def test_commands_are_packed_as_the_protocol_writes_them() -> None:
    assert pack("SET", b"k", 7) == b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1\r\n7\r\n"


def test_text_and_lists_are_read() -> None:
    assert text_of(b"caf\xc3\xa9 \xff") == "café \ufffd"
    assert list_of([1, b"x"]) == [1, b"x"]


@pytest.mark.parametrize("reply", [None, 7, b"", [], "text"])
def test_anything_else_is_refused(reply: object) -> None:
    if not isinstance(reply, bytes):
        with pytest.raises(ResponseError, match="expected text"):
            text_of(reply)
    if not isinstance(reply, list):
        with pytest.raises(ResponseError, match="expected a list"):
            list_of(reply)
