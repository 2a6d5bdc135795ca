"""Reads a bearer token strictly, before any signature is looked at (RFC 7515, RFC 7519, RFC 8725).

A token has one spelling and one meaning here: exact base64url, JSON without duplicate members, claims of the right
type. It verifies nothing, fetches nothing, and follows no key or address that a token names.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, TypeGuard

from gateway.identity import strict_json
from gateway.identity.challenge import not_authenticated, token_invalid

MAX_TOKEN_BYTES: Final = 8_192  # ours have about 620; servers refuse heads much larger than this anyway
ALGORITHMS: Final = frozenset({"ES256", "EdDSA", "RS256", "PS256"})  # asymmetric only: no secret is shared with issuers

_BEARER: Final = re.compile(rb"bearer ([A-Za-z0-9\-._~+/]+=*)", re.IGNORECASE)  # RFC 9110 section 11.2: token68
_TYPES: Final = frozenset({"jwt", "at+jwt", "application/jwt", "application/at+jwt"})  # RFC 7519 5.1, RFC 9068 2.1
# Each would change what is verified or by which key: jku, jwk, x5u and x5c bring their own key (RFC 8725 section 3.10),
# b64 another signing input (RFC 7797), crit an extension we would have to know (none), zip and cty another payload.
_REFUSED_PARAMETERS: Final = ("jku", "jwk", "x5u", "x5c", "b64", "crit", "zip", "cty")
_LAST_SECOND: Final = 253_402_300_799  # end of the year 9999; later is a mistake or an attack on arithmetic
_MAX_AUDIENCES: Final = 32
_MAX_TEXT: Final = 512


@dataclass(frozen=True, slots=True)
class Claims:
    """What a token says, not yet believed. Times are seconds of the wall clock (RFC 7519 NumericDate)."""

    issuer: str
    subject: str
    session: str | None
    audiences: frozenset[str]
    expires_at: float
    issued_at: float | None
    not_before: float | None
    scopes: frozenset[str]
    assurance: int
    members: Mapping[str, object]  # the whole payload, read-only


@dataclass(frozen=True, slots=True)
class Token:
    """A well-formed token whose signature is still to be checked."""

    algorithm: str
    key_id: str | None
    claims: Claims


def bearer_token(values: Sequence[bytes]) -> bytes:
    """Return the token in the values of `Authorization`; raise NotAuthenticated for none, TokenInvalid for a bad one.

    Exactly one field, scheme Bearer, one space, token68 (RFC 6750 section 2.1).
    """
    if not values:
        raise not_authenticated()
    if len(values) > 1:
        raise token_invalid("more than one Authorization field")
    match = _BEARER.fullmatch(values[0])
    if match is None:
        raise token_invalid("the Authorization field is no bearer token")
    return match[1]


def read(token: bytes) -> Token:
    """Return what `token` says; raise TokenInvalid when it can be read in no single way."""
    if len(token) > MAX_TOKEN_BYTES:
        raise token_invalid("the token is too long")
    parts = token.split(b".")
    if len(parts) != 3:
        raise token_invalid("the token has not three parts")
    header = _object(parts[0], "header")
    algorithm, key_id = _header(header)
    claims = _claims(_object(parts[1], "payload"))
    _decode(parts[2], "signature")
    return Token(algorithm, key_id, claims)


def decode_base64url(text: bytes) -> bytes:
    """Return what `text` encodes (RFC 7515 section 2); raise ValueError for padding, spare bits or foreign characters.

    Decoding is lenient in Python, so the strictness lies in the comparison: each value has exactly one spelling.
    """
    try:
        raw = base64.urlsafe_b64decode(text + b"=" * (-len(text) % 4))
    except binascii.Error as error:
        raise ValueError("not base64url") from error
    if not raw or base64.urlsafe_b64encode(raw).rstrip(b"=") != text:
        raise ValueError("not base64url in its one spelling")
    return raw


def is_time(value: object) -> TypeGuard[int | float]:
    """Tell whether a JSON value is a NumericDate: a number (no boolean) from 1970 to the year 9999."""
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= _LAST_SECOND


def is_text(value: object) -> TypeGuard[str]:
    """Tell whether a JSON value may name something: a short printable string that is not empty."""
    return isinstance(value, str) and 0 < len(value) <= _MAX_TEXT and value.isprintable()


def _decode(part: bytes, name: str) -> bytes:
    try:
        return decode_base64url(part)
    except ValueError as error:
        raise token_invalid(f"the {name} is not strict base64url") from error


def _object(part: bytes, name: str) -> Mapping[str, object]:
    try:
        value = strict_json.loads(_decode(part, name))
    except ValueError as error:
        raise token_invalid(f"the {name} is not strict JSON") from error
    if not isinstance(value, dict):
        raise token_invalid(f"the {name} is not a JSON object")
    return MappingProxyType(value)


def _header(header: Mapping[str, object]) -> tuple[str, str | None]:
    for name in _REFUSED_PARAMETERS:
        if name in header:
            raise token_invalid(f"header parameter {name} is refused")
    algorithm = header.get("alg")
    if not isinstance(algorithm, str) or algorithm not in ALGORITHMS:
        raise token_invalid("the algorithm is refused")
    kind = header.get("typ", "JWT")
    if not isinstance(kind, str) or kind.lower() not in _TYPES:
        raise token_invalid("typ is no access token's")
    return algorithm, _optional_text(header, "kid")


def _claims(payload: Mapping[str, object]) -> Claims:
    expires_at = _optional_time(payload, "exp")
    if expires_at is None:
        raise token_invalid("exp is missing")
    return Claims(
        issuer=_text(payload, "iss"),
        subject=_text(payload, "sub"),
        session=_optional_text(payload, "sid"),
        audiences=_audiences(payload.get("aud")),
        expires_at=expires_at,
        issued_at=_optional_time(payload, "iat"),
        not_before=_optional_time(payload, "nbf"),
        scopes=_scopes(payload),
        assurance=_assurance(payload.get("acr")),
        members=payload,
    )


def _text(members: Mapping[str, object], name: str) -> str:
    value = members.get(name)
    if not is_text(value):
        raise token_invalid(f"{name} is no short text")
    return value


def _optional_text(members: Mapping[str, object], name: str) -> str | None:
    return _text(members, name) if name in members else None


def _optional_time(members: Mapping[str, object], name: str) -> float | None:
    if name not in members:
        return None
    value = members[name]
    if not is_time(value):
        raise token_invalid(f"{name} is no time")
    return float(value)


def _audiences(value: object) -> frozenset[str]:
    """RFC 7519 section 4.1.3: one string or an array of them."""
    several = value if isinstance(value, list) else [value]
    if not 0 < len(several) <= _MAX_AUDIENCES:
        raise token_invalid("aud names none or too many")
    named = frozenset(each for each in several if isinstance(each, str) and each)
    if not named or not all(isinstance(each, str) and each for each in several):
        raise token_invalid("aud is no text or list of texts")
    return named


def _scopes(payload: Mapping[str, object]) -> frozenset[str]:
    """`scope` is one string parted by spaces (RFC 8693 section 4.2); `scopes`, of some issuers, a list."""
    scope = payload.get("scope", "")
    several = payload.get("scopes", [])
    if not isinstance(scope, str) or not isinstance(several, list):
        raise token_invalid("scope is no text or scopes no list")
    named = {each for each in several if isinstance(each, str)}
    if len(named) != len(several):
        raise token_invalid("scopes is no list of different texts")
    return frozenset(named.union(scope.split(" ")) - {""})


def _assurance(acr: object) -> int:
    """Map `acr` to the city's levels 1 to 4; another issuer's own words prove nothing here, which is level 0."""
    if isinstance(acr, int) and not isinstance(acr, bool):
        return acr if 0 <= acr <= 4 else 0
    return int(acr) if isinstance(acr, str) and acr in ("1", "2", "3", "4") else 0
