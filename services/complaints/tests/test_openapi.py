"""The document is valid, its examples are true to its schemas, and what the service answers is as it says."""

import re
from typing import Any

import pytest
from openapi_schema_validator import OAS31Validator
from openapi_spec_validator import OpenAPIV31SpecValidator
from starlette.routing import Route

from services.complaints.openapi import document

from .conftest import DESK, DPUPR, Laksa, photo

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


def test_every_route_is_described_and_every_description_has_a_route(laksa: Laksa) -> None:
    served = {
        (method.lower(), route.path)
        for route in laksa.app.routes
        if isinstance(route, Route) and route.path not in ("/healthz", "/openapi.json")
        for method in route.methods or ()
        if method != "HEAD"
    }
    described = {(method, path) for path, item in DOCUMENT["paths"].items() for method in item}
    assert served == described


async def test_what_is_answered_is_what_the_document_says(laksa: Laksa) -> None:
    ticket = (await laksa.report())["ticket"]
    created = await laksa.report(None)
    check(created, DOCUMENT["components"]["schemas"]["CreatedReport"])
    await laksa.add_photo(ticket, photo())
    await laksa.act(ticket, "start_verification")
    await laksa.act(ticket, "publish", summary="Lubang di jalan.", photos=[1])
    check(await laksa.act(ticket, "forward", agency="DPUPR"), DOCUMENT["components"]["schemas"]["OfficerReport"])
    await laksa.act(ticket, "start_work", DPUPR)
    paths = {
        "/reports": "HeadlinePage",
        f"/reports/{ticket}": "Report",
        "/public": "PublicPage",
        f"/public/{ticket}": "PublicReport",
        "/public/map": "PublicMap",
        "/balance": "Balance",
        "/categories": "CategoryPage",
        "/notifications": "NotificationPage",
    }
    for path, schema in paths.items():
        check(await laksa.get(path, "warga-1"), DOCUMENT["components"]["schemas"][schema])
    desk = await laksa.client.get("/desk/reports", headers=laksa.headers("petugas-1", DESK))
    check(desk.json(), DOCUMENT["components"]["schemas"]["HeadlinePage"])


async def test_problems_are_as_the_document_says(laksa: Laksa) -> None:
    for path in ("/reports", "/public?limit=0", "/public/LKS-1", "/desk/reports"):
        answer = await laksa.client.get(path)
        check(answer.json(), DOCUMENT["components"]["schemas"]["Problem"])
        template = re.sub(r"/LKS-1", "/{ticket}", path.partition("?")[0])
        assert str(answer.status_code) in DOCUMENT["paths"][template]["get"]["responses"]
