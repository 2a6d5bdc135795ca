"""What blocks say together must agree: each contradiction is told where it stands, with a way out."""

from __future__ import annotations

import pytest

from tests.registry.files import Registry, gateway_text, service_text, unmarked

ISSUER = (
    "{issuers: [{issuer: http://127.0.0.1:8101, audiences: [a], algorithms: [ES256], "
    "jwks_url: http://127.0.0.1:8101/j}]}"
)
ROUTE = "path: /v1/permits/types, methods: [GET]"


@pytest.mark.parametrize(
    ("changes", "reason", "remedy"),
    [
        (
            {"routes": "[{path: «/v1/permit/types, methods: [GET]}]"},
            "the paths of this service begin with /v1/permits/, so that no service can take another's",
            "write /v1/permits/…, or correct the service's `name`",
        ),
        (
            {"routes": "[{path: «/v1/permitsx, methods: [GET]}]"},
            "the paths of this service begin with /v1/permits/, so that no service can take another's",
            "write /v1/permits/…, or correct the service's `name`",
        ),
        (
            {"routes": "[{path: /v1/permits/a, methods: [GET, «'*']}]"},
            "'*' is every method already",
            "write ['*'], or the methods without it",
        ),
        (
            {"auth": "{mode: required, «claims: [name]}"},
            "claims are given away without a purpose (UU 27/2022)",
            "write `purpose: …` beside them, or remove the claims",
        ),
        (
            {"auth": "{mode: required}", "routes": f"[{{{ROUTE}, auth: {{«claims: [name]}}}}]"},
            "claims are given away without a purpose (UU 27/2022)",
            "write `purpose: …` beside them, or remove the claims",
        ),
        (
            {"routes": f"[{{{ROUTE}, auth: {{mode: none, scopes: «[a]}}}}]"},
            "with mode none nobody is known, so `scopes` has no meaning",
            "write mode: required or optional, or remove it",
        ),
        (
            {"auth": "{mode: required, «pass_authorization: true}"},
            "pass_authorization needs mode none; else the agency receives the gateway's assertion there",
            "write mode: none, or remove it",
        ),
        (
            {"auth": "{mode: optional, «scopes: [a]}"},
            "with mode optional a caller may be unknown, and nobody unknown has scopes",
            "write mode: required, or `scopes: []` on this route",
        ),
        (
            {"auth": "{mode: required, «assurance: 2}", "routes": f"[{{{ROUTE}, auth: {{mode: optional}}}}]"},
            "with mode optional a caller may be unknown, and nobody unknown has assurance",
            "write mode: required, or `scopes: []` on this route",
        ),
        (
            {"class": "emergency", "auth": "{mode: required}", "routes": "[{path: «/v1/permits/a, methods: [GET]}]"},
            "an emergency route must not ask for a sign-in (it does unless told otherwise)",
            "write `auth: {mode: optional}` or `auth: {mode: none}`",
        ),
        (
            {"class": "emergency", "routes": f"[{{{ROUTE}, auth: {{mode: «required}}}}]"},
            "an emergency route must not ask for a sign-in (it does unless told otherwise)",
            "write `auth: {mode: optional}` or `auth: {mode: none}`",
        ),
        (
            {"routes": f"[{{{ROUTE}, class: emergency, «rate_limit: {{limit: 1, every: 1s}}}}]"},
            "an emergency route must not have limits: abuse is flagged there, never blocked",
            "remove them",
        ),
        (
            {
                "rate_limit": "{limit: 1, every: 1s}",
                "routes": f"[{{class: emergency, {ROUTE.replace('/v1', '«/v1')}}}]",
            },
            "an emergency route must not have limits: abuse is flagged there, never blocked",
            "write `rate_limit: none` on this route",
        ),
        (
            {"routes": f"[{{{ROUTE}, «offline: {{call: 112}}}}]"},
            "only emergency routes answer with it",
            "write `class: emergency` too, or remove it",
        ),
        (
            {"auth": "{mode: required}", "routes": f"[{{{ROUTE}, «cache: {{ttl: 1m}}}}]"},
            "answers for signed-in citizens would be shared with everybody",
            "write `scope: citizen` under it, or `auth: {mode: none}`",
        ),
        (
            {"routes": f"[{{{ROUTE}, cache: {{ttl: 1m, scope: «citizen}}}}]"},
            "with auth mode none no citizen is known whose own answer could be kept",
            "write `scope: shared`, or `auth: {mode: required}`",
        ),
        (
            {"routes": "[{path: /v1/permits/a, methods: [POST], «cache: {ttl: 1m}}]"},
            "only answers to GET and HEAD are kept",
            "list GET, or remove it",
        ),
        (
            {"routes": f"[{{{ROUTE}, cache: {{query: «[a, '*']}}}}]"},
            "'*' is every parameter already",
            "write ['*'], or names without it",
        ),
        (
            {"subject": "«issuer"},
            "no issuer listed in gateway.yaml has the address of one of this service's targets",
            "name it with `issuer: …`, or remove `subject: issuer`",
        ),
        (
            {"subject": "issuer", "issuer": "«https://elsewhere"},
            "not an issuer listed in gateway.yaml",
            "name one of: http://127.0.0.1:8101",
        ),
        (
            {"«issuer": "http://127.0.0.1:8101"},
            "an issuer is named, but subjects are pairwise",
            "write `subject: issuer` beside it, or remove it",
        ),
        (
            {"routes": f"[{{{ROUTE}}}, {{path: «/v1/permits/types, methods: [GET, POST]}}]"},
            "the route at services/permits.yaml:7:17 answers the same requests (GET)",
            "remove one, or give them different methods",
        ),
        (
            {"routes": "[{path: '/v1/permits/{a}', methods: [GET]}, {path: «'/v1/permits/{b}', methods: ['*']}]"},
            "the route at services/permits.yaml:7:17 answers the same requests (GET)",
            "remove one, or give them different methods",
        ),
        (
            {"routes": "[{path: /v1/permits/a, methods: ['*']}, {path: «/v1/permits/a, methods: ['*']}]"},
            "the route at services/permits.yaml:7:17 answers the same requests (every method)",
            "remove one, or give them different methods",
        ),
    ],
)
def test_a_contradiction_is_told(registry: Registry, changes: dict[str, str], reason: str, remedy: str) -> None:
    registry.gateway(gateway_text(identity=ISSUER))
    text, place = unmarked(service_text(**changes))
    registry.service(text)
    [problem] = registry.problems()
    assert (problem.reason.replace(f"{registry.directory}/", ""), problem.remedy) == (reason, remedy)
    assert (problem.origin.line, problem.origin.column) == place


