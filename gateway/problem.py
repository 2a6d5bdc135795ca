"""Turns an error into the bytes a citizen's app receives: RFC 9457 problem details, in Indonesian or English.

Pure: it reads no clock and writes no log. Whoever answers calls it, and nothing else in the gateway makes error bodies.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass

from gateway.errors import GatewayError
from gateway.fields import Fields
from gateway.messages import CATALOGUE, EMERGENCY, Language

_TYPE_BASE = "tag:tangerangkota.go.id,2026:problem/"  # RFC 4151: names without promising a page at an address
_DEFAULT_RETRY_SECONDS = 10
_CASE_ALPHABET = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"  # without 0 O 1 I, which are misheard on the phone
_CASE_DIGITS = 6  # 30 bits: a million errors a day share codes only now and then, and the log tells them apart by time


@dataclass(frozen=True, slots=True)
class AgencyContact:
    """Whom a citizen may ask: the agency behind the service that was called."""

    name: str
    contact: str | None = None


@dataclass(frozen=True, slots=True)
class Rendered:
    """A whole error answer."""

    status: int
    fields: Fields
    body: bytes


def case_code(request_id: str) -> str:
    """Derive the short code a citizen reads to the help desk; the log line of the request carries the same one."""
    digest = hashlib.blake2b(request_id.encode(), digest_size=4).digest()
    number = int.from_bytes(digest, "big")
    digits = []
    for _ in range(_CASE_DIGITS):
        number, digit = divmod(number, len(_CASE_ALPHABET))
        digits.append(_CASE_ALPHABET[digit])
    return "TNG-" + "".join(digits)


def _retry_after(error: GatewayError) -> int | None:
    """Whole seconds for Retry-After: 429 and 503 always say when to come back (RFC 9110 section 10.2.3)."""
    if error.retry_after_seconds is not None:
        return max(1, math.ceil(error.retry_after_seconds))
    return _DEFAULT_RETRY_SECONDS if error.status in (429, 503) else None


def render(
    error: GatewayError,
    *,
    language: Language,
    instance: str,
    case: str,
    agency: AgencyContact | None = None,
    emergency: bool = False,
    extra: Mapping[str, object] | None = None,
) -> Rendered:
    """Render `error` for the request path `instance`.

    `emergency` puts the phone number before everything else; `extra` adds members such as declared offline data.
    """
    text = CATALOGUE[error.code].text(language)
    seconds = _retry_after(error)
    default_agency = "layanan kota" if language == "id" else "the city"
    detail = text.detail.format(agency=agency.name if agency else default_agency, seconds=seconds)
    members: dict[str, object] = {}
    if emergency:
        members["call"] = "tel:112"  # first, as in every answer of the emergency service itself
        detail = EMERGENCY.text(language).detail + detail
    members |= {
        "type": _TYPE_BASE + error.code,
        "title": text.title,
        "status": error.status,
        "detail": detail,
        "instance": instance,
        "code": error.code,
        "case": case,
        "source": error.source,
    }
    if agency is not None:
        members["agency"] = {"name": agency.name, "contact": agency.contact}
    if seconds is not None:
        members["retry_after"] = seconds
    members |= extra or {}
    body = json.dumps(members, ensure_ascii=False, separators=(",", ":")).encode()
    fields: Fields = (
        (b"content-type", b"application/problem+json"),
        (b"content-language", language.encode()),
        (b"cache-control", b"no-store"),
    )
    if seconds is not None:
        fields += ((b"retry-after", b"%d" % seconds),)
    return Rendered(error.status, fields + error.fields, body)
