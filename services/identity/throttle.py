"""Waiting times after failures, per account and per address, exact to the second and never endless.

An attempt counts as failed before its password is looked at and is forgiven when it succeeds, so a hundred guesses
sent at once gain nothing. Waiting for an account is short enough that nobody can lock its owner out.
"""

import math
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete
from sqlalchemy.orm import Session

from services.identity.policy import Policy
from services.identity.tables import Base, Throttle
from services.kit.clock import Now
from services.kit.problem import Problem, Text
from services.kit.sweeping import Leftovers


@dataclass(frozen=True, slots=True)
class Rule:
    """So many failures are free; then one waits, twice as long each time, up to a limit."""

    free: int
    first_wait_seconds: float
    max_wait_seconds: float
    forgotten_after: timedelta

    def wait_seconds(self, failures: int, last_at: datetime, now: datetime) -> float:
        """Return how long to wait from now, 0 for not at all."""
        if failures < self.free or now - last_at >= self.forgotten_after:
            return 0.0
        # 2**30 is beyond every limit; larger powers would overflow a float in the end.
        wait = min(self.first_wait_seconds * 2.0 ** min(failures - self.free, 30), self.max_wait_seconds)
        # A clock set back must not lengthen the wait.
        return max(0.0, wait - max(0.0, (now - last_at).total_seconds()))


@dataclass(frozen=True, slots=True)
class Gate:
    """One counter and the rule it is judged by; `key` is a keyed hash."""

    key: str
    rule: Rule


def account_rule(policy: Policy) -> Rule:
    """Return the rule for failures with one identifier."""
    return Rule(
        policy.account_free_failures,
        policy.account_first_wait_seconds,
        policy.account_max_wait_seconds,
        timedelta(minutes=policy.failures_forgotten_minutes),
    )


def address_rule(policy: Policy) -> Rule:
    """Return the rule for failures from one network address."""
    return Rule(
        policy.address_free_failures,
        policy.address_first_wait_seconds,
        policy.address_max_wait_seconds,
        timedelta(minutes=policy.failures_forgotten_minutes),
    )


def forgotten(policy: Policy, now: Now) -> Leftovers:
    """Say which counters are of no use any more: untouched for a day more than failures are remembered."""
    kept_for = timedelta(minutes=policy.failures_forgotten_minutes, days=1)
    table = Base.metadata.tables[Throttle.__tablename__]
    return Leftovers(table, key="key", since="last_at", kept_for=kept_for, now=now)


def enter(session: Session, now: datetime, *gates: Gate) -> None:
    """Count an attempt as failed at every gate, or raise 429 with the longest wait and count nothing.

    Whatever it reads it also writes, or it writes nothing: a snapshot is enough for it, and for `keep_pace`.
    """
    rows = [session.get(Throttle, gate.key) for gate in gates]
    waits = [
        gate.rule.wait_seconds(row.failures, row.last_at, now) for gate, row in zip(gates, rows, strict=True) if row
    ]
    if wait := max(waits, default=0.0):
        raise too_many_attempts(math.ceil(wait))
    for gate, row in zip(gates, rows, strict=True):
        if row is None:
            session.add(Throttle(key=gate.key, failures=1, last_at=now))
            continue
        is_forgotten = now - row.last_at >= gate.rule.forgotten_after
        row.failures, row.last_at = (1 if is_forgotten else row.failures + 1), now


def forget(session: Session, gate: Gate) -> None:
    """Forgive every failure at a gate: its owner got in."""
    session.execute(delete(Throttle).where(Throttle.key == gate.key))


def forgive_one(session: Session, gate: Gate) -> None:
    """Take back the one attempt that succeeded; the other failures still count."""
    row = session.get(Throttle, gate.key)
    if row is not None:
        row.failures = max(0, row.failures - 1)


def too_many_attempts(wait_seconds: int) -> Problem:
    """Build the 429 that says exactly how long to wait."""
    return Problem(
        429,
        "too-many-attempts",
        Text("Terlalu banyak percobaan", "Too many attempts"),
        Text(
            f"Terlalu banyak percobaan. Coba lagi dalam {wait_seconds} detik.",
            f"Too many attempts. Try again in {wait_seconds} seconds.",
        ),
        headers={"Retry-After": str(wait_seconds)},
        extensions={"retry_after_seconds": wait_seconds},
    )


@dataclass(frozen=True, slots=True)
class Pace:
    """So many in a period, any of them at once (GCRA); for what is no failure, such as registering."""

    limit: int
    period: timedelta

    def next_arrival(self, expected: datetime, now: datetime) -> tuple[datetime, float]:
        """Return the new expected arrival time and the seconds to wait; when it is to wait, nothing is counted."""
        after = max(expected, now) + self.period / self.limit
        wait = (after - now - self.period).total_seconds()
        return (expected, wait) if wait > 0 else (after, 0.0)


def keep_pace(session: Session, now: datetime, key: str, pace: Pace) -> None:
    """Count one more, or raise 429 with the exact wait."""
    row = session.get(Throttle, key)
    expected, wait = pace.next_arrival(row.last_at if row else now, now)
    if wait:
        raise too_many_attempts(math.ceil(wait))
    if row is None:
        session.add(Throttle(key=key, failures=0, last_at=expected))
    else:
        row.last_at = expected
