"""What a client has sent and nobody has read yet, and the next request in it; bodies are read elsewhere.

The usual request is recognised by its bytes: the same block as this connection's last one needs one comparison, one
known to the process one look-up (gateway.edge.known). Whatever is remembered, the request read is the same.
"""

from __future__ import annotations

from gateway.edge.known import Known
from gateway.edge.lane import Lane
from gateway.wire.grammar import CRLF
from gateway.wire.lines import find_head_end, split_request_head
from gateway.wire.request import RequestLine, parse_request_line, reconcile


class Inbox:
    """One connection's. `known` and `host` belong to the request read last."""

    __slots__ = ("_lane", "_last_block", "_searched", "host", "known", "received")

    def __init__(self, lane: Lane) -> None:
        self._lane = lane
        self.received = b""
        self._searched = 0  # how much of it holds no end of a head
        self._last_block = b""
        self.known: Known | None = None  # what `_last_block` comes to
        self.host = b""

    def next(self) -> RequestLine | None:
        """Take the head of the first request out; None while it is not complete. Raises Malformed."""
        data = self.received
        limits = self._lane.head_limits
        line_end = data.find(CRLF)
        block = data[line_end + 2 :]
        if line_end > 0 and block == self._last_block:
            text = data[:line_end]  # exactly one request, its block sent before on this connection: the usual case
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
