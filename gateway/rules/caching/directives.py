"""Cache directives: `Cache-Control` as it is found in the wild, and `Pragma`, read the safe way.

Safe means: what forbids counts even inside a broken member, what permits counts only when well formed, and a lifetime
that cannot be read is zero (RFC 9111 section 4.2.1). Nothing here decides; see `freshness` and `storing`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from gateway.fields import Fields, values

MAX_DELTA_SECONDS: Final = 2**31  # RFC 9111 section 1.2.2: what overflows is this

_TOKEN: Final = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_QUOTED: Final = rb'"(?:[^"\\]|\\.)*"'
_MEMBER: Final = re.compile(rb"(%b)(?:=(?:(%b)|(%b)))?" % (_TOKEN, _TOKEN, _QUOTED), re.DOTALL)
_CLOSED: Final = re.compile(rb"(?:%b|[^\"])*+" % _QUOTED, re.DOTALL)
_SPLIT: Final = re.compile(rb"(?:%b|[^,\"])+" % _QUOTED, re.DOTALL)
_WORD: Final = re.compile(rb"[A-Za-z\-]+")
_TOKEN_LIST: Final = re.compile(rb"[ \t]*%b[ \t]*(?:,[ \t]*%b[ \t]*)*" % (_TOKEN, _TOKEN))

_RESTRICTIVE: Final = frozenset({b"no-store", b"no-cache", b"private", b"must-revalidate", b"proxy-revalidate"})
_LIFETIMES: Final = frozenset({b"max-age", b"s-maxage", b"stale-while-revalidate", b"stale-if-error"})


@dataclass(frozen=True, slots=True)
class Directive:
    """One member of a directive list. A broken one only keeps what it forbids or what lifetime it spoils."""

    name: bytes
    argument: bytes | None = None  # unquoted
    quoted: bool = False
    broken: bool = False


@dataclass(frozen=True, slots=True)
class ResponseDirectives:
    """What a response asks of a cache. Lifetimes in seconds; None where nothing is said.

    `permits_authorized`: a well-formed directive allows sharing an answer to a request that carried credentials
    (RFC 9111 section 3.5). `targeted`: said by a field aimed at this cache, so `Expires` does not count (RFC 9213).
    """

    no_store: bool = False
    no_cache: bool = False
    no_cache_fields: frozenset[bytes] = frozenset()
    private: bool = False
    private_fields: frozenset[bytes] = frozenset()
    public: bool = False
    must_revalidate: bool = False
    proxy_revalidate: bool = False
    must_understand: bool = False
    immutable: bool = False
    permits_authorized: bool = False
    max_age: int | None = None
    s_maxage: int | None = None
    stale_while_revalidate: int | None = None
    stale_if_error: int | None = None
    targeted: bool = False


@dataclass(frozen=True, slots=True)
class RequestDirectives:
    """What a client asks of a cache (RFC 9111 section 5.2.1, RFC 5861 section 4). Seconds, or None."""

    no_cache: bool = False
    no_store: bool = False
    only_if_cached: bool = False
    max_age: int | None = None
    min_fresh: int | None = None
    max_stale: float | None = None  # infinity when said without a number
    stale_if_error: int | None = None


NO_DIRECTIVES: Final = ResponseDirectives()
NO_WISHES: Final = RequestDirectives()


@dataclass(slots=True)
class _Collected:
    """Directives gathered by name, while one response is being read."""

    flags: set[bytes] = field(default_factory=set)  # restrictive ones, and well-formed permissive ones
    well_formed: set[bytes] = field(default_factory=set)
    fields: dict[bytes, set[bytes]] = field(default_factory=dict)  # names listed by no-cache="…" and private="…"
    seconds: dict[bytes, int] = field(default_factory=dict)

    def shorten(self, name: bytes, seconds: int) -> None:
        """Keep the shortest of repeated lifetimes: never fresher than the first, as section 4.2.1 asks."""
        self.seconds[name] = min(seconds, self.seconds.get(name, seconds))


def delta_seconds(text: bytes | None) -> int | None:
    """Read a count of seconds: ASCII digits only, capped at 2**31 (RFC 9111 section 1.2.2); None when it is not one."""
    if text is None or not text.isdigit():
        return None
    digits = text.lstrip(b"0")
    return MAX_DELTA_SECONDS if len(digits) > 10 else min(int(digits or b"0"), MAX_DELTA_SECONDS)


def field_names(argument: bytes) -> frozenset[bytes]:
    """Read the field names listed by a qualified `no-cache` or `private`; empty when the list is malformed."""
    if not _TOKEN_LIST.fullmatch(argument):
        return frozenset()
    return frozenset(name.strip(b" \t").lower() for name in argument.split(b","))


def members(lines: list[bytes]) -> Iterator[Directive]:
    """Yield the members of a directive list, whole and broken ones (RFC 9110 section 5.6.1)."""
    joined = b",".join(lines)
    if _CLOSED.fullmatch(joined) is None:
        # A quote that never closes would hide all that follows; read every piece as broken instead.
        yield from (Directive(part.lower(), broken=True) for part in joined.split(b","))
        return
    for part in _SPLIT.findall(joined):
        text = part.strip(b" \t")
        match = _MEMBER.fullmatch(text)
        if match is None:
            if text:  # empty members are allowed, and say nothing
                yield Directive(text.lower(), broken=True)
            continue
        name, token, quoted = match.groups()
        argument = re.sub(rb"\\(.)", rb"\1", quoted[1:-1], flags=re.DOTALL) if quoted is not None else token
        yield Directive(name.lower(), argument, quoted=quoted is not None)


def cache_control(lines: list[bytes]) -> ResponseDirectives:
    """Read the `Cache-Control` lines of a response."""
    found = _Collected()
    for member in members(lines):
        if member.broken:
            _collect_broken(found, member.name)
        elif member.name in _LIFETIMES:
            seconds = delta_seconds(member.argument)
            found.shorten(member.name, 0 if seconds is None else seconds)
            if seconds is not None:
                found.well_formed.add(member.name)
        else:
            _collect_flag(found, member)
    return _conclude(found)


def _collect_broken(found: _Collected, text: bytes) -> None:
    for word in _WORD.findall(text):
        if word in _RESTRICTIVE:
            found.flags.add(word)
        elif word in _LIFETIMES:
            found.shorten(word, 0)


def _collect_flag(found: _Collected, member: Directive) -> None:
    listed = field_names(member.argument or b"") if member.quoted else frozenset()
    if listed and member.name in (b"no-cache", b"private"):
        found.fields.setdefault(member.name, set()).update(listed)
        return
    if member.argument is None:
        found.well_formed.add(member.name)
    if member.argument is None or member.name in _RESTRICTIVE:
        found.flags.add(member.name)


def _conclude(found: _Collected) -> ResponseDirectives:
    flags, seconds = found.flags, found.seconds
    return ResponseDirectives(
        no_store=b"no-store" in flags,
        no_cache=b"no-cache" in flags,
        no_cache_fields=frozenset(found.fields.get(b"no-cache", ())),
        private=b"private" in flags,
        private_fields=frozenset(found.fields.get(b"private", ())),
        public=b"public" in flags,
        must_revalidate=b"must-revalidate" in flags,
        proxy_revalidate=b"proxy-revalidate" in flags,
        must_understand=b"must-understand" in flags,
        immutable=b"immutable" in flags,
        permits_authorized=not found.well_formed.isdisjoint((b"public", b"must-revalidate", b"s-maxage")),
        max_age=seconds.get(b"max-age"),
        s_maxage=seconds.get(b"s-maxage"),
        stale_while_revalidate=seconds.get(b"stale-while-revalidate"),
        stale_if_error=seconds.get(b"stale-if-error"),
    )


def request_directives(fields: Fields) -> RequestDirectives:
    """Read what a client asks; `Pragma` counts only where `Cache-Control` is absent (RFC 9111 section 5.4)."""
    lines = values(fields, b"cache-control")
    if not lines:
        pragma = any(member.name == b"no-cache" for member in members(values(fields, b"pragma")))
        return RequestDirectives(no_cache=True) if pragma else NO_WISHES
    flags: set[bytes] = set()
    numbers: dict[bytes, list[float]] = {}
    for member in members(lines):
        if member.broken:
            flags.update(word for word in _WORD.findall(member.name) if word in _RESTRICTIVE)
            continue
        flags.add(member.name)
        numbers.setdefault(member.name, []).append(_wish(member))
    return RequestDirectives(
        no_cache=b"no-cache" in flags,
        no_store=b"no-store" in flags,
        only_if_cached=b"only-if-cached" in flags,
        max_age=_whole(min(numbers.get(b"max-age", ()), default=None)),
        min_fresh=_whole(max(numbers.get(b"min-fresh", ()), default=None)),
        max_stale=min(numbers.get(b"max-stale", ()), default=None),
        stale_if_error=_whole(min(numbers.get(b"stale-if-error", ()), default=None)),
    )


def _wish(member: Directive) -> float:
    """Return the number of one request directive; an unreadable one asks for the freshest answer."""
    if member.name == b"max-stale" and member.argument is None:
        return math.inf
    seconds = delta_seconds(member.argument)
    if seconds is not None:
        return seconds
    return MAX_DELTA_SECONDS if member.name == b"min-fresh" else 0


def _whole(seconds: float | None) -> int | None:
    return None if seconds is None else int(seconds)
