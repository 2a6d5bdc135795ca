"""Recognised header blocks of the direct lane: what exact bytes came to, for all connections of a process.

A block's meaning is its framing (`wire`) and what its fields say (`rules`); nothing of a connection and nothing of a
moment. Who a token stands for is asked anew at each request, so a revocation or a rotated key needs nothing forgotten
here; what is remembered is remembered only after its sender was authenticated.
"""

from __future__ import annotations

from gateway.rules.field_kinds import FieldKind, request_field_kind
from gateway.rules.heads import RequestHead, read_request_head
from gateway.wire.grammar import HeadLimits
from gateway.wire.line_memory import LineKind
from gateway.wire.recognise import Reading, RequestRecogniser
from gateway.wire.request import Head


class Known:
    """One block: `wire` says how to read the request, `head` what it asks. `reading` is set until its first answer."""

    __slots__ = ("head", "reading", "wire")

    def __init__(self, wire: Head, head: RequestHead, reading: Reading | None) -> None:
        self.wire = wire
        self.head = head
        self.reading = reading


class Blocks:
    """The bounded memory of one process; every connection asks here."""

    __slots__ = ("_recogniser",)

    def __init__(self, limits: HeadLimits) -> None:
        self._recogniser: RequestRecogniser[Known] = RequestRecogniser(_line_kind, limits)

    def find(self, block: bytes) -> Known:
        """Return what `block` comes to. Raises Malformed."""
        known = self._recogniser.recall(block)
        if known is not None:
            return known
        reading = self._recogniser.read(block)
        head = read_request_head(reading.fields)
        head.passed = reading.passed  # the same fields, already as wire bytes
        return Known(reading.head, head, reading)

    def settle(self, known: Known, *, is_authentic: bool) -> None:
        """Keep a block whose sender was authenticated; of any other, let go of what only keeping it would need."""
        if known.reading is not None:
            if is_authentic:
                self._recogniser.remember(known.reading, known)
            known.reading = None

    def clear(self) -> None:
        """Forget everything, as after a reload."""
        self._recogniser.clear()

    @property
    def size(self) -> int:
        return self._recogniser.block_counters().size

    @property
    def evicted(self) -> int:
        return self._recogniser.block_counters().evictions


def _line_kind(name: bytes) -> LineKind:
    kind = request_field_kind(name)
    if kind is FieldKind.PASS:
        return LineKind.PASS
    return LineKind.CREDENTIAL if kind is FieldKind.CREDENTIAL else LineKind.DROP
