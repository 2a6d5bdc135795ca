"""What a load is told to do and what it tells afterwards: one JSON line each way."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Final

# Longer than any latency that is worth a bucket of its own: what was never answered counts as this.
UNANSWERED_MS: Final = 60_000.0


@dataclass(frozen=True, slots=True)
class Plan:
    """What to send, over how many connections, and until when.

    `requests` are whole requests, taken in turn; so are those of `requests_file`, each ended by a NUL. `fresh` is
    replaced by a number in each. With `rate` (requests a second in all) each request has a moment when it is due,
    whether or not earlier ones were answered; its latency runs from then (no coordinated omission). Without, each
    connection asks again as soon as it is answered. `count` ends the load after so many answers, `seconds` by time;
    `offset` is where in the requests it begins.
    """

    port: int
    requests: tuple[str, ...] = ()
    requests_file: str = ""
    connections: int = 32
    seconds: float = 1.0
    count: int = 0
    offset: int = 0
    rate: float = 0.0
    fresh: str = ""
    tls: bool = False
    websocket: bool = False  # `requests` open the connection; then messages of 1 KB go back and forth

    def beginning_at(self, offset: int) -> Plan:
        """Return the same plan, further on in its requests."""
        return replace(self, offset=offset)

    def lasting(self, seconds: float) -> Plan:
        """Return the same plan with another time."""
        return replace(self, seconds=seconds)

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Plan:
        told = json.loads(text)
        return cls(**told | {"requests": tuple(told.get("requests", ()))})


@dataclass(frozen=True, slots=True)
class Seen:
    """What a load saw. Latencies are in milliseconds."""

    answered: int
    failed: int
    seconds: float
    bytes_received: int
    p50_ms: float
    p99_ms: float
    worst_ms: float
    first_failure: str = ""  # what the first of the failed was told, in a few words

    @property
    def a_second(self) -> float:
        return self.answered / self.seconds

    @classmethod
    def from_json(cls, text: str) -> Seen:
        return cls(**json.loads(text))


def quantile(ordered: Sequence[float], share: float) -> float:
    """Return the smallest value that at least `share` of the values do not exceed (the nearest-rank method)."""
    if not ordered:
        return 0.0
    rank = -int(-share * len(ordered) // 1)  # rounded up
    return ordered[max(0, min(len(ordered), rank) - 1)]
