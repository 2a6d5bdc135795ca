"""The primary cache key: one canonical spelling of what was asked, and of whom the answer may be shown to.

What is dropped from the key is also not sent: the agency must receive exactly the `target` of the key, and of the
fields only what `fields_to_send` leaves, so that no spelling of a request can plant an answer under another's key.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple
from urllib.parse import unquote_to_bytes

from gateway.fields import Fields, without
from gateway.rules.caching.policy import ALL_QUERY, CachePolicy
from gateway.rules.caching.preconditions import CONTROL_FIELDS

SHARED: Final = "shared"

# How a client wants what the address already names. Their meaning is bounded and agencies tell by `Vary` which of them
# counted, so they reach the agency without being listed, and are in the key where an answer varies on them.
NEGOTIATION_FIELDS: Final = frozenset({b"accept", b"accept-charset", b"accept-encoding", b"accept-language"})

_UNRESERVED: Final = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
_ENCODED: Final = re.compile(rb"%[0-9A-Fa-f]{2}")
_UNSAFE: Final = re.compile(rb"[^!-~]")


class PrimaryKey(NamedTuple):
    """Names one resource of one service in one partition. GET and HEAD share it (RFC 9111 section 4)."""

    partition: str
    service: str
    path: bytes  # the agency's own path, canonical
    query: bytes  # without the question mark, canonical, only what the registry lists

    @property
    def target(self) -> bytes:
        """The request target the agency must receive."""
        return b"%b?%b" % (self.path, self.query) if self.query else self.path

    def __str__(self) -> str:
        return f"{self.partition} {self.service} {self.target.decode('ascii')}"


def citizen_partition(citizen: str, generation: str) -> str:
    """Name the partition of one citizen's session; both are opaque, and `citizen` is a pseudonym, never a NIK."""
    # The length keeps ("a:b", "c") and ("a", "b:c") apart.
    return f"citizen:{len(citizen)}:{citizen}:{generation}"


def primary_key(service: str, path: bytes, query: bytes, policy: CachePolicy, *, partition: str = SHARED) -> PrimaryKey:
    """Build the key of a request for `path` and `query` in the agency's own URL space."""
    return PrimaryKey(partition, service, canonical(path), _listed_query(query, policy) if query else b"")


def canonical(text: bytes) -> bytes:
    """Spell percent-encoding one way (RFC 3986 section 6.2.2): unreserved bytes plain, hexadecimal in capitals."""
    if b"%" in text:
        text = _ENCODED.sub(_recoded, text)
    return _UNSAFE.sub(lambda match: b"%%%02X" % match[0][0], text)


def _recoded(match: re.Match[bytes]) -> bytes:
    byte = int(match[0][1:], 16)
    return bytes((byte,)) if byte in _UNRESERVED else match[0].upper()


def _listed_query(query: bytes, policy: CachePolicy) -> bytes:
    """Keep the listed parameters: as sent, or where order means nothing sorted by name, repeats in their order."""
    parameters = [canonical(part) for part in query.split(b"&") if part]
    if ALL_QUERY not in policy.query:
        parameters = [part for part in parameters if _name(part) in policy.query]
    if not policy.query_order_matters:
        parameters.sort(key=_name)
    return b"&".join(parameters)


def _name(parameter: bytes) -> bytes:
    """Return the plain name: `filter%5Ba%5D` is listed as `filter[a]`."""
    return unquote_to_bytes(parameter.partition(b"=")[0])


def fields_to_send(fields: Fields, policy: CachePolicy) -> Fields:
    """Return the client's fields that may reach the agency on a cached route: what could change an answer unseen goes.

    Where every field passes, cookies still go from shared routes unless the registry names them, for they tell one
    citizen from another.
    """
    if policy.sent_fields is not None:
        allowed = policy.sent_fields.union(policy.key_fields, CONTROL_FIELDS)
        return tuple(field for field in fields if field[0] in allowed)
    if policy.scope == "shared" and b"cookie" not in policy.key_fields:
        return without(fields, (b"cookie",))
    return fields
