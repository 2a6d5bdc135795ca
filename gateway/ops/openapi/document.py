"""Reads one service's own OpenAPI 3.1 document: strict JSON in, typed pieces out.

It trusts nothing about the shape, for what one agency publishes must not spoil the document of the whole city.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from gateway.identity import strict_json
from gateway.ops.openapi.references import Json, UnusableDocument, split_reference

METHODS: Final = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
_MAX_HOPS: Final = 8  # of a reference to a reference


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation as its service describes it; `parameters` are resolved, those of its path included."""

    path: str  # on the service
    method: str  # lower-case
    body: Json
    parameters: tuple[Json, ...]
    responses: Json


class ServiceDocument:
    """A parsed document. Raises UnusableDocument where it is not what OpenAPI says."""

    def __init__(self, raw: bytes) -> None:
        try:
            parsed = strict_json.loads(raw)
        except ValueError as error:
            raise UnusableDocument(f"not strict JSON: {error}") from error
        self._whole = _object(parsed, "the document")
        version = self._whole.get("openapi")
        if not isinstance(version, str) or not version.startswith("3.1."):
            said = str(version or self._whole.get("swagger"))[:20]
            raise UnusableDocument(f"publish OpenAPI 3.1; this says {said!r}")

    def operations(self) -> Iterator[Operation]:
        """Yield every operation of every path."""
        for path, item in _object(self._whole.get("paths", {}), "paths").items():
            where = f"paths {path}"
            members = _object(item, where)
            if "$ref" in members:
                members = self.resolved(members, where)
            for method in METHODS:
                if method in members:
                    yield self._operation(path, method, members)

    def component(self, kind: str, name: str) -> Json:
        """Return one component."""
        where = f"components/{kind}/{name}"
        kinds = _object(self._whole.get("components", {}), "components")
        found = _object(kinds.get(kind, {}), f"components/{kind}").get(name)
        if found is None:
            raise UnusableDocument(f"refers to #/{where}, which it does not have")
        if isinstance(found, bool) and kind == "schemas":
            return {} if found else {"not": {}}
        return _object(found, where)

    def resolved(self, value: object, where: str) -> Json:
        """Follow `value` while it is a reference."""
        found = _object(value, where)
        for _ in range(_MAX_HOPS):
            if "$ref" not in found:
                return found
            kind, name, rest = split_reference(found["$ref"])
            if rest:
                raise UnusableDocument(f"{where} refers into the middle of #/components/{kind}/{name}")
            found = self.component(kind, name)
        raise UnusableDocument(f"{where} refers to a reference to a reference, and so on")

    def _operation(self, path: str, method: str, item: Json) -> Operation:
        where = f"{method.upper()} {path}"
        body = _object(item[method], where)
        parameters: dict[tuple[str, str], Json] = {}
        for one in (*_list(item.get("parameters", []), where), *_list(body.get("parameters", []), where)):
            resolved = self.resolved(one, f"a parameter of {where}")
            if not isinstance(resolved.get("name"), str) or not isinstance(resolved.get("in"), str):
                raise UnusableDocument(f"a parameter of {where} lacks its `name` or `in`")
            parameters[resolved["name"], resolved["in"]] = resolved
        responses = _object(body.get("responses", {}), f"responses of {where}")
        return Operation(path, method, body, tuple(parameters.values()), responses)


def _object(value: object, where: str) -> Json:
    if not isinstance(value, dict):
        raise UnusableDocument(f"{where[:200]} is not an object")
    return value


def _list(value: object, where: str) -> list[object]:
    if not isinstance(value, list):
        raise UnusableDocument(f"the parameters of {where[:200]} are not a list")
    return value
