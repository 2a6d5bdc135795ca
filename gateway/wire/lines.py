"""Where a head ends and what its lines say, the same for requests and answers; what fields mean is not known here.

Theory
======

A connection delivers bytes in pieces of any size. `find_head_end` is asked after each piece and does two things: it
finds the empty line, and while that has not come, it refuses what can never become a head (a bare LF or CR, too many
bytes, a first byte no message begins with). Without the second, someone who ends lines in LF would be kept waiting
until a timeout instead of being told.

The head is cut into its first line and a *block*: the field lines with their CRLFs and the empty line at the end,
exactly as received. The block is the unit that `recognise` remembers.
"""

from __future__ import annotations

import re
from typing import Final, NoReturn

from gateway.fields import Field
from gateway.wire import refusals
from gateway.wire.grammar import CRLF, END_OF_HEAD, FIELD_LINE, OWS, TOKEN_BYTES, HeadLimits
from gateway.wire.malformed import Malformed

_BARE_LINE_END: Final = re.compile(rb"(?<!\r)\n|\r(?=[^\n])")


def find_head_end(received: bytes, limits: HeadLimits, searched: int = 0) -> int:
    """Return where the first head of `received` ends, just after its empty line, or 0 while it is not complete.

    `searched` is the length `received` had when this was last asked, so that a slow sender costs no second search.
    """
    end = received.find(END_OF_HEAD, searched - 3 if searched > 3 else 0) + 4
    if end > 3:
        if end > limits.max_head_bytes:
            _refuse_size(received, limits)
        return end
    start = 2 if received[:2] == CRLF else 0
    first = received[start : start + 1]
    if first not in TOKEN_BYTES and not (start == 0 and first == b"\r"):
        raise Malformed(refusals.NOT_HTTP)
    bare = _BARE_LINE_END.search(received, searched - 1 if searched > 1 else 0)
    if bare is not None:
        raise Malformed(refusals.BARE_LF if bare.group() == b"\n" else refusals.BARE_CR)
    if len(received) > limits.max_start_line_bytes and received.find(CRLF, start) < 0:
        raise Malformed(refusals.START_LINE_TOO_LONG)
    if len(received) > limits.max_head_bytes:
        _refuse_size(received, limits)
    return 0


def _refuse_size(received: bytes, limits: HeadLimits) -> NoReturn:
    """Blame the first line when it alone is too long, so that the same head is refused alike however it arrived."""
    start = 2 if received[:2] == CRLF else 0
    if received.find(CRLF, start) > limits.max_start_line_bytes + start:
        raise Malformed(refusals.START_LINE_TOO_LONG)
    raise Malformed(refusals.HEAD_TOO_LARGE)


def split_head(received: bytes, end: int, start: int = 0) -> tuple[bytes, bytes]:
    """Cut a complete head into its first line, without CRLF, and its block."""
    line_end = received.find(CRLF, start)
    return received[start:line_end], received[line_end + 2 : end]


def split_request_head(received: bytes, end: int) -> tuple[bytes, bytes]:
    """Cut like `split_head`, but skip one empty line before a request: old clients send it after a body.

    RFC 9112 section 2.2 asks servers to ignore at least one. A second one is no head.
    """
    return split_head(received, end, 2 if received[:2] == CRLF else 0)


def split_block(block: bytes, max_field_count: int) -> list[bytes]:
    """Cut a block into its lines, without their ends; it must end in the one empty line it has."""
    if block[-4:] != END_OF_HEAD and block != CRLF:
        raise Malformed(refusals.HEAD_BOUNDARY)
    lines = block.split(CRLF)
    del lines[-2:]
    if len(lines) > max_field_count:
        raise Malformed(refusals.TOO_MANY_FIELDS)
    return lines


def read_field(line: bytes) -> Field:
    """Read one field line (without its end) into its lower-cased name and its value without white space around."""
    match = FIELD_LINE.fullmatch(line)
    if match is None:
        refuse_line(line)
    name, value = match.groups()
    return name.lower(), value.strip(OWS)


def refuse_line(line: bytes) -> NoReturn:
    """Say what is wrong with a line that is no field line; the checks stand in the order a reader meets the faults."""
    if not line:
        raise Malformed(refusals.HEAD_BOUNDARY)
    if line[:1] in OWS:
        raise Malformed(refusals.FOLDED_LINE)
    for byte, refusal in ((b"\n", refusals.BARE_LF), (b"\r", refusals.BARE_CR), (b"\0", refusals.NUL_BYTE)):
        if byte in line:
            raise Malformed(refusal)
    name, colon, _ = line.partition(b":")
    if not colon:
        raise Malformed(refusals.NO_COLON)
    if not name:
        raise Malformed(refusals.EMPTY_NAME)
    if name[-1:] in OWS:
        raise Malformed(refusals.SPACE_BEFORE_COLON)
    if name.translate(None, TOKEN_BYTES):
        raise Malformed(refusals.BAD_NAME)
    raise Malformed(refusals.CONTROL_BYTE)
