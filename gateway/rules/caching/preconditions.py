"""The client's own conditions, judged against an answer at hand (RFC 9110 section 13, RFC 9111 section 4.3.2)."""

from __future__ import annotations

import re
from typing import Final

from gateway.fields import Fields, first, values
from gateway.rules.caching.dates import date_field, date_of

# What the origin alone can judge: such a request is passed on as it came (RFC 9111 section 4.3.2).
ORIGIN_ONLY: Final = frozenset({b"if-match", b"if-unmodified-since"})

CONTROL_FIELDS: Final = frozenset(
    {
        b"cache-control",
        b"pragma",
        b"if-match",
        b"if-none-match",
        b"if-modified-since",
        b"if-unmodified-since",
        b"if-range",
        b"range",
    }
)

_ENTITY_TAG: Final = re.compile(rb'(?:W/)?"[!#-~\x80-\xff]*"')
_LIST_ITEM: Final = re.compile(rb'(?:"[^"]*"|[^,"])+')

# Fields of the content itself, which a 304 does not have (RFC 9110 section 15.4.5).
_CONTENT_FIELDS: Final = frozenset(
    {b"content-encoding", b"content-language", b"content-length", b"content-range", b"content-type"}
)


def controls_of(fields: Fields) -> Fields:
    """Return the fields of a request that tell a cache what to do; most requests have none."""
    if CONTROL_FIELDS.isdisjoint([name for name, _ in fields]):
        return ()
    return tuple(field for field in fields if field[0] in CONTROL_FIELDS)


def is_strong(entity_tag: bytes | None) -> bool:
    """Tell whether an entity tag is well formed and strong (RFC 9110 section 8.8.3)."""
    return entity_tag is not None and entity_tag.startswith(b'"') and _ENTITY_TAG.fullmatch(entity_tag) is not None


def weakly_equal(one: bytes, other: bytes) -> bool:
    """Compare entity tags weakly (RFC 9110 section 8.8.3.2); what is malformed only equals its own bytes."""
    if _ENTITY_TAG.fullmatch(one) and _ENTITY_TAG.fullmatch(other):
        return one.removeprefix(b"W/") == other.removeprefix(b"W/")
    return one == other


def is_not_modified(request_fields: Fields, fields: Fields, response_time: float) -> bool:
    """Tell whether the client already has the answer with `fields`, so that 304 says it all.

    `If-None-Match` is judged first, and where it is present `If-Modified-Since` counts for nothing (section 13.2.2).
    """
    wanted = values(request_fields, b"if-none-match")
    if wanted:
        return _matches(wanted, first(fields, b"etag"))
    since = date_field(request_fields, b"if-modified-since", response_time)
    if since is None:
        return False
    changed = date_field(fields, b"last-modified", response_time)
    # Without Last-Modified the answer's own date stands in (RFC 9111 section 4.3.2).
    return (date_of(fields, response_time) if changed is None else changed) <= since


def _matches(lines: list[bytes], entity_tag: bytes | None) -> bool:
    items = [item.strip(b" \t") for item in _LIST_ITEM.findall(b",".join(lines))]
    if items == [b"*"]:
        return True
    return entity_tag is not None and any(weakly_equal(item, entity_tag) for item in items)


def range_still_applies(request_fields: Fields, fields: Fields, response_time: float) -> bool:
    """Judge `If-Range` (RFC 9110 section 13.1.5): without it a range applies; a weak validator never holds."""
    lines = values(request_fields, b"if-range")
    if not lines:
        return True
    condition = lines[0]
    if len(lines) > 1:
        return False
    if condition.startswith((b'"', b"W/")):
        return is_strong(condition) and condition == first(fields, b"etag")
    changed = date_field(fields, b"last-modified", response_time)
    if changed is None or date_field(request_fields, b"if-range", response_time) != changed:
        return False
    # A date is strong only if nothing can have changed within its second (section 8.8.2.2).
    return date_of(fields, response_time) - changed >= 1


def not_modified_fields(fields: Fields) -> Fields:
    """Return the fields of a 304 for the answer with `fields`: its validators and all but what describes content."""
    return tuple(field for field in fields if field[0] not in _CONTENT_FIELDS)
