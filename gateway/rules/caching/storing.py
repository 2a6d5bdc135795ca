"""May this answer be stored, and what of it (RFC 9111 section 3)? The checks stand in the order they are made."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, TypeAlias

from gateway.fields import Fields, first, values, without
from gateway.rules.caching.dates import format_date
from gateway.rules.caching.directives import ResponseDirectives, request_directives
from gateway.rules.caching.entity_tags import agency_entity_tag, entity_tag_of
from gateway.rules.caching.exchange import CacheRequest, Exchange, OriginHead
from gateway.rules.caching.freshness import HEURISTIC_STATUSES, Freshness, freshness_of
from gateway.rules.caching.locations import resolve, target_of
from gateway.rules.caching.policy import CachePolicy
from gateway.rules.caching.stored import Selecting, StoredResponse
from gateway.rules.caching.targeted import response_directives
from gateway.rules.caching.vary import PERSONAL_FIELDS, selecting_of, selects, vary_names

# The final status codes of RFC 9110 whose meaning for caches is built in here (section 15; must-understand asks).
UNDERSTOOD_STATUSES: Final = frozenset(
    {200, 201, 202, 203, 204, 205, 300, 301, 302, 303, 305, 307, 308}
    | {400, 401, 402, 403, 404, 405, 406, 407, 408, 409, 410, 411, 412, 413, 414, 415, 416, 417, 421, 422, 426}
    | {500, 501, 502, 503, 504, 505}
)

# Of a connection or of one exchange, never of the answer (RFC 9110 section 7.6.1, RFC 9111 section 3.1).
CONNECTION_FIELDS: Final = frozenset(
    {
        b"connection",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authentication-info",
        b"proxy-authorization",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    }
)
COOKIE_FIELDS: Final = frozenset({b"set-cookie", b"set-cookie2"})
_NOT_IN_TRAILERS: Final = CONNECTION_FIELDS | COOKIE_FIELDS | {b"content-length", b"cache-control", b"age", b"vary"}


class Refusal(StrEnum):
    """Why an answer is not stored; shown as `detail` of Cache-Status."""

    METHOD = "method"
    STATUS = "status"
    NO_STORE_REQUEST = "request-no-store"
    NO_STORE = "no-store"
    NOT_UNDERSTOOD = "must-understand"
    PRIVATE = "private"
    CREDENTIALS = "credentials"
    VARY = "vary"
    SET_COOKIE = "set-cookie"
    NO_FRESHNESS = "no-freshness"
    INCOMPLETE = "incomplete"
    TOO_LARGE = "too-large"


@dataclass(frozen=True, slots=True)
class Storing:
    """An answer that will be stored once its body has come whole.

    `may_serve_waiters`: fresh and reusable unasked, so requests that wait for it may have it as it arrives.
    """

    status: int
    reason: bytes
    fields: Fields
    request_time: float
    response_time: float
    selecting: Selecting
    freshness: Freshness
    tags: frozenset[bytes]
    expected_bytes: int | None  # from Content-Length
    max_body_bytes: int
    may_serve_waiters: bool

    def suits(self, request_fields: Fields) -> bool:
        """Tell whether a waiting request with `request_fields` selects this same variant."""
        return selects(self.selecting, request_fields, self.fields)

    def finish(self, body: bytes, trailers: Fields = ()) -> StoredResponse | None:
        """Return the stored answer, or None when the body is not whole or too large.

        Call it only when the body ended as its framing says: what broke off is never stored as whole.
        """
        if len(body) > self.max_body_bytes or self.expected_bytes not in (None, len(body)):
            return None
        fields = self.fields
        if first(fields, b"content-length") is None and self.status != 204:
            fields = (*fields, (b"content-length", b"%d" % len(body)))
        if self.status == 200 and first(fields, b"etag") is None:
            fields = (*fields, (b"etag", entity_tag_of(body)))
        return StoredResponse(
            status=self.status,
            reason=self.reason,
            fields=fields,
            body=body,
            trailers=without(trailers, _NOT_IN_TRAILERS),
            request_time=self.request_time,
            response_time=self.response_time,
            selecting=self.selecting,
            freshness=self.freshness,
            tags=self.tags,
        )


Decision: TypeAlias = Storing | Refusal


def storing_of(exchange: Exchange) -> Decision:
    """Decide whether an answer may be stored, and as what."""
    head, policy = exchange.head, exchange.policy
    directives = response_directives(head.fields)
    freshness = freshness_of(head.status, head.fields, directives, exchange)
    if not _has_cacheable_method(exchange, freshness):
        return Refusal.METHOD
    expected = content_length(head.fields)
    refusal = refusal_of(exchange, directives, freshness) or _length_refusal(expected, policy)
    if refusal is not None:
        return refusal
    ttl = policy.ttl_for(head.status)
    fresh_seconds = freshness.expires - exchange.response_time if ttl is None else ttl
    return Storing(
        status=head.status,
        reason=head.reason,
        fields=dated(storable_fields(head.fields, directives, shared=exchange.shared), exchange.response_time),
        request_time=exchange.request_time,
        response_time=exchange.response_time,
        selecting=selecting_of(varied(head.fields, policy) or (), exchange.request.fields),
        freshness=freshness,
        tags=tags_of(head.fields),
        expected_bytes=expected,
        max_body_bytes=policy.max_body_bytes,
        may_serve_waiters=fresh_seconds > 0 and not freshness.no_cache,
    )


def _length_refusal(expected: int | None, policy: CachePolicy) -> Refusal | None:
    if expected is None or 0 <= expected <= policy.max_body_bytes:
        return None
    return Refusal.INCOMPLETE if expected < 0 else Refusal.TOO_LARGE


def dated(fields: Fields, response_time: float) -> Fields:
    """Note when an answer without a date came, as whoever keeps it must (RFC 9110 section 6.6.1)."""
    return fields if first(fields, b"date") is not None else (*fields, (b"date", format_date(response_time)))


def _has_cacheable_method(exchange: Exchange, freshness: Freshness) -> bool:
    """Tell whether the method lets an answer be stored: GET, or a POST whose answer is what a GET would bring.

    The latter needs the agency's own word twice: a lifetime, and the target named as `Content-Location` of a success
    (RFC 9110 section 9.3.3).
    """
    request, head = exchange.request, exchange.head
    if request.method == b"GET":
        return True
    location = first(head.fields, b"content-location")
    if request.method != b"POST" or location is None or not (freshness.explicit and 200 <= head.status < 300):
        return False
    return resolve(request, location, exchange.policy) == target_of(request)


def refusal_of(exchange: Exchange, directives: ResponseDirectives, freshness: Freshness) -> Refusal | None:
    """Return the first reason against storing an answer, whatever the method; None when there is none."""
    request, head, policy = exchange.request, exchange.head, exchange.policy
    understood = head.status in UNDERSTOOD_STATUSES
    named = directives.no_cache_fields | (directives.private_fields if exchange.shared else frozenset())
    sets_cookie = any(name in COOKIE_FIELDS - named for name, _ in head.fields)
    credentials = exchange.shared and has_credentials(request, policy)
    checks = (
        (head.status < 200 or head.status in (206, 304), Refusal.STATUS),
        (request_directives(request.fields).no_store, Refusal.NO_STORE_REQUEST),
        (directives.must_understand and not understood, Refusal.NOT_UNDERSTOOD),
        (directives.no_store and not directives.must_understand, Refusal.NO_STORE),
        (exchange.shared and directives.private, Refusal.PRIVATE),
        (varied(head.fields, policy) is None, Refusal.VARY),
        (credentials and not directives.permits_authorized, Refusal.CREDENTIALS),
        (sets_cookie and not policy.store_set_cookie, Refusal.SET_COOKIE),
        (not _is_worth_storing(head, directives, freshness, policy), Refusal.NO_FRESHNESS),
    )
    return next((refusal for applies, refusal in checks if applies), None)


def has_credentials(request: CacheRequest, policy: CachePolicy) -> bool:
    """Tell whether the agency can know who asks (RFC 9111 section 3.5); what is in the key separates by itself."""
    if request.authorized:
        return True
    return any(name in PERSONAL_FIELDS and name not in policy.key_fields for name, _ in request.fields)


def varied(fields: Fields, policy: CachePolicy) -> tuple[bytes, ...] | None:
    """Return the names that select this answer: its own `Vary` and the registry's; None when nothing can match."""
    names = vary_names(fields)
    if names is None or not policy.key_fields:
        return names
    return tuple(sorted({*names, *policy.key_fields}))


