"""Entity tags of the gateway's own, for stored answers whose agency sends none (RFC 9110 section 8.8.3).

They are strong: made from every byte of the content, and only once it has come whole. The agency never hears of them,
for it could not say whether they still hold; whoever reads the answer can, and is spared its body.
"""

from __future__ import annotations

from base64 import urlsafe_b64encode
from hashlib import blake2b
from typing import Final

from gateway.fields import Fields, first

_OWN_BEGINS: Final = b'"tangerang-'
_DIGEST_BYTES: Final = 15  # a multiple of three, so that nothing needs padding


def entity_tag_of(body: bytes) -> bytes:
    """Return the strong entity tag of this content."""
    digest = blake2b(body, digest_size=_DIGEST_BYTES).digest()
    return b'%b%b"' % (_OWN_BEGINS, urlsafe_b64encode(digest))


def agency_entity_tag(fields: Fields) -> bytes | None:
    """Return the entity tag the agency gave, None when there is none or it is the gateway's own."""
    entity_tag = first(fields, b"etag")
    return None if entity_tag is None or entity_tag.startswith(_OWN_BEGINS) else entity_tag


def coded_entity_tag(entity_tag: bytes, coding: bytes) -> bytes:
    """Return the strong tag of the same content in another coding, whose bytes differ (RFC 9110 section 8.8.3.3)."""
    return b'%b-%b"' % (entity_tag[:-1], coding)
