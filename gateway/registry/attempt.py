"""One reading of a whole registry: every file, every problem. What to do about the problems is for `load`."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from gateway.registry.accepted import Accepted
from gateway.registry.assembly import Assembly, GatewayOutcome, ServiceOutcome, Whole, hold_together
from gateway.registry.problems import ConfigProblem
from gateway.registry.snapshot import Source
from gateway.registry.sources import display, included, read_source


@dataclass(frozen=True, slots=True)
class Attempt:
    """What was read. `owners` tells which file each service's name was accepted from."""

    assembly: Assembly
    gateway: GatewayOutcome | None
    services: Mapping[str, ServiceOutcome] = field(default_factory=dict)  # by path
    unread: Mapping[str, ConfigProblem] = field(default_factory=dict)  # files that could not even be read, by path
    warnings: tuple[str, ...] = ()
    owners: Mapping[str, str] = field(default_factory=dict)

    def together(self, absent: Collection[str] = ()) -> Whole:
        """Hold the files against each other. `absent` names services that should be there and are not."""
        compiled = [outcome.compiled for outcome in self.services.values() if outcome.compiled is not None]
        gateway = None if self.gateway is None else self.gateway.compiled
        return hold_together(gateway, compiled, owners=self.owners, absent=absent)

    def broken(self) -> dict[str, list[ConfigProblem]]:
        """Return the problems of services' files, each file by itself."""
        found = {path: list(outcome.problems) for path, outcome in self.services.items() if outcome.problems}
        gateway = self.assembly.config.name
        return found | {path: [problem] for path, problem in self.unread.items() if path != gateway}

    def problems_of_files(self) -> list[ConfigProblem]:
        """Return the problems that each file has by itself."""
        broken = self.broken()
        found = [problem for path, problem in self.unread.items() if path not in broken]
        found += self.gateway.problems if self.gateway is not None else ()
        return found + [problem for problems in broken.values() for problem in problems]

    def problems(self) -> list[ConfigProblem]:
        """Return every problem of every file."""
        uncompiled = [path for path in self.broken() if path in self.unread or self.services[path].compiled is None]
        absent = {self.name_of(path) for path in uncompiled}
        return [*self.problems_of_files(), *self.together(absent).problems]

    def name_of(self, path: str) -> str:
        """Return the service a file was accepted as, else the one it declares, else the file's own name."""
        told = display(self.assembly.config, path)
        accepted = next((name for name, owner in self.owners.items() if owner == told), None)
        declared = self.services[path].name if path in self.services else Path(path).stem
        return accepted or declared

    def with_service(self, path: str, source: Source | None) -> Attempt:
        """Return the same registry with other content of one file, or without it."""
        services = {one: outcome for one, outcome in self.services.items() if one != path}
        unread = {one: problem for one, problem in self.unread.items() if one != path}
        if source is not None:
            services[path] = self.assembly.service(source, None if self.gateway is None else self.gateway.compiled)
        return replace(self, services=dict(sorted(services.items())), unread=unread)


def read_files(assembly: Assembly) -> Attempt:
    """Read the registry as it stands on disk."""
    config = assembly.config
    source = read_source(config, config.name)
    if isinstance(source, ConfigProblem):
        return Attempt(assembly, None, unread={config.name: source})
    gateway = assembly.gateway(source)
    paths, idle = included(config, gateway.include)
    told = display(config, config.name)
    sources = {path: read_source(config, path) for path in paths}
    return Attempt(
        assembly,
        gateway,
        _outcomes(assembly, gateway, (one for one in sources.values() if isinstance(one, Source))),
        {path: problem for path, problem in sources.items() if isinstance(problem, ConfigProblem)},
        tuple(f"{told}: `include: {pattern}` names no file" for pattern in idle),
    )


def read_accepted(assembly: Assembly, accepted: Accepted) -> Attempt:
    """Read the registry as it was accepted last, with what is filled in today."""
    gateway = assembly.gateway(accepted.gateway)
    return Attempt(assembly, gateway, _outcomes(assembly, gateway, accepted.services.values()))


def _outcomes(assembly: Assembly, gateway: GatewayOutcome, sources: Iterable[Source]) -> dict[str, ServiceOutcome]:
    return {source.path: assembly.service(source, gateway.compiled) for source in sources}
