"""In which order operators see reports. Signs of a prank rank a report lower; nothing refuses or hides one.

Pure arithmetic: what is known about a caller comes in as figures.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum

from services.emergency.catalogue import SuspicionRules

_LOWEST_PRIORITY = 3
_MOST_TIMES = 5  # more repetitions say nothing new
# Instants fit below this number of milliseconds until the year 2286, so rank and time share one sortable integer.
_TIME_SPAN_MS = 10_000_000_000_000


class Suspicion(IntEnum):
    """How much a report looks like a prank."""

    NONE = 0
    SOME = 1
    STRONG = 2


@dataclass(frozen=True, slots=True)
class CallerHistory:
    """What is known of the number a report gives, at the moment it comes in."""

    untrue_before: int = 0
    recent_reports: int = 0
    was_far_away: bool = False


def signals(
    rules: SuspicionRules, history: CallerHistory, *, is_impossible_place: bool, is_verified_citizen: bool
) -> list[str]:
    """Name the signs there are; one that counts several times is named as often."""
    return [
        *["untrue_before"] * min(history.untrue_before, _MOST_TIMES),
        *["many_reports"] * (history.recent_reports >= rules.many_reports),
        *["far_apart"] * history.was_far_away,
        *["impossible_place"] * is_impossible_place,
        *["signed_in"] * is_verified_citizen,
    ]


def suspicion(rules: SuspicionRules, named: Sequence[str]) -> Suspicion:
    """Add the signs up."""
    points = sum(rules.points[name] for name in named)
    if points >= rules.strong:
        return Suspicion.STRONG
    return Suspicion.SOME if points >= rules.some else Suspicion.NONE


def base_priority(severity: int, *, assessed: int | None, is_silent: bool) -> int:
    """Return 1 to 3: an operator's judgement, else the kind's; who cannot speak may be in danger."""
    if assessed is not None:
        return assessed
    return 1 if is_silent else severity


@dataclass(frozen=True, slots=True)
class Standing:
    """What decides an incident's place on the board."""

    priority: int
    is_assessed: bool
    suspicion: Suspicion
    is_corroborated: bool
    is_acknowledged: bool
    received_at: datetime


def board_order(standing: Standing) -> int:
    """Return the place on the board, lowest first: priority, doubt, not yet read before read, oldest first."""
    # A human who looked, or a second caller who says the same, outweighs any sign of a prank.
    in_doubt = not (standing.is_assessed or standing.is_corroborated)
    doubt = standing.suspicion if in_doubt else Suspicion.NONE
    priority = min(_LOWEST_PRIORITY, standing.priority + (doubt is Suspicion.STRONG))
    rank = priority * 100 + doubt * 10 + standing.is_acknowledged
    return rank * _TIME_SPAN_MS + int(standing.received_at.timestamp() * 1000)
