"""Compiles the file of one service: what its blocks say together is judged here, and each route gets all its policies.

It sees one file at a time; what files say against each other is judged in `crosschecks`.
"""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Mapping
from dataclasses import dataclass

from gateway.registry.compile_policies import (
    agency_contact,
    concurrency_policies,
    cors_policy,
    origins_of,
    quota_policies,
    target,
    upstream_policy,
)
from gateway.registry.compile_route import RouteCompiler
from gateway.registry.compile_tls import tls_policy
from gateway.registry.findings import Findings, settings
from gateway.registry.problems import ConfigProblem, Origin
from gateway.registry.reader import Document
from gateway.registry.schema.cors import Cors
from gateway.registry.schema.service import ServiceFile
from gateway.registry.schema.service import Words as WordsBlock
from gateway.registry.schema.texts import split_url
from gateway.registry.snapshot import Promise, Route, Service, Words


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a service inherits from gateway.yaml."""

    issuers: tuple[str, ...] | None  # None when gateway.yaml is broken, and nobody can tell
    cors: Cors | None
    cors_origins: Mapping[str, Origin]


@dataclass(frozen=True, slots=True)
class CompiledService:
    """One service, compiled. Switched off, it has no routes."""

    name: str
    name_origin: Origin
    enabled: bool
    service: Service
    routes: tuple[Route, ...]
    warnings: tuple[str, ...]


def compile_service(
    model: ServiceFile, document: Document, directory: str, surroundings: Surroundings
) -> tuple[CompiledService, list[ConfigProblem]]:
    """Compile a service, with every problem; `directory` is the folder its relative paths start from."""
    findings = Findings(document)
    service = Service(
        name=model.name,
        title=_words(model.title),
        agency_code=model.agency.code,
        agency=agency_contact(model.agency),
        upstream=upstream_policy(
            model.upstream, model.name, directory, tls_policy(model.upstream, findings, directory)
        ),
        issuer=_issuer(model, findings, surroundings, directory),
        sector=model.sector or model.name,
        promise=Promise(model.promise.availability, model.promise.p95),
        description=None if model.description is None else _words(model.description),
        openapi=model.openapi,
        purge_token=_purge_token(model, findings),
    )
    compiler = RouteCompiler(
        model=model,
        service=service,
        findings=findings,
        limits=quota_policies(model.rate_limit, model.name),
        concurrency=concurrency_policies(model.concurrency, model.name),
        cors=cors_policy(surroundings.cors if model.cors is None else model.cors),
        origins=_inherited(document, surroundings),
        own_origins=origins_of(service.upstream),
    )
    routes = [compiler.compile(index, entry) for index, entry in enumerate(model.routes) if entry.enabled]
    compiled = CompiledService(
        name=model.name,
        name_origin=document.origin(("name",)),
        enabled=model.enabled,
        service=service,
        routes=tuple(routes) if model.enabled else (),
        warnings=tuple(findings.warnings),
    )
    return compiled, findings.problems


def _purge_token(model: ServiceFile, findings: Findings) -> str | None:
    """Return the secret; it may not stand in the file itself, which is reviewed and kept by many."""
    if not model.purge_token:
        return None
    if findings.document.tree.at(("purge_token",)).written is None:
        remedy = "write ${file:secrets/purge.token} or ${env:PURGE_TOKEN}"
        findings.refuse(("purge_token",), "a secret stands in the file", remedy, hidden=True)
    return model.purge_token


def _words(block: WordsBlock) -> Words:
    return Words(block.id, block.en)


def _issuer(model: ServiceFile, findings: Findings, surroundings: Surroundings, directory: str) -> str | None:
    if model.subject == "pairwise":
        if model.issuer is not None:
            remedy = "write `subject: issuer` beside it, or remove it"
            findings.refuse(("issuer",), "an issuer is named, but subjects are pairwise", remedy, of_key=True)
        return None
    if surroundings.issuers is None:
        return model.issuer
    if model.issuer is not None:
        if model.issuer not in surroundings.issuers:
            remedy = f"name one of: {', '.join(surroundings.issuers) or 'none is listed'}"
            findings.refuse(("issuer",), "not an issuer listed in gateway.yaml", remedy)
        return model.issuer
    own = {_origin(one.url) for url in model.upstream.targets if (one := target(url, directory)).scheme != "unix"}
    matching = [issuer for issuer in surroundings.issuers if _origin(issuer) in own]
    if not matching:
        reason = "no issuer listed in gateway.yaml has the address of one of this service's targets"
        findings.refuse(("subject",), reason, "name it with `issuer: …`, or remove `subject: issuer`")
        return None
    return matching[0]


def _origin(url: str) -> tuple[str, str, int] | None:
    """Return the origin of a URL (RFC 6454 section 4); issuers that are no URL have none."""
    try:
        parts = split_url(url)
    except ValueError:
        return None
    return parts.scheme, parts.hostname or "", parts.port or {"http": 80, "https": 443}[parts.scheme]


def _inherited(document: Document, surroundings: Surroundings) -> ChainMap[str, Origin]:
    """Return where the service's settings stand, under the names that routes know them by."""
    own: dict[str, Origin] = {}
    for key in document.tree.keys:
        if key != "routes":
            own |= settings(document, (key,), key)
    own |= {
        name.removeprefix("upstream."): origin for name, origin in own.items() if name.startswith("upstream.timeout")
    }
    return ChainMap(own) if "cors" in own else ChainMap(own, dict(surroundings.cors_origins))
