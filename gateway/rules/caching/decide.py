"""The machine the driver calls: what to do with a request, with the agency's answer, and with its silence.

Pure: what is stored, the policy and the time come in, a verdict comes out.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from gateway.fields import Fields, values
from gateway.rules.caching.answers import answer_from
from gateway.rules.caching.coding import represented
from gateway.rules.caching.directives import NO_WISHES, RequestDirectives, request_directives
from gateway.rules.caching.exchange import CacheRequest, Exchange, OriginHead
from gateway.rules.caching.policy import CachePolicy
from gateway.rules.caching.preconditions import ORIGIN_ONLY, controls_of
from gateway.rules.caching.ranges import asks_for_several
from gateway.rules.caching.replies import on_answer, on_not_modified
from gateway.rules.caching.stored import StoredResponse
from gateway.rules.caching.storing import has_credentials
from gateway.rules.caching.validation import unconditional, validation_fields
from gateway.rules.caching.vary import select
from gateway.rules.caching.verdicts import (
    FailureOutcome,
    Forwarded,
    FromCache,
    GatewayTimeout504,
    Miss,
    NeedsValidation,
    NoStale,
    Outcome,
    ServeStale,
    Verdict,
)

# The failures a stale answer may stand in for (RFC 5861 section 4).
FAILURE_STATUSES: Final = frozenset({500, 502, 503, 504})


def lookup(request: CacheRequest, variants: Sequence[StoredResponse], policy: CachePolicy, now: float) -> Verdict:
    """Tell how to serve `request`, given every stored variant under its primary key."""
    if request.method not in (b"GET", b"HEAD"):
        return Miss(Forwarded.METHOD, request.fields, collapsible=False)
    controls = controls_of(request.fields)
    wishes = request_directives(controls) if controls else NO_WISHES
    stored = select(variants, request.fields)
    verdict: Verdict
    if _is_for_the_agency(request, controls, wishes, stored):
        verdict = Miss(Forwarded.REQUEST, request.fields, collapsible=False)
    elif stored is None:
        verdict = _miss(request, controls, Forwarded.VARY_MISS if variants else Forwarded.URI_MISS, policy)
    else:
        verdict = _judge(request, controls, wishes, stored, policy, now)
    if wishes.only_if_cached and not isinstance(verdict, FromCache):
        return GatewayTimeout504()
    return verdict


def _is_for_the_agency(
    request: CacheRequest, controls: Fields, wishes: RequestDirectives, stored: StoredResponse | None
) -> bool:
    """Tell whether a request must go on as it came: nothing kept, a condition for the origin alone, several ranges."""
    if wishes.no_store or any(name in ORIGIN_ONLY for name, _ in controls):
        return True
    return stored is not None and request.method == b"GET" and asks_for_several(controls)


def _judge(
    request: CacheRequest,
    controls: Fields,
    wishes: RequestDirectives,
    stored: StoredResponse,
    policy: CachePolicy,
    now: float,
) -> FromCache | NeedsValidation:
    """Tell whether the selected answer may be used now (RFC 9111 section 4)."""
    left = stored.expires_at(policy) - now
    if stored.freshness.no_cache:
        return _validation(request, stored, Forwarded.STALE, policy)
    if not _suits_client(stored, wishes, left=left, now=now):
        return _validation(request, stored, Forwarded.REQUEST if left > 0 else Forwarded.STALE, policy)
    if left > 0:
        return _from_cache(request, controls, stored, policy, left=left, now=now)
    validation = _validation(request, stored, Forwarded.STALE, policy)
    if stored.freshness.may_be_stale(stored.status, policy):
        if wishes.max_stale is not None and -left <= wishes.max_stale:
            return _from_cache(request, controls, stored, policy, left=left, now=now)
        if -left < stored.freshness.revalidate_window(stored.status, policy):
            return _from_cache(request, controls, stored, policy, left=left, now=now, revalidation=validation)
    return validation


def _suits_client(stored: StoredResponse, wishes: RequestDirectives, *, left: float, now: float) -> bool:
    """Tell whether the client's wishes allow an answer with `left` seconds of freshness (RFC 9111 section 5.2.1)."""
    if wishes is NO_WISHES:
        return True
    if wishes.no_cache or (wishes.min_fresh is not None and left < wishes.min_fresh):
        return False
    # `immutable` tells that a reload (max-age=0) need not ask while the answer is fresh (RFC 8246 section 2).
    too_old = wishes.max_age is not None and stored.age_at(now) > wishes.max_age
    return not too_old or (stored.freshness.immutable and left > 0)


