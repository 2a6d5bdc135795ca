"""The document describes every operation, its examples fit it, and no request makes the service contradict it."""

from typing import Any

from openapi_schema_validator import validate as validate_value
from openapi_spec_validator import validate
from starlette.routing import Route

from services.kit.workdays import load_calendar
from services.permits.catalogue import load_catalogue
from services.permits.openapi.document import build_document
from services.permits.tests.conftest import City
from services.permits.tests.test_desk import ready_to_sign

DOCUMENT = build_document(load_catalogue(), load_calendar())


def check(schema: dict[str, Any], value: object) -> None:
    validate_value(value, {**schema, "components": DOCUMENT["components"]})


def test_the_document_is_valid() -> None:
    validate(DOCUMENT)


def test_every_example_fits_its_schema() -> None:
    checked = 0
    for item in DOCUMENT["paths"].values():
        for operation in item.values():
            for body in [operation.get("requestBody", {}), *operation["responses"].values()]:
                for media in body.get("content", {}).values():
                    if "example" in media:
                        check(media["schema"], media["example"])
                        checked += 1
    assert checked > 30


async def test_every_route_is_described_and_nothing_else(city: City) -> None:
    routes = [route for route in city.app.routes if isinstance(route, Route)]
    served = {(route.path, method) for route in routes for method in (route.methods or set()) - {"HEAD"}}
    described = {(path, method.upper()) for path, item in DOCUMENT["paths"].items() for method in item}
    assert served - {("/healthz", "GET"), ("/openapi.json", "GET")} == described


async def test_answers_fit_the_schemas(city: City) -> None:
    desk = await ready_to_sign(city)
    application_id = desk.rsplit("/", 1)[1]
    check({"$ref": "#/components/schemas/DeskCase"}, (await city.officer().get(desk)).json())
    issued = (await city.officer().post(f"{desk}/issue")).json()
    check({"$ref": "#/components/schemas/DeskCase"}, issued)
    shown = (await city.citizen.get(f"/applications/{application_id}")).json()
    check({"$ref": "#/components/schemas/Application"}, shown)
    verified = (await city.client.get(f"/verify/{issued['permit']['number']}")).json()
    check({"$ref": "#/components/schemas/Verification"}, verified)
    for path, name in (("/notifications", "Notification"), ("/applications", "ApplicationSummary")):
        for item in (await city.citizen.get(path)).json()["items"]:
            check({"$ref": f"#/components/schemas/{name}"}, item)
    for item in (await city.client.get("/types")).json()["items"]:
        check({"$ref": "#/components/schemas/TypeSummary"}, item)
        one = (await city.client.get(f"/types/{item['code']}")).json()
        check({"$ref": "#/components/schemas/Type"}, one)
