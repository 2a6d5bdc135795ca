"""Asking the agency whether a stored answer still holds, and reading its reply (RFC 9111 section 4.3)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from gateway.fields import Fields, first, without
from gateway.rules.caching.dates import date_field
from gateway.rules.caching.directives import NO_DIRECTIVES
from gateway.rules.caching.entity_tags import agency_entity_tag
from gateway.rules.caching.exchange import Exchange, OriginHead
from gateway.rules.caching.freshness import freshness_of
from gateway.rules.caching.preconditions import is_strong, weakly_equal
from gateway.rules.caching.stored import StoredResponse
from gateway.rules.caching.storing import COOKIE_FIELDS, Refusal, dated, refusal_of, storable_fields, tags_of, varied
from gateway.rules.caching.targeted import response_directives
from gateway.rules.caching.vary import selecting_of

# The client's conditions are answered here, from what the agency says about ours.
CLIENT_CONDITIONS: Final = (b"if-none-match", b"if-modified-since", b"if-range", b"range")

# A 304 has no body of its own whose length it could tell (RFC 9111 section 3.2).
_NEVER_UPDATED: Final = frozenset({b"content-length"})


def unconditional(fields: Fields) -> Fields:
    """Return request fields that ask for the whole answer, so that one answer serves everyone."""
    return without(fields, CLIENT_CONDITIONS)


def validation_fields(fields: Fields, stored: StoredResponse) -> Fields:
    """Return request fields that ask whether `stored` still holds; with no validator they ask for it anew.

    Both validators are sent, weak entity tags too: for a whole GET weak comparison is enough (section 4.3.1).
    """
    conditions: list[tuple[bytes, bytes]] = []
    entity_tag = agency_entity_tag(stored.fields)
    if entity_tag is not None:
        conditions.append((b"if-none-match", entity_tag))
    changed = first(stored.fields, b"last-modified")
    if changed is not None and date_field(stored.fields, b"last-modified", stored.response_time) is not None:
        conditions.append((b"if-modified-since", changed))
    return (*unconditional(fields), *conditions)


def speaks_of(stored: StoredResponse, fields: Fields) -> bool:
    """Tell whether a 304 with `fields` is about `stored` (section 4.3.4); a 304 without validators is."""
    entity_tag = first(fields, b"etag")
    if entity_tag is not None:
        ours = agency_entity_tag(stored.fields)
        if ours is None:
            return True
        return entity_tag == ours if is_strong(entity_tag) else weakly_equal(entity_tag, ours)
    changed = date_field(fields, b"last-modified", stored.response_time)
    ours_changed = date_field(stored.fields, b"last-modified", stored.response_time)
    return changed is None or ours_changed is None or changed == ours_changed


def others_named(stored: StoredResponse, variants: Sequence[StoredResponse], fields: Fields) -> list[StoredResponse]:
    """Return the further variants a 304 is about: those with the very same strong entity tag (section 4.3.4)."""
    entity_tag = first(fields, b"etag")
    if not is_strong(entity_tag) or first(fields, b"vary") is not None:
        return []
    return [other for other in variants if other is not stored and first(other.fields, b"etag") == entity_tag]


def agrees_with_head(stored: StoredResponse, fields: Fields) -> bool:
    """Tell whether a 200 to HEAD with `fields` describes `stored` (section 4.3.5)."""
    entity_tag = first(fields, b"etag")
    if entity_tag is not None and entity_tag != first(stored.fields, b"etag"):
        return False
    changed = date_field(fields, b"last-modified", stored.response_time)
    if changed is not None and changed != date_field(stored.fields, b"last-modified", stored.response_time):
        return False
    length = first(fields, b"content-length")
    return length is None or length == b"%d" % len(stored.body)


def freshened(stored: StoredResponse, exchange: Exchange, *, selected: bool) -> StoredResponse:
    """Return `stored` with the fields of a 304 (or of an answer to HEAD) in place of its own (section 3.2).

    `selected`: the request selects this variant, so a changed `Vary` applies to it with this request's values.
    """
    policy = exchange.policy
    dropped = _NEVER_UPDATED if policy.store_set_cookie else _NEVER_UPDATED | COOKIE_FIELDS
    news = storable_fields(exchange.head.fields, NO_DIRECTIVES, shared=exchange.shared)
    update = dated(without(news, dropped), exchange.response_time)
    fields = (*without(stored.fields, {name for name, _ in update}), *update)
    directives = response_directives(fields)
    # The age is that of this reply: what the stored one said of its own is over.
    aged = (*fields, *(field for field in exchange.head.fields if field[0] == b"age"))
    names = varied(fields, policy)
    return replace(
        stored,
        fields=storable_fields(fields, directives, shared=exchange.shared),
        request_time=exchange.request_time,
        response_time=exchange.response_time,
        selecting=selecting_of(names, exchange.request.fields) if selected and names is not None else stored.selecting,
        freshness=freshness_of(stored.status, aged, directives, exchange),
        tags=tags_of(fields),
        stale_from=None,
    )


def still_refused(fresh: StoredResponse, exchange: Exchange) -> Refusal | None:
    """Return why an updated answer could not be stored if it came whole now, or None when it could."""
    head = OriginHead(fresh.status, fresh.reason, fresh.fields)
    return refusal_of(replace(exchange, head=head), response_directives(fresh.fields), fresh.freshness)
