"""Targeted cache control (RFC 9213): fields aimed at this cache win over `Cache-Control`, even against `no-store`.

A targeted field that is empty, malformed or gives a directive a value of the wrong type is ignored whole.
"""

from __future__ import annotations

from typing import Final

from gateway.fields import Fields, values
from gateway.rules.caching.directives import MAX_DELTA_SECONDS, ResponseDirectives, cache_control, field_names
from gateway.rules.caching.structured import NotADictionary, Value, dictionary

# Ours first: it is the narrower target (RFC 9213 section 2.2).
TARGETS: Final = (b"tangerang-cache-control", b"cdn-cache-control")

_FLAGS: Final = (b"no-store", b"public", b"must-revalidate", b"proxy-revalidate", b"must-understand", b"immutable")
_SECONDS: Final = (b"max-age", b"s-maxage", b"stale-while-revalidate", b"stale-if-error")
_QUALIFIED: Final = (b"no-cache", b"private")


def response_directives(fields: Fields) -> ResponseDirectives:
    """Read what a response asks of this cache, from the field that counts for it."""
    for target in TARGETS:
        lines = values(fields, target)
        if lines:
            aimed = _targeted(lines)
            if aimed is not None:
                return aimed
    return cache_control(values(fields, b"cache-control"))


def _targeted(lines: list[bytes]) -> ResponseDirectives | None:
    try:
        found = dictionary(lines)
    except NotADictionary:
        return None
    if not found or not _is_well_typed(found):
        return None
    flags = {name for name in _FLAGS + _QUALIFIED if found.get(name) is True}
    seconds = {name: _clamp(found[name]) for name in _SECONDS if name in found}
    named = {name: _field_names(found.get(name)) for name in _QUALIFIED}
    return ResponseDirectives(
        no_store=b"no-store" in flags,
        no_cache=b"no-cache" in flags or named[b"no-cache"] == frozenset(),
        no_cache_fields=named[b"no-cache"] or frozenset(),
        private=b"private" in flags or named[b"private"] == frozenset(),
        private_fields=named[b"private"] or frozenset(),
        public=b"public" in flags,
        must_revalidate=b"must-revalidate" in flags,
        proxy_revalidate=b"proxy-revalidate" in flags,
        must_understand=b"must-understand" in flags,
        immutable=b"immutable" in flags,
        permits_authorized=b"public" in flags or b"must-revalidate" in flags or b"s-maxage" in seconds,
        max_age=seconds.get(b"max-age"),
        s_maxage=seconds.get(b"s-maxage"),
        stale_while_revalidate=seconds.get(b"stale-while-revalidate"),
        stale_if_error=seconds.get(b"stale-if-error"),
        targeted=True,
    )


def _is_well_typed(found: dict[bytes, Value]) -> bool:
    flags = all(isinstance(found.get(name, True), bool) for name in _FLAGS)
    seconds = all(type(found.get(name, 0)) is int for name in _SECONDS)  # a bool is an int, but not a number here
    qualified = all(isinstance(found.get(name, True), bool | bytes) for name in _QUALIFIED)
    return flags and seconds and qualified


def _clamp(value: Value) -> int:
    assert isinstance(value, int)
    return max(0, min(value, MAX_DELTA_SECONDS))


def _field_names(value: Value | None) -> frozenset[bytes] | None:
    """Return the listed names; an empty set when the list is unreadable (so it counts for all), None when unlisted."""
    return field_names(value) if isinstance(value, bytes) else None
