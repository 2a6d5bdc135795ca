"""Request ids and W3C trace context (Trace Context level 1): every request has both, and the agency is told both.

It exports no spans; it keeps the trace the client began, or begins one.
"""

from __future__ import annotations

import os
from random import getrandbits
from typing import Final

_NO_ZERO: Final = 1 << 64 | 1  # a bit in the trace id, and one in the parent id


class Trace:
    """The trace a request belongs to, and the `traceparent` its agency receives."""

    __slots__ = ("trace_id", "traceparent")

    def __init__(self, trace_id: bytes, traceparent: bytes) -> None:
        self.trace_id: Final = trace_id
        self.traceparent: Final = traceparent


class RequestIds:
    """Makes request ids: random start for the process, then counted; unique and cheap, and they tell nothing."""

    __slots__ = ("_count", "_prefix")

    def __init__(self) -> None:
        self._prefix = os.urandom(6).hex()
        self._count = int.from_bytes(os.urandom(3), "big")

    def new(self) -> str:
        """Return the next id, 22 characters."""
        self._count += 1
        return f"{self._prefix}{self._count & 0xFFFFFFFFFF:010x}"


def follow(traceparent: bytes | None) -> Trace:
    """Carry on the client's (valid) `traceparent` with a new parent id, or begin a trace."""
    # Ids need to differ, not to be secret: getrandbits costs a tenth of asking the kernel. Zero is no id.
    if traceparent is not None:
        trace_id = traceparent[3:35]
        return Trace(trace_id, b"00-%b-%016x-%b" % (trace_id, getrandbits(64) | 1, traceparent[53:55]))
    ids = b"%048x" % (getrandbits(192) | _NO_ZERO)
    trace_id = ids[:32]
    return Trace(trace_id, b"00-%b-%b-01" % (trace_id, ids[32:]))
