"""One stored answer, with everything that can be worked out about it once and for all."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, TypeAlias

from gateway.fields import Fields, first
from gateway.rules.caching.entity_tags import agency_entity_tag
from gateway.rules.caching.freshness import Freshness
from gateway.rules.caching.policy import CachePolicy

# What the interpreter keeps beside the bytes themselves, in sizes of CPython 3.11: the entry with its freshness,
# and for each field a pair and two byte strings.
ENTRY_OVERHEAD_BYTES: Final = 600
FIELD_OVERHEAD_BYTES: Final = 130
# For how long an expired answer with a validator is still worth keeping: a 304 is cheaper than its body.
VALIDATION_GRACE_SECONDS: Final = 86_400.0

Selecting: TypeAlias = tuple[tuple[bytes, bytes | None], ...]
"""Names that select a variant, each with its normalised value in the request that fetched it (None: absent)."""


@dataclass(frozen=True, slots=True)
class StoredResponse:
    """A whole answer as it may be used again. Times are wall-clock seconds.

    `fields` hold neither `Age` nor anything that belongs to a connection, always a `Date`, and a true `Content-Length`
    where the status has content. `stale_from` is set by a soft purge. `gzipped` is the body compressed, empty when that
    is not worth it, None as long as nobody has tried; `fields` are always those of the plain one.
    """

    status: int
    reason: bytes
    fields: Fields
    body: bytes
    trailers: Fields
    request_time: float
    response_time: float
    selecting: Selecting
    freshness: Freshness
    tags: frozenset[bytes] = frozenset()  # from Cache-Tag and Surrogate-Key
    stale_from: float | None = None
    gzipped: bytes | None = None

    def age_at(self, now: float) -> float:
        """Return the current age (RFC 9111 section 4.2.3)."""
        return max(0.0, now - self.freshness.born)

    def expires_at(self, policy: CachePolicy) -> float:
        """Return the moment from which this answer is stale under `policy`.

        A TTL of the registry counts from receipt: it says how long the city keeps an answer, whatever clock or age
        the agency sends with it.
        """
        ttl = policy.ttl_for(self.status)
        expires = self.freshness.expires if ttl is None else self.response_time + ttl
        return expires if self.stale_from is None else min(expires, self.stale_from)

    def keep_until(self, policy: CachePolicy) -> float:
        """Return the moment after which nothing can use this answer any more, so that a store may drop it."""
        window = 0.0
        if self.freshness.may_be_stale(self.status, policy):
            window = max(
                self.freshness.revalidate_window(self.status, policy),
                self.freshness.error_window(self.status, policy),
            )
        if self.has_validator:
            window = max(window, VALIDATION_GRACE_SECONDS)
        return self.expires_at(policy) + window

    @property
    def has_validator(self) -> bool:
        """Whether the agency can be asked if this answer still holds, instead of for a new one."""
        return agency_entity_tag(self.fields) is not None or first(self.fields, b"last-modified") is not None

    @property
    def size_bytes(self) -> int:
        """What keeping this answer costs in memory, close enough to bound it."""
        pairs = self.fields + self.trailers
        text = sum(len(name) + len(value) for name, value in pairs)
        text += sum(len(name) + len(value or b"") for name, value in self.selecting) + sum(map(len, self.tags))
        small = len(pairs) + len(self.selecting) + len(self.tags)
        return ENTRY_OVERHEAD_BYTES + FIELD_OVERHEAD_BYTES * small + text + len(self.body) + len(self.gzipped or b"")

    def marked_stale(self, now: float) -> StoredResponse:
        """Return this answer, stale from `now` on (soft purge)."""
        return replace(self, stale_from=now if self.stale_from is None else min(self.stale_from, now))
