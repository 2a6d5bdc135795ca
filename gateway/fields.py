"""HTTP header fields as the gateway handles them: pairs of bytes, names lower-cased, order kept.

It knows nothing of what a field means; that is for the rules.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias

Field: TypeAlias = tuple[bytes, bytes]
Fields: TypeAlias = tuple[Field, ...]


def values(fields: Iterable[Field], name: bytes) -> list[bytes]:
    """Return the values of every field called `name` (lower-case), in order."""
    return [value for key, value in fields if key == name]


def first(fields: Iterable[Field], name: bytes) -> bytes | None:
    """Return the value of the first field called `name` (lower-case), or None."""
    for key, value in fields:
        if key == name:
            return value
    return None


def without(fields: Iterable[Field], names: Iterable[bytes]) -> Fields:
    """Return the fields whose (lower-case) names are not among `names`."""
    dropped = frozenset(names)
    return tuple(field for field in fields if field[0] not in dropped)


class Block:
    """A set of fields that is asked for as pairs by one lane and as wire bytes by another; each form is made once."""

    __slots__ = ("_fields", "_wire")

    def __init__(self, fields: Fields | None = None, wire: bytes | None = None) -> None:
        if fields is None and wire is None:
            raise ValueError("a block needs its fields or its wire form")
        self._fields = fields
        self._wire = wire

    @property
    def fields(self) -> Fields:
        """The fields as pairs, names lower-cased."""
        if self._fields is None:
            lines = (self._wire or b"").split(b"\r\n")
            pairs = (line.partition(b":") for line in lines if line)
            self._fields = tuple((name.lower(), value.strip(b" \t")) for name, _, value in pairs)
        return self._fields

    @property
    def wire(self) -> bytes:
        """The fields as they stand in a message head; every line ends in CRLF (RFC 9112 section 5)."""
        if self._wire is None:
            self._wire = b"".join([b"%b: %b\r\n" % field for field in self._fields or ()])
        return self._wire


EMPTY = Block(fields=())
