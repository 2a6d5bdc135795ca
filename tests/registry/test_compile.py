"""What is written becomes policies: inherited setting by setting or whole, with the place each value comes from."""

from __future__ import annotations

import pytest

from gateway.registry.snapshot import Route, Snapshot
from gateway.rules.access import AuthPolicy
from gateway.rules.caching.policy import CachePolicy
from gateway.rules.cors import CorsPolicy
from gateway.rules.delivery import HealthPolicy, Target, Timeouts
from gateway.rules.matching import Match
from gateway.rules.quota import QuotaKey, QuotaPolicy
from tests.registry.files import Registry, gateway_text, service_text

TYPES = "path: /v1/permits/types, methods: [GET]"


def route(snapshot: Snapshot, path: str = "/v1/permits/types", method: str = "GET") -> Route:
    found = snapshot.matcher.match(method.encode(), path.encode())
    assert isinstance(found, Match)
    value: Route = found.value
    return value


def compiled(registry: Registry, **changes: str) -> Route:
    """Load a registry with one service and return its route for GET /v1/permits/types."""
    registry.service(service_text(**changes))
    return route(registry.load())


def from_line(one: Route, setting: str) -> int | None:
    """Return the line a setting comes from, None when it is the default."""
    origin = one.origins.get(setting)
    return None if origin is None else origin.line


def test_a_route_that_says_nothing_has_the_defaults_and_no_limit_or_cache(registry: Registry) -> None:
    one = compiled(registry, auth="{}")
    assert one.auth == AuthPolicy(mode="required")
    assert one.timeouts == Timeouts(connect_seconds=2, read_seconds=30, total_seconds=5)
    assert (one.limits, one.cache, one.cors, one.offline, one.upgrade) == ((), None, None, None, frozenset())
    assert (one.max_body_bytes, one.emergency, one.strip_prefix) == (1_048_576, False, b"/v1/permits")
    assert from_line(one, "auth.mode") is None


def test_a_route_replaces_access_setting_by_setting(registry: Registry) -> None:
    one = compiled(
        registry,
        auth="{mode: required, claims: [name], purpose: Nama pemohon, scopes: [a]}",
        routes=f"\n  - {{{TYPES},\n     auth: {{scopes: [b], assurance: 2}}}}",
    )
    assert one.auth == AuthPolicy("required", frozenset({"b"}), ("name",), "Nama pemohon", 2)
    lines = {name: from_line(one, f"auth.{name}") for name in ("mode", "claims", "scopes", "assurance")}
    assert lines == {"mode": 6, "claims": 6, "scopes": 9, "assurance": 9}


def test_with_mode_none_what_signed_in_callers_are_asked_falls_away(registry: Registry) -> None:
    one = compiled(
        registry,
        auth="{mode: required, claims: [name], purpose: Nama pemohon, scopes: [a], assurance: 2}",
        routes=f"[{{{TYPES}, auth: {{mode: none, pass_authorization: true}}}}]",
    )
    assert one.auth == AuthPolicy(mode="none", pass_authorization=True)


def test_a_route_replaces_timeouts_setting_by_setting(registry: Registry) -> None:
    one = compiled(
        registry,
        upstream="{targets: [http://h], timeout: {connect: 1s, total: 9s}}",
        routes=f"\n  - {{{TYPES},\n     timeout: {{total: 500ms}}}}",
    )
    assert one.timeouts == Timeouts(connect_seconds=1, read_seconds=30, total_seconds=0.5)
    assert [from_line(one, f"timeout.{name}") for name in ("connect", "read", "total")] == [6, None, 9]


LIMIT = QuotaPolicy("permits:citizen", limit=60, period_seconds=60, burst=60)


