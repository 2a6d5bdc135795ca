"""What is published beside the code is current: the demo's registry, the description of settings, editors' schemas."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]  # it brings no types, and only `validate` is used
import pytest
import yaml

from gateway.registry.documentation import documentation
from gateway.registry.json_schema import MODELS, FileKind, json_schema
from gateway.registry.load import load
from gateway.registry.snapshot import Route, Snapshot
from tests.registry.files import route

ROOT = Path(__file__).parents[2]
CONFIG = ROOT / "gateway.yaml"

# An agency may register more, and these tests stay green.
REFERENCE_SERVICES = ("identity", "permits", "complaints", "emergency")
# Every path of the reference services: sign-in it asks for, and whether its answers are kept.
ROUTES = """
POST identity/register none
POST identity/login none
POST identity/refresh none
POST identity/recovery none
POST identity/recovery/7 none
GET identity/tiers none kept
POST identity/logout optional
GET identity/me required
POST identity/me/identifiers required
POST identity/me/identifiers/7/release required
POST identity/me/identifiers/7/code required
POST identity/me/identifiers/7/proof required
POST identity/me/nik-match required
POST identity/me/password required
POST identity/me/export required
POST identity/me/closing required
GET identity/sessions required
PATCH identity/sessions/7 required
DELETE identity/sessions/7 required
GET identity/notifications required
POST identity/counter/verifications required
POST identity/counter/recoveries required
GET identity/accounts required
POST identity/accounts/search required
PUT identity/accounts/7/roles/admin required
DELETE identity/accounts/7/roles/admin required
POST identity/accounts/7/block required
POST identity/accounts/7/unblock required
GET permits/types none kept
GET permits/types/pbg none kept
GET permits/verify/123 none
GET permits/signing-certificates none kept
GET permits/applications required
POST permits/applications required
GET permits/applications/7 required
PATCH permits/applications/7 required
POST permits/applications/7/documents required
GET permits/applications/7/documents/ab12 required
POST permits/applications/7/submit required
POST permits/applications/7/withdraw required
GET permits/applications/7/permit required
GET permits/notifications required
GET permits/desk/applications required
POST permits/desk/next required
GET permits/desk/applications/7 required
GET permits/desk/applications/7/documents/ab12 required
POST permits/desk/applications/7/release required
POST permits/desk/applications/7/corrections required
POST permits/desk/applications/7/accept required
POST permits/desk/applications/7/assess required
POST permits/desk/applications/7/levy required
POST permits/desk/applications/7/payment required
POST permits/desk/applications/7/issue required
POST permits/desk/applications/7/refuse required
POST complaints/reports optional
GET complaints/reports required
GET complaints/reports/LKS-1 optional
POST complaints/reports/LKS-1/photos optional
GET complaints/reports/LKS-1/photos/1 optional
POST complaints/reports/LKS-1/replies optional
POST complaints/reports/LKS-1/rating optional
POST complaints/reports/LKS-1/reopening optional
PUT complaints/reports/LKS-1/following required
DELETE complaints/reports/LKS-1/following required
GET complaints/notifications required
GET complaints/categories none kept
GET complaints/public none kept
GET complaints/public/map none kept
GET complaints/public/LKS-1 none kept
GET complaints/public/LKS-1/photos/1 none
GET complaints/balance none kept
GET complaints/desk/reports required
GET complaints/desk/reports/LKS-1 required
POST complaints/desk/reports/LKS-1/actions required
POST complaints/desk/reports/LKS-1/photos required
GET complaints/desk/reports/LKS-1/photos/1 required
POST emergency/incidents optional
GET emergency/incidents/7 optional
POST emergency/incidents/7/messages optional
GET emergency/types none kept
GET emergency/posts none
GET emergency/notifications required
GET emergency/board optional
GET emergency/board/112-000001 optional
POST emergency/board/112-000001/actions optional
GET emergency/units optional
GET home required
"""


@pytest.fixture(scope="module")
def demo() -> Snapshot:
    return load(CONFIG, strict=True, environment={})


def asked(snapshot: Snapshot, line: str) -> Route:
    method, path, *_ = line.split()
    return route(snapshot, f"/v1/{path}", method)


@pytest.mark.parametrize("line", ROUTES.strip().split("\n"))
def test_the_demo_offers_every_path_of_the_reference_services(demo: Snapshot, line: str) -> None:
    _, _, mode, *kept = line.split()
    one = asked(demo, line)
    assert one.auth.mode == mode
    assert (one.cache is not None) == bool(kept)


def test_the_demo_has_no_path_beside_these_and_no_warning(demo: Snapshot) -> None:
    named = {asked(demo, line).origins["path"] for line in ROUTES.strip().split("\n")}
    of_these = [one for one in demo.routes if one.service is None or one.service.name in REFERENCE_SERVICES]
    assert {one.origins["path"] for one in of_these} == named
    assert demo.warnings == ()


def test_sign_in_is_limited_by_address_and_shut_when_nobody_counts(demo: Snapshot) -> None:
    [limit] = asked(demo, "POST identity/login").limits
    assert (limit.by.kind, limit.accuracy, limit.on_store_failure) == ("address", "exact", "closed")


def test_emergency_routes_have_no_limit_and_carry_112_for_when_they_are_down(demo: Snapshot) -> None:
    emergency = [one for one in demo.routes if one.emergency]
    assert emergency
    for one in emergency:
        assert one.limits == ()
        assert one.offline is not None
        assert one.offline["call"] == "tel:112"


def test_everything_of_112_is_of_the_emergency_class_but_the_inbox_that_home_screens_ask(demo: Snapshot) -> None:
    all_of_it = [one for one in demo.routes if one.service is not None and one.service.name == "emergency"]
    assert [one.template for one in all_of_it if not one.emergency] == ["/v1/emergency/notifications"]


def test_only_identity_sees_its_own_subjects(demo: Snapshot) -> None:
    assert {name: service.issuer for name, service in demo.services.items() if service.issuer} == {
        "identity": "http://127.0.0.1:8101"
    }


def test_the_demo_runs_on_other_ports(demo: Snapshot) -> None:
    names = ("GATEWAY", "GATEWAY_OPS", "IDENTITY", "PERMITS", "COMPLAINTS", "EMERGENCY")
    environment = {f"{name}_PORT": str(7000 + number) for number, name in enumerate(names)}
    environment |= {"GATEWAY_STORE": "redis://127.0.0.1:7100/0", "GATEWAY_ADMIN_TOKEN": "x" * 32}
    moved = load(CONFIG, strict=True, environment=environment)
    assert (moved.server.public_port, moved.server.ops_port) == (7000, 7001)
    ports = [moved.services[name].upstream.targets[0].port for name in REFERENCE_SERVICES]
    assert ports == [7002, 7003, 7004, 7005]
    assert moved.issuers[0].jwks_url == "http://127.0.0.1:7002/.well-known/jwks.json"
    assert moved.services["identity"].issuer == "http://127.0.0.1:7002"
    assert (moved.store.url, moved.server.admin_token) == ("redis://127.0.0.1:7100/0", "x" * 32)
    assert (demo.store.url, demo.server.admin_token) == ("memory://", None)


def test_the_description_of_settings_is_current() -> None:
    assert (ROOT / "docs" / "configuration.md").read_text() == documentation(), "run `gateway docs`"


def fields(schema: dict[str, Any]) -> list[dict[str, Any]]:
    blocks = [schema, *schema["$defs"].values()]
    return [field for block in blocks for field in block.get("properties", {}).values()]


@pytest.mark.parametrize("kind", list(MODELS))
def test_every_setting_has_a_description_and_none_may_be_null(kind: FileKind) -> None:
    for field in fields(json_schema(kind)):
        assert field["description"]
        assert "null" not in str(field.get("anyOf", field.get("type")))
        assert field.get("default", ...) is not None


def test_the_schemas_for_editors_accept_the_demos_files() -> None:
    jsonschema.validate(yaml.safe_load(CONFIG.read_text()), json_schema("gateway"))
    services = sorted((ROOT / "config" / "services").glob("*.yaml"))
    assert {path.stem for path in services} >= set(REFERENCE_SERVICES)
    for path in services:
        document = yaml.safe_load(path.read_text())
        for one in document["routes"]:
            for status in list(one.get("cache", {}).get("statuses", {})):
                one["cache"]["statuses"][str(status)] = one["cache"]["statuses"].pop(status)  # JSON keys are texts
        jsonschema.validate(document, json_schema("service"))


@pytest.mark.parametrize("wrong", [{"max_body": 5}, {"colour": "red"}, {"version": 2}, {"rate_limit": "some"}])
def test_the_schemas_for_editors_refuse_what_check_refuses(wrong: dict[str, object]) -> None:
    document = yaml.safe_load((ROOT / "config/services/permits.yaml").read_text()) | wrong
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(document, json_schema("service"))
