"""How old a stored answer is, how long it is fresh, and when a stale one may be used (RFC 9111 section 4.2, RFC 5861).

Worked out once when the answer is stored; at each use only additions and comparisons are left.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from gateway.fields import Fields, values
from gateway.rules.caching.dates import age_field, date_field, date_of
from gateway.rules.caching.directives import ResponseDirectives
from gateway.rules.caching.exchange import Exchange
from gateway.rules.caching.policy import CachePolicy

# Cacheable without a word about freshness (RFC 9110 section 15.1); 206 is left out, for it is never stored here.
HEURISTIC_STATUSES: Final = frozenset({200, 203, 204, 300, 301, 308, 404, 405, 410, 414, 501})
HEURISTIC_SHARE: Final = 0.1  # of the time since the last change, as RFC 9111 section 4.2.2 suggests
# A page unchanged for ten years must not be kept unasked for one: most caches stop at a day.
HEURISTIC_MAX_SECONDS: Final = 86_400.0


@dataclass(frozen=True, slots=True)
class Freshness:
    """What an answer says about its own use. `born` is a wall-clock moment, the rest are seconds or leaves.

    `born` is when the agency made the answer, as far as can be told: current age is the time since.
    `forbids_stale` are explicit words; `s_maxage` forbids too, but only while it is what sets the lifetime.
    """

    born: float
    lifetime_seconds: float
    explicit: bool
    no_cache: bool
    forbids_stale: bool
    s_maxage: bool
    immutable: bool
    stale_while_revalidate_seconds: float | None
    stale_if_error_seconds: float | None

    @property
    def expires(self) -> float:
        """The moment until which the agency itself lets the answer be used."""
        return self.born + self.lifetime_seconds

    def may_be_stale(self, status: int, policy: CachePolicy) -> bool:
        """Tell whether a stale answer may ever be used unvalidated (RFC 9111 section 4.2.4)."""
        if self.no_cache or self.forbids_stale:
            return False
        return not self.s_maxage or policy.ttl_for(status) is not None

    def revalidate_window(self, status: int, policy: CachePolicy) -> float:
        """Return for how many seconds after expiry an answer may be used while it is revalidated.

        Where the registry sets the TTL its word comes first, else the agency's; and the registry's own word extends
        only what the agency gave a lifetime.
        """
        if policy.ttl_for(status) is None:
            own = policy.stale_while_revalidate_seconds if self.lifetime_seconds > 0 else None
            return _first_said(self.stale_while_revalidate_seconds, own)
        return _first_said(policy.stale_while_revalidate_seconds, self.stale_while_revalidate_seconds)

    def error_window(self, status: int, policy: CachePolicy) -> float:
        """Return for how many seconds after expiry an answer may stand in for a failed agency."""
        if policy.ttl_for(status) is None:
            return _first_said(self.stale_if_error_seconds, policy.stale_if_error_seconds)
        return _first_said(policy.stale_if_error_seconds, self.stale_if_error_seconds)


def _first_said(*seconds: float | None) -> float:
    return next((value for value in seconds if value is not None), 0.0)


def freshness_of(status: int, fields: Fields, directives: ResponseDirectives, exchange: Exchange) -> Freshness:
    """Work out the freshness of an answer with `fields`, told by the times and the sharing of `exchange`."""
    date = date_of(fields, exchange.response_time)
    lifetime = _explicit_lifetime(fields, directives, date, shared=exchange.shared)
    return Freshness(
        born=exchange.response_time - _initial_age(fields, date, exchange),
        lifetime_seconds=_heuristic_lifetime(status, fields, directives, date) if lifetime is None else lifetime,
        explicit=lifetime is not None,
        no_cache=directives.no_cache,
        forbids_stale=directives.must_revalidate or (exchange.shared and directives.proxy_revalidate),
        s_maxage=exchange.shared and directives.s_maxage is not None,
        immutable=directives.immutable,
        stale_while_revalidate_seconds=directives.stale_while_revalidate,
        stale_if_error_seconds=directives.stale_if_error,
    )


def _initial_age(fields: Fields, date: float, exchange: Exchange) -> float:
    """Return the corrected initial age (RFC 9111 section 4.2.3)."""
    apparent_age = max(0.0, exchange.response_time - date)
    delay = max(0.0, exchange.response_time - exchange.request_time)
    return max(apparent_age, age_field(fields) + delay)


def _explicit_lifetime(fields: Fields, directives: ResponseDirectives, date: float, *, shared: bool) -> float | None:
    if shared and directives.s_maxage is not None:
        return directives.s_maxage
    if directives.max_age is not None:
        return directives.max_age
    if directives.targeted or not values(fields, b"expires"):
        return None
    # An `Expires` that is no date, or several, means already expired (RFC 9111 section 5.3).
    expires = date_field(fields, b"expires", date)
    return 0.0 if expires is None else max(0.0, expires - date)


def _heuristic_lifetime(status: int, fields: Fields, directives: ResponseDirectives, date: float) -> float:
    """Return a tenth of the time since the last change, where a guess is allowed (RFC 9111 section 4.2.2)."""
    if status not in HEURISTIC_STATUSES and not directives.public:
        return 0.0
    changed = date_field(fields, b"last-modified", date)
    if changed is None:
        return 0.0
    return min(max(0.0, date - changed) * HEURISTIC_SHARE, HEURISTIC_MAX_SECONDS)
