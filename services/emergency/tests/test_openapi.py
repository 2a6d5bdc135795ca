"""The document is valid, its examples are true to its schemas, and what the service answers is as it says."""

from typing import Any

import pytest
from openapi_schema_validator import OAS31Validator
from openapi_spec_validator import OpenAPIV31SpecValidator
from starlette.routing import Route

from services.emergency.openapi import document
from services.emergency.tests.conftest import FIRE, Centre

DOCUMENT = document()


def check(instance: object, schema: dict[str, Any]) -> None:
    """Hold an instance to a schema of the document."""
    validator = OAS31Validator({**schema, "components": DOCUMENT["components"]})
    assert [f"{list(error.path)}: {error.message}" for error in validator.iter_errors(instance)] == []


def test_the_document_is_valid_openapi() -> None:
    assert list(OpenAPIV31SpecValidator(DOCUMENT).iter_errors()) == []


def examples() -> list[Any]:
    found = list[Any]()
    for path, item in DOCUMENT["paths"].items():
        for method, operation in item.items():
            bodies = [operation.get("requestBody", {}), *operation["responses"].values()]
            media = [body["content"].get("application/json") for body in bodies if "content" in body]
            found += [pytest.param(entry, id=f"{method} {path}") for entry in media if entry is not None]
    return found


@pytest.mark.parametrize("media", examples())
def test_every_example_is_true_to_its_schema(media: dict[str, Any]) -> None:
    check(media["example"], media["schema"])


async def test_every_route_is_described_and_every_description_has_a_route(centre: Centre) -> None:
    served = {
        (method.lower(), route.path)
        for route in centre.app.routes
        if isinstance(route, Route) and route.path not in ("/healthz", "/openapi.json")
        for method in route.methods or ()
        if method != "HEAD"
    }
    assert served == {(method, path) for path, item in DOCUMENT["paths"].items() for method in item}


async def test_what_is_answered_is_what_the_document_says(centre: Centre) -> None:
    schemas = DOCUMENT["components"]["schemas"]
    report = await centre.report(centre.citizen())
    second = await centre.report(callback="08120000002", silent=True, lat=-6.4)
    check(report, schemas["Incident"])
    await centre.act(report, "dispatch", units=["damkar-1"])
    await centre.act(report, "write", text="Tetap di luar")
    check(await centre.act(second, "hand_over", centre="tangsel"), schemas["BoardCase"])
    check(await centre.follow(report), schemas["Incident"])
    for path, schema, headers in (
        ("/types", "KindPage", {}),
        ("/posts?lat=-6.2&lon=106.6", "PostPage", {}),
        ("/notifications", "NotificationPage", centre.citizen()),
        ("/board?all=true", "Board", centre.operator()),
        ("/units", "UnitPage", centre.operator()),
    ):
        answer = await centre.client.get(path, headers=headers)
        check(answer.json(), schemas[schema])
        assert answer.json()["items"], path


async def test_problems_are_as_the_document_says(centre: Centre) -> None:
    for path in ("/incidents/x", "/board", "/units", "/notifications", "/posts?limit=0", "/types?x=1"):
        answer = await centre.client.get(path)
        check(answer.json(), DOCUMENT["components"]["schemas"]["Problem"])
        template = "/incidents/{id}" if path == "/incidents/x" else path.partition("?")[0]
        assert str(answer.status_code) in DOCUMENT["paths"][template]["get"]["responses"]


def test_the_smallest_report_is_valid_and_a_placeless_one_is_not() -> None:
    schema = DOCUMENT["components"]["schemas"]["NewIncident"]
    check({"kind": "fire", "callback": "08123456789", "landmark": "Pasar"}, schema)
    check({**FIRE, "landmark": None}, schema)
    validator = OAS31Validator({**schema, "components": DOCUMENT["components"]})
    assert not validator.is_valid({"kind": "fire", "callback": "08123456789"})