def test_two_services_of_one_name_are_told_at_both_places(registry: Registry) -> None:
    registry.service(service_text(), "a")
    registry.service(service_text(routes="[{path: /v1/permits/other, methods: [GET]}]"), "b")
    assert registry.told() == [
        "services/a.yaml:2:7: permits: another service has this name: services/b.yaml:2:7\n"
        "    fix: give one of them another name",
        "services/b.yaml:2:7: permits: another service has this name: services/a.yaml:2:7\n"
        "    fix: give one of them another name",
    ]


def test_the_path_of_an_aggregate_is_no_services(registry: Registry) -> None:
    registry.gateway(gateway_text(aggregates="[{path: /v1/permits, parts: [{name: a, path: /v1/permits/types}]}]"))
    registry.service(service_text())
    assert registry.told() == [
        "services/permits.yaml:2:7: permits: the aggregate at gateway.yaml:4:21 has the path /v1/permits\n"
        "    fix: give one of them another name"
    ]


@pytest.mark.parametrize(("methods", "refused"), [("[GET, POST]", True), ("['*']", True), ("[POST]", False)])
def test_a_route_may_not_answer_for_an_aggregate(registry: Registry, methods: str, refused: bool) -> None:
    aggregate = "{path: /v1/permits/mine, parts: [{name: a, path: /v1/permits/types}]}"
    registry.gateway(gateway_text(aggregates=f"[{aggregate}]"))
    routes = f"[{{path: /v1/permits/types, methods: [GET]}}, {{path: /v1/permits/mine, methods: {methods}}}]"
    registry.service(service_text(routes=routes))
    reasons = [problem.reason for problem in registry.problems()]
    assert bool(reasons) is refused
    assert all("gateway.yaml:4:21 answers the same requests (GET)" in reason for reason in reasons)


