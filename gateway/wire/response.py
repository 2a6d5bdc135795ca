"""An agency's status line and header block, read as strictly as a client's; what goes on is filtered elsewhere.

Theory
======

An agency is not an enemy, but one that answers in two readings makes an enemy of whoever can choose its answer
(response splitting, a poisoned cache, the answer of one citizen given to another). The rules are those of requests,
with three differences: the framing depends on the request's method and on the status; an answer without framing lasts
until the connection closes; interim answers (1xx) come before the final one.

101 is an interim answer that ends HTTP on the connection. It is accepted only with the fields that name what comes
next; whether that was asked for is judged by whoever asked.
"""

from __future__ import annotations

import re
from typing import Final

from gateway.fields import Fields
from gateway.wire import refusals
from gateway.wire.framing import CHUNKED, NO_BODY, UNTIL_CLOSE, Framing
from gateway.wire.grammar import HeadLimits
from gateway.wire.malformed import Malformed
from gateway.wire.statements import IN_RESPONSES, Stated, read_block

SWITCHING_PROTOCOLS: Final = 101

# The space after the status stands even before an empty reason (RFC 9112 section 4).
_STATUS_LINE: Final = re.compile(rb"HTTP/([0-9])\.([0-9]) ([0-9]{3}) ([\t\x20-\x7e\x80-\xff]*)")


class StatusLine:
    """The first line of an answer. Nothing writes to it after it is made."""

    __slots__ = ("reason", "status", "version")

    def __init__(self, version: int, status: int, reason: bytes) -> None:
        self.version: Final = version  # 10 or 11
        self.status: Final = status
        self.reason: Final = reason

    @property
    def is_interim(self) -> bool:
        """Tell whether another answer follows on this connection; 101 is the last of them (RFC 9110 section 15.2)."""
        return self.status < 200 and self.status != SWITCHING_PROTOCOLS


class ResponseHead:
    """What an answer's block comes to after its status line. Nothing writes to it after it is made."""

    __slots__ = ("framing", "options", "persistent", "stated_framing", "upgrade")

    def __init__(self, framing: Framing, stated: Stated, persistent: bool) -> None:
        self.framing: Final = framing
        self.stated_framing: Final = stated.framing  # with HEAD and 304: of the body a GET would have had
        self.persistent: Final = persistent  # the connection may carry another exchange (RFC 9112 section 9.3)
        self.options: Final = stated.options
        self.upgrade: Final = stated.protocols  # lower-cased; what a 101 switches to


OK: Final = StatusLine(11, 200, b"OK")  # the usual one, always this object


def parse_status_line(line: bytes) -> StatusLine:
    """Read a status line, without its CRLF (RFC 9112 section 4)."""
    if line == b"HTTP/1.1 200 OK":
        return OK
    match = _STATUS_LINE.fullmatch(line)
    if match is None:
        raise Malformed(refusals.STATUS_LINE)
    major, minor, digits, reason = match.groups()
    if major != b"1" or minor not in b"01":
        raise Malformed(refusals.OTHER_VERSION)
    status = int(digits)
    if not 100 <= status <= 599:
        raise Malformed(refusals.BAD_STATUS)
    return StatusLine(11 if minor == b"1" else 10, status, reason)


def parse_response_head(
    block: bytes, line: StatusLine, method: bytes, limits: HeadLimits
) -> tuple[ResponseHead, Fields]:
    """Read an answer's block; return what it comes to, and all fields. `method` is that of the request."""
    fields, stated = read_block(block, limits.max_field_count, IN_RESPONSES)
    return interpret(stated, line, method), fields


def interpret(stated: Stated, line: StatusLine, method: bytes) -> ResponseHead:
    """Decide what an answer's block comes to, from what its fields state together."""
    if stated.framing is CHUNKED and line.version < 11:
        raise Malformed(refusals.CODING_IN_HTTP_10)
    framing = _frame(UNTIL_CLOSE if stated.framing is None else stated.framing, line.status, method)
    options = stated.options
    if line.status == SWITCHING_PROTOCOLS and not (stated.protocols and options.upgrade):
        raise Malformed(refusals.SWITCH_TO_NOTHING)
    # An answer until close ends its connection whatever it says; HTTP/1.0 must ask for the next exchange.
    goes_on = not options.close and (line.version == 11 or options.keep_alive)
    return ResponseHead(framing, stated, goes_on and framing is not UNTIL_CLOSE)


def _frame(stated: Framing, status: int, method: bytes) -> Framing:
    """Return how the body is framed, given what the fields state (RFC 9112 section 6.3, rules 1 to 8)."""
    if status < 200 or status == 204:
        # A length of nothing on 204 is wrong by RFC 9110 section 8.6 but has one reading. Anything else is a body
        # some recipients would wait for and others take for the next answer.
        if stated.has_body and stated is not UNTIL_CLOSE:
            raise Malformed(refusals.BODY_WHERE_NONE_MAY_BE)
        return NO_BODY
    if status == 304 or method == b"HEAD":
        return NO_BODY  # the framing fields tell of the body a GET would have had
    return stated
