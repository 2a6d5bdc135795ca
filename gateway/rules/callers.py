"""Whom a limit counts a request under: a name for the bucket, made of what the registry says to count by.

Names say what kind of thing they name, so that no claim can be mistaken for a citizen. Who has not the thing counted by
gets the answer the registry declares for that; strangers are never all counted together.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import Final

from gateway.fields import first
from gateway.rules.access import Identity
from gateway.rules.forwarding import address_key
from gateway.rules.heads import RequestHead
from gateway.rules.quota import QuotaKey

_LONGEST: Final = 64  # bytes of a value kept as they are: clients write them, and thousands of buckets hold them


def citizen_key(issuer: str, subject: str) -> bytes:
    """Name a citizen: the same over all their devices and sessions."""
    return b"citizen:" + f"{issuer}|{subject}".encode()


def caller_key(
    by: QuotaKey, *, identity: Identity | None, head: RequestHead, address: str, service: str, route: str
) -> bytes | None:
    """Name the bucket of a request; None when it lacks the thing counted by and its address may not stand in."""
    kind = by.kind
    key: bytes | None
    if kind == "citizen":
        key = None if identity is None else citizen_key(identity.issuer, identity.subject)
    elif kind == "service":
        return b"service:" + service.encode()
    elif kind == "route":
        return b"route:" + route.encode()
    elif kind == "claim":
        key = _claim(by.name or "", identity)
    elif kind == "header":
        key = _header((by.name or "").encode(), head)
    else:
        return b"address:" + address_key(address)
    if key is None and by.missing == "address":
        return b"address:" + address_key(address)
    return key


def _claim(name: str, identity: Identity | None) -> bytes | None:
    claim = None if identity is None else identity.claims.get(name)
    return None if claim is None else f"claim:{name}:".encode() + _bounded(str(claim).encode())


def _header(name: bytes, head: RequestHead) -> bytes | None:
    value = first(head.fields, name)
    return None if value is None else b"header:" + name + b":" + _bounded(value)


def _bounded(value: bytes) -> bytes:
    return value if len(value) <= _LONGEST else b"#" + blake2b(value, digest_size=16).hexdigest().encode()
