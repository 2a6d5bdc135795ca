"""The Cache-Status field (RFC 9211), in the one voice of the cache named `tangerang`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from gateway.rules.caching.verdicts import Forwarded

CACHE_NAME: Final = b"tangerang"

_TOKEN: Final = re.compile(r"[A-Za-z*][!#$%&'*+\-.^_`|~0-9A-Za-z:/]*")
_NOT_IN_STRINGS: Final = re.compile(r"[^ -~]")


@dataclass(frozen=True, slots=True)
class CacheStatus:
    """One member of the field. Either `hit`, or `fwd` says why the request went on to the agency."""

    hit: bool = False
    fwd: Forwarded | None = None
    fwd_status: int | None = None
    ttl_seconds: int | None = None  # freshness left, negative when stale
    stored: bool = False
    collapsed: bool = False
    key: str | None = None
    detail: str | None = None

    def render(self) -> bytes:
        """Return the member as it stands in the field."""
        parts = [CACHE_NAME]
        if self.hit:
            parts.append(b"hit")
        if self.fwd is not None:
            parts.append(b"fwd=" + self.fwd.encode("ascii"))
        if self.fwd_status is not None:
            parts.append(b"fwd-status=%d" % self.fwd_status)
        if self.stored:
            parts.append(b"stored")
        if self.collapsed:
            parts.append(b"collapsed")
        if self.ttl_seconds is not None:
            parts.append(b"ttl=%d" % self.ttl_seconds)
        if self.key is not None:
            parts.append(b"key=" + _string(self.key))
        if self.detail is not None:
            detail = self.detail
            parts.append(b"detail=" + (detail.encode("ascii") if _TOKEN.fullmatch(detail) else _string(detail)))
        return b"; ".join(parts)


def _string(text: str) -> bytes:
    """Write a structured-field string (RFC 8941 section 3.3.3); what it cannot hold becomes a question mark."""
    escaped = _NOT_IN_STRINGS.sub("?", text).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'.encode("ascii")
