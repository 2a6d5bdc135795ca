"""Concurrency limits: how many requests of one caller may be in flight at once, as a pure function of how many are.

A slot is taken before the agency is asked and given back with the last byte of the answer. Whoever keeps count (a
process, or Redis by store/scripts/enter.lua) decides by this file, and the contract suite holds both to it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, NamedTuple

from gateway.fields import Fields
from gateway.rules.quota import Mode, OnStoreFailure, QuotaKey, structured_string

# Nobody knows when a slot will be free. A second is short to wait, and spares us clients that ask in a loop.
RETRY_AFTER_SECONDS: Final = 1


@dataclass(frozen=True, slots=True)
class ConcurrencyPolicy:
    """At most `limit` requests in flight; ValueError when that is none. `local`: in each process."""

    name: str  # stable: part of the store's key and of the RateLimit field
    limit: int
    by: QuotaKey
    accuracy: Literal["exact", "local"] = "exact"
    mode: Mode = "enforce"
    on_store_failure: OnStoreFailure = "local"
    label: bytes = field(init=False, repr=False, compare=False)  # the name as a structured field string
    quota_item: bytes = field(init=False, repr=False, compare=False)  # this limit's item in RateLimit-Policy

    def __post_init__(self) -> None:
        if self.limit < 1:
            raise ValueError(f"limit {self.name!r}: at least one request must be allowed in flight")
        label = structured_string(self.name)
        object.__setattr__(self, "label", label)
        object.__setattr__(self, "quota_item", b'%b;q=%d;qu="concurrent-requests"' % (label, self.limit))


@dataclass(frozen=True, slots=True)
class Slot:
    """One limit applied to one caller in one request. The key says who is counted, as in a Charge."""

    key: bytes
    policy: ConcurrencyPolicy


class Standing(NamedTuple):
    """What one limit said: requests in flight under it, the one that asks included when it is let in."""

    allowed: bool
    in_flight: int


def decide(before: Sequence[int], slots: Sequence[Slot]) -> tuple[Standing, ...]:
    """Judge one request by how many were in flight `before` it under each limit: it takes all of them, or none.

    A shadow limit is counted and judged like any other but stops nobody.
    """
    allowed = [count < slot.policy.limit for count, slot in zip(before, slots, strict=True)]
    enters = all(fits or slot.policy.mode == "shadow" for fits, slot in zip(allowed, slots, strict=True))
    return tuple(Standing(fits, count + enters) for fits, count in zip(allowed, before, strict=True))


def is_admitted(slots: Sequence[Slot], standings: Sequence[Standing]) -> bool:
    """Tell whether no enforced limit denied."""
    pairs = zip(slots, standings, strict=True)
    return all(standing.allowed or slot.policy.mode == "shadow" for slot, standing in pairs)


def concurrency_fields(slots: Sequence[Slot], standings: Sequence[Standing]) -> Fields:
    """Render RateLimit and RateLimit-Policy in the unit `concurrent-requests` (draft-ietf-httpapi-ratelimit-headers).

    They have no window, and say nothing of when. As with rates, a shadow limit is not told, and of a denied request
    RateLimit names only what denied it.
    """
    admitted = is_admitted(slots, standings)
    limits, policies = [], []
    for slot, standing in zip(slots, standings, strict=True):
        policy = slot.policy
        if policy.mode == "shadow":
            continue
        policies.append(policy.quota_item)
        if admitted or not standing.allowed:
            limits.append(b"%b;r=%d" % (policy.label, max(0, policy.limit - standing.in_flight)))
    if not policies:
        return ()
    return ((b"ratelimit", b", ".join(limits)), (b"ratelimit-policy", b", ".join(policies)))
