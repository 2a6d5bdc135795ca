"""Whether a failed attempt may be made again; pure.

It never decides where the next attempt goes; that is for the targets.
"""

from __future__ import annotations

from typing import Final

from gateway.errors import BrokeProtocol, ReusedConnectionLost, TimedOut, Unreachable, UpstreamFault
from gateway.rules.delivery import RetryPolicy

SAFE_METHODS: Final = frozenset({b"GET", b"HEAD", b"OPTIONS"})  # RFC 9110 section 9.2.1, less TRACE
IDEMPOTENT_METHODS: Final = SAFE_METHODS | {b"PUT", b"DELETE"}  # RFC 9110 section 9.2.2


def may_retry(
    method: bytes,
    failure: UpstreamFault,
    *,
    attempt: int,
    policy: RetryPolicy,
    body_sent: bool,
    left_seconds: float,
) -> bool:
    """Tell whether attempt number `attempt` (from 1), which failed before the answer's head, allows another one.

    `body_sent`: a body that cannot be sent a second time has begun to leave.
    """
    if attempt >= policy.attempts or left_seconds <= 0 or body_sent:
        return False
    match failure:
        case Unreachable():
            return True  # a connection that never opened cannot have acted on the request
        case ReusedConnectionLost():
            return method in IDEMPOTENT_METHODS  # the agency most likely never read it (RFC 9110 section 9.2.2)
        case TimedOut() | BrokeProtocol():
            return method in SAFE_METHODS
        case _:
            return False
