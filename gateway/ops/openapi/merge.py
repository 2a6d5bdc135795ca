"""Merges what services say of themselves into one OpenAPI 3.1 document of the city, as the gateway serves it.

The registry decides what is in it: every route that is listed, and nothing else. A service's document describes its
routes; a route that nobody describes is listed plainly. Pure: documents in, document out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from gateway.errors import MalformedRequest
from gateway.ops.openapi import own
from gateway.ops.openapi.document import METHODS, Operation, ServiceDocument
from gateway.ops.openapi.references import Json, Renaming, UnusableDocument
from gateway.paths import canonical_path
from gateway.registry.snapshot import Route, Service, Snapshot
from gateway.rules.caching.policy import ALL_QUERY
from gateway.rules.matching import Match, Matcher

_BRACED: Final = re.compile(r"\{([^{}/:]+)(?::path)?\}")
_ANY: Final = "%7B%7D"  # stands for a parameter's value: no literal segment of a template can be `{}`
_STUB_METHODS: Final = ("get", "post", "put", "patch", "delete")  # what `methods: ['*']` is shown as
_UNDESCRIBED: Final = "Whatever the agency answers; its document does not describe this."


@dataclass(slots=True)
class Fragment:
    """What one service adds to the merged document."""

    paths: Json = field(default_factory=dict)
    components: dict[str, Json] = field(default_factory=dict)
    described: set[str] = field(default_factory=set)  # templates of the routes that the service's document describes
    _keys: dict[tuple[str, ...], str] = field(default_factory=dict)  # shape -> the path it is written as

    def put(self, path: str, method: str, operation: Json) -> None:
        """Add an operation; templates that differ only in their names are one path (OpenAPI 3.1 section 4.8.8)."""
        key = self._keys.setdefault(_shape(path), path)
        self.paths.setdefault(key, {})[method] = _with_path_parameters(operation, key)

    def has(self, path: str, method: str) -> bool:
        return method in self.paths.get(self._keys.get(_shape(path), path), {})


def fragment(service: Service, routes: Iterable[Route], matcher: Matcher[Route], raw: bytes | None) -> Fragment:
    """Return what `service` adds: its routes as `raw` describes them. Raises UnusableDocument."""
    made = Fragment()
    if raw is not None:
        try:
            _describe(made, service, matcher, ServiceDocument(raw))
        except RecursionError:
            raise UnusableDocument("nested too deeply") from None
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            # Its depths are not checked member by member: whatever is shaped otherwise than OpenAPI says ends here.
            raise UnusableDocument(f"not shaped as OpenAPI 3.1 says: {type(error).__name__}: {error}") from error
    for route in routes:
        template = _BRACED.sub(r"{\1}", route.template)
        # A described catch-all, or one open to every method, is what its agency says it is.
        is_known = route.template in made.described and (template != route.template or not route.methods)
        for method in () if is_known else _methods(route):
            if not made.has(template, method):
                made.put(template, method, _stub(service, route, method))
    return made


def assembled(snapshot: Snapshot, fragments: Mapping[str, Fragment], missing: list[Json]) -> Json:
    """Put everything together. `missing` names the services whose own description could not be had."""
    components: dict[str, Json] = own.components()
    paths: Json = {
        "/v1/services": {"get": own.page_operation("Every service of the city", ("application/json",))},
        "/status": {"get": own.page_operation("Promised and measured", ("application/json", "text/html"))},
    }
    for route in snapshot.routes:
        if route.aggregate is not None:
            paths[route.template] = {"get": own.aggregate_operation(route)}
    for one in fragments.values():
        paths |= one.paths
        for kind, named in one.components.items():
            components.setdefault(kind, {}).update(named)
    services = [_tag(service) for service in snapshot.services.values()]
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "API Kota Tangerang / The API of Tangerang city",
            "version": snapshot.digest[:12],
            "description": "Every service behind one address and one sign-in. Paths that are not listed do not exist: "
            "they answer 404, and 405 where only the method is wrong.",
        },
        "servers": [{"url": "/"}],
        "tags": [{"name": "gateway", "description": "Gerbang layanan kota / The city's gateway"}, *services],
        "paths": paths,
        "components": components,
        "x-missing": missing,
    }


def _describe(made: Fragment, service: Service, matcher: Matcher[Route], document: ServiceDocument) -> None:
    renaming = Renaming(service.name)
    ids: set[object] = set()
    for operation in document.operations():
        public = f"/v1/{service.name}{operation.path}"
        route = _route(matcher, operation.method, public)
        if route is None or route.service is None or route.service.name != service.name:
            continue
        written = _written(operation, route, document, renaming)
        if written.get("operationId") in ids:
            del written["operationId"]  # they must be unique, or generators overwrite one by the other
        ids.add(written.get("operationId"))
        made.described.add(route.template)
        made.put(public, operation.method, {**written, "tags": [service.name]})
    done: set[tuple[str, str]] = set()
    while pending := renaming.used - done:
        for kind, name in pending:
            component = renaming.rewritten(document.component(kind, name))
            made.components.setdefault(kind, {})[renaming.name(name)] = component
        done |= pending


def _route(matcher: Matcher[Route], method: str, public: str) -> Route | None:
    """Return the route by which the gateway would serve a path of a document."""
    try:
        path = canonical_path(_BRACED.sub(_ANY, public).encode())
    except MalformedRequest:
        return None  # no such path is let in
    found = matcher.match(method.upper().encode(), path)
    return found.value if isinstance(found, Match) else None


def _written(operation: Operation, route: Route, document: ServiceDocument, renaming: Renaming) -> Json:
    where = f"{operation.method.upper()} {operation.path}"
    ours = own.problem_answers(route, operation.method, has_body="requestBody" in operation.body)
    theirs = {str(status): answer for status, answer in operation.responses.items()}
    body = {**operation.body, "responses": {s: a for s, a in theirs.items() if not s.isdigit() or int(s) not in ours}}
    body["parameters"] = [one for one in operation.parameters if _passes(one, route)]
    written: Json = renaming.rewritten(body)
    for status, answer in ours.items():
        agencys = theirs.get(str(status))
        if agencys is not None:
            rewritten = renaming.rewritten(document.resolved(agencys, f"{status} of {where}"))
            answer = _either(rewritten, own.problem_response(status))
        written["responses"][str(status)] = answer
    return {**written, "security": own.security(route), "x-gateway": own.policy(route)}


def _passes(parameter: Json, route: Route) -> bool:
    """Tell whether a parameter reaches the agency: on a cached route only the listed ones of the query do."""
    if parameter["in"] != "query" or route.cache is None or ALL_QUERY in route.cache.query:
        return True
    return str(parameter["name"]).encode() in route.cache.query


def _either(agencys: Json, ours: Json) -> Json:
    """Describe a status that may come from the agency and from the gateway."""
    content = dict(agencys.get("content") or {})
    problem = dict(content.get(own.PROBLEM_TYPE) or {})
    schemas: list[Any] = [problem["schema"]] if "schema" in problem else []
    content[own.PROBLEM_TYPE] = {**problem, "schema": {"anyOf": [*schemas, dict(own.PROBLEM)]}}
    headers = {**(ours.get("headers") or {}), **(agencys.get("headers") or {})}
    described = f"{agencys.get('description', '')} · {ours['description']}".removeprefix(" · ")
    return {**agencys, "description": described, "content": content, **({"headers": headers} if headers else {})}


def _stub(service: Service, route: Route, method: str) -> Json:
    answers: Json = {"default": {"description": _UNDESCRIBED}}
    answers |= {str(status): answer for status, answer in own.problem_answers(route, method, has_body=False).items()}
    return {
        "summary": f"{service.title.id} / {service.title.en}",
        "tags": [service.name],
        "security": own.security(route),
        "responses": answers,
        "x-gateway": own.policy(route),
    }


def _methods(route: Route) -> list[str]:
    listed = sorted(method.decode().lower() for method in route.methods) or list(_STUB_METHODS)
    return [method for method in listed if method in METHODS]


def _shape(path: str) -> tuple[str, ...]:
    return tuple("{}" if "{" in segment else segment for segment in path.split("/"))


def _with_path_parameters(operation: Json, path: str) -> Json:
    """Return `operation` with exactly the path parameters that its path has."""
    names = _BRACED.findall(path)
    others = [one for one in operation.get("parameters", []) if one.get("in") != "path"]
    given = {one["name"]: one for one in operation.get("parameters", []) if one.get("in") == "path"}
    plain: Json = {"in": "path", "required": True, "schema": {"type": "string"}}
    in_path = [given.get(name, {"name": name, **plain}) | {"required": True} for name in names]
    parameters = [*in_path, *others]
    return {**operation, "parameters": parameters} if parameters else operation


def _tag(service: Service) -> Json:
    title = f"{service.title.id} / {service.title.en}"
    return {
        "name": service.name,
        "description": f"{title} ({service.agency.name})",
        "x-gateway": {
            "title": asdict(service.title),
            "description": asdict(service.description) if service.description is not None else None,
            "agency": {"code": service.agency_code, "name": service.agency.name, "contact": service.agency.contact},
            "promise": asdict(service.promise),
        },
    }
