"""Compressed forms of stored answers: which may have one, and who gets it (RFC 9110 sections 8.4.1 and 12.5.3).

The plain form is what the agency sent and stays what it is asked about; the compressed one is made from it once, lies
beside it, and is another representation: with an entity tag of its own, told apart by `Vary`.
"""

from __future__ import annotations

import gzip
import re
from dataclasses import replace
from typing import Final

from gateway.fields import Fields, first, values, without
from gateway.rules.caching.directives import members
from gateway.rules.caching.entity_tags import coded_entity_tag
from gateway.rules.caching.exchange import CacheRequest
from gateway.rules.caching.policy import CachePolicy
from gateway.rules.caching.preconditions import is_strong
from gateway.rules.caching.stored import StoredResponse
from gateway.rules.caching.vary import vary_names, weighted_words

# Less fits into one packet either way.
LEAST_BYTES: Final = 1_024
_LEVEL: Final = 6
_WORTH: Final = 0.9  # of the plain size: what is hardly smaller only costs memory, and everybody's time to unpack
_CODING: Final = b"gzip"
_SELECTING: Final = b"accept-encoding"
_TYPES: Final = re.compile(
    rb"text/(?!event-stream)[^;]+|[^;/]+/[^;]+\+(?:json|xml)|"
    rb"application/(?:json|xml|javascript|x-javascript|x-ndjson|wasm|x-www-form-urlencoded)|image/(?:bmp|x-icon)"
)
# They speak of the very bytes, or of how these may be changed.
_BOUND_FIELDS: Final = frozenset(
    {b"content-encoding", b"content-range", b"content-digest", b"repr-digest", b"digest", b"content-md5"}
)
_REPLACED: Final = (b"content-length", b"etag", b"accept-ranges")


def is_compressible(stored: StoredResponse) -> bool:
    """Tell whether an answer may be given compressed: large enough, of a type that shrinks, not bound to its bytes."""
    if stored.status != 200 or len(stored.body) < LEAST_BYTES or stored.trailers:
        return False
    content_type = (first(stored.fields, b"content-type") or b"").partition(b";")[0].strip(b" \t").lower()
    if _TYPES.fullmatch(content_type) is None or any(name in _BOUND_FIELDS for name, _ in stored.fields):
        return False
    return vary_names(stored.fields) is not None and not _forbids_transforming(stored.fields)


def _forbids_transforming(fields: Fields) -> bool:
    """Tell whether `no-transform` is said, of an answer or of a request (RFC 9111 sections 5.2.1.6 and 5.2.2.6)."""
    return any(b"no-transform" in member.name for member in members(values(fields, b"cache-control")))


def compress(body: bytes) -> bytes:
    """Return `body` compressed, empty when that is not worth it. Costs about a millisecond for 50 KB."""
    smaller = gzip.compress(body, _LEVEL, mtime=0)  # the same bytes in every worker, as a strong entity tag promises
    return smaller if len(smaller) < len(body) * _WORTH else b""


def wants_compressing(stored: StoredResponse, request: CacheRequest, policy: CachePolicy) -> bool:
    """Tell whether the compressed form is asked for, may be made, and is not there yet."""
    return policy.compress and stored.gzipped is None and _accepts_gzip(request) and is_compressible(stored)


def represented(stored: StoredResponse, request: CacheRequest, policy: CachePolicy) -> StoredResponse:
    """Return the form of a stored answer that suits a request, its fields telling what it is."""
    if not policy.compress or not stored.gzipped or not is_compressible(stored):
        return stored
    varying = _varying(stored.fields)
    if not _accepts_gzip(request):
        return replace(stored, fields=varying)
    entity_tag = first(stored.fields, b"etag")
    if entity_tag is not None:
        # A weak tag stands for every form of the content.
        entity_tag = coded_entity_tag(entity_tag, _CODING) if is_strong(entity_tag) else entity_tag
    added = [(b"content-encoding", _CODING), (b"content-length", b"%d" % len(stored.gzipped))]
    added += [(b"etag", entity_tag)] if entity_tag is not None else []
    return replace(stored, fields=(*without(varying, _REPLACED), *added), body=stored.gzipped)


def _varying(fields: Fields) -> Fields:
    """Return `fields` that also tell that the coding was chosen by the request."""
    if _SELECTING in (vary_names(fields) or ()):
        return fields
    lines = [*values(fields, b"vary"), b"Accept-Encoding"]
    return (*without(fields, (b"vary",)), (b"vary", b", ".join(line for line in lines if line)))


def _accepts_gzip(request: CacheRequest) -> bool:
    """Tell whether gzip suits a request at least as well as plain bytes do; a part is cut from the plain ones."""
    if request.accept_encoding is None or _forbids_transforming(request.fields):
        return False
    if any(name == b"range" for name, _ in request.fields):
        return False
    weights = weighted_words([request.accept_encoding])
    gzip_weight = max(weights.get(b"gzip", -1), weights.get(b"x-gzip", -1))
    if gzip_weight < 0:
        gzip_weight = weights.get(b"*", 0)
    return gzip_weight > 0 and gzip_weight >= weights.get(b"identity", 0)
