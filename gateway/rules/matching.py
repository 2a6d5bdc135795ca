"""Finds the route of a request: a method and a canonical path against templates, the most specific first.

Templates are split into segments and stand in a tree of dicts, so finding costs the same with ten routes or forty
thousand: one look-up a segment. At each segment a literal beats a parameter, which beats a catch-all; a way that ends
nowhere, or at a template without the method, falls back to the next best.

    /v1/permits/types            literal only: found by one look-up of the whole path
    /v1/permits/types/{code}     a parameter is one whole segment, never empty
    /v1/permits/{rest:path}      a catch-all comes last; it matches /v1/permits/a/b, and /v1/permits/ and /v1/permits
                                 with the empty rest

Paths are bytes, canonical and percent-encoded (gateway.paths), and stay so in parameters. A slash at the end is part of
the path: /v1/x/ is not /v1/x. HEAD is served by a route that lists GET; OPTIONS only where it is listed. Knows neither
policies nor HTTP messages.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Generic, Literal, NamedTuple, TypeAlias, TypeVar

from gateway.errors import MalformedRequest
from gateway.paths import canonical_path

T = TypeVar("T")
Entry: TypeAlias = tuple[str, frozenset[bytes], T]  # template, methods (none listed: every method), value

_BRACED: Final = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)(:path)?\}")


class TemplateError(Exception):
    """A path template that cannot be read; `remedy` tells its author what to write."""

    def __init__(self, reason: str, remedy: str) -> None:
        super().__init__(f"{reason}; {remedy}")
        self.reason = reason
        self.remedy = remedy


@dataclass(frozen=True, slots=True)
class Segment:
    """One segment of a template; `text` is a literal's canonical bytes or a parameter's name."""

    kind: Literal["literal", "parameter", "rest"]
    text: bytes


@dataclass(frozen=True, slots=True)
class Template:
    """A parsed path template."""

    text: str
    segments: tuple[Segment, ...]

    @property
    def parameters(self) -> tuple[str, ...]:
        """The names of its parameters, in order."""
        return tuple(segment.text.decode() for segment in self.segments if segment.kind != "literal")

    @property
    def shape(self) -> tuple[bytes | None, ...]:
        """Equal for templates that match the same paths: names of parameters do not count."""
        marks = {"parameter": None, "rest": b"/"}  # no literal holds a slash
        return tuple(marks.get(segment.kind, segment.text) for segment in self.segments)


def parse_template(text: str) -> Template:
    """Read a path template. Raises TemplateError."""
    if not text.startswith("/"):
        raise TemplateError(f"the path {text!r} does not begin with a slash", f"write /{text}")
    parts = text[1:].split("/")
    segments = tuple(_parse_segment(part) for part in parts)
    if any(segment.kind == "rest" for segment in segments[:-1]):
        raise TemplateError(
            "a catch-all takes the whole rest of the path", "put it last, or use {name} for one segment"
        )
    if "" in parts[:-1]:
        raise TemplateError("an empty segment is never matched, for such requests are refused", "write single slashes")
    template = Template(text, segments)
    names = template.parameters
    if len(set(names)) < len(names):
        raise TemplateError("two parameters have the same name", "give each a name of its own")
    return template


def _parse_segment(text: str) -> Segment:
    braced = _BRACED.fullmatch(text)
    if braced is not None:
        return Segment("rest" if braced[2] else "parameter", braced[1].encode())
    if "{" in text or "}" in text:
        remedy = "write {name} or, at the end, {name:path} as a whole segment; names are letters, digits and _"
        raise TemplateError(f"the segment {text!r} is neither a literal nor a parameter", remedy)
    try:
        literal = canonical_path(b"/" + text.encode())[1:]
    except MalformedRequest as fault:
        raise TemplateError(f"the segment {text!r} matches no request: {fault.reason}", "percent-encode it") from None
    if literal != text.encode():
        raise TemplateError(f"the segment {text!r} is not canonical", f"write {literal.decode()}")
    return Segment("literal", literal)


class Match(NamedTuple, Generic[T]):
    """A route, and the parameters of its path, still percent-encoded. (One is made a request: a tuple is cheapest.)"""

    value: T
    params: tuple[tuple[str, bytes], ...] = ()


@dataclass(frozen=True, slots=True)
class NotFound:
    """No template matches the path."""


@dataclass(frozen=True, slots=True)
class MethodMissing:
    """Templates match the path, none of them with this method; `allowed` is for the `Allow` field, sorted."""

    allowed: tuple[bytes, ...]


class _Endpoint(Generic[T]):
    """What templates of one shape offer: a value for each method, and one for every other method."""

    __slots__ = ("any_method", "by_method")

    def __init__(self) -> None:
        self.by_method: dict[bytes, tuple[tuple[str, ...], T]] = {}
        self.any_method: tuple[tuple[str, ...], T] | None = None

    def add(self, methods: frozenset[bytes], names: tuple[str, ...], value: T) -> None:
        if not methods and self.any_method is None:
            self.any_method = (names, value)
        for method in methods:
            self.by_method.setdefault(method, (names, value))

    def find(self, method: bytes) -> tuple[tuple[str, ...], T] | None:
        found = self.by_method.get(method)
        if found is None and method == b"HEAD":  # RFC 9110 section 9.3.2: a GET without its content
            found = self.by_method.get(b"GET")
        return self.any_method if found is None else found


class _Node(Generic[T]):
    """A place in the tree: the segments that may follow, and what ends here."""

    __slots__ = ("end", "literals", "parameter", "rest")

    def __init__(self) -> None:
        self.literals: dict[bytes, _Node[T]] = {}
        self.parameter: _Node[T] | None = None
        self.end: _Endpoint[T] | None = None
        self.rest: _Endpoint[T] | None = None

    def endpoint(self, segments: tuple[Segment, ...]) -> _Endpoint[T]:
        """Return the endpoint of a template, growing the tree as needed."""
        node = self
        for segment in segments:
            if segment.kind == "rest":
                node.rest = node.rest or _Endpoint()
                return node.rest
            if segment.kind == "parameter":
                node.parameter = node.parameter or _Node()
                node = node.parameter
            else:
                node = node.literals.setdefault(segment.text, _Node())
        node.end = node.end or _Endpoint()
        return node.end


class Matcher(Generic[T]):
    """An immutable table of routes. Of two entries with one shape and method the first wins; see `conflicts`."""

    __slots__ = ("_literal", "_root")

    def __init__(self, entries: Iterable[Entry[T]]) -> None:
        self._root: _Node[T] = _Node()
        self._literal: dict[bytes, _Endpoint[T]] = {}
        for text, methods, value in entries:
            template = parse_template(text)
            endpoint = self._root.endpoint(template.segments)
            endpoint.add(methods, template.parameters, value)
            if not template.parameters:
                self._literal[text.encode()] = endpoint

    def match(self, method: bytes, path: bytes) -> Match[T] | NotFound | MethodMissing:
        """Find the most specific route for `path` that serves `method`."""
        literal = self._literal.get(path)
        if literal is not None:  # no other template is more specific
            found = literal.find(method)
            if found is not None:
                return Match(found[1])
        search: _Search[T] = _Search(method, path)  # `_Search[T](…)` would go through typing, which is slow
        matched = search.descend(self._root, 1) if path.startswith(b"/") else None
        if matched is not None:
            return matched
        if search.allowed:
            return MethodMissing(tuple(sorted(search.allowed)))
        return NotFound()


class _Search(Generic[T]):
    """One walk down the tree. It visits a node at most once, and never goes deeper than the templates do."""

    __slots__ = ("allowed", "method", "segments", "values")

    def __init__(self, method: bytes, path: bytes) -> None:
        self.method = method
        self.segments = path.split(b"/")
        self.values: list[bytes] = []
        self.allowed: set[bytes] = set()

    def descend(self, node: _Node[T], depth: int) -> Match[T] | None:
        """Try what follows `node`, best first; `depth` segments are spent."""
        if depth == len(self.segments):
            return self._settle(node.end) or self._settle(node.rest, b"")
        segment = self.segments[depth]
        following = node.literals.get(segment)
        if following is not None:
            matched = self.descend(following, depth + 1)
            if matched is not None:
                return matched
        if node.parameter is not None and segment:
            self.values.append(segment)
            matched = self.descend(node.parameter, depth + 1)
            if matched is not None:
                return matched
            self.values.pop()
        if node.rest is not None:
            return self._settle(node.rest, b"/".join(self.segments[depth:]))
        return None

    def _settle(self, endpoint: _Endpoint[T] | None, *rest: bytes) -> Match[T] | None:
        if endpoint is None:
            return None
        found = endpoint.find(self.method)
        if found is None:
            self.allowed.update(endpoint.by_method)
            if b"GET" in endpoint.by_method:
                self.allowed.add(b"HEAD")
            return None
        names, value = found
        return Match(value, tuple(zip(names, (*self.values, *rest), strict=True)))


@dataclass(frozen=True, slots=True)
class Conflict(Generic[T]):
    """Two entries that match the same requests; without methods, both serve every method."""

    first: T
    second: T
    methods: frozenset[bytes]


def conflicts(entries: Iterable[Entry[T]]) -> list[Conflict[T]]:
    """Find entries whose templates have one shape and whose methods overlap, in the order of the later ones."""
    seen: dict[tuple[bytes | None, ...], list[tuple[frozenset[bytes], T]]] = {}
    found = []
    for text, methods, value in entries:
        earlier = seen.setdefault(parse_template(text).shape, [])
        for others, other in earlier:
            shared = methods & others if methods and others else methods | others
            if shared or not (methods or others):
                found.append(Conflict(other, value, shared))
        earlier.append((methods, value))
    return found
