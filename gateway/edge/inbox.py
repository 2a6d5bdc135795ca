"""What a client has sent and nobody has read yet, and the next request in it; bodies are read elsewhere.

The usual request is recognised by its bytes: the same block as this connection's last one needs one comparison, one
known to the process one look-up (gateway.edge.known). Whatever is remembered, the request read is the same.
"""

from __future__ import annotations

from collections.abc import Callable

from gateway.edge.known import Known
from gateway.edge.lane import Lane
from gateway.edge.usual import without_traceparent
from gateway.pipeline.passage import Shortcut
from gateway.wire.grammar import CRLF, END_OF_HEAD
from gateway.wire.lines import find_head_end, split_request_head
from gateway.wire.request import RequestLine, parse_request_line, reconcile


class Inbox:
    """One connection's. `known` and `host` are of the request read last, `key` and `traceparent` of that looked up."""

    __slots__ = (
        "_lane", "_last_block", "_searched", "_usual", "host", "key", "known", "received", "traceparent",
    )  # fmt: skip

    def __init__(self, lane: Lane) -> None:
        self._lane = lane
        self.received = b""
        self._searched = 0  # how much of it holds no end of a head
        self._last_block: bytes | None = None  # and none at first: a first line that comes alone must match nothing
        self.known: Known | None = None  # what `_last_block` comes to
        self.host = b""
        self.key = b""  # its head without its `traceparent`; empty when it was not looked up
        self.traceparent: bytes | None = None
        self._usual: Shortcut | None = None  # that the last usual request took

    def take_usual(self, begin: Callable[[Shortcut, bytes | None, bytes], bool]) -> bool:
        """Take the first request out if it is a usual one, is here whole, and `begin` gets it on its way.

        `begin` is given its shortcut, its `traceparent` and its body.
        """
        data, usual = self.received, self._usual
        if usual is not None and data.startswith(usual.head):
            shortcut: Shortcut | None = usual
            self.key, self.traceparent = usual.head, None
            end = len(usual.head)
        else:
            end = data.find(END_OF_HEAD) + 4
            self.key, self.traceparent = without_traceparent(data if end == len(data) else data[:end])
            shortcut = self._lane.usual.find(self.key)
            if self.traceparent is None and shortcut is not None:
                self._usual = shortcut
        if shortcut is None:
            return False
        size = end + shortcut.body_bytes
        if len(data) < size or not begin(shortcut, self.traceparent, data[end:size]):
            return False
        self.received = data[size:]
        self._searched = 0
        return True

    def next(self) -> RequestLine | None:
        """Take the head of the first request out; None while it is not complete. Raises Malformed."""
        data = self.received
        limits = self._lane.head_limits
        line_end = data.find(CRLF)
        block = data[line_end + 2 :]
        if line_end > 0 and block == self._last_block:
            text = data[:line_end]  # exactly one request, its block sent before on this connection
            self.received = b""
        else:
            end = find_head_end(data, limits, self._searched)
            if not end:
                self._searched = len(data)
                return None
            text, block = split_request_head(data, end)
            self.received = data[end:]
            if block != self._last_block:
                self.known = self._lane.blocks.find(block)
                self._last_block = block
        self._searched = 0
        line = parse_request_line(text, limits)
        known = self.known
        assert known is not None
        self.host = reconcile(line, known.wire)
        return line

    @property
    def has_begun(self) -> bool:
        """Tell whether a request has begun; the empty line that old clients send after a body is none."""
        return self.received.strip(CRLF) != b"" if len(self.received) < 3 else True

    def take_all(self) -> bytes:
        """Take out what is there: it belongs to a body, or to another protocol."""
        taken, self.received = self.received, b""
        self._searched = 0
        return taken
