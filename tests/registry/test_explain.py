from __future__ import annotations

import pytest

from gateway.registry.explain import Explained, Unexplained, explain
from tests.registry.files import Registry, gateway_text, service_text

TYPES = "path: /v1/permits/types, methods: [GET]"


def told(registry: Registry, path: str = "/v1/permits/types") -> dict[str, tuple[str, str]]:
    """Return each setting's value and place, the folder left out."""
    explained = explain(registry.load(), "GET", path)
    assert isinstance(explained, Explained)
    folder = f"{registry.directory}/"
    return {one.setting: (one.value, str(one.origin or "default").replace(folder, "")) for one in explained.settings}


def test_every_value_is_told_with_its_place_or_as_default(registry: Registry) -> None:
    registry.service(
        service_text(
            upstream="{targets: [http://h], timeout: {connect: 1s}, health: {path: /h}}",
            rate_limit="{limit: 60, every: 1m}",
            auth="{mode: required, claims: [name], purpose: Nama pemohon}",
            cors="{origins: ['*']}",
            routes=f"\n  - {{{TYPES},\n     timeout: {{total: 3s}}, upgrade: [websocket],\n     "
            "cache: {scope: citizen, ttl: 10m, query: [a], headers: [X], statuses: {404: 10s}}}",
        )
    )
    settings = told(registry)
    file = "services/permits.yaml"
    assert settings["timeout.connect"] == ("1s", f"{file}:5:52")
    assert settings["timeout.read"] == ("30s", "default")
    assert settings["timeout.total"] == ("3s", f"{file}:11:23")
    assert settings["auth.mode"] == ("required", f"{file}:7:14")
    assert settings["auth.purpose"] == ("Nama pemohon", f"{file}:7:49")
    assert settings["auth.assurance"] == ("none", "default")
    assert settings["rate_limit.0.limit"] == ("60", f"{file}:6:21")
    assert settings["rate_limit.0.burst"] == ("60", "default")
    assert settings["cache.ttl"] == ("10m", f"{file}:12:35")
    assert settings["cache.stale_if_error"] == ("the agency decides", "default")
    assert settings["cache.statuses.404"] == ("10s", f"{file}:12:82")
    assert settings["upstream.targets.0"] == ("http://h", f"{file}:5:22")
    assert settings["upstream.health.path"] == ("/h", f"{file}:5:72")
    assert settings["upstream.health.interval"] == ("10s", "default")
    assert settings["cors.origins"] == ('["*"]', f"{file}:8:17")
    assert settings["max_body"] == ("1MiB", "default")
    assert settings["class"] == ("normal", "default")


def test_what_is_switched_off_is_told_with_the_place_that_does_it(registry: Registry) -> None:
    registry.service(service_text(routes=f"\n  - {{{TYPES},\n     rate_limit: none, cors: none}}"))
    settings = told(registry)
    assert settings["rate_limit"] == ("none", "services/permits.yaml:9:18")
    assert settings["cors"] == ("none", "services/permits.yaml:9:30")
    assert settings["cache"] == ("none", "default")
    assert settings["auth.pass_authorization"] == ("false", "default")


def test_emergency_routes_tell_their_class_and_offline_data(registry: Registry) -> None:
    registry.service(service_text(routes=f"[{{{TYPES}, class: emergency, offline: {{call: 112, posts: []}}}}]"))
    settings = told(registry)
    assert settings["class"][0] == "emergency"
    assert settings["offline"][0] == "{call: …, posts: …}"


def test_values_from_outside_are_shown_as_they_are_written(registry: Registry) -> None:
    registry.environment = {"HOST": "hunter2"}
    (registry.directory / "services" / "why").write_text("hunter2 hunter2")
    registry.service(
        service_text(
            upstream='{targets: ["http://${env:HOST}"]}',
            auth='{mode: required, claims: [name, "${env:HOST}"], purpose: "${file:why}"}',
        )
    )
    settings = told(registry)
    assert settings["upstream.targets.0"][0] == "http://${env:HOST}"
    assert settings["auth.purpose"][0] == "${file:why}"
    assert settings["auth.claims"][0] == "[…, ${env:HOST}]"
    assert "hunter2" not in str(settings)


def test_an_aggregate_tells_its_parts(registry: Registry) -> None:
    parts = "[{name: a, path: '/v1/permits/types?x=1', keep_last: 24h}]"
    registry.gateway(
        gateway_text(aggregates=f"[{{path: /v1/home, rate_limit: {{limit: 5, every: 1m}}, parts: {parts}}}]")
    )
    registry.service(service_text())
    settings = told(registry, "/v1/home")
    assert settings["parts.0.path"] == ("/v1/permits/types?x=1", "gateway.yaml:4:90")
    assert settings["parts.0.keep_last"][0] == "1d"
    assert settings["parts.0.required"] == ("false", "default")
    assert settings["rate_limit.0.limit"] == ("5", "gateway.yaml:4:51")
    assert "timeout.total" not in settings


def test_parameters_of_the_path_are_told(registry: Registry) -> None:
    registry.service(service_text(routes="[{path: '/v1/permits/{a}/{rest:path}', methods: [GET]}]"))
    explained = explain(registry.load(), "GET", "/v1/permits/x/y/z?q=1")
    assert isinstance(explained, Explained)
    assert explained.parameters == (("a", "x"), ("rest", "y/z"))


@pytest.mark.parametrize(
    ("method", "path", "status", "reason", "remedy"),
    [
        ("POST", "/v1/permits/types", 405, "none lists POST; Allow: GET, HEAD", "use GET, HEAD, or list POST"),
        ("get", "/v1/permits/types", 405, "(methods are in capitals)", "use GET, HEAD"),
        ("GET", "/v1/permits/typs", 404, "permits lists no such path", "did you mean /v1/permits/types?"),
        ("GET", "/v1/permits/qqqqqqqqqqqq", 404, "permits lists no such path", "listed are: /v1/permits/types"),
        ("GET", "/v1/permits/types/", 404, "a slash at the end", "ask for /v1/permits/types, or list"),
        ("GET", "/v1/permit/types", 404, "no service has this path", "did you mean /v1/permits/…?"),
        ("GET", "/v1/zzz", 404, "no service has this path", "services are: permits"),
        ("GET", "/", 404, "no service has this path", "services are: permits"),
        ("GET", "/v2/permits/types", 404, "no service has this path", "services are: permits"),
        (
            "GET",
            "/v1/permits/../x",
            400,
            "no such path is let in: the path holds a dot segment",
            "as a client sends it",
        ),
    ],
)
def test_a_request_without_a_route_is_told_why(
    registry: Registry, method: str, path: str, status: int, reason: str, remedy: str
) -> None:
    registry.service(service_text())
    why = explain(registry.load(), method, path)
    assert isinstance(why, Unexplained)
    assert why.status == status
    assert reason in why.reason
    assert remedy in why.remedy


def test_limits_of_requests_in_flight_are_told_with_their_places(registry: Registry) -> None:
    registry.service(service_text(concurrency="{limit: 4, missing: open}"))
    settings = told(registry)
    assert settings["concurrency.0.limit"] == ("4", "services/permits.yaml:8:22")
    assert settings["concurrency.0.missing"] == ("open", "services/permits.yaml:8:34")
    assert settings["concurrency.0.by"] == ("citizen", "default")
