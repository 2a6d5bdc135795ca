"""What the usual request's shortcut is made of: what was learned of its bytes, and one request under way by it."""

from __future__ import annotations

from gateway.errors import GatewayError
from gateway.pipeline.call import Call, Edition
from gateway.pipeline.observe import Observation
from gateway.registry.snapshot import Route, Service
from gateway.rules.access import Identity
from gateway.rules.caching.exchange import CacheRequest
from gateway.rules.quota import Charge, rate_limit_lines
from gateway.store.fallback import Outcome
from gateway.telemetry.metrics import RouteCounters
from gateway.upstream.begun import Begun
from gateway.upstream.ports import UpstreamRequest
from gateway.upstream.targets import LiveTarget


class Announced:
    """A body that is sent apart from the head, which only tells its length."""

    __slots__ = ("length",)

    def __init__(self, length: int) -> None:
        self.length: int | None = length

    async def read(self) -> bytes:
        return b""


class Content:
    """A request's body that is whole in hand."""

    __slots__ = ("_content", "length")

    def __init__(self, content: bytes) -> None:
        self._content = content
        self.length: int | None = len(content)

    async def read(self) -> bytes:
        content, self._content = self._content, b""
        return content


class Shortcut:
    """What requests of the same bytes come to; `Shortcuts` alone writes to it, but for what is the table's."""

    __slots__ = (
        "added", "asks_store", "body_bytes", "call", "change", "charges", "counters", "edition", "fronts", "generation",
        "head", "identity", "origin", "origins", "request", "route", "service", "until", "used",
    )  # fmt: skip

    def __init__(self, call: Call, edition: Edition, route: Route, service: Service, identity: Identity) -> None:
        self.call = call  # the one it was learned from: only what follows from its bytes is read of it
        self.body_bytes = 0 if call.body is None else call.body.length or 0  # what follows the head
        self.edition = edition
        self.route = route
        self.service = service
        self.identity = identity
        self.generation = -1  # the verifier's, when the token was last found good
        self.until = 0.0  # wall clock: token and assertion are good until then, and so is all that follows
        self.fronts: dict[LiveTarget, bytes] = {}  # the head that a target gets, up to what differs each time
        self.origin = ("", "")  # address and scheme of the peer for whom it was made
        self.charges: tuple[Charge, ...] = ()
        self.asks_store = False  # to charge them takes a word with the store
        self.counters: RouteCounters | None = None
        self.request: UpstreamRequest | None = None  # but for what differs each time
        self.change: CacheRequest | None = None  # of an unsafe method, in the cache's terms
        self.origins: frozenset[bytes] = frozenset()  # the service's own
        self.added = b""  # what each answer carries besides the agency's fields
        self.head = b""  # the bytes it is known by; like `used`, the table's
        self.used = False


class Passage(Begun):
    """One request under way by a shortcut. `content` is its own body, kept for an attempt elsewhere.

    What makes it a `Begun` is there once `is_begun`. With a `fault` it was refused on the way.
    """

    __slots__ = ("content", "fault", "is_begun", "outcome", "seen", "shortcut")

    def __init__(self, shortcut: Shortcut, seen: Observation, outcome: Outcome, content: bytes) -> None:
        self.shortcut = shortcut
        self.seen = seen
        self.outcome = outcome
        self.content = content
        self.is_begun = False
        self.fault: GatewayError | None = None

    @property
    def added(self) -> bytes:
        """The lines that the gateway adds to the answer, but for those that frame it."""
        outcome = self.outcome
        limits = rate_limit_lines(outcome.charges, outcome.verdicts) if outcome.charges else b""
        return b"%bx-request-id: %b\r\n%b" % (limits, self.seen.request_id.encode(), self.shortcut.added)
