"""The characters, tokens and numbers HTTP/1.1 is made of, and the limits put on a stranger; it reads no whole message.

Theory of this folder
=====================

A gateway and an agency read the same bytes one after the other. An attack called request smuggling needs just one
message whose end the two see at different places: what one takes for a body, the other takes for a second request.
Four habits shut that door, and every file here keeps them.

1.  *One reading or none.* Where the standard lets a recipient repair (bare LF, folded lines, several equal lengths),
    repairing is a guess about what others do with the same bytes. We refuse. `refusals` lists every reason with the
    section it rests on. The few things we do repair (white space around values, letter case of names, hex digits,
    escapes of plain letters) are repaired before anyone else sees them.
2.  *Parts, not bytes, go on.* Nothing is passed through because it looked harmless: a message leaves us serialised
    anew from parts that were read here, under framing of our own.
3.  *No borrowed leniency.* `int(b" +1_0 ")` is 10 and `b"\\x0b1\\x85".strip()` strips; HTTP knows neither. Numbers go
    through `read_decimal` and `read_hexadecimal`; white space is SP and HTAB, always spelled out (`OWS`).
4.  *Linear time.* No regular expression here can walk a line twice: a stranger chooses the line.

All of it works on bytes. Text would need a guess about the encoding, and `str` methods know digits and letters of
every script.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

CRLF: Final = b"\r\n"
END_OF_HEAD: Final = b"\r\n\r\n"
OWS: Final = b" \t"  # RFC 9110 section 5.6.3; bytes.strip() without it also takes VT, FF, CR and LF

DIGITS: Final = b"0123456789"
HEX_DIGITS: Final = b"0123456789ABCDEFabcdef"
LETTERS: Final = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
TOKEN_BYTES: Final = b"!#$%&'*+-.^_`|~" + DIGITS + LETTERS  # RFC 9110 section 5.6.2

# field-line = field-name ":" OWS field-value OWS (RFC 9112 section 5). The second group keeps the OWS: one greedy run
# over one class cannot backtrack, and the strip afterwards is cheaper than saying it here.
FIELD_LINE: Final = re.compile(rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]+):([\t\x20-\x7e\x80-\xff]*)")

MAX_DECIMAL_DIGITS: Final = 15  # just below 2**53: no agency's language, not even one with only doubles, rounds it
MAX_HEX_DIGITS: Final = 12  # 2**48 bytes in one chunk


@dataclass(frozen=True, slots=True)
class HeadLimits:
    """What a head may weigh. The defaults are those most servers use; agencies' answers are given more room."""

    max_head_bytes: int = 16_384
    max_field_count: int = 100
    max_target_bytes: int = 8_000  # RFC 9112 section 3 asks for at least 8,000 octets of request line
    max_method_bytes: int = 32  # the longest registered method has 17

    @property
    def max_start_line_bytes(self) -> int:
        """The first line at its longest: method, target, `HTTP/1.1` and two spaces."""
        return self.max_method_bytes + self.max_target_bytes + 10


@dataclass(frozen=True, slots=True)
class BodyLimits:
    """What a body may weigh beside and within its chunks."""

    max_body_bytes: int = 1_048_576
    max_chunk_line_bytes: int = 256  # size and extensions; nobody uses extensions, attacks do
    max_extension_bytes: int = 4_096  # of one body in all: bounds the work bought with one-byte chunks
    max_trailer_bytes: int = 4_096
    max_trailer_count: int = 32


def is_token(value: bytes) -> bool:
    """Tell whether `value` is a token (RFC 9110 section 5.6.2)."""
    return value != b"" and not value.translate(None, TOKEN_BYTES)


def read_decimal(value: bytes) -> int | None:
    """Read 1*DIGIT of at most MAX_DECIMAL_DIGITS; None for anything else, a sign, a space or an underscore included."""
    # Of bytes, isdigit() accepts ASCII digits alone; that of str would take digits of every script.
    if len(value) > MAX_DECIMAL_DIGITS or not value.isdigit():
        return None
    return int(value)


def read_hexadecimal(value: bytes) -> int | None:
    """Read 1*HEXDIG of at most MAX_HEX_DIGITS; None for anything else, `0x` included."""
    if not value or len(value) > MAX_HEX_DIGITS or value.translate(None, HEX_DIGITS):
        return None
    return int(value, 16)


def read_list(value: bytes) -> list[bytes]:
    """Split a comma list, dropping empty elements (RFC 9110 section 5.6.1.2); elements are judged by the caller."""
    return [element for part in value.split(b",") if (element := part.strip(OWS))]
