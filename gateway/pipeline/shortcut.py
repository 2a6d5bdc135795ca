"""The usual request: where every byte was seen before, only what depends on the moment is decided anew.

Theory
======

A phone asks for the same things again and again, in the same bytes. What these bytes come to (the route, whom the token
stands for, the limits that count, the head the agency gets) was found out by the stages of `handler`; it follows from
the bytes and from one edition of the registry, and a `Shortcut` keeps it. Each time it is taken, this is asked again:

    the same edition? ─ the token still good? ─ the assertion fresh? ─ a target, a connection, room? ─ budget?

and any no leads back to the whole way, with nothing charged and nothing sent. So a shortcut can only be quicker, never
decide otherwise; tests hold both ways to the same answers.

Nothing here waits, but for a store that counts (`count`). A `Passage` is one request under way by a shortcut. When its
answer is small, whole and of the usual kind, it goes out as it came. Whatever else comes of it (a failure, a stream, an
attempt elsewhere) is the whole way's again: `Pipeline.handle` goes on from where the passage has come.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from gateway.clock import Clock
from gateway.errors import ClientGone, GatewayError
from gateway.fields import Block
from gateway.pipeline.admit import Room
from gateway.pipeline.authorise import authorise
from gateway.pipeline.call import Call, Edition
from gateway.pipeline.forward import VIA, agency_path, scheme_of
from gateway.pipeline.limit import admit, charges_of
from gateway.pipeline.match import check_host, match
from gateway.pipeline.observe import Observation, Observer
from gateway.pipeline.passage import Announced, Passage, Shortcut
from gateway.registry.compile_policies import origins_of
from gateway.registry.snapshot import Route, Service
from gateway.rules import cors
from gateway.rules.caching.exchange import CacheRequest
from gateway.rules.forwarding import client_address, forwarded_fields
from gateway.store.fallback import NOTHING, Limiter
from gateway.telemetry.traces import follow
from gateway.upstream.connection import Connection
from gateway.upstream.forward import Forwarder
from gateway.upstream.ports import Interim, UpstreamRequest
from gateway.upstream.targets import LiveTarget

# Lets the cache forget what an unsafe request has made obsolete: the request, its service, and the answer to it.
Invalidate = Callable[[CacheRequest, Service, frozenset[bytes], int, Block], None]

_METHODS: Final = frozenset((b"GET", b"POST", b"PUT", b"PATCH", b"DELETE"))


class Shortcuts:
    """Learns shortcuts and takes them."""

    __slots__ = ("_clock", "_current", "_forwarder", "_invalidate", "_limiter", "_observer", "_room", "finish")

    def __init__(
        self,
        current: Callable[[], Edition],
        clock: Clock,
        limiter: Limiter,
        forwarder: Forwarder,
        room: Room,
        observer: Observer,
        invalidate: Invalidate,
    ) -> None:
        self._current = current
        self._clock = clock
        self._limiter = limiter
        self._forwarder = forwarder
        self._room = room
        self._observer = observer
        self._invalidate = invalidate
        self.finish = observer.finish  # to be called once the answer is out

    def learn(self, call: Call) -> Shortcut | None:
        """Return the shortcut for requests of the same bytes as `call`, or None where there is none.

        To be asked once its sender was authenticated. Its answer must depend on nothing but what is asked anew each
        time: no cache, no aggregate, no other protocol; and of the emergency class nothing is remembered.
        """
        edition, head = self._current(), call.head
        if call.method not in _METHODS or call.upgrade or call.waits_for_continue or call.is_crowded:
            return None
        if self._forwarder.ready is None or head.token is None or head.request_id is not None or head.tracestate:
            return None
        identity = edition.verifier.known(head.token)
        try:
            check_host(edition.snapshot, call.host)
            route = match(edition.snapshot, call.method, call.path)
            authorise(route, identity)
        except GatewayError:
            return None
        if identity is None or route.service is None or not _is_plain(route, call):
            return None
        body = None if call.body is None else Announced(call.body.length or 0)
        shortcut = Shortcut(replace(call, body=body, interim=None), edition, route, route.service, identity)
        if call.method != b"GET":
            path = agency_path(route, call.path)
            shortcut.change = CacheRequest(call.method, path, call.query, head.passed.fields)
            shortcut.origins = origins_of(route.service.upstream)
        return shortcut

    def holds(self, shortcut: Shortcut, peer: str, scheme: str) -> bool:
        """Tell whether what is remembered is still true of a request from `peer`; to be asked before what follows."""
        if shortcut.edition is not self._current():
            return False
        verifier = shortcut.edition.verifier
        if shortcut.generation != verifier.generation or self._clock.wall() >= shortcut.until:
            generation = verifier.generation
            if verifier.known(shortcut.call.head.token or b"") is not shortcut.identity:
                return False
            shortcut.generation = generation
            shortcut.until = 0.0
        origin = shortcut.origin
        if not shortcut.until or origin[0] != peer or origin[1] != scheme:
            return self._renew(shortcut, peer, scheme)
        return True

    def begin(
        self,
        shortcut: Shortcut,
        request_id: str,
        traceparent: bytes | None,
        content: bytes,
        interim: Interim | None,
        started: float,
    ) -> Passage | None:
        """Send a request on its way, or return None, with nothing done: the whole way knows what to do with it."""
        found = self._connection(shortcut)
        if found is None:
            return None
        outcome = self._limiter.take_at_hand(shortcut.charges)
        if outcome is None or not outcome.admitted:
            found[1].put_back()
            return None
        seen = Observation(request_id, shortcut.call.method, started, follow(traceparent))
        seen.counters = shortcut.counters
        if shortcut.route.limits:
            admit(outcome, seen)
        passage = Passage(shortcut, seen, outcome, content)
        self._send(passage, found, interim)
        return passage

    async def count(
        self,
        shortcut: Shortcut,
        request_id: str,
        traceparent: bytes | None,
        content: bytes,
        interim: Interim | None,
        started: float,
    ) -> Passage:
        """Do the same where limits are counted in the store. The passage is begun if all else is at hand by then."""
        seen = Observation(request_id, shortcut.call.method, started, follow(traceparent))
        passage = Passage(shortcut, seen, NOTHING, content)
        seen.counters = shortcut.counters
        try:
            passage.outcome = await self._limiter.take(shortcut.charges)
            admit(passage.outcome, seen)
        except GatewayError as error:
            passage.fault = error
            return passage
        except asyncio.CancelledError:
            self._gone(seen)
            raise
        found = self._connection(shortcut)
        if found is not None:
            self._send(passage, found, interim)
        return passage

    def _connection(self, shortcut: Shortcut) -> tuple[LiveTarget, Connection] | None:
        """Return a target and a connection to it that are at hand while there is room; None when there are none."""
        client, service = self._forwarder.ready, shortcut.service
        if client is None or not self._room.has_place(service):
            return None
        try:
            live = self._forwarder.choose(service.upstream)
        except GatewayError:
            return None
        connection = client.take(live.target)
        return None if connection is None else (live, connection)

    def _send(self, passage: Passage, found: tuple[LiveTarget, Connection], interim: Interim | None) -> None:
        live, connection = found
        shortcut, seen, client = passage.shortcut, passage.seen, self._forwarder.ready
        assert client is not None
        front = shortcut.fronts.get(live) or self._front(shortcut, live)
        name, trace = seen.request_id.encode(), seen.trace.traceparent
        request = b"%b%b\r\ntraceparent: %b\r\n\r\n%b" % (front, name, trace, passage.content)
        self._room.enter(shortcut.route, shortcut.service)
        live.in_flight += 1
        passage.live = live
        passage.connection = connection
        passage.answer = client.begin(connection, seen.method, request, shortcut.route.timeouts, interim)
        passage.is_begun = True

    def arrived(self, passage: Passage) -> bool:
        """Take note that an answer has come; tell whether it can go out as it is. If so, its place is free again."""
        seen = passage.seen
        answer = passage.answer
        if not answer.is_usual:
            return False
        seen.agency_seconds = self._clock.monotonic() - answer.awaited_since
        shortcut = passage.shortcut
        self._forwarder.answered(passage)
        self._room.leave(shortcut.service)
        seen.status = answer.status
        if shortcut.change is not None:
            self._invalidate(shortcut.change, shortcut.service, shortcut.origins, answer.status, answer.received)
        return True

    def abandon(self, passage: Passage) -> None:
        """The client has gone before the answer came."""
        passage.connection.give_up(passage.answer)
        passage.live.in_flight -= 1
        self._room.leave(passage.shortcut.service)
        self._gone(passage.seen)

    def _gone(self, seen: Observation) -> None:
        seen.status = ClientGone.status
        self.finish(seen, "gone", 0)

    def _renew(self, shortcut: Shortcut, peer: str, scheme: str) -> bool:
        call, edition, route, service = shortcut.call, shortcut.edition, shortcut.route, shortcut.service
        minted = edition.minter.minted(shortcut.identity, service, route.auth)
        address = client_address(peer, call.head.forwarded_for, edition.trusted_proxies)
        try:
            charges = charges_of(route, shortcut.identity, call.head, address)
        except GatewayError:
            return False  # what is counted by is missing; the whole way says so
        added = cors.answer(route.cors, call.head.origin) if route.cors is not None else ()
        scheme_told = scheme_of(edition, call.head, peer, scheme)
        fields = ((b"authorization", b"Bearer " + minted.assertion), *forwarded_fields(address, scheme_told, call.host))
        shortcut.request = UpstreamRequest(
            call.method, agency_path(route, call.path), call.query, call.head.passed, (*fields, VIA), body=call.body
        )
        shortcut.fronts.clear()
        shortcut.charges = tuple(charges)
        shortcut.asks_store = self._limiter.asks_store(shortcut.charges)
        shortcut.counters = self._observer.counters(service.name, route.name)
        shortcut.added = Block(fields=added).wire
        shortcut.origin = (peer, scheme)
        shortcut.until = min(shortcut.identity.expires_at, minted.reusable_until)
        return shortcut.until > self._clock.wall()

    def _front(self, shortcut: Shortcut, live: LiveTarget) -> bytes:
        """Return the head that this target gets, up to the request id."""
        client, request = self._forwarder.ready, shortcut.request
        assert client is not None
        assert request is not None
        front = shortcut.fronts[live] = client.head(live.target, request)[:-2] + b"x-request-id: "
        return front


def _is_plain(route: Route, call: Call) -> bool:
    """Tell whether nothing but the agency decides what a request of these bytes is answered."""
    length = 0 if call.body is None else call.body.length
    return (
        route.cache is None
        and route.aggregate is None
        and not route.emergency
        and not route.concurrency
        and length is not None
        and length <= route.max_body_bytes
    )
