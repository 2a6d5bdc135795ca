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
    """One connection's. `known`, `host` and `head` belong to the request read last."""

    __slots__ = (
        "_lane", "_last_block", "_searched", "_shortcut", "_usual_head", "head", "host", "known", "received",
    )  # fmt: skip

    def __init__(self, lane: Lane) -> None:
        self._lane = lane
        self.received = b""
        self._searched = 0  # how much of it holds no end of a head
        self._last_block: bytes | None = None  # and none at first: a first line that comes alone must match nothing
        self.known: Known | None = None  # what `_last_block` comes to
        self.host = b""
        self.head = b""  # its bytes
        self._usual_head = b""  # that of the last usual request, and the shortcut it took
        self._shortcut: Shortcut | None = None

    def take_usual(self, begin: Callable[[Shortcut, bytes | None, bytes], bool]) -> bool:
        """Take the first request out if it is a usual one, is here whole, and `begin` gets it on its way.

        `begin` is given its shortcut, its `traceparent` and its body.
        """
        data, usual = self.received, self._usual_head
        traceparent: bytes | None = None
        if usual and data.startswith(usual):
            shortcut = self._shortcut
            end = len(usual)
        else:
            end = data.find(END_OF_HEAD) + 4
            head, traceparent = without_traceparent(data if end == len(data) else data[:end])
            shortcut = self._lane.usual.find(head)
            if traceparent is None and shortcut is not None:
                self._usual_head, self._shortcut = head, shortcut
        if shortcut is None:
            return False
        size = end + shortcut.body_bytes
        if len(data) < size or not begin(shortcut, traceparent, data[end:size]):
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
            self.head = data
            self.received = b""
        else:
            end = find_head_end(data, limits, self._searched)
            if not end:
                self._searched = len(data)
                return None
            text, block = split_request_head(data, end)
            self.head = data[:end]
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
