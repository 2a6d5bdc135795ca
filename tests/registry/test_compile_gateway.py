"""gateway.yaml becomes policies, and one digest tells every change of what was read."""

from __future__ import annotations

import pytest

from gateway.registry.problems import ConfigError
from gateway.registry.snapshot import ClientLimits
from gateway.rules.cors import CorsPolicy
from tests.certificates import make_certificates
from tests.registry.files import Registry, compiled, gateway_text, route, service_text


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
            cors="{origins: ['*']}",
            aggregates="[{path: /v1/home, auth: {mode: optional}, rate_limit: {limit: 5, every: 1m}, parts: "
            f"[{part}, {{name: b, path: /v1/permits/types}}]}}]",
        )
    )
    registry.service(service_text())
    one = route(registry.load(), "/v1/home")
    assert (one.service, one.auth.mode, one.cors) == (None, "optional", CorsPolicy(frozenset({b"*"})))
    assert [limit.name for limit in one.limits] == ["GET /v1/home:citizen"]
    assert one.aggregate is not None
    first, second = one.aggregate.parts
    assert (first.name, first.path, first.query, first.required) == ("a", b"/v1/permits/types", b"limit=5", True)
    assert (first.timeout_seconds, first.keep_last_seconds) == (1, 86_400)
    assert (second.query, second.required, second.timeout_seconds, second.keep_last_seconds) == (b"", False, 2, 0)


def test_gateway_yaml_is_compiled(registry: Registry) -> None:
    files = make_certificates(registry.directory / "tls")
    registry.gateway(
        gateway_text(
            server="{public: '[::1]:8080', ops: localhost:9090, trusted_proxies: [10.0.0.0/8, '::1'], "
            "drain: {grace: 1s, timeout: 2s}, admin_token: '', "
            "tls: {certificate: tls/server.pem, key: tls/server.key}, state: s}",
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
    assert server.tls_certificate == str(files.certificate)
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


def test_limits_of_clients_are_compiled(registry: Registry) -> None:
    limits = (
        "{idle: 1s, head: 2s, body: 3s, write: 4s, tunnel: 5m, max_connections: 6, max_connections_per_address: 7, "
        "max_requests_per_connection: 8, max_head: 9KB, max_fields: 10, max_target: 11KB}"
    )
    listens = "public: 127.0.0.1:8080, ops: 127.0.0.1:9090"
    registry.gateway(gateway_text(server=f"{{{listens}, hosts: [Api.Example, '[::1]'], limits: {limits}}}"))
    server = registry.load().server
    assert server.limits == ClientLimits(1, 2, 3, 4, 300, 6, 7, 8, 9_000, 10, 11_000)
    assert server.hosts == {b"api.example", b"[::1]"}


def test_limits_nobody_wrote_are_those_of_the_policy(registry: Registry) -> None:
    assert registry.load().server.limits == ClientLimits()


@pytest.mark.parametrize("key", ["server.pem", "other.key"])
def test_a_certificate_that_cannot_be_used_is_refused(registry: Registry, key: str) -> None:
    make_certificates(registry.directory / "tls")
    other = make_certificates(registry.directory / "other").key
    (registry.directory / "tls" / "other.key").write_bytes(other.read_bytes())
    tls = f"{{certificate: tls/server.pem, key: tls/{key}}}"
    registry.gateway(gateway_text(server=f"{{public: 127.0.0.1:8080, ops: 127.0.0.1:9090, tls: {tls}}}"))
    with pytest.raises(ConfigError, match=r"gateway\.yaml:3:74: .*cannot be used with its key"):
        registry.load()


def test_files_of_the_stores_url_are_found_beside_gateway_yaml_and_judged(registry: Registry) -> None:
    registry.service(service_text())
    make_certificates(registry.directory / "tls")
    (registry.directory / "nonsense.pem").write_text("nonsense")
    url = "rediss://u:hunter2@cache?ssl_ca_certs="
    registry.gateway(gateway_text(store=f"{url}tls/ca.pem&ssl_certfile=tls/server.pem&ssl_keyfile=tls/server.key"))
    assert registry.load().store.directory == str(registry.directory)
    told = {
        "nonsense.pem": "the file of ssl_ca_certs holds no certificate",
        "tls/ca.pem&ssl_certfile=tls/server.pem&ssl_keyfile=nonsense.pem": "ssl_certfile cannot be used with its key",
    }
    for files, reason in told.items():
        registry.gateway(gateway_text(store=url + files))
        [problem] = registry.problems()
        assert problem.reason.startswith(reason)
        assert "hunter2" not in str(problem)


@pytest.mark.parametrize(
    ("cache", "store", "shared_body_bytes", "warnings"),
    [
        ("{}", "redis://cache", None, 0),
        ("{shared: {}}", "redis://cache", 256_000, 0),
        ("{shared: {max_body: 1MB}}", "redis://cache", 1_000_000, 0),
        ("{shared: {}}", "memory://", 256_000, 1),
    ],
)
def test_answers_are_shared_where_that_is_written_and_a_store_that_cannot_is_told(
    registry: Registry, cache: str, store: str, shared_body_bytes: int | None, warnings: int
) -> None:
    registry.gateway(gateway_text(cache=cache, store=store))
    registry.service(service_text())
    snapshot = registry.load()
    assert snapshot.store.shared_body_bytes == shared_body_bytes
    assert sum("shared through a Redis only" in warning for warning in snapshot.warnings) == warnings
