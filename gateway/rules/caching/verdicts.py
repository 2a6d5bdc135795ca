"""What the caching decisions say: a verdict on a request, an outcome of an answer, an outcome of a failure.

Only values stand here. `decide` makes them; the driver acts on them and ends in `assert_never`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple, TypeAlias

from gateway.fields import Fields
from gateway.rules.caching.exchange import Answer, CacheRequest, OriginHead
from gateway.rules.caching.stored import StoredResponse
from gateway.rules.caching.storing import Refusal, Storing

# The driver finds every value it handles in one place.
__all__ = [
    "Answer",
    "AskAgain",
    "CacheRequest",
    "FailureOutcome",
    "Forwarded",
    "FromCache",
    "GatewayTimeout504",
    "Miss",
    "NeedsValidation",
    "NoStale",
    "OriginHead",
    "Outcome",
    "Refreshed",
    "Relay",
    "Replacement",
    "ServeStale",
    "Verdict",
]

Replacement: TypeAlias = tuple[StoredResponse, StoredResponse]
"""A stored answer and what it now reads: put the second where the first is."""


class Forwarded(StrEnum):
    """Why a request went to the agency: the `fwd` parameter of Cache-Status (RFC 9211 section 2.2)."""

    BYPASS = "bypass"
    METHOD = "method"
    URI_MISS = "uri-miss"
    VARY_MISS = "vary-miss"
    REQUEST = "request"
    STALE = "stale"


class FromCache(NamedTuple):
    """Send `answer` now. When `revalidation` is set, ask the agency too, in the background (RFC 5861 section 3).

    A named tuple for the same reason as `Answer`.
    """

    stored: StoredResponse
    answer: Answer
    age_seconds: int
    ttl_seconds: int  # negative when stale
    stale: bool = False
    revalidation: NeedsValidation | None = None

    @property
    def revalidate_in_background(self) -> bool:
        """Whether the agency must be asked although the client already has its answer."""
        return self.revalidation is not None


@dataclass(frozen=True, slots=True)
class NeedsValidation:
    """Ask the agency with `fields`, all the request fields to send: `stored` is at hand but may not be used unasked.

    Without validators in `stored` the fields carry no condition. `collapsible`: identical requests may wait for this.
    """

    stored: StoredResponse
    fields: Fields
    reason: Forwarded
    collapsible: bool


@dataclass(frozen=True, slots=True)
class Miss:
    """Ask the agency with `fields`, all the request fields to send: nothing stored can serve this request."""

    reason: Forwarded
    fields: Fields
    collapsible: bool


@dataclass(frozen=True, slots=True)
class GatewayTimeout504:
    """The client said `only-if-cached` and nothing stored can serve it (RFC 9111 section 5.2.1.7)."""


Verdict: TypeAlias = FromCache | NeedsValidation | Miss | GatewayTimeout504


@dataclass(frozen=True, slots=True)
class Relay:
    """Send this head on, and the agency's body unless `with_body` is false (HEAD, or the client's condition holds).

    When `storing` is set, collect the body and give it to `Storing.finish`, also when the client gets none of it;
    when it is not, `refusal` says why. First `drop` what must not be used any more, then put what `replace` says.
    """

    status: int
    reason: bytes
    fields: Fields
    with_body: bool
    storing: Storing | None = None
    refusal: Refusal | None = None
    replace: tuple[Replacement, ...] = ()
    drop: tuple[StoredResponse, ...] = ()


@dataclass(frozen=True, slots=True)
class Refreshed:
    """The agency said 304. Send `answer`; `drop` and `replace` as for Relay. `stored` is what waiters are served from.

    `shareable` is false when the 304 took back the leave to store: then `stored` serves this one client only.
    """

    stored: StoredResponse
    answer: Answer
    age_seconds: int
    ttl_seconds: int
    shareable: bool
    replace: tuple[Replacement, ...] = ()
    drop: tuple[StoredResponse, ...] = ()


@dataclass(frozen=True, slots=True)
class ServeStale:
    """The agency failed and a stored answer may stand in (RFC 5861 section 4): send `answer`, discard what came."""

    stored: StoredResponse
    answer: Answer
    age_seconds: int
    ttl_seconds: int  # negative when stale


@dataclass(frozen=True, slots=True)
class AskAgain:
    """The agency's 304 spoke of another answer than ours: drop ours and ask once more, with `fields`, as for a Miss."""

    fields: Fields
    drop: tuple[StoredResponse, ...]


Outcome: TypeAlias = Relay | Refreshed | ServeStale | AskAgain


@dataclass(frozen=True, slots=True)
class NoStale:
    """Nothing stored may stand in for the failed agency: report the failure."""


FailureOutcome: TypeAlias = ServeStale | NoStale
