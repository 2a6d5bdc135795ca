"""The API reference for people, rendered from the merged OpenAPI document alone: services and their operations."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from typing import Any

from gateway.messages import Language
from gateway.ops.layout import Html, contact, element, html_page, joined
from gateway.ops.openapi.references import Json
from gateway.ops.status_page import navigation
from gateway.ops.words import duration, percent, size, word


def index_page(document: Json, language: Language) -> bytes:
    """Render the list of services."""
    tags = [tag for tag in document.get("tags", []) if "x-gateway" in tag]
    return html_page(
        word("docs", language),
        language,
        navigation("/docs", language),
        element(
            "main",
            element("h1", word("docs", language)),
            element("p", element("a", word("ways", language), href="/openapi.json")),
            *(_service(tag, language) for tag in tags),
            element(
                "section",
                element("h2", element("a", word("own pages", language), href=f"/docs?service=gateway&lang={language}")),
            ),
        ),
    )


def service_page(document: Json, name: str, language: Language) -> bytes | None:
    """Render the operations of one service, or return None when there is no such service."""
    tag = next((one for one in document.get("tags", []) if one["name"] == name), None)
    if tag is None:
        return None
    title = tag["x-gateway"]["title"][language] if "x-gateway" in tag else word("own pages", language)
    is_missing = any(one["service"] == name for one in document.get("x-missing", []))
    return html_page(
        f"{title} · {word('docs', language)}",
        language,
        navigation("/docs", language, query=f"service={name}&"),
        element(
            "main",
            element("h1", title),
            *(_about(tag["x-gateway"], language) if "x-gateway" in tag else ()),
            *((element("p", word("missing", language), class_="state"),) if is_missing else ()),
            element("p", word("curl note", language), class_="quiet"),
            *(_operation(path, method, one, language) for path, method, one in _operations(document, name)),
        ),
    )


def _operations(document: Json, service: str) -> Iterator[tuple[str, str, Json]]:
    for path, item in document.get("paths", {}).items():
        for method, operation in item.items():
            if service in operation.get("tags", ()):
                yield path, method, operation


def _service(tag: Json, language: Language) -> Html:
    about = tag["x-gateway"]
    link = element("a", about["title"][language], href=f"/docs?service={tag['name']}&lang={language}")
    return element("section", element("h2", link), *_about(about, language))


def _about(about: Json, language: Language) -> Iterator[Html]:
    if about["description"] is not None:
        yield element("p", about["description"][language])
    agency, promise = about["agency"], about["promise"]
    who: list[str] = [f"{word('agency', language)}: {agency['name']}"]
    if agency["contact"] is not None:
        who += [" · ", contact(agency["contact"])]
    yield element("p", *who, class_="quiet")
    promised = []
    if promise["availability"] is not None:
        promised.append(f"{word('availability', language)} {percent(promise['availability'], language)}")
    if promise["p95_seconds"] is not None:
        promised.append(f"{word('p95', language)} {duration(promise['p95_seconds'], language)}")
    if promised:
        yield element("p", f"{word('promised', language)}: {' · '.join(promised)}", class_="quiet")


def _operation(path: str, method: str, operation: Json, language: Language) -> Html:
    facts = [*_policy(operation, language), *_described(operation, language)]
    return element(
        "article",
        element("h3", f"{method.upper()} {path}"),
        element("p", str(operation.get("summary", ""))),
        element("dl", *(joined(element("dt", name), element("dd", value)) for name, value in facts)),
        element(
            "pre", element("code", curl(path, method, operation)), tabindex="0", aria_label=word("example", language)
        ),
    )


def _policy(operation: Json, language: Language) -> Iterator[tuple[str, str]]:
    policy = operation.get("x-gateway", {})
    sign_in = word(policy.get("sign_in", "none"), language)
    roles = [role for needed in operation.get("security", []) for names in needed.values() for role in names]
    if roles:
        sign_in += f", {word('scopes', language)} {', '.join(roles)}"
    if "assurance" in policy:
        sign_in += f", {word('assurance', language)} {policy['assurance']}"
    yield word("sign in", language), sign_in
    if "agency_learns" in policy:
        learns = policy["agency_learns"]
        yield word("learns", language), f"{', '.join(learns['claims'])}: {learns['purpose']}"
    if policy.get("emergency"):
        yield word("limits", language), word("emergency", language)
    for limit in policy.get("rate_limits", ()):
        by = word(f"by {limit['by']}" if limit["by"] in ("citizen", "address") else "by other", language)
        every = duration(limit["every_seconds"], language)
        yield word("limits", language), f"{limit['limit']} {word('per', language)} {every}, {by}"
    for limit in policy.get("in_flight", ()):
        by = word(f"by {limit['by']}" if limit["by"] in ("citizen", "address") else "by other", language)
        yield word("limits", language), f"{limit['limit']} {word('at once', language)}, {by}"
    if policy.get("cache", {}).get("seconds"):
        yield word("cache", language), duration(policy["cache"]["seconds"], language)
    if "413" in operation.get("responses", {}) and "max_body_bytes" in policy:
        yield word("body", language), size(policy["max_body_bytes"], language)


def _described(operation: Json, language: Language) -> Iterator[tuple[str, str]]:
    parameters = [
        f"{one['name']} ({one['in']}{', *' if one.get('required') else ''})" for one in _parameters(operation)
    ]
    if parameters:
        yield word("parameters", language), ", ".join(parameters)
    yield word("responses", language), ", ".join(sorted(operation.get("responses", {})))


def _parameters(operation: Json) -> list[Json]:
    return list(operation.get("parameters", ()))


def curl(path: str, method: str, operation: Json) -> str:
    """Write a line to copy into a shell; whatever an agency wrote is quoted."""
    words = ["curl"]
    if method != "get":
        words += ["-X", method.upper()]
    if operation.get("security") and {} not in operation["security"]:
        words += ["-H", '"Authorization: Bearer $TOKEN"']
    body = _example(operation)
    if body is not None:
        words += ["-H", "'Content-Type: application/json'", "-d", shlex.quote(json.dumps(body, ensure_ascii=False))]
    needed = [one for one in _parameters(operation) if one["in"] == "query" and one.get("required")]
    query = "&".join(f"{one['name']}={{{one['name']}}}" for one in needed)
    return " ".join([*words, '"$API"' + shlex.quote(path + (f"?{query}" if query else ""))])


def _example(operation: Json) -> Any:  # Any: whatever JSON its service gave as an example
    content = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
    if "example" in content:
        return content["example"]
    named = content.get("examples") or {}
    return next((one["value"] for one in named.values() if isinstance(one, dict) and "value" in one), None)
