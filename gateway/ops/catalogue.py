"""The gateway's own public pages: catalogue, status, reference, OpenAPI document, key set, health.

Everything here is for everybody; it tells what the registry and the counters tell, and nothing about any caller.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Final

from gateway.errors import RouteNotFound
from gateway.messages import Language
from gateway.ops.layout import html_fields
from gateway.ops.openapi.documents import Documents
from gateway.ops.pages import Rendered, Representation, answer, prefers_html, query_value, reading_language, represent
from gateway.ops.reference_page import index_page, service_page
from gateway.ops.status import FRESH_SECONDS, StatusBoard, StatusSources, status_document
from gateway.ops.status_page import status_page
from gateway.pipeline.call import Call, Reply
from gateway.pipeline.handler import Page
from gateway.registry.snapshot import Route, Service, Snapshot

_JSON: Final = b"application/json"
_HTML: Final = b"text/html; charset=utf-8"


@dataclass(frozen=True, slots=True)
class PageSources:
    """Where the pages have their facts from."""

    status: StatusSources
    documents: Documents
    jwks: Callable[[], bytes]


def public_pages(sources: PageSources) -> Mapping[bytes, Page]:
    """Return the pages by their paths, for the pipeline to answer where no route is declared."""
    snapshot = sources.status.snapshot
    rendered = Rendered()

    def healthz(_: Call) -> Reply:
        return Reply(200, ((b"content-type", _JSON), (b"cache-control", b"no-store")), b'{"status":"pass"}')

    def services(call: Call) -> Reply:
        current = snapshot()
        return answer(call, rendered.get(current, "services", lambda: _json(catalogue(current), 60)))

    def keys(call: Call) -> Reply:
        return answer(call, represent(sources.jwks(), b"application/jwk-set+json", max_age_seconds=300))

    return {
        b"/healthz": healthz,
        b"/v1/services": services,
        b"/.well-known/jwks.json": keys,
        b"/status": _status(sources.status),
        b"/openapi.json": _openapi(sources.documents),
        b"/docs": _reference(sources.documents),
    }


def _status(sources: StatusSources) -> Page:
    rendered = Rendered()
    board = StatusBoard(sources)

    def status(call: Call) -> Reply:
        city = board.current()
        if prefers_html(call.head.fields):
            language = reading_language(call)
            page = rendered.get(city, language, lambda: _html(status_page(city, language), language, FRESH_SECONDS))
        else:
            page = rendered.get(city, "json", lambda: _json(status_document(city), FRESH_SECONDS))
        return answer(call, replace(page, fields=(*page.fields, (b"vary", b"Accept, Accept-Language"))))

    return status


def _openapi(documents: Documents) -> Page:
    rendered = Rendered()

    def openapi(call: Call) -> Reply:
        published = documents.published
        page = rendered.get(published, "json", lambda: represent(published.content, _JSON, max_age_seconds=60))
        return answer(call, page)

    return openapi


def _reference(documents: Documents) -> Page:
    rendered = Rendered()

    def reference(call: Call) -> Reply:
        published, language = documents.published, reading_language(call)
        name = query_value(call, "service")

        def render() -> Representation:
            document = published.document
            content = index_page(document, language) if name is None else service_page(document, name, language)
            if content is None:
                raise RouteNotFound
            return _html(content, language, 60)

        page = rendered.get(published, (name, language), render)
        return answer(call, replace(page, fields=(*page.fields, (b"vary", b"Accept-Language"))))

    return reference


def _json(document: object, max_age_seconds: int) -> Representation:
    return represent(json.dumps(document, ensure_ascii=False).encode(), _JSON, max_age_seconds=max_age_seconds)


def _html(content: bytes, language: Language, max_age_seconds: int) -> Representation:
    return represent(content, _HTML, max_age_seconds=max_age_seconds, more=html_fields(language))


def catalogue(snapshot: Snapshot) -> dict[str, object]:
    """What the city offers, as the registry has it."""
    routes: dict[str, list[Route]] = defaultdict(list)
    for route in snapshot.routes:
        if route.service is not None:
            routes[route.service.name].append(route)
    return {"services": [_service(one, routes[one.name]) for one in snapshot.services.values()]}


def _service(service: Service, routes: list[Route]) -> dict[str, object]:
    return {
        "name": service.name,
        "title": asdict(service.title),
        "description": asdict(service.description) if service.description else None,
        "agency": {
            "code": service.agency_code,
            "name": service.agency.name,
            "contact": service.agency.contact,
        },
        "promise": {
            "availability": service.promise.availability,
            "p95_seconds": service.promise.p95_seconds,
        },
        "routes": [_route(route) for route in routes],
    }


def _route(route: Route) -> dict[str, object]:
    return {
        "path": route.template,
        "methods": sorted(method.decode() for method in route.methods) or ["*"],
        "sign_in": route.auth.mode,
        "emergency": route.emergency,
        "cached_seconds": route.cache.ttl_seconds if route.cache is not None else None,
    }
