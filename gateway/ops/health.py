"""Health and readiness: alive is not the same as able to serve.

`/healthz` says that the process runs. `/readyz` says whether traffic should come here, component by component.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Literal

Status = Literal["pass", "warn", "fail"]
_RANK: Final[Mapping[Status, int]] = {"pass": 0, "warn": 1, "fail": 2}


@dataclass(frozen=True, slots=True)
class Component:
    """One thing the gateway depends on. `since` is wall-clock seconds; `critical`: its failure ends readiness."""

    name: str
    status: Status
    detail: str = ""
    since: float | None = None
    critical: bool = False


class Readiness:
    """Asks every component when asked."""

    __slots__ = ("_draining", "_sources")

    def __init__(self, draining: Callable[[], bool]) -> None:
        self._sources: list[Callable[[], Iterable[Component]]] = []
        self._draining = draining

    def add(self, source: Callable[[], Iterable[Component]]) -> None:
        """Take what `source` returns into every later report."""
        self._sources.append(source)

    def report(self) -> tuple[int, dict[str, object]]:
        """Return the HTTP status (200, or 503 when no traffic should come) and the document."""
        components = [one for source in self._sources for one in source()]
        if self._draining():
            components.append(Component("process", "fail", "draining: this process is about to end", critical=True))
        ready = not any(one.status == "fail" and one.critical for one in components)
        worst = max((one.status for one in components), key=_RANK.__getitem__, default="pass")
        status: Status = "fail" if not ready else "warn" if worst != "pass" else "pass"
        return (200 if ready else 503), {"status": status, "components": {one.name: _shown(one) for one in components}}


def _shown(component: Component) -> dict[str, object]:
    shown: dict[str, object] = {"status": component.status}
    if component.detail:
        shown["detail"] = component.detail
    if component.since is not None:
        shown["since"] = datetime.fromtimestamp(component.since, UTC).isoformat(timespec="seconds")
    return shown
