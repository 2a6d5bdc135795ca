"""The usual requests of the direct lane: whole heads by their exact bytes, and the shortcut that each takes.

A fresh `traceparent` with each request is cut out before a head is looked up, for nothing else follows from it. What is
learned is learned of authenticated senders, and at the second sight of the same bytes: neither a flood of strangers nor
a client that never repeats itself fills the table.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from gateway.pipeline.call import Call
from gateway.pipeline.passage import Shortcut
from gateway.rules.heads import is_traceparent
from gateway.wire.table import Counters, SecondChanceTable

_MAX_HEADS: Final = 4_096
_MAX_HEAD_BYTES: Final = 4_096
_MAX_CANDIDATES: Final = 8_192  # heads seen once, by their hashes
_FIELD: Final = b"\r\ntraceparent: "
_VALUE_BYTES: Final = 55


class Usual:
    """The bounded memory of one process; every connection asks here."""

    __slots__ = ("_candidates", "_table", "taken")

    def __init__(self) -> None:
        self.taken = 0  # requests that went by a shortcut
        self._table: SecondChanceTable[Shortcut] = SecondChanceTable(_MAX_HEADS, _MAX_HEAD_BYTES)
        self._candidates: dict[int, None] = {}  # oldest first

    def find(self, head: bytes) -> Shortcut | None:
        """Return the shortcut of a head without its `traceparent`."""
        return self._table.get(head)

    def note(self, key: bytes, traceparent: bytes | None, call: Call, learn: Callable[[Call], Shortcut | None]) -> None:
        """Take note of an authenticated request that was answered; learn its shortcut when it comes again.

        `key` is its head without its `traceparent`, as it was looked up.
        """
        if not key or traceparent != call.head.traceparent or not self._table.accepts(key):
            return
        digest = hash(key)
        if digest not in self._candidates:
            if len(self._candidates) >= _MAX_CANDIDATES:
                del self._candidates[next(iter(self._candidates))]
            self._candidates[digest] = None
            return
        shortcut = learn(call)
        if shortcut is not None:
            shortcut.head = key
            self._table.put(key, shortcut)

    def clear(self) -> None:
        """Forget everything, as after a reload."""
        self._table.clear()
        self._candidates.clear()

    def counters(self) -> Counters:
        return self._table.counters()


def without_traceparent(head: bytes) -> tuple[bytes, bytes | None]:
    """Cut the line of a valid `traceparent` out of a head, if it is spelt as everybody spells it; return its value."""
    at = head.find(_FIELD)
    if at < 0:
        return head, None
    start = at + len(_FIELD)
    end = start + _VALUE_BYTES
    value = head[start:end]
    if head[end : end + 2] != b"\r\n" or not is_traceparent(value):
        return head, None
    return head[:at] + head[end:], value
