"""Remembers whose sign-in was ended before its token expired (logout, stolen refresh token, blocked account).

It holds what it is told and forgets it once no token can be alive any more; where the news comes from is feed's job.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias, TypeGuard

from gateway.clock import Clock
from gateway.identity.signal import Signal
from gateway.rules.access import Identity

# A revocation may name the token's own expiry as its end, but a token is believed for its issuer's leeway longer.
_GRACE_SECONDS: Final = 60.0
_Key: TypeAlias = tuple[Literal["session", "subject"], str, str]


@dataclass(frozen=True, slots=True)
class Revocation:
    """Ends one session, or every token of a subject issued before `not_before`. Times are wall-clock seconds."""

    issuer: str
    kind: Literal["session", "subject"]
    name: str  # the `sid` or the `sub`
    expires_at: float  # no token it concerns is alive later
    not_before: float = 0.0  # of a subject


class Revocations:
    """The revocations in force, at most `capacity` of them; `dropped` counts live ones that had to make room."""

    def __init__(self, clock: Clock, *, capacity: int = 100_000) -> None:
        self._clock = clock
        self._capacity = capacity
        self._in_force: dict[_Key, Revocation] = {}
        self._ends: list[tuple[float, _Key]] = []  # a heap; entries of replaced revocations are ignored
        self.changed = Signal()  # sent after each change that can make a remembered identity wrong
        self.dropped = 0

    def __len__(self) -> int:
        return len(self._in_force)

    def add(self, revocations: Iterable[Revocation]) -> tuple[Revocation, ...]:
        """Put these in force and return what was news; one that is over or repeated changes nothing and is none."""
        news = tuple(revocation for revocation in revocations if self._add(revocation))
        self._forget()
        if news:
            self.changed.send()
        return news

    def is_revoked(self, identity: Identity) -> bool:
        """Tell whether the session of `identity` was ended, or all its subject's tokens of that age."""
        subject = self._in_force.get(("subject", identity.issuer, identity.subject))
        if self._is_live(subject) and identity.issued_at < subject.not_before:
            return True
        if identity.session is None:
            return False
        return self._is_live(self._in_force.get(("session", identity.issuer, identity.session)))

    def _is_live(self, revocation: Revocation | None) -> TypeGuard[Revocation]:
        return revocation is not None and self._clock.wall() < revocation.expires_at + _GRACE_SECONDS

    def _add(self, new: Revocation) -> bool:
        if not self._is_live(new):
            return False
        key: _Key = (new.kind, new.issuer, new.name)
        old = self._in_force.get(key)
        if old is not None:
            # News may come late or twice: the later end and the later not-before hold.
            expires_at, not_before = max(old.expires_at, new.expires_at), max(old.not_before, new.not_before)
            new = Revocation(new.issuer, new.kind, new.name, expires_at, not_before)
        if new == old:
            return False
        self._in_force[key] = new
        heapq.heappush(self._ends, (new.expires_at, key))
        return True

    def _forget(self) -> None:
        """Drop what is over; when there are too many still, what ends soonest, as it protects least."""
        while self._ends and (len(self._in_force) > self._capacity or self._is_over(self._ends[0])):
            expires_at, key = heapq.heappop(self._ends)
            revocation = self._in_force.get(key)
            if revocation is None or revocation.expires_at != expires_at:
                continue
            self.dropped += self._is_live(revocation)
            del self._in_force[key]

    def _is_over(self, end: tuple[float, _Key]) -> bool:
        return end[0] + _GRACE_SECONDS <= self._clock.wall()