def _validation(
    request: CacheRequest, stored: StoredResponse, reason: Forwarded, policy: CachePolicy
) -> NeedsValidation:
    fields = validation_fields(request.fields, stored)
    return NeedsValidation(stored, fields, reason, collapsible=_may_collapse(request, policy))


def _miss(request: CacheRequest, controls: Fields, reason: Forwarded, policy: CachePolicy) -> Miss:
    """Ask for the whole answer, unless only part of it, or only its head, is wanted."""
    if request.method == b"HEAD" or values(controls, b"range"):
        return Miss(reason, request.fields, collapsible=False)
    return Miss(reason, unconditional(request.fields), collapsible=_may_collapse(request, policy))


def _may_collapse(request: CacheRequest, policy: CachePolicy) -> bool:
    """Tell whether others may wait for this answer: not where it is likely to be for one person only."""
    return request.method == b"GET" and (policy.scope == "citizen" or not has_credentials(request, policy))


def _from_cache(
    request: CacheRequest,
    controls: Fields,
    stored: StoredResponse,
    policy: CachePolicy,
    *,
    left: float,
    now: float,
    revalidation: NeedsValidation | None = None,
) -> FromCache:
    age = int(stored.age_at(now))
    shown = represented(stored, request, policy)
    answer = answer_from(shown, method=request.method, conditions=controls, age_seconds=age)
    return FromCache(stored, answer, age, math.floor(left), left <= 0, revalidation)


def serve(request: CacheRequest, stored: StoredResponse, policy: CachePolicy, now: float) -> FromCache:
    """Answer a request that waited for `stored` (of the same variant): its own conditions and range are applied."""
    controls = controls_of(request.fields)
    return _from_cache(request, controls, stored, policy, left=stored.expires_at(policy) - now, now=now)


def on_head(
    request: CacheRequest,
    verdict: Miss | NeedsValidation,
    head: OriginHead,
    variants: Sequence[StoredResponse],
    policy: CachePolicy,
    *,
    request_time: float,
    response_time: float,
) -> Outcome:
    """Tell what the agency's final head means for the client and for the store.

    `request_time` is when the request was sent, `response_time` when the head came; `variants` are those stored now.
    """
    exchange = Exchange(request, head, policy, request_time, response_time)
    if isinstance(verdict, NeedsValidation):
        if head.status == 304:
            return on_not_modified(exchange, verdict.stored, variants)
        if head.status in FAILURE_STATUSES:
            failure = on_error(request, verdict, policy, response_time)
            if isinstance(failure, ServeStale):
                return failure
    return on_answer(exchange, verdict.stored if isinstance(verdict, NeedsValidation) else None, variants)


def on_error(request: CacheRequest, verdict: Miss | NeedsValidation, policy: CachePolicy, now: float) -> FailureOutcome:
    """Tell what to do when no answer came: unreachable, timed out, broken off, breaker open."""
    if isinstance(verdict, Miss):
        return NoStale()
    stored = verdict.stored
    controls = controls_of(request.fields)
    window = max(stored.freshness.error_window(stored.status, policy), request_directives(controls).stale_if_error or 0)
    left = stored.expires_at(policy) - now
    if window <= 0 or -left > window or not stored.freshness.may_be_stale(stored.status, policy):
        return NoStale()
    found = _from_cache(request, controls, stored, policy, left=left, now=now)
    return ServeStale(stored, found.answer, found.age_seconds, found.ttl_seconds)