@pytest.mark.parametrize(
    ("written", "limits"),
    [
        ("", (LIMIT,)),
        (", rate_limit: none", ()),
        (", rate_limit: []", ()),
        (
            ", rate_limit: {limit: 5, every: 1s, burst: 9, cost: 2, by: 'header:X-App', "
            "accuracy: leased, mode: shadow, on_store_failure: closed}",
            (
                QuotaPolicy(
                    "GET /v1/permits/types:header:X-App",
                    limit=5,
                    period_seconds=1,
                    burst=9,
                    by=QuotaKey("header", "x-app"),
                    cost=2,
                    accuracy="leased",
                    mode="shadow",
                    on_store_failure="closed",
                ),
            ),
        ),
        (
            ", rate_limit: [{limit: 5, every: 1s, by: address}, {limit: 9, every: 1m, by: address}]",
            (
                QuotaPolicy("GET /v1/permits/types:address", 5, 1, 5, QuotaKey("address")),
                QuotaPolicy("GET /v1/permits/types:address:2", 9, 60, 9, QuotaKey("address")),
            ),
        ),
    ],
    ids=["inherited", "none", "empty list", "one", "two"],
)
def test_a_route_replaces_limits_whole(registry: Registry, written: str, limits: tuple[QuotaPolicy, ...]) -> None:
    one = compiled(registry, rate_limit="{limit: 60, every: 1m}", routes=f"[{{{TYPES}{written}}}]")
    assert one.limits == limits


@pytest.mark.parametrize(
    ("by", "key"),
    [
        ("citizen", QuotaKey("citizen")),
        ("address", QuotaKey("address")),
        ("service", QuotaKey("service")),
        ("route", QuotaKey("route")),
        ("claim:azp", QuotaKey("claim", "azp")),
    ],
)
def test_limits_count_by_what_is_written(registry: Registry, by: str, key: QuotaKey) -> None:
    [limit] = compiled(registry, rate_limit=f"{{limit: 1, every: 1s, by: '{by}'}}").limits
    assert limit.by == key


def test_places_of_replaced_limits_are_not_mixed_with_the_services(registry: Registry) -> None:
    one = compiled(
        registry,
        rate_limit="{limit: 60, every: 1m, burst: 5}",
        routes=f"\n  - {{{TYPES},\n     rate_limit: {{limit: 1, every: 1s}}}}",
    )
    assert [from_line(one, f"rate_limit.0.{name}") for name in ("limit", "burst")] == [10, None]


def test_caching_is_compiled_and_zero_is_not_absent(registry: Registry) -> None:
    one = compiled(
        registry,
        upstream="{targets: ['http://Svc.example', 'https://b:8443/base', 'unix:/run/s.sock', 'http://[::1]:90']}",
        routes=f"[{{{TYPES}, cache: {{ttl: 0s, stale_if_error: 24h, query: [q], headers: [Accept-Language], "
        "store_set_cookie: true, max_body: 2MB, statuses: {404: 10s}}}]",
    )
    origins = {b"http://svc.example", b"http://svc.example:80", b"https://b:8443", b"http://[::1]:90"}
    assert one.cache == CachePolicy(
        ttl_seconds=0,
        ttl_by_status={404: 10},
        stale_if_error_seconds=86_400,
        query=(b"q",),
        key_fields=(b"accept-language",),
        store_set_cookie=True,
        max_body_bytes=2_000_000,
        origins=frozenset(origins),
    )


def test_targets_are_compiled(registry: Registry) -> None:
    one = compiled(
        registry,
        upstream="{targets: ['http://h/', 'https://h/base/', 'unix:run/s.sock', 'http://[::1]:90'], "
        "health: {path: /h, interval: 3s, timeout: 1s, unhealthy_after: 4, healthy_after: 2}, "
        "retries: {attempts: 1}, max_connections: 7, emergency_connections: 3, max_in_flight: 9}",
    )
    assert one.service is not None
    upstream = one.service.upstream
    assert upstream.targets == (
        Target("http://h", "http", "h", 80),
        Target("https://h/base", "https", "h", 443, b"/base"),
        Target("unix:run/s.sock", "unix", f"{registry.directory}/services/run/s.sock", 0),
        Target("http://[::1]:90", "http", "::1", 90),
    )
    assert upstream.health == HealthPolicy("/h", 3, 1, 4, 2)
    assert (upstream.retry.attempts, upstream.max_connections) == (1, 7)
    assert (upstream.emergency_connections, upstream.max_in_flight) == (3, 9)


def test_emergency_routes_are_compiled_with_their_offline_data(registry: Registry) -> None:
    one = compiled(
        registry,
        routes=f"[{{{TYPES}, class: emergency, offline: {{call: 'tel:112', posts: [{{lat: -6.1}}], x: null}}}}]",
    )
    assert one.emergency
    assert one.offline == {"call": "tel:112", "posts": [{"lat": -6.1}], "x": None}


def test_a_route_may_leave_the_class_of_its_service(registry: Registry) -> None:
    assert not compiled(registry, **{"class": "emergency"}, routes=f"[{{{TYPES}, class: normal}}]").emergency


