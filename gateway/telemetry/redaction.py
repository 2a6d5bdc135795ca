"""Takes personal data out of whatever is about to be logged: NIK, phone numbers, e-mail addresses, tokens.

It works on texts, by shape, so that a value is caught wherever it turns up. It is the last net, not the first: nothing
in the gateway logs bodies, query strings or credentials to begin with.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, MutableMapping
from typing import Any, Final

_MARK: Final = "[redacted]"
# A JWT or another long opaque credential; a NIK (16 digits); a phone number (08…, 62…, +62…); an e-mail address.
_PERSONAL: Final = re.compile(
    r"eyJ[\w-]{8,}(?:\.[\w-]*){0,4}"
    r"|(?i:bearer|basic)\s+[\w\-.~+/=]{6,}"
    r"|(?<![0-9a-fA-F])\d{16}(?![0-9a-fA-F])"
    r"|(?<![0-9a-fA-F])(?:\+?62|0)[ .-]?8(?:[ .-]?\d){7,11}(?![0-9a-fA-F])"
    r"|[\w.+-]+(?:@|%40)[\w-]+(?:\.[\w-]+)+"
)
_SECRET_NAMES: Final = frozenset(
    ("authorization", "cookie", "set-cookie", "password", "token", "access_token", "refresh_token", "secret")
)


def redact(text: str) -> str:
    """Return `text` with everything that has the shape of personal data or a credential replaced."""
    return _PERSONAL.sub(_MARK, text)


def redact_event(_logger: object, _method: str, event: MutableMapping[str, Any]) -> Mapping[str, Any]:
    """Redact every value of a structlog event, nested ones too; a value under a secret name goes whatever its shape."""
    return {name: _clean(name, value) for name, value in event.items()}


def _clean(name: str, value: Any) -> Any:
    if name.lower() in _SECRET_NAMES:
        return _MARK
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, bytes):
        return redact(value.decode("latin-1"))
    if isinstance(value, Mapping):
        return {str(key): _clean(str(key), inner) for key, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_clean(name, inner) for inner in value]
    if isinstance(value, bool | int | float) or value is None:
        return value
    return redact(str(value))
