"""Whole messages through the parsers, as a connection would read them; what comes out is compared by the tests."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, TypeAlias

from gateway.fields import Fields
from gateway.wire.body import open_body
from gateway.wire.framing import BodyKind, Framing
from gateway.wire.grammar import BodyLimits, HeadLimits
from gateway.wire.lines import find_head_end, split_head, split_request_head
from gateway.wire.malformed import Malformed
from gateway.wire.request import parse_head, parse_request_line, reconcile
from gateway.wire.response import parse_response_head, parse_status_line

HEAD_LIMITS: Final = HeadLimits()
BODY_LIMITS: Final = BodyLimits()


@dataclass(frozen=True, slots=True)
class Request:
    """A request read whole, and what came after it."""

    method: bytes
    target: bytes
    version: int
    fields: Fields
    body: bytes
    trailers: Fields
    rest: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer read whole, and what came after it."""

    status: int
    reason: bytes
    fields: Fields
    framing: BodyKind
    body: bytes
    trailers: Fields
    rest: bytes
    persistent: bool


@dataclass(frozen=True, slots=True)
class Refused:
    """The code and status of a refusal."""

    code: str
    status: int


@dataclass(frozen=True, slots=True)
class Incomplete:
    """More bytes are needed."""


INCOMPLETE: Final = Incomplete()
Body: TypeAlias = tuple[bytes, Fields, bytes]


def read_body(framing: Framing, received: bytes, *, closed: bool, limits: BodyLimits = BODY_LIMITS) -> Body | None:
    """Return body, trailers and what follows, or None while it is not complete."""
    reader = open_body(framing, limits)
    if reader.is_complete():
        return b"", (), received
    pieces = reader.feed(received)
    if closed and not reader.is_complete():
        reader.end_of_stream()
    if not reader.is_complete():
        return None
    return b"".join(pieces), reader.trailers, reader.rest


def read_request(raw: bytes, *, closed: bool = False) -> Request | Refused | Incomplete:
    """Read the first request in `raw`; with `closed`, nothing more will come."""
    try:
        end = find_head_end(raw, HEAD_LIMITS)
        if end == 0:
            return INCOMPLETE
        text, block = split_request_head(raw, end)
        line = parse_request_line(text, HEAD_LIMITS)
        head, fields = parse_head(block, HEAD_LIMITS)
        reconcile(line, head)
        body = read_body(head.framing, raw[end:], closed=closed)
    except Malformed as fault:
        return Refused(fault.code, fault.status)
    if body is None:
        return INCOMPLETE
    return Request(line.method, line.target, line.version, fields, *body)


def read_answer(raw: bytes, method: bytes = b"GET", *, closed: bool = False) -> Answer | Refused | Incomplete:
    """Read the first answer in `raw`, to a request of `method`; with `closed`, nothing more will come."""
    try:
        end = find_head_end(raw, HEAD_LIMITS)
        if end == 0:
            return INCOMPLETE
        text, block = split_head(raw, end)
        line = parse_status_line(text)
        head, fields = parse_response_head(block, line, method, HEAD_LIMITS)
        body = read_body(head.framing, raw[end:], closed=closed)
    except Malformed as fault:
        return Refused(fault.code, fault.status)
    if body is None:
        return INCOMPLETE
    return Answer(line.status, line.reason, fields, head.framing.kind, *body, persistent=head.persistent)
