"""Makes the refusals of sign-in, each with its `WWW-Authenticate` challenge (RFC 6750 section 3).

The texts are fixed: nothing of a token is ever echoed.
"""

from __future__ import annotations

from typing import Final

from gateway.errors import KeysUnavailable, NotAuthenticated, SessionEnded, TokenExpired, TokenInvalid
from gateway.fields import Fields

_REALM: Final = b'Bearer realm="tangerang-live"'


def not_authenticated() -> NotAuthenticated:
    return NotAuthenticated("no token came", fields=CHALLENGE)


def token_invalid(reason: str) -> TokenInvalid:
    """`reason` goes to logs and must hold nothing of the token."""
    return TokenInvalid(reason, fields=_INVALID)


def token_expired() -> TokenExpired:
    return TokenExpired("the token expired", fields=_EXPIRED)


def session_ended() -> SessionEnded:
    return SessionEnded("the session was revoked", fields=_ENDED)


def keys_unavailable(issuer: str, *, retry_after_seconds: float) -> KeysUnavailable:
    """Our own fault, so there is no challenge: asking for another token would help nobody."""
    return KeysUnavailable(f"no key of {issuer} was ever fetched", retry_after_seconds=retry_after_seconds)


def _fields(value: bytes) -> Fields:
    return ((b"www-authenticate", value),)


def _invalid_token(description: bytes) -> Fields:
    return _fields(_REALM + b', error="invalid_token", error_description="%b"' % description)


# For a request that brought no token at all: no error code, the client may simply not have known.
CHALLENGE: Final = _fields(_REALM)
_INVALID: Final = _invalid_token(b"The token cannot be accepted")
_EXPIRED: Final = _invalid_token(b"The token expired")
_ENDED: Final = _invalid_token(b"The session has ended")
