"""What the registry decides about caching on one route, compiled.

Safe by default: nothing here makes an answer shared that its agency called private, tied to a login, or gave a cookie.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

Scope = Literal["shared", "citizen"]

ALL_QUERY: Final = b"*"
ALL_FIELDS: Final = b"*"

# A registry TTL means answers that carry what was asked for. Errors get `negative_ttl_seconds` or a TTL by status, so
# that `ttl: 10m` never nails an outage for ten minutes.
POSITIVE_STATUSES: Final = frozenset({200, 203, 204, 300, 301, 308})
NEGATIVE_STATUSES: Final = frozenset({404, 405, 410, 414, 501})

_NO_TTLS: Final[Mapping[int, float]] = {}


@dataclass(frozen=True, slots=True)
class CachePolicy:
    """How answers of one route are kept. Every duration is in seconds; None leaves the matter to the origin.

    `query` lists the parameters that reach the agency and make the key; `(ALL_QUERY,)` lets every one through.
    `key_fields` are request fields that always separate answers, as if every answer said `Vary` about them.
    `sent_fields`, when given, are the only end-to-end request fields the agency receives on this route, beside those
    that speak to caches (conditions, ranges, `Cache-Control`); None lets every one through.
    `compress`: stored answers are also given compressed, to whoever takes them so.
    `origins` tell where the agency's own resources are: origins (`http://host:port`, lower-case, without a default
    port), each with the base path of its target.
    """

    ttl_seconds: float | None = None
    ttl_by_status: Mapping[int, float] = field(default_factory=lambda: _NO_TTLS)
    negative_ttl_seconds: float | None = None
    stale_while_revalidate_seconds: float | None = None
    stale_if_error_seconds: float | None = None
    scope: Scope = "shared"
    query: tuple[bytes, ...] = ()
    query_order_matters: bool = True
    key_fields: tuple[bytes, ...] = ()
    sent_fields: frozenset[bytes] | None = None
    store_set_cookie: bool = False
    compress: bool = False
    max_body_bytes: int = 1_048_576
    origins: frozenset[bytes] = frozenset()

    def ttl_for(self, status: int) -> float | None:
        """Return the registry's own lifetime for an answer with `status`, or None when the origin decides."""
        own = self.ttl_by_status.get(status)
        if own is not None:
            return own
        if status in POSITIVE_STATUSES:
            return self.ttl_seconds
        return self.negative_ttl_seconds if status in NEGATIVE_STATUSES else None
