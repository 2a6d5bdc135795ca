"""Stage 5: the driver of the HTTP cache. It decides nothing: `rules.caching` does, and this carries it out.

    serve ──► fresh (or stale enough) ──────────────────────────► answer at once; perhaps renew behind
         └──► must ask ──► together: one flight asks for all who come meanwhile ──► each answers for itself
                     └───► alone: what is for one person only, or has just turned out not to be shareable

An answer that may be shared is recorded as it arrives and read by everybody who waits for it. An answer that may not
be shared lets the others go at once, to ask for themselves. A failure is everybody's: a crowd asking again would not
help the agency.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, Final, assert_never

from gateway.clock import Clock
from gateway.errors import NothingStored, Overloaded
from gateway.fields import Fields
from gateway.pipeline import cache_replies as replies
from gateway.pipeline.ask import Asker, Lookup
from gateway.pipeline.call import Reply
from gateway.pipeline.changes import Marks
from gateway.pipeline.citizens import Citizens
from gateway.pipeline.compression import Compression
from gateway.pipeline.flight import Arriving, Failed, Flight, Found, Landing
from gateway.pipeline.landings import Next, to_asker, to_rider
from gateway.pipeline.observe import Observation
from gateway.pipeline.turns import Turns, may_peek, still_to_ask
from gateway.rules.access import Identity
from gateway.rules.caching.coding import wants_compressing
from gateway.rules.caching.decide import FAILURE_STATUSES, lookup
from gateway.rules.caching.keys import PrimaryKey
from gateway.rules.caching.policy import CachePolicy
from gateway.rules.caching.status import CacheStatus
from gateway.rules.caching.verdicts import (
    CacheRequest,
    FromCache,
    GatewayTimeout504,
    Miss,
    NeedsValidation,
    OriginHead,
    Verdict,
)
from gateway.store.purge import Purge
from gateway.store.responses import ResponseStore
from gateway.store.shared_responses import SharedResponses, Standing

PATIENCE_SECONDS: Final = 5.0  # how long anyone waits for somebody else's question
_MAX_ROUNDS: Final = 4
_REST_SECONDS: Final = 1.0  # an agency that failed a renewal behind the scenes is not asked at each request
_ONLY_IF_CACHED: Final = ((b"cache-status", CacheStatus(detail="only-if-cached").render()),)


class Cache:
    """Serves requests from stored answers, and keeps what may be kept."""

    def __init__(
        self,
        responses: ResponseStore,
        clock: Clock,
        *,
        is_revoked: Callable[[Identity], bool] = lambda _: False,
        patience_seconds: float = PATIENCE_SECONDS,
        shared: SharedResponses | None = None,
    ) -> None:
        self._responses = responses
        self._clock = clock
        self.citizens = Citizens(responses, is_revoked)
        self._asker = Asker(responses, self.citizens, clock, shared)
        self._turns = None if shared is None else Turns(shared, responses, self._asker.changes, clock)
        self._flights: dict[PrimaryKey, Flight] = {}  # whose heads have not come yet
        self._compression = Compression(responses, self._start)
        self._resting = Marks(clock, _REST_SECONDS)
        self._tasks: set[asyncio.Task[Any]] = set()
        self.patience_seconds = patience_seconds
        self.waiting = 0  # requests that wait for another one's answer

    @property
    def in_flight(self) -> int:
        """How many questions and recordings are under way."""
        return len(self._tasks)

    @property
    def arriving(self) -> int:
        """How many addresses' answers are on their way in, of those that others may join."""
        return len(self._asker.arriving)

    def at_hand(self, key: PrimaryKey, fields: Fields, policy: CachePolicy, seen: Observation) -> Reply | None:
        """Return the answer to a plain GET if it lies there ready to be sent; `serve` finds out everything else."""
        shelf = self._responses.shelf(key)
        if shelf is None:
            return None
        ready = shelf.ready(fields, policy, self._clock.wall())
        if ready is None or (ready.stale and not self._is_being_renewed(key)):
            return None
        shelf.used()
        seen.cache = "stale" if ready.stale else "hit"
        return replies.from_ready(ready)

    async def serve(self, asked: Lookup) -> Reply:
        """Answer from what is stored, or from the agency; raise NothingStored, UpstreamFault, Overloaded."""
        verdict = self._look(asked)
        if isinstance(verdict, Miss | NeedsValidation) and verdict.collapsible and asked.key not in self._asker.lonely:
            return await self._together(asked, verdict)
        if self._turns is not None and asked.key not in self._asker.lonely and may_peek(asked, verdict):
            await asyncio.create_task(self._turns.peek(asked))
            return await self._act(asked, self._look(asked), from_store=True)
        return await self._act(asked, verdict)

    def invalidate(
        self, request: CacheRequest, status: int, fields: Fields, service: str, origins: frozenset[bytes]
    ) -> None:
        """Forget what an unsafe request to the service has made obsolete (RFC 9111 section 4.4)."""
        self._asker.invalidate(request, OriginHead(status, b"", fields), service, origins)

    def purge(self, purge: Purge) -> int:
        """Forget the named answers or mark them stale, and keep nothing of them that is under way; return how many."""
        # What an answer under way is tagged with is not known yet, so any may be meant.
        path = purge.path if purge.tag is None and purge.service is not None else None
        self._asker.changes.note(purge.service, path)
        return self._responses.purge(purge, self._clock.wall())

    async def aclose(self) -> None:
        """End what still runs in the background."""
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # ---- how a request is answered

    def _look(self, asked: Lookup) -> Verdict:
        now = self._clock.wall()
        shelf = self._responses.find(asked.key, now)
        verdict = lookup(asked.request, () if shelf is None else shelf.variants, asked.policy, now)
        if isinstance(verdict, FromCache) and wants_compressing(verdict.stored, asked.request, asked.policy):
            if self._compression.make(asked.key, verdict.stored, asked.policy):
                return self._look(asked)
            return verdict
        fields = asked.spelt or asked.request.fields
        if shelf is not None and isinstance(verdict, FromCache) and shelf.ready(fields, asked.policy, now) is None:
            ready = replies.made_ready(verdict, shelf, asked.policy)
            if ready is not None:
                shelf.make_ready(fields, ready)
        return verdict

    async def _act(self, asked: Lookup, verdict: Verdict, *, from_store: bool = False) -> Reply:
        match verdict:
            case FromCache():
                asked.seen.cache = "stale" if verdict.stale else "hit"
                if verdict.revalidation is not None:
                    self._renew_behind(asked, verdict.revalidation)
                return replies.hit(verdict, from_store=from_store)
            case GatewayTimeout504():
                raise NothingStored(fields=_ONLY_IF_CACHED)
            case Miss() | NeedsValidation():
                return await self._alone(asked, verdict)
            case _:
                assert_never(verdict)

    async def _alone(self, asked: Lookup, verdict: Miss | NeedsValidation) -> Reply:
        began = self._clock.monotonic()
        try:
            landing = await self._asker.ask(asked, verdict, asked.interim)
        finally:
            asked.seen.agency_seconds += self._clock.monotonic() - began
        if isinstance(landing, Arriving) and landing.recording is not None:
            self._start(self._asker.pump(asked, landing))
        return await to_asker(asked, verdict, landing, self._clock)

    async def _together(self, asked: Lookup, verdict: Miss | NeedsValidation) -> Reply:
        for patience_seconds in (self.patience_seconds, *[0.0] * (_MAX_ROUNDS - 1)):
            joined = self._join_arriving(asked, verdict)
            if joined is not None:
                return joined
            flight = self._flights.get(asked.key)
            is_first = flight is None or self._asker.changes.any_since(asked.key, flight.sequence)
            if flight is None or is_first:
                flight = self._take_off(asked, verdict, patience_seconds)
            landing = await self._ride(asked, flight, first=is_first)
            answer: Reply | Next = Next.AGAIN
            if landing is not None and not isinstance(landing, Found):
                if is_first:
                    return await to_asker(asked, flight.question, landing, self._clock)
                if isinstance(landing, Failed):
                    verdict = still_to_ask(self._look(asked), verdict)  # the store may have brought what stands in
                answer = to_rider(asked, verdict, landing, self._clock)
            if isinstance(answer, Reply):
                return answer
            again = self._look(asked)
            if answer is Next.ALONE or not isinstance(again, Miss | NeedsValidation) or not again.collapsible:
                return await self._act(asked, again, from_store=isinstance(landing, Found))
            verdict = again
        return await self._alone(asked, verdict)

    def _join_arriving(self, asked: Lookup, verdict: Miss | NeedsValidation) -> Reply | None:
        """Give a latecomer an answer that still arrives, if it suits and nothing has changed since it was asked for."""
        for landing in self._asker.arriving.get(asked.key, ()):
            if not self._asker.changes.any_since(asked.key, landing.sequence):
                answer = to_rider(asked, verdict, landing, self._clock)
                if isinstance(answer, Reply):
                    return answer
        return None

    # ---- flights

    def _take_off(
        self, asked: Lookup, verdict: Miss | NeedsValidation, patience_seconds: float, *, behind: bool = False
    ) -> Flight:
        flight = Flight(verdict, self._asker.changes.now(), None if behind else asked.interim)
        self._flights[asked.key] = flight
        task = self._start(self._fly(asked, flight, patience_seconds, behind=behind))
        if not behind:
            flight.end_when_empty(partial(self._abandon, asked.key, flight, task))
        return flight

    async def _fly(self, asked: Lookup, flight: Flight, patience_seconds: float, *, behind: bool) -> None:
        """Have the question answered, by the store or by the agency, and let the other workers know."""
        late = asyncio.get_running_loop().call_later(self.patience_seconds, self._be_late, asked.key, flight)
        landing: Landing | Found = Failed(Overloaded("the gateway is ending"))
        turn: Standing | None = None
        answer: Landing | None = None
        try:
            try:
                taken = None
                if self._turns is not None:
                    look = partial(self._look, asked)
                    taken = await self._turns.take(asked, look, behind=behind, patience_seconds=patience_seconds)
                    flight.question = still_to_ask(look(), flight.question)
                if isinstance(taken, Found):
                    landing = taken
                else:
                    turn = taken
                    landing = answer = await self._asker.ask(asked, flight.question, flight.interim)
            except Exception as error:  # whatever it is, nobody may wait for ever; the one who asked raises it
                landing = answer = Failed(error)
            finally:
                late.cancel()
                self._ground(asked.key, flight)
                flight.land(landing)
            await self._land(asked, flight, landing)
        finally:
            if turn is not None and self._turns is not None:
                self._turns.settle(asked, turn, answer)

    async def _land(self, asked: Lookup, flight: Flight, landing: Landing | Found) -> None:
        """Do what is left once everybody knows: rest after a failure, and read a recorded answer to its end."""
        if isinstance(landing, Failed):
            self._resting.add(asked.key)
        elif isinstance(landing, Arriving):
            if landing.head.status in FAILURE_STATUSES:
                self._resting.add(asked.key)
            if not flight.has_asker:
                await landing.discard()
            if landing.recording is not None:
                await self._asker.pump(asked, landing)

    async def _ride(self, asked: Lookup, flight: Flight, *, first: bool) -> Landing | Found | None:
        began = self._clock.monotonic()
        self.waiting += not first
        try:
            return await flight.ride(first=first)
        except BaseException:
            if first and isinstance(flight.landing, Arriving):
                self._start(flight.landing.discard())  # it landed, and nobody is there to take it
            raise
        finally:
            self.waiting -= not first
            asked.seen.agency_seconds += self._clock.monotonic() - began

    def _renew_behind(self, asked: Lookup, verdict: NeedsValidation) -> None:
        """Ask the agency for the next reader, while this one has its answer (RFC 5861 section 3)."""
        if not self._is_being_renewed(asked.key):
            self._take_off(asked, verdict, self.patience_seconds, behind=True)

    def _is_being_renewed(self, key: PrimaryKey) -> bool:
        """Tell whether the agency is being asked, still answers, or has just failed to."""
        return key in self._flights or key in self._asker.arriving or key in self._resting

    def _be_late(self, key: PrimaryKey, flight: Flight) -> None:
        self._ground(key, flight)
        flight.be_late()

    def _abandon(self, key: PrimaryKey, flight: Flight, task: asyncio.Task[None]) -> None:
        self._ground(key, flight)
        task.cancel()

    def _ground(self, key: PrimaryKey, flight: Flight) -> None:
        """Let nobody get on any more."""
        if self._flights.get(key) is flight:
            del self._flights[key]

    def _start(self, coroutine: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task
