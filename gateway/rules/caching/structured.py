"""Structured-field dictionaries (RFC 8941, with the dates of RFC 9651), as far as cache directives need them.

Strict: one byte out of place and the whole field is no dictionary. Parameters are checked, then forgotten.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, TypeAlias

_KEY: Final = re.compile(rb"[a-z*][a-z0-9_\-.*]*")
_NUMBER: Final = re.compile(rb"-?(?:[0-9]{1,12}\.[0-9]{1,3}|[0-9]{1,15})(?![0-9.])")
_STRING: Final = re.compile(rb'"((?:[ !#-\[\]-~]|\\["\\])*)"')
_TOKEN: Final = re.compile(rb"[A-Za-z*][!#$%&'*+\-.^_`|~0-9A-Za-z:/]*")
_BYTES: Final = re.compile(rb":[A-Za-z0-9+/]*={0,2}:")
_BOOLEAN: Final = re.compile(rb"\?[01]")
_DATE: Final = re.compile(rb"@-?[0-9]{1,15}(?![0-9.])")
_COMMA: Final = re.compile(rb"[ \t]*,[ \t]*")
_SEMICOLON: Final = re.compile(rb";[ ]*")
_SPACES: Final = re.compile(rb"[ ]+")


class Opaque:
    """A value no cache directive takes: token, decimal, byte sequence, date or inner list."""

    __slots__ = ()


OPAQUE: Final = Opaque()

Value: TypeAlias = bool | int | bytes | Opaque
"""A boolean, an integer, a string (as bytes), or something else."""


class NotADictionary(ValueError):
    """The field does not follow the grammar."""


@dataclass(slots=True)
class _Scanner:
    text: bytes
    at: int = 0

    def take(self, pattern: re.Pattern[bytes]) -> bytes | None:
        """Return what `pattern` matches here and step over it, or None."""
        match = pattern.match(self.text, self.at)
        if match is None:
            return None
        self.at = match.end()
        return match.group()

    def need(self, pattern: re.Pattern[bytes]) -> bytes:
        taken = self.take(pattern)
        if taken is None:
            raise NotADictionary(f"unexpected byte at {self.at}")
        return taken

    def skip(self, byte: bytes) -> bool:
        """Step over one byte if it stands here."""
        if not self.text.startswith(byte, self.at):
            return False
        self.at += 1
        return True


def dictionary(lines: list[bytes]) -> dict[bytes, Value]:
    """Parse the lines of a dictionary field; a later member replaces an earlier one. Raise NotADictionary."""
    scan = _Scanner(b",".join(lines).strip(b" "))
    found: dict[bytes, Value] = {}
    while scan.at < len(scan.text):
        if found:
            scan.need(_COMMA)
        key = scan.need(_KEY)
        value: Value = True
        if scan.skip(b"="):
            value = _inner_list(scan) if scan.skip(b"(") else _bare_item(scan)
        _parameters(scan)
        found[key] = value
    return found


def _bare_item(scan: _Scanner) -> Value:
    number = scan.take(_NUMBER)
    if number is not None:
        return OPAQUE if b"." in number else int(number)
    string = scan.take(_STRING)
    if string is not None:
        return re.sub(rb"\\(.)", rb"\1", string[1:-1])
    boolean = scan.take(_BOOLEAN)
    if boolean is not None:
        return boolean == b"?1"
    if scan.take(_DATE) is None and scan.take(_BYTES) is None:
        scan.need(_TOKEN)
    return OPAQUE


def _inner_list(scan: _Scanner) -> Opaque:
    scan.take(_SPACES)
    while not scan.skip(b")"):
        _bare_item(scan)
        _parameters(scan)
        if scan.take(_SPACES) is None and not scan.text.startswith(b")", scan.at):
            raise NotADictionary(f"unexpected byte at {scan.at}")
    return OPAQUE


def _parameters(scan: _Scanner) -> None:
    while scan.take(_SEMICOLON) is not None:
        scan.need(_KEY)
        if scan.skip(b"="):
            _bare_item(scan)
