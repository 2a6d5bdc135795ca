"""What an agency's answer means: relay it, keep it, refresh what is stored, or ask once more."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from gateway.rules.caching.answers import answer_from
from gateway.rules.caching.coding import represented
from gateway.rules.caching.exchange import CacheRequest, Exchange, OriginHead
from gateway.rules.caching.preconditions import controls_of, is_not_modified, not_modified_fields
from gateway.rules.caching.stored import StoredResponse
from gateway.rules.caching.storing import COOKIE_FIELDS, Refusal, Storing, storing_of
from gateway.rules.caching.validation import (
    agrees_with_head,
    freshened,
    others_named,
    speaks_of,
    still_refused,
    unconditional,
)
from gateway.rules.caching.vary import selects
from gateway.rules.caching.verdicts import AskAgain, Refreshed, Relay, Replacement

# A full answer like these tells that what is stored no longer holds; 401, 429 or 500 tell nothing of it.
_GONE_STATUSES: Final = frozenset({404, 410})


def relay(request: CacheRequest, head: OriginHead, response_time: float) -> Relay:
    """Return what a client is sent of an answer now arriving: its own conditions, kept back before, decide."""
    if request.method == b"GET" and head.status == 200 and is_not_modified(request.fields, head.fields, response_time):
        return Relay(304, b"Not Modified", not_modified_fields(head.fields), with_body=False)
    return Relay(head.status, head.reason, head.fields, with_body=request.method != b"HEAD")


def on_answer(exchange: Exchange, stored: StoredResponse | None, variants: Sequence[StoredResponse]) -> Relay:
    """Relay an answer, with what it does to the store; `stored` is what was to be validated by it."""
    relayed = relay(exchange.request, exchange.head, exchange.response_time)
    if exchange.request.method == b"HEAD":
        return _with_head_effects(exchange, relayed, variants)
    decision = storing_of(exchange)
    if isinstance(decision, Storing):
        return replace(relayed, storing=decision)
    superseded = exchange.head.status < 400 or exchange.head.status in _GONE_STATUSES
    # What the agency says to someone it knows is no news about what it says to all.
    drop = (stored,) if stored is not None and superseded and decision is not Refusal.CREDENTIALS else ()
    return replace(relayed, refusal=decision, drop=drop)


def _with_head_effects(exchange: Exchange, relayed: Relay, variants: Sequence[StoredResponse]) -> Relay:
    """Update or drop the GET answers that a 200 to HEAD describes (RFC 9111 section 4.3.5)."""
    updates: list[Replacement] = []
    drop: list[StoredResponse] = []
    for stored in variants if exchange.head.status == 200 else ():
        if not selects(stored.selecting, exchange.request.fields, stored.fields):
            continue
        fresh = freshened(stored, exchange, selected=True)
        refusal = still_refused(fresh, exchange)
        if refusal is Refusal.CREDENTIALS:
            continue
        if refusal is None and agrees_with_head(stored, exchange.head.fields):
            updates.append((stored, fresh))
        else:
            drop.append(stored)
    return replace(relayed, refusal=Refusal.METHOD, replace=tuple(updates), drop=tuple(drop))


def on_not_modified(
    exchange: Exchange, stored: StoredResponse, variants: Sequence[StoredResponse]
) -> Refreshed | AskAgain:
    """Refresh what a 304 speaks of, and answer the client from it."""
    request, head, policy = exchange.request, exchange.head, exchange.policy
    if not speaks_of(stored, head.fields):
        fields = request.fields if request.method == b"HEAD" else unconditional(request.fields)
        return AskAgain(fields, drop=(stored,))
    fresh = freshened(stored, exchange, selected=True)
    refusal = still_refused(fresh, exchange)
    age = int(fresh.age_at(exchange.response_time))
    shown = represented(fresh, request, policy)
    answer = answer_from(shown, method=request.method, conditions=controls_of(request.fields), age_seconds=age)
    if not policy.store_set_cookie:
        # A cookie in the 304 is for this client; the stored answer goes without.
        cookies = tuple(field for field in head.fields if field[0] in COOKIE_FIELDS)
        answer = answer._replace(fields=(*answer.fields, *cookies))
    ttl = math.floor(fresh.expires_at(policy) - exchange.response_time)
    if refusal is not None:
        drop = () if refusal is Refusal.CREDENTIALS else (stored,)
        return Refreshed(fresh, answer, age, ttl, shareable=False, drop=drop)
    updates = [(stored, fresh)]
    others = others_named(stored, variants, head.fields)
    updates.extend((other, freshened(other, exchange, selected=False)) for other in others)
    return Refreshed(fresh, answer, age, ttl, shareable=True, replace=tuple(updates))