DEFAULT = (
    "{origins: ['https://live.example'], methods: [GET], request_headers: [X-A], exposed_headers: [X-B], max_age: 1m}"
)
COMPILED = CorsPolicy(frozenset({b"https://live.example"}), (b"GET",), (b"x-a",), (b"x-b",), 60)


def test_cross_origin_rules_are_inherited_whole_from_service_and_gateway(registry: Registry) -> None:
    registry.gateway(gateway_text(cors=DEFAULT))
    assert compiled(registry).cors == COMPILED
    assert compiled(registry).origins["cors.max_age"].file.endswith("gateway.yaml")
    other = compiled(registry, cors="{origins: ['*']}")
    assert other.cors == CorsPolicy(frozenset({b"*"}))
    assert other.origins.get("cors.max_age") is None
    assert compiled(registry, cors="none").cors is None
    assert compiled(registry, cors="{origins: ['*']}", routes=f"[{{{TYPES}, cors: none}}]").cors is None


def test_methods_upgrades_and_sizes_are_compiled(registry: Registry) -> None:
    one = compiled(
        registry,
        max_body="1KB",
        routes="[{path: '/v1/permits/{rest:path}', methods: ['*'], upgrade: [websocket], max_body: 5MB}]",
    )
    assert (one.methods, one.upgrade, one.max_body_bytes) == (frozenset(), frozenset({b"websocket"}), 5_000_000)


def test_what_is_switched_off_has_no_routes(registry: Registry) -> None:
    registry.service(service_text(enabled="false"), "permits")
    registry.service(
        service_text(
            name="other",
            routes="[{path: /v1/other/a, methods: [GET], enabled: false}, {path: /v1/other/b, methods: [GET]}]",
        ),
        "other",
    )
    snapshot = registry.load()
    assert list(snapshot.services) == ["other"]
    assert [one.template for one in snapshot.routes] == ["/v1/other/b"]


def test_a_service_is_compiled(registry: Registry) -> None:
    registry.service(
        service_text(
            agency="{code: X, name: Dinas X, contact: {text: Loket 3, phone: '021', email: a@b, url: https://x}}",
            description="{id: a, en: b}",
            sector="civil",
            promise="{availability: 99.5%, p95: 500ms}",
            openapi="/openapi.json",
        )
    )
    service = registry.load().services["permits"]
    assert (service.title.id, service.title.en, service.sector) == ("Perizinan", "Permits", "civil")
    assert (service.agency_code, service.agency.name) == ("X", "Dinas X")
    assert service.agency.contact == "Loket 3 · 021 · a@b · https://x"
    assert (service.promise.availability, service.promise.p95_seconds) == (0.995, 0.5)
    assert service.openapi == "/openapi.json"
    assert service.description is not None


def test_a_service_without_more_is_its_own_sector_and_its_agency_has_its_code_as_name(registry: Registry) -> None:
    registry.service(service_text(agency="{code: X, contact: Loket 3}"))
    service = registry.load().services["permits"]
    assert (service.sector, service.agency.name, service.agency.contact) == ("permits", "X", "Loket 3")
    assert (service.issuer, service.description) == (None, None)


def issuers(*names: str) -> str:
    listed = [
        f"{{issuer: '{name}', audiences: [a], algorithms: [ES256, EdDSA], jwks_url: http://h/j}}" for name in names
    ]
    return f"{{issuers: [{', '.join(listed)}]}}"


@pytest.mark.parametrize(
    ("targets", "issuer"),
    [
        ("[http://127.0.0.1:8101]", "http://127.0.0.1:8101/realm"),
        ("['unix:/run/x', 'https://id.example:443/base']", "https://id.example"),
    ],
)
def test_an_identity_service_is_the_issuer_that_has_its_address(registry: Registry, targets: str, issuer: str) -> None:
    registry.gateway(gateway_text(identity=issuers("accounts", "http://127.0.0.1:8101/realm", "https://id.example")))
    registry.service(service_text(subject="issuer", upstream=f"{{targets: {targets}}}"))
    assert registry.load().services["permits"].issuer == issuer


def test_an_identity_service_may_name_its_issuer(registry: Registry) -> None:
    registry.gateway(gateway_text(identity=issuers("accounts")))
    registry.service(service_text(subject="issuer", issuer="accounts"))
    assert registry.load().services["permits"].issuer == "accounts"


