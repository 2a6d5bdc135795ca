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
from gateway.pipeline.flight import Arriving, Failed, Flight, Landing
from gateway.pipeline.landings import Next, to_asker, to_rider
from gateway.pipeline.observe import Observation
from gateway.rules.access import Identity
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
    ) -> None:
        self._responses = responses
        self._clock = clock
        self.citizens = Citizens(responses, is_revoked)
        self._asker = Asker(responses, self.citizens, clock)
        self._flights: dict[PrimaryKey, Flight] = {}  # whose heads have not come yet
        self._resting = Marks(clock, _REST_SECONDS)
        self._tasks: set[asyncio.Task[Any]] = set()
        self.patience_seconds = patience_seconds
        self.waiting = 0  # requests that wait for another one's answer

    @property
    def in_flight(self) -> int:
        """How many questions and recordings are under way."""
        return len(self._tasks)

    def at_hand(self, key: PrimaryKey, fields: Fields, policy: CachePolicy, seen: Observation) -> Reply | None:
        """Return the answer to a plain GET if it lies there ready to be sent; `serve` finds out everything else."""
        shelf = self._responses.shelf(key)
        if shelf is None:
            return None
        ready = shelf.ready(fields, policy, self._clock.wall())
        if ready is None:
            return None
        shelf.used()
        seen.cache = "hit"
        return replies.from_ready(ready)

    async def serve(self, asked: Lookup) -> Reply:
        """Answer from what is stored, or from the agency; raise NothingStored, UpstreamFault, Overloaded."""
        verdict = self._look(asked)
        if isinstance(verdict, Miss | NeedsValidation) and verdict.collapsible and asked.key not in self._asker.lonely:
            return await self._together(asked, verdict)
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
        fields = asked.request.fields
        if shelf is not None and isinstance(verdict, FromCache) and shelf.ready(fields, asked.policy, now) is None:
            ready = replies.made_ready(verdict, shelf, asked.policy)
            if ready is not None:
                shelf.make_ready(fields, ready)
        return verdict

    async def _act(self, asked: Lookup, verdict: Verdict) -> Reply:
        match verdict:
            case FromCache():
                asked.seen.cache = "stale" if verdict.stale else "hit"
                if verdict.revalidation is not None:
                    self._renew_behind(asked, verdict.revalidation)
                return replies.hit(verdict)
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
        for _ in range(_MAX_ROUNDS):
            joined = self._join_arriving(asked, verdict)
            if joined is not None:
                return joined
            flight = self._flights.get(asked.key)
            if flight is None or self._asker.changes.any_since(asked.key, flight.sequence):
                flight = self._take_off(asked, verdict)
                landing = await self._ride(asked, flight, first=True)
                assert landing is not None
                return await to_asker(asked, verdict, landing, self._clock)
            landing = await self._ride(asked, flight, first=False)
            answer = Next.AGAIN if landing is None else to_rider(asked, verdict, landing, self._clock)
            if isinstance(answer, Reply):
                return answer
            again = self._look(asked)
            if answer is Next.ALONE or not isinstance(again, Miss | NeedsValidation) or not again.collapsible:
                return await self._act(asked, again)
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

    def _take_off(self, asked: Lookup, verdict: Miss | NeedsValidation, *, behind: bool = False) -> Flight:
        flight = Flight(self._asker.changes.now(), None if behind else asked.interim)
        self._flights[asked.key] = flight
        task = self._start(self._fly(asked, verdict, flight))
        if not behind:
            flight.end_when_empty(partial(self._abandon, asked.key, flight, task))
        return flight

    async def _fly(self, asked: Lookup, verdict: Miss | NeedsValidation, flight: Flight) -> None:
        late = asyncio.get_running_loop().call_later(self.patience_seconds, self._be_late, asked.key, flight)
        landing: Landing = Failed(Overloaded("the gateway is ending"))
        try:
            landing = await self._asker.ask(asked, verdict, flight.interim)
        except Exception as error:  # whatever it is, nobody may wait for ever; the one who asked raises it
            landing = Failed(error)
        finally:
            late.cancel()
            self._ground(asked.key, flight)
            flight.land(landing)
        if isinstance(landing, Failed):
            self._resting.add(asked.key)
        elif isinstance(landing, Arriving):
            if landing.head.status in FAILURE_STATUSES:
                self._resting.add(asked.key)
            if not flight.has_asker:
                await landing.discard()
            if landing.recording is not None:
                await self._asker.pump(asked, landing)

    async def _ride(self, asked: Lookup, flight: Flight, *, first: bool) -> Landing | None:
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
        if asked.key not in self._flights and asked.key not in self._resting:
            self._take_off(asked, verdict, behind=True)

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
