"""Compiles gateway.yaml: listeners, store, identity and aggregates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from gateway.registry.certificates import server_context
from gateway.registry.compile_policies import auth_policy, concurrency_policies, cors_policy, quota_policies
from gateway.registry.compile_store import check_store_files
from gateway.registry.compile_tls import warn_of_expiry
from gateway.registry.findings import Findings, settings
from gateway.registry.problems import ConfigProblem, Origin
from gateway.registry.reader import Document
from gateway.registry.schema.cors import Cors
from gateway.registry.schema.gateway import Aggregate, GatewayFile
from gateway.registry.schema.server import Limits
from gateway.registry.schema.texts import host_port
from gateway.registry.snapshot import AssertionPolicy, ClientLimits, IssuerPolicy, Route, ServerPolicy, StorePolicy
from gateway.registry.store_address import parse_store_url
from gateway.rules.aggregation import AggregatePolicy, PartPolicy
from gateway.rules.forwarding import trusted_networks


@dataclass(frozen=True, slots=True)
class CompiledGateway:
    """gateway.yaml, compiled."""

    server: ServerPolicy
    store: StorePolicy
    issuers: tuple[IssuerPolicy, ...]
    assertion: AssertionPolicy
    aggregates: tuple[Route, ...]
    cors: Cors | None
    document: Document
    state: str
    warnings: tuple[str, ...]
    origins: Mapping[str, Origin]


def compile_gateway(
    model: GatewayFile, document: Document, directory: Path
) -> tuple[CompiledGateway, list[ConfigProblem]]:
    """Compile gateway.yaml, with every problem; `directory` is its folder."""
    findings = Findings(document)
    compiled = CompiledGateway(
        server=_server(model, findings, directory),
        store=_store(model, findings, directory),
        issuers=_issuers(model, findings),
        assertion=_assertion(model, findings),
        aggregates=tuple(_aggregate(model, index, findings) for index in range(len(model.aggregates))),
        cors=model.cors,
        document=document,
        state=str(directory / model.server.state),
        warnings=(*_plain_secrets(document), *_idle_settings(model, document), *findings.warnings),
        origins=settings(document),
    )
    return compiled, findings.problems


def _store(model: GatewayFile, findings: Findings, directory: Path) -> StorePolicy:
    shared = model.cache.shared
    check_store_files(parse_store_url(model.store.url, directory=str(directory)).tls, findings)
    return StorePolicy(
        url=model.store.url,
        timeout_seconds=model.store.timeout,
        cache_max_bytes=model.cache.max_size,
        directory=str(directory),
        shared_body_bytes=None if shared is None else shared.max_body,
    )


def _idle_settings(model: GatewayFile, document: Document) -> tuple[str, ...]:
    """Warn of what has no effect as the file stands; a store from the environment may be another one in production."""
    if model.cache.shared is None or not model.store.url.startswith("memory:"):
        return ()
    return (f"{document.origin(('cache', 'shared'))}: answers are shared through a Redis only; the store is memory",)


def _server(model: GatewayFile, findings: Findings, directory: Path) -> ServerPolicy:
    block = model.server
    public, ops = host_port(block.public), host_port(block.ops)
    if public == ops and public[1] != 0:
        reason = "the ops port is the public port, so metrics and administration would be public"
        findings.refuse(("server", "ops"), reason, "write another port, such as 127.0.0.1:9090")
    certificate, key = None, None
    if block.tls is not None:
        certificate = str(findings.existing(("server", "tls", "certificate"), block.tls.certificate, directory))
        key = str(findings.existing(("server", "tls", "key"), block.tls.key, directory))
        _check_pair(certificate, key, findings)
    return ServerPolicy(
        public_host=public[0],
        public_port=public[1],
        ops_host=ops[0],
        ops_port=ops[1],
        trusted_proxies=tuple(block.trusted_proxies),
        trusted_networks=trusted_networks(block.trusted_proxies),
        drain_grace_seconds=block.drain.grace,
        drain_timeout_seconds=block.drain.timeout,
        admin_token=block.admin_token or None,
        tls_certificate=certificate,
        tls_key=key,
        hosts=frozenset(host.encode() for host in block.hosts),
        limits=_limits(block.limits),
    )


def _limits(block: Limits) -> ClientLimits:
    return ClientLimits(
        idle_seconds=block.idle,
        head_seconds=block.head,
        body_seconds=block.body,
        write_seconds=block.write,
        tunnel_seconds=block.tunnel,
        max_connections=block.max_connections,
        max_connections_per_address=block.max_connections_per_address,
        max_requests_per_connection=block.max_requests_per_connection,
        max_head_bytes=block.max_head,
        max_field_count=block.max_fields,
        max_target_bytes=block.max_target,
    )


def _check_pair(certificate: str, key: str, findings: Findings) -> None:
    """Refuse at the start, or at a reload, what would fail with the first handshake."""
    if not (Path(certificate).is_file() and Path(key).is_file()):
        return  # told already
    loc = ("server", "tls", "certificate")
    try:
        server_context(certificate, key)
        warn_of_expiry(loc, Path(certificate), findings)
    except (OSError, ValueError) as error:
        findings.refuse(
            loc,
            f"the certificate cannot be used with its key: {error}",
            "write a PEM file with the whole chain, and the PEM file of its key, without a password",
        )


def _issuers(model: GatewayFile, findings: Findings) -> tuple[IssuerPolicy, ...]:
    seen: set[str] = set()
    policies = []
    for index, issuer in enumerate(model.identity.issuers):
        if issuer.issuer in seen:
            loc = ("identity", "issuers", index, "issuer")
            findings.refuse(loc, "this issuer is listed twice", "keep one, with the settings of both")
        seen.add(issuer.issuer)
        policies.append(
            IssuerPolicy(
                issuer=issuer.issuer,
                audiences=frozenset(issuer.audiences),
                algorithms=frozenset(issuer.algorithms),
                jwks_url=issuer.jwks_url,
                revocations_url=issuer.revocations_url,
                leeway_seconds=issuer.leeway,
                refresh_seconds=issuer.refresh,
                cooldown_seconds=issuer.cooldown,
            )
        )
    return tuple(policies)


def _assertion(model: GatewayFile, findings: Findings) -> AssertionPolicy:
    secret = model.identity.pairwise_secret or None
    block = model.identity.assertion
    if block is None:
        return AssertionPolicy(issuer=f"http://{model.server.public}", keys=(), pairwise_secret=secret)
    if block.key and block.keys:
        findings.refuse(
            ("identity", "assertion", "keys"), "both `key` and `keys` are written", "keep one of them", of_key=True
        )
    if block.issuer in {issuer.issuer for issuer in model.identity.issuers}:
        reason = "the gateway's own name is listed as an issuer, so its assertions would be logins"
        findings.refuse(("identity", "assertion", "issuer"), reason, "write the gateway's public address")
    keys = tuple(key for key in (block.key, *block.keys) if key)
    for index, key in enumerate(block.keys):
        _check_key(key, ("identity", "assertion", "keys", index), findings)
    if block.key:
        _check_key(block.key, ("identity", "assertion", "key"), findings)
    return AssertionPolicy(issuer=block.issuer, keys=keys, pairwise_secret=secret, lifetime_seconds=block.lifetime)


def _check_key(pem: str, loc: tuple[str | int, ...], findings: Findings) -> None:
    """Refuse at the start what would fail at the first signature."""
    remedy = "make one with `gateway keys`, and write ${file:keys/assertion.pem}"
    hidden = findings.document.tree.at(loc).written is None
    try:
        key = load_pem_private_key(pem.encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        findings.refuse(loc, "not an unencrypted private key in PEM", remedy, hidden=hidden)
        return
    if not isinstance(key, EllipticCurvePrivateKey) or not isinstance(key.curve, SECP256R1):
        findings.refuse(loc, "not a key on the curve P-256, which ES256 needs", remedy, hidden=hidden)


def _aggregate(model: GatewayFile, index: int, findings: Findings) -> Route:
    block = model.aggregates[index]
    here = ("aggregates", index)
    if not block.path.startswith("/v1/") or "{" in block.path or block.path == "/v1/services":
        reason = "an aggregate has one plain path below /v1/, and /v1/services is the catalogue"
        findings.refuse((*here, "path"), reason, "write a path such as /v1/home")
    _check_parts(block, here, findings)
    default = model.cors if block.cors is None else block.cors
    return Route(
        name=block.path,
        template=block.path,
        methods=frozenset((b"GET",)),
        service=None,
        strip_prefix=b"",
        auth=auth_policy(block.auth),
        limits=quota_policies(block.rate_limit, f"GET {block.path}"),
        concurrency=concurrency_policies(block.concurrency, f"GET {block.path}"),
        cors=cors_policy(default),
        aggregate=AggregatePolicy(parts=tuple(_parts(block))),
        origins=settings(findings.document, here),
    )


def _check_parts(block: Aggregate, here: tuple[str | int, ...], findings: Findings) -> None:
    seen: set[str] = set()
    for index, part in enumerate(block.parts):
        if part.name in seen:
            loc = (*here, "parts", index, "name")
            findings.refuse(loc, "two parts have this name, and one would hide the other", "give each its own name")
        seen.add(part.name)
    if block.auth.mode == "optional" and (block.auth.scopes or block.auth.assurance):
        setting = "scopes" if block.auth.scopes else "assurance"
        reason = f"with mode optional a caller may be unknown, and nobody unknown has {setting}"
        findings.refuse((*here, "auth", setting), reason, "write mode: required, or remove it", of_key=True)


def _parts(block: Aggregate) -> list[PartPolicy]:
    policies = []
    for part in block.parts:
        path, _, query = part.path.partition("?")
        policies.append(
            PartPolicy(
                name=part.name,
                path=path.encode(),
                query=query.encode(),
                required=part.required,
                timeout_seconds=part.timeout,
                keep_last_seconds=part.keep_last,
            )
        )
    return policies


def _plain_secrets(document: Document) -> tuple[str, ...]:
    """Warn of secrets that stand in the file itself: whoever reads the registry would have them."""
    places = (("server", "admin_token"), ("identity", "pairwise_secret"), ("identity", "assertion", "key"))
    found = []
    for loc in places:
        tree = document.tree.at(loc)
        if isinstance(tree.value, str) and tree.value and tree.written is None:
            found.append(f"{document.origin(loc)}: {loc[-1]} stands in the file; write ${{file:…}} or ${{env:…}}")
    return tuple(found)