def test_aggregates_are_compiled(registry: Registry) -> None:
    part = "{name: a, path: '/v1/permits/types?limit=5', required: true, timeout: 1s, keep_last: 24h}"
    registry.gateway(
        gateway_text(
            cors=DEFAULT,
            aggregates="[{path: /v1/home, auth: {mode: optional}, rate_limit: {limit: 5, every: 1m}, parts: "
            f"[{part}, {{name: b, path: /v1/permits/types}}]}}]",
        )
    )
    registry.service(service_text())
    one = route(registry.load(), "/v1/home")
    assert (one.service, one.auth.mode, one.cors) == (None, "optional", COMPILED)
    assert [limit.name for limit in one.limits] == ["GET /v1/home:citizen"]
    assert one.aggregate is not None
    first, second = one.aggregate.parts
    assert (first.name, first.path, first.query, first.required) == ("a", b"/v1/permits/types", b"limit=5", True)
    assert (first.timeout_seconds, first.keep_last_seconds) == (1, 86_400)
    assert (second.query, second.required, second.timeout_seconds, second.keep_last_seconds) == (b"", False, 2, 0)


def test_gateway_yaml_is_compiled(registry: Registry) -> None:
    (registry.directory / "c.pem").write_text("x")
    registry.gateway(
        gateway_text(
            server="{public: '[::1]:8080', ops: localhost:9090, trusted_proxies: [10.0.0.0/8, '::1'], "
            "drain: {grace: 1s, timeout: 2s}, admin_token: '', tls: {certificate: c.pem, key: c.pem}, state: s}",
            store="{url: 'redis://h:6379/0', timeout: 10ms}",
            cache="{max_size: 1MB}",
            identity="{assertion: {issuer: http://g, key: '', lifetime: 30s}, pairwise_secret: ''}",
        )
    )
    snapshot = registry.load()
    server = snapshot.server
    assert (server.public_host, server.public_port, server.ops_host, server.ops_port) == (
        "::1",
        8080,
        "localhost",
        9090,
    )
    assert [str(network) for network in server.trusted_networks] == ["10.0.0.0/8", "::1/128"]
    assert (server.drain_grace_seconds, server.drain_timeout_seconds, server.admin_token) == (1, 2, None)
    assert server.tls_certificate == str(registry.directory / "c.pem")
    assert snapshot.state_directory == str(registry.directory / "s")
    assert (snapshot.store.url, snapshot.store.timeout_seconds) == ("redis://h:6379/0", 0.01)
    assert snapshot.store.cache_max_bytes == 1_000_000
    assert (snapshot.assertion.issuer, snapshot.assertion.keys) == ("http://g", ())
    assert (snapshot.assertion.pairwise_secret, snapshot.assertion.lifetime_seconds) == (None, 30)


def test_the_least_gateway_yaml_is_enough(registry: Registry) -> None:
    snapshot = registry.load()
    assert (snapshot.store.url, snapshot.issuers) == ("memory://", ())
    assert (snapshot.assertion.issuer, snapshot.assertion.keys) == ("http://127.0.0.1:8080", ())
    assert snapshot.state_directory == str(registry.directory / ".gateway")


def test_what_comes_from_outside_has_its_written_text_as_origin(registry: Registry) -> None:
    registry.environment = {"PORT": "8102"}
    one = compiled(registry, upstream='{targets: ["http://h:${env:PORT}", "http://h:${env:NONE:-1}"]}')
    assert one.origins["upstream.targets.0"].written == "http://h:${env:PORT}"
    assert one.origins["upstream.targets.1"].written is None


def test_the_digest_tells_every_change_of_what_was_read(registry: Registry) -> None:
    (registry.directory / "services" / "title").write_text("A")
    registry.environment = {"CODE": "X"}
    registry.service(service_text(title='{id: "${file:title}", en: B}', agency='{code: "${env:CODE}"}'))
    digests = [registry.load().digest, registry.load().digest]
    assert digests[0] == digests[1]
    (registry.directory / "services" / "title").write_text("C")
    digests.append(registry.load().digest)
    registry.environment = {"CODE": "Y"}
    digests.append(registry.load().digest)
    registry.gateway(gateway_text() + "# a comment\n")
    digests.append(registry.load().digest)
    assert len(set(digests)) == 4
