"""Single byte ranges cut from a whole stored answer (RFC 9110 section 14).

Several ranges at once are left to the origin: multipart answers are not made here.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from gateway.fields import Fields, values, without

# 18 digits are more bytes than there are; longer numbers are not worth an integer.
_ONE_RANGE: Final = re.compile(rb"[ \t]*(?:([0-9]{1,18})-([0-9]{1,18})?|-([0-9]{1,18}))[ \t]*")
_BYTES_UNIT: Final = re.compile(rb"[Bb][Yy][Tt][Ee][Ss]=")


class Slice(NamedTuple):
    """The first byte asked for, and the one after the last; `start == stop` means that nothing can be given."""

    start: int
    stop: int


def asks_for_several(request_fields: Fields) -> bool:
    """Tell whether a request asks for more than one byte range."""
    lines = values(request_fields, b"range")
    return any(_BYTES_UNIT.match(line) and b"," in line for line in lines)


def requested_slice(request_fields: Fields, length: int) -> Slice | None:
    """Return what a `Range` field asks of a body of `length` bytes; None when it is absent or malformed, so ignored."""
    lines = values(request_fields, b"range")
    if len(lines) != 1:
        return None
    unit = _BYTES_UNIT.match(lines[0])
    spec = _ONE_RANGE.fullmatch(lines[0], unit.end()) if unit is not None else None
    if spec is None:
        return None
    start, last, suffix = spec.groups()
    if suffix is not None:
        return Slice(max(0, length - int(suffix)), length)
    if last is not None and int(last) < int(start):
        return None
    stop = length if last is None else min(length, int(last) + 1)
    return Slice(min(int(start), length), stop)


def partial_fields(fields: Fields, part: Slice, length: int) -> Fields:
    """Return the fields of a 206 that carries `part` of a body of `length` bytes (RFC 9110 section 15.3.7)."""
    return (
        *without(fields, (b"content-length", b"content-range")),
        (b"content-length", b"%d" % (part.stop - part.start)),
        (b"content-range", b"bytes %d-%d/%d" % (part.start, part.stop - 1, length)),
    )


def unsatisfiable_fields(fields: Fields, length: int) -> Fields:
    """Return the fields of a 416 for a body of `length` bytes (RFC 9110 section 15.5.17)."""
    kept = tuple(field for field in fields if field[0] in (b"date", b"vary"))
    return (*kept, (b"content-length", b"0"), (b"content-range", b"bytes */%d" % length))
