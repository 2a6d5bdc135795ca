"""A client's request line and header block, read strictly; bodies are read by `body`, routes are chosen elsewhere.

Theory
======

The block of a request repeats, its first line does not. Therefore they are read apart: `parse_head` sees only the
block and finds all that follows from it whatever line stands before, so that its result may be remembered by the
block's bytes. `reconcile` then judges the few things that need both: the version decides whether Host is needed and
chunked allowed, an absolute target must name the same host.

`interpret` is the single authority on what a block comes to. `recognise` calls it with lines it has seen before,
`parse_head` with lines it has just read.
"""

from __future__ import annotations

import re
from typing import Final, NoReturn

from gateway.fields import Fields
from gateway.wire import refusals
from gateway.wire.framing import NO_BODY, BodyKind, Framing
from gateway.wire.grammar import DIGITS, LETTERS, HeadLimits, is_token
from gateway.wire.malformed import Malformed
from gateway.wire.statements import IN_REQUESTS, Stated, read_block
from gateway.wire.target import canonical_path, check_query, read_rare_form

HTTP_10: Final = 10
HTTP_11: Final = 11

_KNOWN_METHODS: Final = frozenset((b"GET", b"HEAD", b"POST", b"PUT", b"DELETE", b"PATCH", b"OPTIONS", b"TRACE"))
_VERSION: Final = re.compile(rb"HTTP/[0-9]\.[0-9]")

# A target of these bytes without `//`, `/.` and `/;` is canonical as it stands; all others are looked at closely. It
# may not hold more than `gateway.paths` allows in a path, and one `?` between path and query.
_PLAIN_TARGET_BYTES: Final = LETTERS + DIGITS + b"-._~!$&'()*+,;=:@/?"


class RequestLine:
    """What the first line asks for. Nothing writes to it after it is made."""

    __slots__ = ("authority", "method", "path", "query", "target", "version")

    def __init__(self, method: bytes, target: bytes, path: bytes, query: bytes, version: int, authority: bytes) -> None:
        self.method: Final = method
        self.target: Final = target  # as received
        self.path: Final = path  # canonical; b"*" for OPTIONS of the server as a whole
        self.query: Final = query  # without its question mark; an empty query and none are the same
        self.version: Final = version  # HTTP_10 or HTTP_11
        self.authority: Final = authority  # of an absolute target, lower-cased; otherwise empty


class Head:
    """What a request's block comes to, whatever request line it follows. Nothing writes to it after it is made."""

    __slots__ = ("expects_continue", "framing", "host", "options", "upgrade")

    def __init__(self, framing: Framing, stated: Stated, upgrade: tuple[bytes, ...]) -> None:
        self.framing: Final = framing
        self.host: Final = stated.host  # `host[:port]`, lower-cased; None when there is no Host
        self.options: Final = stated.options
        self.expects_continue: Final = stated.expects_continue and framing.has_body
        self.upgrade: Final = upgrade  # protocols offered, lower-cased, never h2c

    def is_persistent(self, version: int) -> bool:
        """Tell whether the client lets the connection stay open after this exchange (RFC 9112 section 9.3)."""
        return not self.options.close and (version >= HTTP_11 or self.options.keep_alive)

    def wants_continue(self, version: int) -> bool:
        """Tell whether the client may be waiting for a 100; in HTTP/1.0 the wish is ignored (RFC 9110, 10.1.1)."""
        return self.expects_continue and version >= HTTP_11

    def offers(self, version: int) -> tuple[bytes, ...]:
        """Return the protocols the client would switch to; in HTTP/1.0 none (RFC 9110 section 7.8)."""
        return self.upgrade if version >= HTTP_11 else ()


def parse_request_line(line: bytes, limits: HeadLimits) -> RequestLine:
    """Read a request line, without its CRLF (RFC 9112 section 3)."""
    parts = line.split(b" ")
    if len(parts) != 3:
        _refuse_request_line(line, limits)
    method, target, version_text = parts
    version = HTTP_11 if version_text == b"HTTP/1.1" else _read_version(version_text)
    if method not in _KNOWN_METHODS:
        _check_method(method, limits)
    if len(target) > limits.max_target_bytes:
        raise Malformed(refusals.TARGET_TOO_LONG)
    if target[:1] != b"/":
        path, query, authority = read_rare_form(method, target)
        return RequestLine(method, target, path, query, version, authority)
    path, _, query = target.partition(b"?")
    if target.translate(None, _PLAIN_TARGET_BYTES) or b"//" in target or b"/." in target or b"/;" in target:
        path = canonical_path(path)
        check_query(query)
    return RequestLine(method, target, path, query, version, b"")


def _refuse_request_line(line: bytes, limits: HeadLimits) -> NoReturn:
    if len(line) > limits.max_start_line_bytes:
        raise Malformed(refusals.START_LINE_TOO_LONG)
    raise Malformed(refusals.REQUEST_LINE)


def _read_version(text: bytes) -> int:
    if text == b"HTTP/1.0":
        return HTTP_10
    raise Malformed(refusals.OTHER_VERSION if _VERSION.fullmatch(text) else refusals.BAD_VERSION)


def _check_method(method: bytes, limits: HeadLimits) -> None:
    """Judge a method that is not among the usual; an unknown token is a method all the same, routes decide on it."""
    if not is_token(method):
        raise Malformed(refusals.BAD_METHOD)
    if len(method) > limits.max_method_bytes:
        raise Malformed(refusals.METHOD_TOO_LONG)
    if method == b"CONNECT":
        raise Malformed(refusals.CONNECT)


def parse_head(block: bytes, limits: HeadLimits) -> tuple[Head, Fields]:
    """Read a request's block, its field lines with their CRLFs and the empty line; return what it comes to, and all."""
    fields, stated = read_block(block, limits.max_field_count, IN_REQUESTS)
    return interpret(stated), fields


def interpret(stated: Stated) -> Head:
    """Decide what a block comes to, from what its fields state together."""
    framing = NO_BODY if stated.framing is None else stated.framing
    protocols = stated.protocols
    if protocols:
        # An upgrade not announced in Connection is none. One with a body is ignored, as RFC 9110 section 7.8 lets a
        # server do: the tunnel must not begin while it is open where the body ends. So is h2c, which would take the
        # connection out of this parser's hands and was given up by RFC 9113 section 3.1.
        offered = stated.options.upgrade and not framing.has_body
        protocols = tuple([name for name in protocols if name != b"h2c"]) if offered else ()
    return Head(framing, stated, protocols)


def reconcile(line: RequestLine, head: Head) -> bytes:
    """Judge what needs the request line and the block together; return the host meant, empty if HTTP/1.0 names none."""
    if line.version < HTTP_11 and head.framing.kind is BodyKind.CHUNKED:
        raise Malformed(refusals.CODING_IN_HTTP_10)
    if head.host is None:
        if line.version >= HTTP_11:
            raise Malformed(refusals.MISSING_HOST)
        return line.authority
    if line.authority and line.authority != head.host:
        raise Malformed(refusals.HOST_MISMATCH)
    return head.host
