"""The registry and what the services say of themselves agree: what citizens may ask is reachable, and nothing more."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from gateway.registry.load import load
from gateway.registry.snapshot import Snapshot
from services.complaints import openapi as complaints
from services.emergency import openapi as emergency
from services.identity import openapi as identity
from services.kit.workdays import load_calendar
from services.permits.catalogue import load_catalogue
from services.permits.openapi.document import build_document

DOCUMENTS: Mapping[str, Mapping[str, Any]] = {
    "identity": identity.document(),
    "permits": build_document(load_catalogue(), load_calendar()),
    "complaints": complaints.document(),
    "emergency": emergency.document(),
}
# For gateways, probes and the bank: they come to the service itself.
PAST_THE_GATEWAY = ("/healthz", "/openapi.json", "/.well-known/", "/payments/")
METHODS = ("get", "post", "put", "patch", "delete")


@pytest.fixture(scope="module")
def registry() -> Snapshot:
    return load(Path(__file__).parents[2] / "gateway.yaml", strict=True, environment={})


def offered(document: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Return method and path of everything a service offers to people."""
    for path, item in document["paths"].items():
        if not path.startswith(PAST_THE_GATEWAY):
            yield from ((method.upper(), path) for method in METHODS if method in item)


def registered(registry: Snapshot, name: str) -> dict[tuple[str, str], str]:
    """Return method and path, as the service sees it, of everything that reaches it, with the sign-in asked for."""
    routes = [one for one in registry.routes if one.service is not None and one.service.name == name]
    return {
        (method.decode(), one.template.removeprefix(f"/v1/{name}")): one.auth.mode
        for one in routes
        for method in one.methods
    }


def is_emergency(registry: Snapshot, name: str, path: str) -> bool:
    return next(one.emergency for one in registry.routes if one.template == f"/v1/{name}{path}")


@pytest.mark.parametrize("name", list(DOCUMENTS))
def test_whatever_a_service_offers_to_people_is_registered_and_nothing_beside(registry: Snapshot, name: str) -> None:
    assert registered(registry, name).keys() == set(offered(DOCUMENTS[name]))


@pytest.mark.parametrize("name", list(DOCUMENTS))
def test_the_gateway_asks_for_a_sign_in_where_the_service_does(registry: Snapshot, name: str) -> None:
    modes = registered(registry, name)
    for method, path in offered(DOCUMENTS[name]):
        needs_sign_in = {} not in DOCUMENTS[name]["paths"][path][method.lower()]["security"]
        # Not even on an operator's route may the gateway refuse for 112: there the service alone does.
        strictest = "optional" if is_emergency(registry, name, path) else "required"
        allowed = {strictest} if needs_sign_in else {"optional", "none"}
        assert modes[method, path] in allowed, (method, path)
