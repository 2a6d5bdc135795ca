"""Rate limits: the generic cell rate algorithm (GCRA, ITU-T I.371) as a pure function of state, time and policy.

State is one number a key, the theoretical arrival time (TAT): the moment at which the bucket is full again. A request
of cost c moves it on by c emission intervals and is allowed while it stays within the burst. Redis runs the same steps
in one script (store/scripts); the contract suite holds both to this file.

Nothing is rounded on the way: time comes in whole microseconds, and a TAT is kept in ticks of 1/limit microsecond, in
which one emission interval is a whole number (the period in microseconds). Seven a minute is seven a minute, and two
implementations agree to the unit. Only what is shown to people (seconds) is a float.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from gateway.fields import Fields

Accuracy = Literal["exact", "leased", "local"]
Mode = Literal["enforce", "shadow"]
OnStoreFailure = Literal["local", "open", "closed"]
Missing = Literal["address", "open", "closed"]

MICROSECONDS = 1_000_000


@dataclass(frozen=True, slots=True)
class QuotaKey:
    """What requests are counted by: `claim` and `header` name which one in `name`.

    `missing` says what becomes of a request without it: its address is counted, it passes uncounted, or it is refused.
    """

    kind: Literal["citizen", "address", "service", "route", "claim", "header"]
    name: str | None = None
    missing: Missing = "address"


@dataclass(frozen=True, slots=True)
class QuotaPolicy:
    """`limit` requests every `period_seconds`, at most `burst` at once; ValueError when the numbers make no limit."""

    name: str  # stable: part of the store's key and of the RateLimit field
    limit: int
    period_seconds: float
    burst: int
    by: QuotaKey = QuotaKey("citizen")
    cost: int = 1
    accuracy: Accuracy = "exact"
    mode: Mode = "enforce"
    on_store_failure: OnStoreFailure = "local"
    # Derived once, for a decision takes about a microsecond.
    period_us: int = field(init=False, repr=False, compare=False)  # also one emission interval in ticks
    cost_ticks: int = field(init=False, repr=False, compare=False)
    burst_ticks: int = field(init=False, repr=False, compare=False)
    label: bytes = field(init=False, repr=False, compare=False)  # the name as a structured field string
    quota_item: bytes = field(init=False, repr=False, compare=False)  # this limit's item in RateLimit-Policy
    lines: bytes = field(init=False, repr=False, compare=False)  # both fields of an answer, to be filled with `%`

    def __post_init__(self) -> None:
        period_us = round(self.period_seconds * MICROSECONDS)
        if min(self.limit, self.burst, self.cost, period_us) < 1:
            raise ValueError(f"limit {self.name!r}: limit, period, burst and cost must all be positive")
        if self.cost > self.burst:
            raise ValueError(f"limit {self.name!r}: cost {self.cost} never fits a burst of {self.burst}; raise burst")
        object.__setattr__(self, "period_us", period_us)
        object.__setattr__(self, "cost_ticks", self.cost * period_us)
        object.__setattr__(self, "burst_ticks", self.burst * period_us)
        label = structured_string(self.name)
        window = max(1, math.ceil(self.period_seconds))  # whole seconds; a shorter period is told stricter than it is
        object.__setattr__(self, "label", label)
        item = b"%b;q=%d;w=%d" % (label, self.limit, window)
        object.__setattr__(self, "quota_item", item)
        told = b"ratelimit: %b;r=%%d;t=%%d\r\nratelimit-policy: %b\r\n"
        object.__setattr__(self, "lines", told % (label.replace(b"%", b"%%"), item.replace(b"%", b"%%")))

    @property
    def interval_seconds(self) -> float:
        """The emission interval: how long one unit of budget takes to come back."""
        return self.period_seconds / self.limit


@dataclass(frozen=True, slots=True)
class Charge:
    """One limit applied to one key in one request. The key says who is counted (`citizen:…`), not by which limit."""

    key: bytes
    policy: QuotaPolicy


@dataclass(slots=True)
class Verdict:
    """What one limit said: units left, and seconds until one request fits again (0 when allowed) or all is free."""

    # Nobody writes to it; freezing would make it three times as dear, and one is made at every request.

    allowed: bool
    remaining: int
    retry_after_seconds: float
    reset_seconds: float


def decide(tat: int, now: int, policy: QuotaPolicy) -> tuple[Verdict, int]:
    """Charge one request at `now` (microseconds) to a bucket in state `tat` (ticks); 0 is a bucket never used.

    Returns the verdict and the new state. A denied request leaves the state as it is, save one that this clock and
    policy cannot have made (the clock stepped back, the burst was cut): that one is lowered to an empty bucket, or
    the key would be locked out for as long as the clock is behind.
    """
    floor = now * policy.limit
    after = (tat if tat > floor else floor) + policy.cost_ticks
    left = floor + policy.burst_ticks - after
    if left >= 0:  # the common case, spelled out
        return Verdict(True, left // policy.period_us, 0.0, (after - floor) / (policy.limit * MICROSECONDS)), after
    before = settle(tat, now, policy)
    return verdict_of(before, now, policy, allowed=False), min(tat, before)


def decide_all(
    tats: Sequence[int], now: int, policies: Sequence[QuotaPolicy]
) -> tuple[tuple[Verdict, ...], tuple[int, ...]]:
    """Charge one request to several buckets: all of them, or none when one that is enforced denies.

    A shadow limit is charged and judged like any other but stops nobody. Each verdict tells what its own limit says;
    one that allows in a call that another denies shows its bucket uncharged.
    """
    verdicts, states = [], []
    admitted = True
    for tat, policy in zip(tats, policies, strict=True):
        verdict, state = decide(tat, now, policy)
        verdicts.append(verdict)
        states.append(state)
        if not verdict.allowed and policy.mode == "enforce":
            admitted = False
    if admitted:
        return tuple(verdicts), tuple(states)
    for index, (tat, policy) in enumerate(zip(tats, policies, strict=True)):
        if verdicts[index].allowed:
            verdicts[index] = peek(tat, now, policy)
            states[index] = tat
    return tuple(verdicts), tuple(states)


def peek(tat: int, now: int, policy: QuotaPolicy) -> Verdict:
    """Tell what a request would meet now, charging nothing."""
    before = settle(tat, now, policy)
    allowed = before + policy.cost_ticks <= now * policy.limit + policy.burst_ticks
    return verdict_of(before, now, policy, allowed=allowed)


def settle(tat: int, now: int, policy: QuotaPolicy) -> int:
    """Bring a stored state into what is possible at `now`: neither before it nor more than a burst ahead."""
    floor = now * policy.limit
    return min(max(tat, floor), floor + policy.burst_ticks)


def verdict_of(tat: int, now: int, policy: QuotaPolicy, *, allowed: bool) -> Verdict:
    """Tell a settled state in a citizen's terms."""
    used = tat - now * policy.limit
    left = policy.burst_ticks - used
    second = policy.limit * MICROSECONDS
    wait = 0.0 if allowed else (policy.cost_ticks - left) / second
    return Verdict(allowed, left // policy.period_us, wait, used / second)


def grant(tat: int, now: int, policy: QuotaPolicy, sizes: Sequence[int]) -> tuple[int, int]:
    """Charge as many requests at once as the first of the descending `sizes` that fits; returns (granted, state)."""
    before = settle(tat, now, policy)
    left = now * policy.limit + policy.burst_ticks - before
    for size in sizes:
        if size * policy.cost_ticks <= left:
            return size, before + size * policy.cost_ticks
    return 0, min(tat, before)


def refund(tat: int, now: int, policy: QuotaPolicy, requests: int, charged_at: int) -> int:
    """Give back requests charged at `charged_at` that never happened; returns the state.

    What has drained meanwhile is not given back a second time, so that a refund never lets anyone exceed the limit.
    """
    drained = max(0, now - charged_at) * policy.limit
    return max(settle(tat, now, policy) - max(0, requests * policy.cost_ticks - drained), now * policy.limit)


def is_admitted(charges: Sequence[Charge], verdicts: Sequence[Verdict]) -> bool:
    """Tell whether no enforced limit denied."""
    for verdict in verdicts:
        if not verdict.allowed:
            return not _denying(charges, verdicts)
    return True


def rate_limit_fields(charges: Sequence[Charge], verdicts: Sequence[Verdict]) -> Fields:
    """Render RateLimit and RateLimit-Policy (draft-ietf-httpapi-ratelimit-headers-11); empty without enforced limits.

    A shadow limit is nothing a client should obey, so it is not told. When the request is denied, RateLimit names only
    the limits that denied it: the draft wants no effective window to end after Retry-After (its section 6).
    """
    admitted = is_admitted(charges, verdicts)
    limits, policies = [], []
    for charge, verdict in zip(charges, verdicts, strict=True):
        policy = charge.policy
        if policy.mode == "shadow":
            continue
        policies.append(policy.quota_item)
        if admitted or not verdict.allowed:
            left = verdict.remaining if verdict.allowed else 0
            limits.append(b"%b;r=%d;t=%d" % (policy.label, left, math.ceil(_effective_window(policy, verdict))))
    if not policies:
        return ()
    return ((b"ratelimit", b", ".join(limits)), (b"ratelimit-policy", b", ".join(policies)))


def rate_limit_lines(charges: Sequence[Charge], verdicts: Sequence[Verdict]) -> bytes:
    """Return the same as they stand in a message's head; of the usual single limit at a quarter of the cost."""
    if len(charges) == 1:
        policy, verdict = charges[0].policy, verdicts[0]
        if verdict.allowed and policy.mode == "enforce":
            seconds = math.ceil(_effective_window(policy, verdict))
            return policy.lines % (verdict.remaining, seconds)
    return b"".join([b"%b: %b\r\n" % field for field in rate_limit_fields(charges, verdicts)])


def retry_after_seconds(charges: Sequence[Charge], verdicts: Sequence[Verdict]) -> int:
    """Return Retry-After (RFC 9110 section 10.2.3): whole seconds, rounded up, until every denying limit lets pass."""
    waits = [verdict.retry_after_seconds for verdict in _denying(charges, verdicts)]
    return max(1, math.ceil(max(waits))) if waits else 0


def _denying(charges: Sequence[Charge], verdicts: Sequence[Verdict]) -> list[Verdict]:
    return [
        verdict
        for charge, verdict in zip(charges, verdicts, strict=True)
        if not verdict.allowed and charge.policy.mode == "enforce"
    ]


def _effective_window(policy: QuotaPolicy, verdict: Verdict) -> float:
    """Return `t` in seconds: until one request fits when none does now, else until the whole quota is back."""
    if not verdict.allowed:
        return verdict.retry_after_seconds
    if verdict.remaining < policy.cost:
        # Rounded to the microsecond it was measured in, or float dust would add a second.
        return round(verdict.reset_seconds - (policy.burst - policy.cost) * policy.interval_seconds, 6)
    return verdict.reset_seconds


def structured_string(text: str) -> bytes:
    """Serialise a String (RFC 9651 section 4.1.6); what it cannot hold becomes an underscore."""
    safe = "".join(char if " " <= char <= "~" else "_" for char in text)
    return b'"%b"' % safe.replace("\\", "\\\\").replace('"', '\\"').encode("ascii")
