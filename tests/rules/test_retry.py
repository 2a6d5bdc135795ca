"""Which failed attempts may be made again."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import (
    BrokeProtocol,
    NoTarget,
    ReusedConnectionLost,
    Saturated,
    TimedOut,
    Unreachable,
    UpstreamFault,
)
from gateway.rules.delivery import RetryPolicy
from gateway.rules.retry import may_retry

METHODS = (b"GET", b"HEAD", b"OPTIONS", b"PUT", b"DELETE", b"POST", b"PATCH", b"get", b"REPORT")
ALL = frozenset(METHODS)
SAFE = frozenset({b"GET", b"HEAD", b"OPTIONS"})
TWICE = RetryPolicy(attempts=2)


@pytest.mark.parametrize(
    ("failure", "allowed"),
    [
        (Unreachable(), ALL),
        (Saturated(), ALL),
        (ReusedConnectionLost(), SAFE | {b"PUT", b"DELETE"}),
        (TimedOut(), SAFE),
        (BrokeProtocol(), SAFE),
        (NoTarget(), frozenset()),
        (UpstreamFault(), frozenset()),
    ],
    ids=lambda value: type(value).__name__,
)
@pytest.mark.parametrize("method", METHODS)
def test_method_and_failure_decide(failure: UpstreamFault, allowed: frozenset[bytes], method: bytes) -> None:
    verdict = may_retry(method, failure, attempt=1, policy=TWICE, body_sent=False, left_seconds=1.0)
    assert verdict is (method in allowed)


@given(
    st.sampled_from(METHODS),
    st.sampled_from([Unreachable(), ReusedConnectionLost(), TimedOut(), BrokeProtocol()]),
    st.integers(1, 5),
    st.integers(1, 5),
    st.booleans(),
    st.floats(-10, 10),
)
def test_never_beyond_the_attempts_the_time_or_a_body_that_has_left(
    method: bytes, failure: UpstreamFault, attempt: int, attempts: int, body_sent: bool, left_seconds: float
) -> None:
    policy = RetryPolicy(attempts=attempts)
    if may_retry(method, failure, attempt=attempt, policy=policy, body_sent=body_sent, left_seconds=left_seconds):
        assert attempt < attempts
        assert not body_sent
        assert left_seconds > 0
