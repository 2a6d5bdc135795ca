"""What is written becomes policies: inherited setting by setting or whole, with the place each value comes from."""

from __future__ import annotations

import pytest

from gateway.registry.snapshot import Route
from gateway.rules.access import AuthPolicy
from gateway.rules.caching.policy import CachePolicy
from gateway.rules.cors import CorsPolicy
from gateway.rules.delivery import HealthPolicy, Target, Timeouts
from gateway.rules.quota import QuotaKey, QuotaPolicy
from tests.registry.files import Registry, compiled, gateway_text, service_text

TYPES = "path: /v1/permits/types, methods: [GET]"


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
    ("written", "limits"),
    [
        ("", [("permits:citizen:in-flight", 4, QuotaKey("citizen"))]),
        (", concurrency: none", []),
        (
            ", concurrency: [{limit: 9, by: route}, {limit: 2, by: 'header:X-App', missing: closed}]",
            [
                ("GET /v1/permits/types:route:in-flight", 9, QuotaKey("route")),
                ("GET /v1/permits/types:header:X-App:in-flight", 2, QuotaKey("header", "x-app", "closed")),
            ],
        ),
    ],
    ids=["inherited", "none", "two"],
)
def test_a_route_replaces_concurrency_whole(
    registry: Registry, written: str, limits: list[tuple[str, int, QuotaKey]]
) -> None:
    one = compiled(registry, concurrency="{limit: 4}", routes=f"[{{{TYPES}{written}}}]")
    assert [(limit.name, limit.limit, limit.by) for limit in one.concurrency] == limits


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
    origins = {b"http://svc.example", b"http://svc.example:80", b"https://b:8443/base", b"http://[::1]:90"}
    assert one.cache == CachePolicy(
        ttl_seconds=0,
        ttl_by_status={404: 10},
        stale_if_error_seconds=86_400,
        query=(b"q",),
        key_fields=(b"accept-language",),
        sent_fields=frozenset({b"accept", b"accept-charset", b"accept-language"}),
        compress=True,
        store_set_cookie=True,
        max_body_bytes=2_000_000,
        origins=frozenset(origins),
    )


@pytest.mark.parametrize(
    ("written", "sent", "compresses"),
    [
        ("{}", None, True),  # the agency decides, and says by Vary what it looked at
        ("{ttl: 1m}", {b"accept", b"accept-charset", b"accept-language"}, True),
        ("{headers: [X-City]}", {b"accept", b"accept-charset", b"accept-language", b"x-city"}, True),
        ("{headers: ['*', X-City]}", None, True),
        ("{ttl: 1m, compress: false}", {b"accept", b"accept-charset", b"accept-encoding", b"accept-language"}, False),
        ("{ttl: 1m, scope: citizen}", {b"accept", b"accept-charset", b"accept-encoding", b"accept-language"}, False),
        ("{ttl: 1m, scope: citizen, compress: true}", {b"accept", b"accept-charset", b"accept-language"}, True),
    ],
)
def test_what_of_a_request_reaches_the_agency_of_a_cached_route(
    registry: Registry, written: str, sent: set[bytes] | None, compresses: bool
) -> None:
    mode = "required" if "citizen" in written else "none"
    cache = compiled(registry, auth=f"{{mode: {mode}}}", routes=f"[{{{TYPES}, cache: {written}}}]").cache
    assert cache is not None
    assert (cache.sent_fields, cache.compress) == (sent, compresses)
    assert b"*" not in cache.key_fields


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
