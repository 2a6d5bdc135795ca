"""One answer made of several agencies' answers: what its parts are, and how they are put together.

A part that is not there never hides: the answer names it, says whose fault it is, and how old what stands in for it is.
Asking the agencies is for the pipeline.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Literal, NamedTuple

from gateway.errors import Source
from gateway.messages import CATALOGUE, Language
from gateway.problem import AgencyContact

_AGENCY_STATUSES: Final = frozenset((502, 503, 504))


@dataclass(frozen=True, slots=True)
class PartPolicy:
    """One part of an aggregate: a GET on a route of this gateway, under the caller's own identity."""

    name: str
    path: bytes  # canonical public path, with the query it is asked with
    query: bytes = b""
    required: bool = False
    timeout_seconds: float = 2.0
    keep_last_seconds: float = 0.0  # last good data of this caller may stand in for so long


@dataclass(frozen=True, slots=True)
class AggregatePolicy:
    """The parts of an aggregate route, asked for side by side."""

    parts: tuple[PartPolicy, ...]


@dataclass(frozen=True, slots=True)
class PartOutcome:
    """What became of one part: fresh data, or a fault with or without last good data standing in."""

    name: str
    status: int = 200  # HTTP status of the fault, where there is one
    data: object = None  # parsed JSON; null is data too
    fetched_at: float | None = None  # wall-clock seconds at which the agency gave the data
    age_seconds: float = 0.0
    stale: bool = False  # `data` is last good data
    code: str | None = None  # of the catalogue: why there is no fresh data; None when there is
    source: Source = "agency"  # whose fault that is
    agency: AgencyContact | None = None
    failing_since: float | None = None  # wall-clock seconds, where it is known

    @property
    def state(self) -> Literal["ok", "stale", "missing"]:
        """What the answer calls it."""
        if self.code is None:
            return "ok"
        return "stale" if self.stale else "missing"


class Merged(NamedTuple):
    """The aggregate. `failed` is the first part that is required and missing: its fault is to be told instead of all.

    `status` is 200, or what the failed part makes of the whole: 504, 503, and 502 for every other fault.
    """

    status: int
    document: dict[str, object]
    failed: PartOutcome | None


def merge(policy: AggregatePolicy, outcomes: Iterable[PartOutcome], language: Language) -> Merged:
    """Put the parts together in the order they are declared; there must be one outcome for each.

    `complete` means that no part is missing; a part that is stale says so itself.
    """
    by_name = {outcome.name: outcome for outcome in outcomes}
    ordered = [(part, by_name[part.name]) for part in policy.parts]
    missing = [part.name for part, outcome in ordered if outcome.state == "missing"]
    failed = next((outcome for part, outcome in ordered if part.required and part.name in missing), None)
    document: dict[str, object] = {
        "parts": {part.name: _part(outcome, language) for part, outcome in ordered},
        "complete": not missing,
        "missing": missing,
    }
    return Merged(200 if failed is None else _whole_status(failed), document, failed)


def _whole_status(failed: PartOutcome) -> int:
    return failed.status if failed.status in _AGENCY_STATUSES else 502


def _part(outcome: PartOutcome, language: Language) -> dict[str, object]:
    part: dict[str, object] = {"status": outcome.state}
    if outcome.state != "missing":
        part["data"] = outcome.data
        if outcome.fetched_at is not None:
            part["as_of"] = _rfc3339(outcome.fetched_at)
        part["age"] = max(0, int(outcome.age_seconds))
    if outcome.code is not None:
        part["problem"] = _problem(outcome, outcome.code, language)
    return part


def _problem(outcome: PartOutcome, code: str, language: Language) -> dict[str, object]:
    problem: dict[str, object] = {
        "code": code,
        "title": CATALOGUE[code].text(language).title,
        "source": outcome.source,
    }
    if outcome.agency is not None:
        problem["agency"] = {"name": outcome.agency.name, "contact": outcome.agency.contact}
    if outcome.failing_since is not None:
        problem["since"] = _rfc3339(outcome.failing_since)
    return problem


def _rfc3339(wall_seconds: float) -> str:
    """Write a moment in UTC, whole seconds (RFC 3339 section 5.6)."""
    return datetime.fromtimestamp(int(wall_seconds), UTC).isoformat().replace("+00:00", "Z")
