"""/openapi.json: one valid document of every listed operation, whatever the agencies publish."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from openapi_spec_validator import validate

from gateway.ops.openapi.documents import MAX_BYTES
from tests.city.agency import Agency, Answer, Received
from tests.city.city import City, running

_PERMITS = """
    upstream: {targets: TARGETS}
    openapi: /openapi.json
    rate_limit: {limit: 60, every: 1m, by: citizen}
    promise: {availability: 99.5%, p95: 500ms}
    routes:
      - {path: /v1/permits/types, methods: [GET], auth: {mode: none}, cache: {ttl: 10m, query: [limit]}}
      - {path: '/v1/permits/types/{code}', methods: [GET], auth: {mode: optional}, rate_limit: none}
      - {path: /v1/permits/applications, methods: [GET, POST], auth: {scopes: [apply]}, max_body: 2MB}
"""
_NAMED = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "default": {"$ref": "#/components/schemas/Type"}},
}


def _operation(**more: Any) -> dict[str, Any]:
    content = {"application/json": {"schema": {"$ref": "#/components/schemas/Type"}}}
    return {"operationId": "list", "responses": {"200": {"description": "OK", "content": content}}, **more}


def _document(**paths: Any) -> dict[str, Any]:
    return {
        "openapi": "3.1.0",
        "info": {"title": "Permits", "version": "1"},
        "servers": [{"url": "http://10.0.0.1:8102"}],
        "paths": paths,
        "components": {
            "schemas": {"Type": _NAMED, "Unused": {"type": "string"}},
            "parameters": {"Code": {"name": "type_code", "in": "path", "required": True, "schema": {"type": "string"}}},
            "responses": {"Gone": {"description": "Too many", "content": {}}},
        },
    }


def _publish(agency: Agency, document: object) -> None:
    raw = document if isinstance(document, bytes) else json.dumps(document).encode()
    agency.handler = lambda received: Answer(body=raw) if received.path == "/openapi.json" else Answer()


async def _merged(city: City) -> dict[str, Any]:
    await city.gateway.documents.fetch()
    document: dict[str, Any] = (await city.client.get("/openapi.json")).json()
    validate(document)
    return document


async def test_listed_operations_are_described_and_nothing_else_is_there(city: City) -> None:
    agency = city.service("permits", _PERMITS)
    _publish(agency, _document(**{"/types": {"get": _operation()}, "/secret": {"get": _operation(operationId="x")}}))
    async with running(city):
        document = await _merged(city)
    assert set(document["paths"]) == {
        "/v1/services", "/status", "/v1/permits/types", "/v1/permits/types/{code}", "/v1/permits/applications",
    }  # fmt: skip
    types = document["paths"]["/v1/permits/types"]
    assert set(types) == {"get"}
    assert types["get"]["operationId"] == "permits.list"
    schema = types["get"]["responses"]["200"]["content"]["application/json"]["schema"]
    assert schema == {"$ref": "#/components/schemas/permits.Type"}
    assert document["servers"] == [{"url": "/"}]
    assert "10.0.0.1" not in json.dumps(document)
    assert set(document["components"]["schemas"]) == {"Problem", "permits.Type"}
    assert document["x-missing"] == []


async def test_two_services_may_use_the_same_names(city: City) -> None:
    _publish(city.service("permits", _PERMITS), _document(**{"/types": {"get": _operation()}}))
    other = _PERMITS.replace("/v1/permits", "/v1/taxes")
    _publish(city.service("taxes", other), _document(**{"/types": {"get": _operation()}}))
    async with running(city):
        document = await _merged(city)
    assert {"permits.Type", "taxes.Type"} < set(document["components"]["schemas"])
    taxes_type = document["components"]["schemas"]["taxes.Type"]
    assert taxes_type["properties"]["default"] == {"$ref": "#/components/schemas/taxes.Type"}


async def test_sign_in_and_problems_are_those_of_the_route(city: City) -> None:
    city.service("permits", _PERMITS)
    async with running(city):
        paths = (await _merged(city))["paths"]
    types, one, apply = (
        paths["/v1/permits/types"]["get"], paths["/v1/permits/types/{code}"]["get"],
        paths["/v1/permits/applications"]["post"],
    )  # fmt: skip
    assert (types["security"], set(types["responses"])) == ([], {"default", "429", "502", "503", "504"})
    assert one["security"] == [{}, {"citizen": []}]
    assert set(one["responses"]) == {"default", "401", "502", "503", "504"}
    assert apply["security"] == [{"citizen": ["apply"]}]
    assert set(apply["responses"]) == {"default", "401", "403", "413", "429", "502", "503", "504"}
    assert apply["x-gateway"]["max_body_bytes"] == 2_000_000
    assert types["x-gateway"]["cache"] == {"seconds": 600.0, "scope": "shared"}


async def test_a_status_that_agency_and_gateway_share_is_described_as_both(city: City) -> None:
    answers = {"200": {"description": "OK"}, "503": {"$ref": "#/components/responses/Gone"}}
    agency = city.service("permits", _PERMITS)
    _publish(agency, _document(**{"/types": {"get": {"responses": answers}}}))
    async with running(city):
        document = await _merged(city)
    busy = document["paths"]["/v1/permits/types"]["get"]["responses"]["503"]
    assert busy["description"].startswith("Too many · ")
    assert busy["content"]["application/problem+json"]["schema"] == {
        "anyOf": [{"$ref": "#/components/schemas/Problem"}]
    }
    assert "Retry-After" in busy["headers"]


async def test_parameters_that_the_gateway_drops_are_not_promised(city: City) -> None:
    names = [{"name": name, "in": "query", "schema": {"type": "string"}} for name in ("limit", "debug")]
    agency = city.service("permits", _PERMITS)
    _publish(agency, _document(**{"/types": {"get": _operation(), "parameters": names}}))
    async with running(city):
        document = await _merged(city)
    assert [one["name"] for one in document["paths"]["/v1/permits/types"]["get"]["parameters"]] == ["limit"]


async def test_a_path_parameter_may_be_named_differently_by_its_agency(city: City) -> None:
    code = {"$ref": "#/components/parameters/Code"}
    agency = city.service("permits", _PERMITS)
    _publish(agency, _document(**{"/types/{type_code}": {"parameters": [code], "get": _operation()}}))
    async with running(city):
        document = await _merged(city)
    (parameter,) = document["paths"]["/v1/permits/types/{type_code}"]["get"]["parameters"]
    assert parameter["name"] == "type_code"
    assert "/v1/permits/types/{code}" not in document["paths"]


async def test_a_catch_all_shows_what_its_agency_describes(city: City) -> None:
    yaml = """
        upstream: {targets: TARGETS}
        openapi: /openapi.json
        auth: {mode: none}
        routes: [{path: '/v1/permits/{rest:path}', methods: ['*']}]
    """
    agency = city.service("permits", yaml)
    async with running(city):
        plain = await _merged(city)
        _publish(agency, _document(**{"/a/{b}": {"get": _operation(), "delete": _operation()}}))
        described = await _merged(city)
    assert set(plain["paths"]["/v1/permits/{rest}"]) == {"get", "post", "put", "patch", "delete"}
    assert set(described["paths"]) == {"/v1/services", "/status", "/v1/permits/a/{b}"}
    assert "operationId" not in described["paths"]["/v1/permits/a/{b}"]["delete"], (
        "the id stands for one operation only"
    )


async def test_an_aggregate_is_one_of_the_gateways_own_operations(tmp_path: Any) -> None:
    extra = "aggregates: [{path: /v1/home, auth: {mode: required}, parts: [{name: types, path: /v1/permits/types}]}]\n"
    city = City(tmp_path, extra=extra)
    city.service("permits", _PERMITS)
    async with running(city):
        home = (await _merged(city))["paths"]["/v1/home"]["get"]
        page = await city.client.get("/docs?service=gateway&lang=en")
    assert home["security"] == [{"citizen": []}]
    assert "GET /v1/home" in page.text


async def test_without_an_answer_the_last_good_document_serves_on_and_the_service_is_named(city: City) -> None:
    agency = city.service("permits", _PERMITS)
    _publish(agency, _document(**{"/types": {"get": _operation()}}))
    async with running(city):
        await _merged(city)
        agency.handler = lambda _: Answer(503)
        document = await _merged(city)
        assert "permits" in city.gateway.documents.missing
        metrics = (await city.ops.get("/metrics")).text
        page = await city.client.get("/docs?service=permits&lang=en")
    assert document["paths"]["/v1/permits/types"]["get"]["operationId"] == "permits.list"
    assert [(one["service"], one["last_good_serves"]) for one in document["x-missing"]] == [("permits", True)]
    assert "gateway_openapi_missing 1.0" in metrics
    assert "may be incomplete" in page.text


async def test_the_documents_are_fetched_at_start_and_after_a_reload(city: City) -> None:
    asked = asyncio.Event()

    def answer(received: Received) -> Answer:
        asked.set()
        return Answer(body=json.dumps(_document()).encode())

    city.service("permits", _PERMITS).handler = answer
    async with running(city):
        await asked.wait()
        asked.clear()
        assert await city.gateway.reload() == ()
        await asked.wait()
        (request,) = {(one.method, one.target) for one in city.agencies["permits"].received}
    assert request == ("GET", "/openapi.json")


async def test_a_new_registry_is_published_with_what_is_at_hand(city: City) -> None:
    agency = city.service("permits", _PERMITS)
    _publish(agency, _document(**{"/types": {"get": _operation()}}))
    async with running(city):
        await _merged(city)
        await agency.stop()
        more = "      - {path: /v1/permits/news, methods: [GET], auth: {mode: none}}\n"
        city.write("permits", _PERMITS + more)
        await city.gateway.reload()
        document = await _merged(city)
    assert "/v1/permits/news" in document["paths"]
    assert document["paths"]["/v1/permits/types"]["get"]["operationId"] == "permits.list"


async def test_no_published_document_spoils_the_citys(city: City) -> None:
    agency = city.service("permits", _PERMITS)
    good = _operation()
    spoiled: list[object] = [
        b"{",
        b"[" * 100_000,
        b"[]",
        b" " * (MAX_BYTES + 1),
        {"openapi": "3.0.3", "paths": {}},
        {"swagger": "2.0"},
        _document(**{"/types": {"get": {**good, "responses": []}}}),
        _document(**{"/types": {"get": {**good, "parameters": [{"in": "query"}]}}}),
        _document(**{"/types": {"get": {**good, "parameters": {"a": 1}}}}),
        _document(**{"/types": {"get": {"responses": {"200": {"$ref": "other.json#/x"}}}}}),
        _document(**{"/types": {"get": {"responses": {"200": {"$ref": "#/components/responses/None"}}}}}),
        _document(**{"/types": {"get": {"responses": {"503": {"description": "x", "content": 5}}}}}),
        {**_document(**{"/types": {"get": good}}), "components": []},
    ]
    reasons = []
    async with running(city):
        for document in spoiled:
            _publish(agency, document)
            merged = await _merged(city)
            assert set(merged["paths"]["/v1/permits/types"]["get"]["responses"]) >= {"502", "503", "504"}
            reasons.append(city.gateway.documents.missing["permits"].reason)
    assert "publish OpenAPI 3.1; this says '3.0.3'" in reasons
    assert len(set(reasons)) == len(spoiled), "operators are told each in its own words"


async def test_values_in_examples_are_left_alone_and_discriminators_keep_their_meaning(city: City) -> None:
    schema = {
        "oneOf": [{"$ref": "#/components/schemas/Type"}],
        "discriminator": {"propertyName": "kind", "mapping": {"old": "Type"}},
        "examples": [{"$ref": "not a reference"}],
        "properties": {"example": {"$ref": "#/components/schemas/Type"}},
    }
    content = {"application/json": {"schema": schema, "examples": {"one": {"value": {"$ref": "nor this"}}}}}
    operation = {
        "responses": {"200": {"description": "OK", "content": content, "links": {"next": {"operationId": "x"}}}}
    }
    agency = city.service("permits", _PERMITS)
    _publish(agency, _document(**{"/types": {"get": operation}}))
    async with running(city):
        document = await _merged(city)
    answer = document["paths"]["/v1/permits/types"]["get"]["responses"]["200"]
    written = answer["content"]["application/json"]
    reference = "#/components/schemas/permits.Type"
    assert written["schema"]["discriminator"]["mapping"] == {"Type": reference, "old": reference}
    assert written["schema"]["examples"] == [{"$ref": "not a reference"}]
    assert written["schema"]["properties"]["example"] == {"$ref": reference}
    assert written["examples"] == {"one": {"value": {"$ref": "nor this"}}}
    assert "links" not in answer
