"""Stage 5: the driver of the HTTP cache. It decides nothing: `rules.caching` does, and this carries it out.

Identical misses are collapsed: the first one asks the agency in a task of its own, so that it goes on when its client
leaves; the others wait for it and look again. An answer that may not be shared lets them go at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any, assert_never

from gateway.clock import Clock
from gateway.errors import GatewayError, NothingStored, UpstreamFault
from gateway.fields import Fields
from gateway.pipeline.call import Reply
from gateway.pipeline.observe import Observation
from gateway.pipeline.relay import read_up_to
from gateway.rules.caching.decide import lookup, on_error, on_head
from gateway.rules.caching.invalidation import invalidated_by
from gateway.rules.caching.keys import PrimaryKey
from gateway.rules.caching.policy import CachePolicy
from gateway.rules.caching.status import CacheStatus
from gateway.rules.caching.stored import StoredResponse
from gateway.rules.caching.verdicts import (
    Answer,
    AskAgain,
    CacheRequest,
    Forwarded,
    FromCache,
    GatewayTimeout504,
    Miss,
    NeedsValidation,
    OriginHead,
    Refreshed,
    Relay,
    ServeStale,
)
from gateway.store.responses import ResponseStore
from gateway.upstream.ports import UpstreamResponse

Fetch = Callable[[Fields, Observation], Awaitable[UpstreamResponse]]
Pairs = tuple[tuple[StoredResponse, StoredResponse], ...]


@dataclass(frozen=True, slots=True)
class Lookup:
    """One request to the cache: what it asks, under which key and policy, and how the agency is asked."""

    key: PrimaryKey
    request: CacheRequest
    policy: CachePolicy
    fetch: Fetch
    seen: Observation


class _Flight:
    """One question to an agency under way, and those who wait for it."""

    __slots__ = ("done", "failure")

    def __init__(self) -> None:
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.failure: GatewayError | None = None

    def land(self, failure: GatewayError | None = None) -> None:
        """Let those who wait go on."""
        if not self.done.done():
            self.failure = failure
            self.done.set_result(None)


class Cache:
    """Serves requests from stored answers, and keeps what may be kept."""

    __slots__ = ("_clock", "_flights", "_responses", "_tasks", "waiting")

    def __init__(self, responses: ResponseStore, clock: Clock) -> None:
        self._responses = responses
        self._clock = clock
        self._flights: dict[PrimaryKey, _Flight] = {}
        self._tasks: set[asyncio.Future[Any]] = set()
        self.waiting = 0  # requests that wait for another one's answer

    @property
    def in_flight(self) -> int:
        """How many collapsible questions are under way."""
        return len(self._flights)

    async def serve(self, asked: Lookup) -> Reply:
        """Answer from what is stored, or from the agency; raise NothingStored, UpstreamFault, Overloaded."""
        verdict = self._look(asked)
        if isinstance(verdict, Miss | NeedsValidation) and verdict.collapsible:
            flight = self._flights.get(asked.key)
            if flight is None:
                return await self._lead(asked, verdict)
            self.waiting += 1
            try:
                await asyncio.shield(flight.done)
            finally:
                self.waiting -= 1
            return await self._after_waiting(asked, flight)
        return await self._act(asked, verdict)

    def invalidate(self, request: CacheRequest, status: int, fields: Fields, service: str) -> None:
        """Forget what an unsafe request to the service has made obsolete (RFC 9111 section 4.4)."""
        paths = {target.path for target in invalidated_by(request, OriginHead(status, b"", fields), CachePolicy())}
        if paths:
            self._responses.forget(lambda key: key.service == service and key.path in paths)

    async def aclose(self) -> None:
        """End what still runs in the background."""
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _look(self, asked: Lookup) -> FromCache | NeedsValidation | Miss | GatewayTimeout504:
        variants = self._responses.variants(asked.key)
        return lookup(asked.request, variants, asked.policy, self._clock.wall())

    async def _act(
        self, asked: Lookup, verdict: FromCache | NeedsValidation | Miss | GatewayTimeout504, *, collapsed: bool = False
    ) -> Reply:
        match verdict:
            case FromCache():
                if verdict.revalidation is not None:
                    self._revalidate_in_background(asked, verdict.revalidation)
                return self._hit(asked, verdict, collapsed=collapsed)
            case GatewayTimeout504():
                raise NothingStored
            case Miss() | NeedsValidation():
                return await self._ask(asked, verdict, None)
            case _:
                assert_never(verdict)

    async def _lead(self, asked: Lookup, verdict: Miss | NeedsValidation) -> Reply:
        flight = self._flights[asked.key] = _Flight()
        task = asyncio.create_task(self._fly(asked, verdict, flight))
        self._keep(task)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            task.add_done_callback(self._abandon)
            raise

    async def _fly(self, asked: Lookup, verdict: Miss | NeedsValidation, flight: _Flight) -> Reply:
        failure: GatewayError | None = None
        try:
            return await self._ask(asked, verdict, flight)
        except GatewayError as error:
            failure = error
            raise
        finally:
            if self._flights.get(asked.key) is flight:
                del self._flights[asked.key]
            flight.land(failure)

    async def _after_waiting(self, asked: Lookup, flight: _Flight) -> Reply:
        verdict = self._look(asked)
        if isinstance(verdict, Miss | NeedsValidation) and flight.failure is not None:
            # The agency has just failed the one who asked for all; a crowd asking again would not help it.
            return self._failed(asked, verdict, flight.failure)
        return await self._act(asked, verdict, collapsed=True)

    async def _ask(self, asked: Lookup, verdict: Miss | NeedsValidation, flight: _Flight | None) -> Reply:
        sent = self._clock.wall()
        try:
            response = await asked.fetch(verdict.fields, asked.seen)
        except UpstreamFault as error:
            return self._failed(asked, verdict, error)
        head = OriginHead(response.status, b"", response.fields)
        outcome = on_head(
            asked.request,
            verdict,
            head,
            self._responses.variants(asked.key),
            asked.policy,
            request_time=sent,
            response_time=self._clock.wall(),
        )
        if flight is not None and isinstance(outcome, Relay) and outcome.storing is None:
            flight.land()  # nothing to share: let the others ask for themselves while this one still streams
        return await self._carry_out(asked, verdict, response, outcome)

    async def _carry_out(
        self,
        asked: Lookup,
        verdict: Miss | NeedsValidation,
        response: UpstreamResponse,
        outcome: Relay | Refreshed | ServeStale | AskAgain,
    ) -> Reply:
        match outcome:
            case Relay():
                self._apply(asked.key, outcome.replace, outcome.drop)
                return await self._relay(asked, verdict, response, outcome)
            case Refreshed():
                self._apply(asked.key, outcome.replace, outcome.drop)
                await _discard(response)
                asked.seen.cache = "revalidated"
                status = CacheStatus(fwd=verdict.reason, fwd_status=304, ttl_seconds=outcome.ttl_seconds, stored=True)
                return _reply(outcome.answer, status)
            case ServeStale():
                await _discard(response)
                return self._stale(asked, outcome, f"agency-{response.status}")
            case AskAgain():
                self._apply(asked.key, (), outcome.drop)
                await _discard(response)
                return await self._ask(asked, Miss(Forwarded.URI_MISS, outcome.fields, collapsible=False), None)
            case _:
                assert_never(outcome)

    async def _relay(
        self, asked: Lookup, verdict: Miss | NeedsValidation, response: UpstreamResponse, outcome: Relay
    ) -> Reply:
        asked.seen.cache = "bypass" if verdict.reason is Forwarded.BYPASS else "miss"
        stored = False
        if outcome.storing is not None:
            response, whole = await read_up_to(response, outcome.storing.max_body_bytes)
            answer = outcome.storing.finish(whole) if whole is not None else None
            if answer is not None:
                self._responses.put(asked.key, answer)
                stored = True
        status = CacheStatus(fwd=verdict.reason, fwd_status=response.status, stored=stored)
        fields = (*outcome.fields, (b"cache-status", status.render()))
        if not outcome.with_body:
            await _discard(response)
            return Reply(outcome.status, fields, b"")
        return Reply(outcome.status, fields, response.content, response.body, response.length)

    def _failed(self, asked: Lookup, verdict: Miss | NeedsValidation, error: GatewayError) -> Reply:
        outcome = on_error(asked.request, verdict, asked.policy, self._clock.wall())
        if isinstance(outcome, ServeStale):
            return self._stale(asked, outcome, error.code)
        raise error

    def _hit(self, asked: Lookup, verdict: FromCache, *, collapsed: bool) -> Reply:
        asked.seen.cache = "collapsed" if collapsed else "stale" if verdict.stale else "hit"
        detail = "stale-while-revalidate" if verdict.revalidation is not None else None
        status = CacheStatus(hit=True, ttl_seconds=verdict.ttl_seconds, collapsed=collapsed, detail=detail)
        return _reply(verdict.answer, status)

    def _stale(self, asked: Lookup, outcome: ServeStale, why: str) -> Reply:
        asked.seen.cache = "stale"
        status = CacheStatus(hit=True, ttl_seconds=outcome.ttl_seconds, detail=f"stale-if-error; {why}")
        return _reply(outcome.answer, status)

    def _revalidate_in_background(self, asked: Lookup, verdict: NeedsValidation) -> None:
        if asked.key not in self._flights:
            flight = self._flights[asked.key] = _Flight()
            # Nobody waits for it, and its notes must not end up in those of the request that set it off.
            unseen = replace(asked, seen=Observation(asked.seen.request_id, b"GET", 0.0, asked.seen.trace))
            task = asyncio.create_task(self._fly(unseen, verdict, flight))
            self._keep(task)
            task.add_done_callback(self._abandon)

    def _apply(self, key: PrimaryKey, pairs: Pairs, dropped: tuple[StoredResponse, ...]) -> None:
        for old, new in pairs:
            self._responses.replace(key, old, new)
        for one in dropped:
            self._responses.drop(key, one)

    def _keep(self, task: asyncio.Task[Reply]) -> None:
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _abandon(self, task: asyncio.Task[Reply]) -> None:
        """Take what a task brought that nobody waits for: its error is told to others, its body is given up."""
        if not task.cancelled() and task.exception() is None:
            closing = asyncio.ensure_future(task.result().aclose())
            self._tasks.add(closing)
            closing.add_done_callback(self._tasks.discard)


def _reply(answer: Answer, status: CacheStatus) -> Reply:
    return Reply(answer.status, (*answer.fields, (b"cache-status", status.render())), answer.body)


async def _discard(response: UpstreamResponse) -> None:
    if response.body is not None:
        await response.body.aclose()
