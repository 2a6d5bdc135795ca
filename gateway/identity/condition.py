"""How something the gateway depends on is doing, as readiness shows it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Status = Literal["pass", "warn", "fail"]


@dataclass(frozen=True, slots=True)
class Condition:
    """A status, the wall-clock second it began, and what an operator should know. Holds no secret."""

    status: Status
    since: float
    detail: str

    def turned(self, status: Status, detail: str, *, now: float) -> Condition:
        """Return the next condition; `since` moves only when the status does."""
        return Condition(status, self.since if status == self.status else now, detail)
