"""Rewrites one service's piece of OpenAPI so that it can stand beside others: its component names get a prefix.

What looks like a reference inside an example is a value, and what looks like a keyword inside `properties` is a name;
so the walk knows at every object which of the two its keys are (OpenAPI 3.1 section 4.8, JSON Schema 2020-12).
"""

from __future__ import annotations

import re
from typing import Any, Final, TypeAlias

Json: TypeAlias = dict[str, Any]  # Any: a JSON object of somebody else's making

_COMPONENT: Final = re.compile(r"#/components/([A-Za-z]+)/([A-Za-z0-9._-]+)(/.*)?")
_VALUES: Final = frozenset({"const", "default", "enum", "example", "value"})
_NAMED: Final = frozenset(
    {
        "$defs", "content", "definitions", "dependentSchemas", "encoding", "examples", "headers", "patternProperties",
        "properties", "responses",
    }
)  # fmt: skip
# Ways around the gateway, and addresses of the document it came from, which mean nothing in the merged one.
_LEFT_OUT: Final = frozenset({"$anchor", "$dynamicAnchor", "$id", "$schema", "callbacks", "links", "servers"})


class UnusableDocument(Exception):
    """A service's document cannot be merged; the text tells its makers why and what to do."""


class Renaming:
    """Rewrites pieces of one service's document, and notes in `used` which components (kind, name) they refer to."""

    def __init__(self, service: str) -> None:
        self._prefix = f"{service}."
        self.used: set[tuple[str, str]] = set()

    def name(self, name: str) -> str:
        """Return what a component or operation of this service is called in the merged document."""
        return self._prefix + name

    def rewritten(self, value: Any) -> Any:
        """Return a copy of `value`, an object of OpenAPI or JSON Schema. Raises UnusableDocument."""
        if isinstance(value, list):
            return [self.rewritten(one) for one in value]
        if not isinstance(value, dict):
            return value
        written = {key: self._member(key, child) for key, child in value.items() if key not in _LEFT_OUT}
        discriminator = value.get("discriminator")
        if isinstance(discriminator, dict):
            written["discriminator"] = self._discriminator(discriminator, value)
        return written

    def _member(self, key: str, child: Any) -> Any:
        if key in ("$ref", "$dynamicRef"):
            return self._reference(child)
        if key in _VALUES or key.startswith("x-") or (key == "examples" and isinstance(child, list)):
            return child
        if key == "operationId":
            return self.name(str(child))
        if key in _NAMED and isinstance(child, dict):
            return {name: self.rewritten(one) for name, one in child.items()}
        return self.rewritten(child)

    def _reference(self, reference: object) -> str:
        kind, name, rest = split_reference(reference)
        self.used.add((kind, name))
        return f"#/components/{kind}/{self.name(name)}{rest}"

    def _discriminator(self, discriminator: Json, schema: Json) -> Json:
        """Map values to schemas in so many words: a value stands for the schema of that name, and names change here."""
        mapping: dict[str, str] = {}
        for choice in (*_listed(schema.get("oneOf")), *_listed(schema.get("anyOf"))):
            if isinstance(choice, dict) and "$ref" in choice:
                mapping[split_reference(choice["$ref"])[1]] = self._reference(choice["$ref"])
        for value, target in dict(discriminator.get("mapping") or {}).items():
            reference = target if str(target).startswith("#") else f"#/components/schemas/{target}"
            mapping[str(value)] = self._reference(reference)
        return {**discriminator, "mapping": mapping} if mapping else dict(discriminator)


def split_reference(reference: object) -> tuple[str, str, str]:
    """Return kind, name and rest of a reference to a component of the same document. Raises UnusableDocument."""
    found = _COMPONENT.fullmatch(reference) if isinstance(reference, str) else None
    if found is None:
        raise UnusableDocument(f"refers to {str(reference)[:200]!r}; keep what is shared under #/components/…")
    return found[1], found[2], found[3] or ""


def _listed(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
