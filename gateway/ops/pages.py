"""Public pages as values: bytes with their validators, which of two forms a reader wants, and in which language.

A page costs the same whoever asks and however often: what is rendered is remembered, so that nobody can keep a worker
busy by reloading one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qs

from gateway.fields import Fields, values
from gateway.messages import Language
from gateway.pipeline.call import Call, Reply
from gateway.rules.caching.preconditions import is_not_modified, not_modified_fields

_REMEMBERED: Final = 64  # pages of a few ten kilobytes
_MAX_RANGES: Final = 20  # of an Accept field; no browser sends half as many


@dataclass(frozen=True, slots=True)
class Representation:
    """One form of a page, whole."""

    content: bytes
    fields: Fields


def represent(content: bytes, media_type: bytes, *, max_age_seconds: int, more: Fields = ()) -> Representation:
    """Give `content` its type, its lifetime and a strong validator."""
    tag = hashlib.sha256(content).hexdigest()[:24].encode()
    fields = (
        (b"content-type", media_type),
        (b"cache-control", b"public, max-age=%d" % max_age_seconds),
        (b"etag", b'"%b"' % tag),
        (b"x-content-type-options", b"nosniff"),
    )
    return Representation(content, fields + more)


def answer(call: Call, page: Representation) -> Reply:
    """Return the page, or 304 when the reader has it."""
    if is_not_modified(call.head.fields, page.fields, 0.0):
        return Reply(304, not_modified_fields(page.fields))
    return Reply(200, page.fields, page.content, length=len(page.content))


class Rendered:
    """What has been rendered of one edition of something. Bounded; a new edition forgets all."""

    __slots__ = ("_edition", "_pages")

    def __init__(self) -> None:
        self._edition: object = None
        self._pages: dict[Hashable, Representation] = {}

    def get(self, edition: object, key: Hashable, render: Callable[[], Representation]) -> Representation:
        """Return the page of this key, rendered at most once for the same (identical) edition."""
        if edition is not self._edition:
            self._edition = edition
            self._pages.clear()
        page = self._pages.get(key)
        if page is None:
            if len(self._pages) >= _REMEMBERED:
                self._pages.pop(next(iter(self._pages)))
            page = self._pages[key] = render()
        return page


def query_value(call: Call, name: str) -> str | None:
    """Return the only value of a parameter of the query."""
    try:
        found = parse_qs(call.query.decode("ascii"), max_num_fields=20).get(name, [])
    except ValueError:
        return None
    return found[0] if len(found) == 1 else None


def reading_language(call: Call) -> Language:
    """Return the language of a page: the one chosen by `?lang=`, else the browser's."""
    chosen = query_value(call, "lang")
    if chosen in ("id", "en"):
        return "en" if chosen == "en" else "id"
    return call.head.language


def prefers_html(fields: Fields) -> bool:
    """Tell whether `Accept` puts text/html before JSON (RFC 9110 section 12.5.1); who says nothing gets JSON."""
    ranges = [part.split(b";") for value in values(fields, b"accept") for part in value.split(b",")][:_MAX_RANGES]
    weights = {name.strip().lower(): _weight(parameters) for name, *parameters in ranges}
    return _of(weights, b"text/html", b"text/*") > _of(weights, b"application/json", b"application/*")


def _of(weights: dict[bytes, float], *names: bytes) -> float:
    return next((weights[name] for name in (*names, b"*/*") if name in weights), 0.0)


def _weight(parameters: list[bytes]) -> float:
    for parameter in parameters:
        name, _, value = parameter.partition(b"=")
        if name.strip().lower() == b"q":
            value = value.strip()
            return min(float(value), 1.0) if value.replace(b".", b"", 1).isdigit() else 0.0
    return 1.0
