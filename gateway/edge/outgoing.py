"""An answer's head on the direct lane: status line, fields and our own framing, as one run of bytes."""

from __future__ import annotations

from email.utils import formatdate
from http import HTTPStatus
from typing import Final, NamedTuple

from gateway.fields import Fields
from gateway.pipeline.call import Reply
from gateway.rules.heads import answer_fields
from gateway.wire.request import HTTP_11

_STATUS_LINES: Final = {
    status.value: b"HTTP/1.1 %d %b\r\n" % (status.value, status.phrase.encode()) for status in HTTPStatus
}
CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"
_DATE: Final = (b"Date:", b"date:")
_BODILESS: Final = frozenset((204, 304))


class Dates:
    """The Date field of this second (RFC 9110 section 6.6.1), written once a second."""

    __slots__ = ("_line", "_second")

    def __init__(self) -> None:
        self._second = -1
        self._line = b""

    def line(self, now: float) -> bytes:
        """Return the field line for the wall-clock time `now`."""
        second = int(now)
        if second != self._second:
            self._second = second
            self._line = b"date: %b\r\n" % formatdate(second, usegmt=True).encode()
        return self._line


class Framed(NamedTuple):
    """How an answer goes out: its head, and how its body is told apart from what follows."""

    head: bytes
    chunked: bool
    until_close: bool
    bodiless: bool


def frame(reply: Reply, *, method: bytes, version: int, close: bool, date: bytes) -> Framed:
    """Write the head of `reply` to a request of `method` in `version` (RFC 9112 section 6.3)."""
    status = reply.status
    bodiless = method == b"HEAD" or status in _BODILESS
    length = len(reply.content) if reply.content is not None and not bodiless else reply.length
    if reply.trailers and version >= HTTP_11:
        length = None  # only a body in chunks can have them
    chunked = length is None and not bodiless and version >= HTTP_11
    until_close = length is None and not bodiless and not chunked
    passed = reply.passed.wire
    parts = [_STATUS_LINES.get(status) or b"HTTP/1.1 %d \r\n" % status, passed]
    dated = _has_date(passed)
    for field in reply.fields:
        name = field[0]
        if name == b"content-length":
            if not bodiless:
                continue
            length = None  # it is told already
        parts.append(b"%b: %b\r\n" % field)
        dated = dated or name == b"date"
    if not dated:
        parts.append(date)
    if chunked:
        parts.append(b"transfer-encoding: chunked\r\n")
    elif length is not None and status not in _BODILESS:
        parts.append(b"content-length: %d\r\n" % length)
    if close or until_close:
        parts.append(b"connection: close\r\n\r\n")
    elif version < HTTP_11:
        parts.append(b"connection: keep-alive\r\n\r\n")
    else:
        parts.append(b"\r\n")
    return Framed(b"".join(parts), chunked, until_close, bodiless)


def usual_answer(status: int, passed: bytes, added: bytes, content: bytes, date: bytes) -> bytes:
    """Write an answer with a whole body on a connection that goes on; `passed` and `added` are lines of its head."""
    line = _STATUS_LINES.get(status) or b"HTTP/1.1 %d \r\n" % status
    if _has_date(passed):
        date = b""
    return b"%b%b%b%bcontent-length: %d\r\n\r\n%b" % (line, passed, added, date, len(content), content)


def _has_date(passed: bytes) -> bool:
    if passed[:5] in _DATE or b"\r\nDate:" in passed or b"\r\ndate:" in passed:
        return True  # nearly always
    lowered = passed.lower()
    return lowered.startswith(b"date:") or b"\r\ndate:" in lowered


def interim_head(status: int, fields: Fields) -> bytes:
    """Write an interim answer (RFC 9110 section 15.2); it has no body, and so no length (section 8.6)."""
    lines = [b"%b: %b\r\n" % field for field in answer_fields(fields) if field[0] != b"content-length"]
    return b"".join((_STATUS_LINES.get(status) or b"HTTP/1.1 %d \r\n" % status, *lines, b"\r\n"))


def switching_head(reply: Reply, protocol: bytes) -> bytes:
    """Write the head of a 101: the agency's fields, and the protocol it was asked for (RFC 9110 section 7.8)."""
    lines = [b"%b: %b\r\n" % field for field in reply.fields]
    tail = b"upgrade: %b\r\nconnection: Upgrade\r\n\r\n" % protocol
    return b"".join((_STATUS_LINES[101], reply.passed.wire, *lines, tail))