def test_two_aggregates_may_not_have_one_path(registry: Registry) -> None:
    one = "{path: /v1/home, parts: [{name: a, path: /v1/permits/types}]}"
    registry.gateway(gateway_text(aggregates=f"[{one}, {one}]"))
    registry.service(service_text())
    [problem] = registry.problems()
    assert problem.reason.endswith("gateway.yaml:4:21 answers the same requests (GET)")


def test_a_part_that_asks_for_a_sign_in_needs_an_aggregate_that_looks_at_it(registry: Registry) -> None:
    part = "{name: a, path: «/v1/permits/types}"
    text, place = unmarked(gateway_text(aggregates=f"[{{path: /v1/home, auth: {{mode: none}}, parts: [{part}]}}]"))
    registry.gateway(text)
    registry.service(service_text(auth="{mode: required}"))
    [problem] = registry.problems()
    assert (problem.origin.line, problem.origin.column) == place
    assert problem.reason == "/v1/permits/types asks for a sign-in, and this aggregate does not look at it"
    assert problem.remedy == "write `auth: {mode: optional}` at the aggregate"


def test_a_part_of_a_service_that_is_broken_or_switched_off_is_a_warning_and_no_second_error(
    registry: Registry,
) -> None:
    registry.gateway(gateway_text(aggregates="[{path: /v1/home, parts: [{name: a, path: /v1/permits/types}]}]"))
    registry.service(service_text(max_body="5"), "anything")
    assert len(registry.problems()) == 1
    registry.service(service_text(enabled="false"), "anything")
    assert [warning.partition(": ")[2] for warning in registry.load().warnings] == [
        "the part a is missing while permits is not served"
    ]


def test_a_broken_gateway_yaml_brings_no_errors_about_services(registry: Registry) -> None:
    registry.gateway(gateway_text(version="7"))
    registry.service(service_text(subject="issuer"))
    assert [problem.value for problem in registry.problems()] == ["7"]


def test_an_include_that_names_nothing_is_a_warning(registry: Registry) -> None:
    snapshot = registry.load()
    assert [warning.replace(f"{registry.directory}/", "") for warning in snapshot.warnings] == [
        "gateway.yaml: `include: services/*.yaml` names no file"
    ]
    assert snapshot.routes == ()


def test_secrets_in_the_file_itself_are_a_warning_that_does_not_show_them(registry: Registry) -> None:
    secret = "hunter2" * 6
    registry.gateway(
        gateway_text(
            server=f"{{public: h:1, ops: h:2, admin_token: {secret}}}", identity=f"{{pairwise_secret: {secret}}}"
        )
    )
    registry.service(service_text())
    warnings = registry.load().warnings
    assert [warning.partition(": ")[2] for warning in warnings] == [
        "admin_token stands in the file; write ${file:…} or ${env:…}",
        "pairwise_secret stands in the file; write ${file:…} or ${env:…}",
    ]


def test_secrets_are_in_no_repr(registry: Registry) -> None:
    registry.environment = {"SECRET": "hunter2" * 6}
    registry.gateway(
        gateway_text(
            server='{public: h:1, ops: h:2, admin_token: "${env:SECRET}"}',
            store='"redis://:${env:SECRET}@h:6379"',
            identity='{pairwise_secret: "${env:SECRET}"}',
        )
    )
    registry.service(service_text())
    snapshot = registry.load()
    assert snapshot.server.admin_token == "hunter2" * 6
    assert snapshot.store.url.startswith("redis://:hunter2")
    assert "hunter2" not in repr(snapshot)
