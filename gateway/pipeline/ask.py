"""One question of the cache to an agency, from its sending to the last byte of what is kept of the answer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, TypeAlias, assert_never

from gateway.clock import Clock
from gateway.errors import BrokeProtocol, GatewayError, Overloaded, UpstreamFault
from gateway.fields import Fields
from gateway.messages import DEFAULT_LANGUAGE, Language
from gateway.pipeline.changes import Changes, Marks
from gateway.pipeline.citizens import Citizens
from gateway.pipeline.flight import Arriving, Failed, Landing, Renewed
from gateway.pipeline.observe import Observation
from gateway.pipeline.recording import Recording
from gateway.rules.access import Identity
from gateway.rules.caching.decide import FAILURE_STATUSES, on_head
from gateway.rules.caching.invalidation import SAFE_METHODS, invalidated_by
from gateway.rules.caching.keys import PrimaryKey
from gateway.rules.caching.policy import ALL_QUERY, CachePolicy
from gateway.rules.caching.stored import StoredResponse
from gateway.rules.caching.storing import Refusal, Storing
from gateway.rules.caching.verdicts import (
    AskAgain,
    CacheRequest,
    Miss,
    NeedsValidation,
    OriginHead,
    Refreshed,
    Relay,
    Replacement,
    ServeStale,
)
from gateway.store.responses import ResponseStore
from gateway.store.shared_responses import SharedResponses
from gateway.upstream.ports import Interim, ResponseBody, Trailed, UpstreamResponse

Fetch: TypeAlias = Callable[[Fields, Observation, Interim | None], Awaitable[UpstreamResponse]]

_CONDITIONS: Final = frozenset({b"if-none-match", b"if-modified-since"})
# Reasons that lie in one request: the next one for the same key may well be shareable.
_OF_THE_REQUEST: Final = frozenset({Refusal.METHOD, Refusal.NO_STORE_REQUEST, Refusal.CREDENTIALS})
_LONELY_SECONDS: Final = 10.0


@dataclass(slots=True, eq=False)
class Lookup:
    """One request to the cache: what it asks, under which key and policy, and how the agency is asked."""

    key: PrimaryKey
    request: CacheRequest
    policy: CachePolicy
    fetch: Fetch
    seen: Observation
    interim: Interim | None = None
    language: Language = DEFAULT_LANGUAGE
    citizen: Identity | None = None  # whose partition it is
    spelt: Fields = ()  # the client's fields before those were dropped that must not reach the agency


class Asker:
    """Asks, and does to the store what the answer means. `arriving` are the answers that others may still join.

    `lonely` marks keys whose answers turned out not to be shareable: nobody waits for such a one in vain twice.
    """

    __slots__ = ("_citizens", "_clock", "_responses", "_shared", "arriving", "changes", "lonely")

    def __init__(
        self, responses: ResponseStore, citizens: Citizens, clock: Clock, shared: SharedResponses | None = None
    ) -> None:
        self._responses = responses
        self._shared = shared
        self._citizens = citizens
        self._clock = clock
        self.changes = Changes()
        self.lonely = Marks(clock, _LONELY_SECONDS)
        self.arriving: dict[PrimaryKey, list[Arriving]] = {}

    async def ask(self, asked: Lookup, verdict: Miss | NeedsValidation, interim: Interim | None) -> Landing:
        """Return once the head of the answer is there. When it is recorded, the caller has `pump` read it.

        Its notes are its own: whoever waits charges the waiting where it belongs.
        """
        sequence = self.changes.now()
        notes = Observation(asked.seen.request_id, asked.request.method, 0.0, asked.seen.trace)
        while True:
            sent = self._clock.wall()
            try:
                response = await asked.fetch(verdict.fields, notes, interim)
            except (UpstreamFault, Overloaded) as error:
                return Failed(error)
            head = OriginHead(response.status, b"", response.fields)
            if head.status == 304 and not any(name in _CONDITIONS for name, _ in verdict.fields):
                await discard(response)
                return Failed(BrokeProtocol("304 to a request without conditions"), 304)
            if asked.request.method not in SAFE_METHODS:
                self.invalidate(asked.request, head, asked.key.service, asked.policy.origins)
                sequence = self.changes.now()
            landing = await self._judge(asked, verdict, head, response, sent=sent, sequence=sequence)
            if not isinstance(landing, AskAgain):
                return landing
            verdict = Miss(verdict.reason, landing.fields, collapsible=False)

    def invalidate(self, request: CacheRequest, head: OriginHead, service: str, origins: frozenset[bytes]) -> None:
        """Forget what an unsafe request has made obsolete, also what is still under way (RFC 9111 section 4.4)."""
        policy = CachePolicy(query=(ALL_QUERY,), origins=origins)
        for path, query in invalidated_by(request, head, policy):
            self.changes.note(service, path)
            self._responses.invalidate(service, path, query)
            if self._shared is not None:
                self._shared.invalidate(service, path)

    async def pump(self, asked: Lookup, landing: Arriving) -> None:
        """Read an answer that is recorded to its end, and store it if it came whole."""
        recording, body, storing = landing.recording, landing.response.body, landing.relay.storing
        assert recording is not None
        assert body is not None
        assert storing is not None
        try:
            if await self._record(asked.key, landing, recording, body):
                trailers = body.trailers if isinstance(body, Trailed) else ()
                if not recording.is_too_large:
                    landing.stored = self._finish(asked, storing, recording.content, trailers, landing.sequence)
                recording.end(trailers)
        except GatewayError as error:
            recording.fail(error)
        finally:
            recording.fail(BrokeProtocol("the answer was given up"))  # unless it has ended
            self._close(asked.key, landing)
            await body.aclose()

    async def _record(self, key: PrimaryKey, landing: Arriving, recording: Recording, body: ResponseBody) -> bool:
        """Read to the end; return False when nobody is left to read what will not be stored either."""
        while piece := await body.read():
            recording.take(piece)
            if recording.is_too_large:
                self._close(key, landing)
                self.lonely.add(key)
                if not await recording.wanted():
                    return False
        return True

    async def _judge(
        self,
        asked: Lookup,
        verdict: Miss | NeedsValidation,
        head: OriginHead,
        response: UpstreamResponse,
        *,
        sent: float,
        sequence: int,
    ) -> Landing | AskAgain:
        now = self._clock.wall()
        variants = self._responses.variants(asked.key)
        outcome = on_head(asked.request, verdict, head, variants, asked.policy, request_time=sent, response_time=now)
        match outcome:
            case Relay():
                self._apply(asked, outcome.replace, outcome.drop, sequence)
                return self._arrive(asked, Arriving(head, outcome, response, now, sequence))
            case Refreshed():
                self._apply(asked, outcome.replace, outcome.drop, sequence)
                await discard(response)
                return Renewed(outcome)
            case ServeStale():
                await discard(response)
                return Failed(UpstreamFault(f"the agency answered {head.status}"), head.status)
            case AskAgain():
                self._apply(asked, (), outcome.drop, sequence)
                await discard(response)
                return outcome
            case _:
                assert_never(outcome)

    def _arrive(self, asked: Lookup, landing: Arriving) -> Arriving:
        storing, response = landing.relay.storing, landing.response
        if storing is None:
            if landing.relay.refusal not in _OF_THE_REQUEST and landing.head.status not in FAILURE_STATUSES:
                self.lonely.add(asked.key)
        elif response.body is None:
            content = response.content or b""
            landing.stored = self._finish(asked, storing, content, response.trailers, landing.sequence)
        else:
            landing.recording = Recording(storing.max_body_bytes)
            # The pump may run far before the one who asked does.
            landing.reader = landing.recording.reader() if landing.relay.with_body else None
            if storing.may_serve_waiters:
                self.arriving.setdefault(asked.key, []).append(landing)
        return landing

    def _finish(
        self, asked: Lookup, storing: Storing, content: bytes, trailers: Fields, sequence: int
    ) -> StoredResponse | None:
        """Store a body that came whole; return it also where it may not be kept, for those who waited for it."""
        stored = storing.finish(content, trailers)
        if stored is None or self.changes.any_since(asked.key, sequence) or self._citizens.has_ended(asked.citizen):
            return stored
        if self._responses.put(asked.key, stored, asked.policy, self._clock.wall()) and asked.citizen is not None:
            self._citizens.note(asked.key.partition, asked.citizen)
        self.lonely.discard(asked.key)
        return stored

    def _apply(
        self, asked: Lookup, pairs: tuple[Replacement, ...], dropped: tuple[StoredResponse, ...], sequence: int
    ) -> None:
        for one in dropped:
            self._responses.drop(asked.key, one)
        if not self.changes.any_since(asked.key, sequence):
            for old, new in pairs:
                self._responses.replace(asked.key, old, new, asked.policy)

    def _close(self, key: PrimaryKey, landing: Arriving) -> None:
        """Let nobody join any more."""
        under_way = self.arriving.get(key, [])
        if landing in under_way:
            under_way.remove(landing)
            if not under_way:
                del self.arriving[key]


async def discard(response: UpstreamResponse) -> None:
    """Give up the body of an answer."""
    if response.body is not None:
        await response.body.aclose()
