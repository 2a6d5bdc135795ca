"""A registry in real files for tests. Texts show what matters; a `«` marks the place a problem must be told at."""

from __future__ import annotations

from pathlib import Path

from gateway.registry.load import load
from gateway.registry.problems import ConfigError, ConfigProblem
from gateway.registry.snapshot import Route, Snapshot
from gateway.rules.matching import Match

MARK = "«"

GATEWAY = {
    "version": "1",
    "server": "{public: 127.0.0.1:8080, ops: 127.0.0.1:9090}",
    "include": "[services/*.yaml]",
}
SERVICE = {
    "version": "1",
    "name": "permits",
    "title": "{id: Perizinan, en: Permits}",
    "agency": "{code: DPMPTSP}",
    "upstream": "{targets: [http://127.0.0.1:8102]}",
    "auth": "{mode: none}",
    "routes": "[{path: /v1/permits/types, methods: [GET]}]",
}


def written(blocks: dict[str, str], changes: dict[str, str | None]) -> str:
    """Write blocks as YAML, some changed or (None) left out; a key may carry the mark."""
    for key, text in changes.items():
        blocks = {name: one for name, one in blocks.items() if name != key.strip(MARK)}
        if text is not None:
            blocks[key] = text
    return "".join(f"{key}: {text}\n" for key, text in blocks.items())


def gateway_text(**changes: str | None) -> str:
    """Write a gateway.yaml."""
    return written(GATEWAY, changes)


def service_text(**changes: str | None) -> str:
    """Write a service's file."""
    return written(SERVICE, changes)


class Registry:
    """A folder with a gateway.yaml and services."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.config = directory / "gateway.yaml"
        self.environment: dict[str, str] = {}
        self.gateway(gateway_text())
        (directory / "services").mkdir()

    def gateway(self, text: str) -> None:
        self.config.write_text(text)

    def service(self, text: str, name: str = "permits") -> Path:
        path = self.directory / "services" / f"{name}.yaml"
        path.write_text(text)
        return path

    def load(self, *, strict: bool = True) -> Snapshot:
        return load(self.config, strict=strict, environment=self.environment)

    def problems(self) -> tuple[ConfigProblem, ...]:
        """Return what a strict load refuses."""
        try:
            self.load()
        except ConfigError as error:
            return error.problems
        return ()

    def told(self) -> list[str]:
        """Return the problems as they are printed, the folder left out."""
        return [str(problem).replace(f"{self.directory}/", "") for problem in self.problems()]


def unmarked(text: str) -> tuple[str, tuple[int, int]]:
    """Return the text without its mark, and the mark's line and column."""
    before, mark, after = text.partition(MARK)
    assert mark, "the text has no mark"
    return before + after, (before.count("\n") + 1, len(before.rpartition("\n")[2]) + 1)


def route(snapshot: Snapshot, path: str = "/v1/permits/types", method: str = "GET") -> Route:
    """Return the route that answers a request."""
    found = snapshot.matcher.match(method.encode(), path.encode())
    assert isinstance(found, Match)
    value: Route = found.value
    return value


def compiled(registry: Registry, **changes: str) -> Route:
    """Load a registry with one service and return its route for GET /v1/permits/types."""
    registry.service(service_text(**changes))
    return route(registry.load())
