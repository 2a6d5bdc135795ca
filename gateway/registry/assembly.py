"""Makes a snapshot of sources: reads, validates and compiles each file, then holds them against each other.

It reads no registry file itself and decides nothing about what serves when something is wrong; `load` does.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel

from gateway.registry import crosschecks
from gateway.registry.compile_gateway import CompiledGateway, compile_gateway
from gateway.registry.compile_service import CompiledService, Surroundings, compile_service
from gateway.registry.findings import settings
from gateway.registry.interpolation import Interpolation
from gateway.registry.problems import ConfigProblem
from gateway.registry.reader import Document, read
from gateway.registry.schema.gateway import GatewayFile
from gateway.registry.schema.service import ServiceFile
from gateway.registry.snapshot import Route, Snapshot, Source
from gateway.registry.sources import display
from gateway.registry.validation import validate
from gateway.rules.matching import Matcher

M = TypeVar("M", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class GatewayOutcome:
    """What became of gateway.yaml. `include` is known even when the rest of the file is wrong."""

    source: Source
    compiled: CompiledGateway | None
    include: tuple[str, ...]
    fingerprint: str
    problems: tuple[ConfigProblem, ...]


@dataclass(frozen=True, slots=True)
class ServiceOutcome:
    """What became of one service's file."""

    source: Source
    name: str  # as declared; when even that cannot be read, the file's own name
    compiled: CompiledService | None
    fingerprint: str
    problems: tuple[ConfigProblem, ...]


@dataclass(frozen=True, slots=True)
class Whole:
    """Services that were held against each other, and what was found."""

    matcher: Matcher[Route]
    routes: tuple[Route, ...]
    problems: tuple[ConfigProblem, ...]
    warnings: tuple[str, ...] = field(default=())


class Assembly:
    """Builds the parts of one registry, whose files are named relative to the folder of `config`."""

    def __init__(self, config: Path, environment: Mapping[str, str]) -> None:
        self.config = config
        self._environment = environment

    def gateway(self, source: Source) -> GatewayOutcome:
        """Read and compile gateway.yaml."""
        document, model, fingerprint, problems = self._validated(source, GatewayFile)
        compiled = None
        if model is not None and document is not None:
            compiled, found = compile_gateway(model, document, self.config.parent)
            problems += found
        return GatewayOutcome(source, compiled, _include(document), fingerprint, tuple(problems))

    def service(self, source: Source, gateway: CompiledGateway | None) -> ServiceOutcome:
        """Read and compile one service's file."""
        document, model, fingerprint, problems = self._validated(source, ServiceFile)
        compiled = None
        if model is not None and document is not None:
            directory = (self.config.parent / source.path).parent.absolute().as_posix()
            compiled, found = compile_service(model, document, directory, _surroundings(gateway))
            problems += found
        return ServiceOutcome(source, _declared_name(document, source), compiled, fingerprint, tuple(problems))

    def _validated(self, source: Source, shape: type[M]) -> tuple[Document | None, M | None, str, list[ConfigProblem]]:
        interpolation = Interpolation((self.config.parent / source.path).parent, self._environment)
        document, problems = read(source.text, display(self.config, source.path), interpolation)
        model = None
        if document is not None:
            taken = {problem.origin for problem in problems}
            model, found = validate(document, shape)
            problems += [problem for problem in found if problem.origin not in taken]
        return document, None if problems else model, interpolation.fingerprint, problems


def _include(document: Document | None) -> tuple[str, ...]:
    listed = document.tree.at(("include",)).value if document is not None else None
    return tuple(one for one in listed if isinstance(one, str) and one) if isinstance(listed, list) else ()


def _declared_name(document: Document | None, source: Source) -> str:
    name = document.tree.at(("name",)).value if document is not None else None
    return name if isinstance(name, str) and name else Path(source.path).stem


def _surroundings(gateway: CompiledGateway | None) -> Surroundings:
    if gateway is None:
        return Surroundings(issuers=None, cors=None, cors_origins={})
    issuers = tuple(policy.issuer for policy in gateway.issuers)
    cors = settings(gateway.document, ("cors",), "cors") if gateway.cors is not None else {}
    return Surroundings(issuers, gateway.cors, cors)


def hold_together(
    gateway: CompiledGateway | None,
    services: Collection[CompiledService],
    *,
    owners: Mapping[str, str],
    absent: Collection[str] = (),
) -> Whole:
    """Hold files against each other. `absent` names services that ought to be there and are not."""
    aggregates = gateway.aggregates if gateway is not None else ()
    problems = crosschecks.doubled_names(services, owners) + crosschecks.doubled_paths(services, aggregates)
    routes = (*aggregates, *(route for service in services for route in service.routes))
    matcher = Matcher(map(crosschecks.entry, routes))
    warnings: list[str] = []
    if gateway is not None:
        switched_off = {service.name for service in services if not service.enabled}
        unserved, warnings = crosschecks.unserved_parts(gateway, matcher, {*absent, *switched_off})
        problems += unserved
    return Whole(matcher, routes, tuple(problems), tuple(warnings))


def digest(outcomes: Iterable[GatewayOutcome | ServiceOutcome]) -> str:
    """Return the SHA-256 of all that was read: the texts, and fingerprints of what was filled into them."""
    total = hashlib.sha256()
    for outcome in outcomes:
        for piece in (outcome.source.path.encode(), outcome.source.text, outcome.fingerprint.encode()):
            total.update(len(piece).to_bytes(8, "big"))
            total.update(piece)
    return total.hexdigest()


def snapshot_of(gateway: GatewayOutcome, services: Collection[ServiceOutcome], whole: Whole) -> Snapshot:
    """Put a snapshot together from parts without problems."""
    compiled = gateway.compiled
    assert compiled is not None
    serving = [one.compiled for one in services if one.compiled is not None]
    return Snapshot(
        digest=digest([gateway, *services]),
        server=compiled.server,
        store=compiled.store,
        issuers=compiled.issuers,
        assertion=compiled.assertion,
        services={one.name: one.service for one in serving if one.enabled},
        routes=whole.routes,
        matcher=whole.matcher,
        warnings=(*compiled.warnings, *(text for one in serving for text in one.warnings), *whole.warnings),
        sources=(gateway.source, *(one.source for one in services)),
        source_names={one.source.path: one.compiled.name for one in services if one.compiled is not None},
        state_directory=compiled.state,
        origins=compiled.origins,
    )
