"""The document describes every operation, and what is answered is what it describes."""

import re

from openapi_schema_validator import validate as validate_value
from openapi_spec_validator import validate
from starlette.routing import Route

from services.identity.openapi import document
from services.identity.tests.conftest import BUDI, BUDI_IN_REGISTER, PASSWORD, City


def check(schema: str, value: object) -> None:
    validate_value(value, {"$ref": f"#/components/schemas/{schema}", "components": document()["components"]})


def test_the_document_is_valid() -> None:
    validate(document())


def test_its_examples_fit_its_schemas() -> None:
    for path in document()["paths"].values():
        for operation in path.values():
            contents = [operation.get("requestBody", {}), *operation["responses"].values()]
            for media in (body["content"]["application/json"] for body in contents if "content" in body):
                if "$ref" in media["schema"]:
                    check(media["schema"]["$ref"].rpartition("/")[2], media["example"])


async def test_every_route_is_described_and_nothing_else(city: City) -> None:
    routes = [route for route in city.app.routes if isinstance(route, Route)]
    served = {(route.path, method) for route in routes for method in (route.methods or set()) - {"HEAD"}}
    described = {(path, method.upper()) for path, item in document()["paths"].items() for method in item}
    assert served == described


async def test_answers_fit_the_schemas(city: City) -> None:
    check("Registered", await city.register(email="a@example.test"))
    phone = await city.matched()
    check("Tokens", phone.tokens)
    check("Account", await phone.me())
    check("SessionPage", (await phone.get("/sessions")).json())
    check("NoticePage", (await phone.get("/notifications")).json())
    check("Export", (await phone.post("/me/export", {"password": PASSWORD})).json())
    check("Tiers", (await city.client.get("/tiers")).json())
    check("Keys", (await city.client.get("/.well-known/jwks.json")).json())
    check("Health", (await city.client.get("/healthz")).json())
    admin = await city.officer("admin")
    check("OfficeAccountPage", (await admin.get("/accounts")).json())
    await phone.post("/logout")
    await admin.post(f"/accounts/{phone.claims['sub']}/block", {"reason": "owner-asked"})
    check("Revocations", (await city.client.get("/.well-known/revocations")).json())
    check("RecoveryBegun", (await city.client.post("/recovery", json={"identifier": BUDI["phone"]})).json())
    check("Problem", (await phone.post("/me/nik-match", BUDI_IN_REGISTER)).json())


def test_no_path_parameter_carries_personal_data() -> None:
    names = {name for path in document()["paths"] for name in re.findall(r"{(\w+)}", path)}
    assert names == {"id", "role"}