def _is_worth_storing(
    head: OriginHead, directives: ResponseDirectives, freshness: Freshness, policy: CachePolicy
) -> bool:
    """Tell whether storing is allowed by the last rule of RFC 9111 section 3, and can ever be of use."""
    ttl = policy.ttl_for(head.status)
    if ttl is None and not (freshness.explicit or directives.public or head.status in HEURISTIC_STATUSES):
        return False
    if (freshness.lifetime_seconds if ttl is None else ttl) > 0 and not freshness.no_cache:
        return True
    if agency_entity_tag(head.fields) is not None or first(head.fields, b"last-modified") is not None:
        return True
    may_be_stale = freshness.may_be_stale(head.status, policy)
    return may_be_stale and freshness.error_window(head.status, policy) > 0


def storable_fields(fields: Fields, directives: ResponseDirectives, *, shared: bool) -> Fields:
    """Return the fields to keep: none of the connection's, none that need asking each time (RFC 9111 section 3.1)."""
    dropped = {b"age", *CONNECTION_FIELDS, *directives.no_cache_fields}
    if shared:
        dropped |= directives.private_fields
    for line in values(fields, b"connection"):
        dropped.update(name.strip(b" \t").lower() for name in line.split(b","))
    return tuple(field for field in fields if field[0] not in dropped)


def content_length(fields: Fields) -> int | None:
    """Return the promised length of the body, None when none is promised, -1 when the promise cannot be read."""
    lines = set(values(fields, b"content-length"))
    if not lines:
        return None
    text = lines.pop()
    return int(text) if not lines and text.isdigit() and len(text) < 20 else -1


def tags_of(fields: Fields) -> frozenset[bytes]:
    """Return the names by which the agency can purge an answer: `Cache-Tag` by commas, `Surrogate-Key` by spaces."""
    tags = {tag.strip(b" \t") for line in values(fields, b"cache-tag") for tag in line.split(b",")}
    tags.update(tag for line in values(fields, b"surrogate-key") for tag in line.split())
    return frozenset(tags - {b""})
