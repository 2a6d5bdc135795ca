"""The life of one request, told on one page: each line of `_answer` is a stage, and each stage is a file.

Written as a plain coroutine: a request that finds everything at hand never waits. What a stage finds out it returns,
and the next one takes it. Whatever goes wrong is a GatewayError, and becomes an answer in exactly one place, here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from gateway.clock import Clock
from gateway.errors import ClientGone, GatewayError, InternalFault, MethodNotAllowed, Overloaded, RouteNotFound
from gateway.fields import Block, Fields
from gateway.pipeline.admit import Room
from gateway.pipeline.aggregate import Aggregate, FailingSince
from gateway.pipeline.ask import Fetch, Lookup
from gateway.pipeline.authenticate import authenticate
from gateway.pipeline.authorise import authorise
from gateway.pipeline.body import BoundedBody
from gateway.pipeline.cache import Cache
from gateway.pipeline.call import Call, Edition, Reply
from gateway.pipeline.concurrency import enter, holding
from gateway.pipeline.forward import Asking, Forward, scheme_of
from gateway.pipeline.limit import limit
from gateway.pipeline.match import check_host, match
from gateway.pipeline.observe import Ending, Observation, Observer
from gateway.pipeline.passage import Passage
from gateway.pipeline.preflight import asked_method, preflight
from gateway.pipeline.refuse import refuse
from gateway.pipeline.relay import relay
from gateway.pipeline.shortcut import Shortcuts
from gateway.registry.compile_policies import origins_of
from gateway.registry.snapshot import Route, Service, Snapshot
from gateway.rules import cors
from gateway.rules.access import Identity
from gateway.rules.caching.invalidation import SAFE_METHODS
from gateway.rules.caching.keys import SHARED, PrimaryKey, citizen_partition, fields_to_send, primary_key
from gateway.rules.caching.policy import CachePolicy
from gateway.rules.caching.verdicts import CacheRequest
from gateway.rules.forwarding import client_address
from gateway.rules.heads import answer_fields
from gateway.store.fallback import Limiter
from gateway.telemetry.logs import Log
from gateway.telemetry.traces import follow
from gateway.upstream.begun import Begun
from gateway.upstream.forward import Forwarder
from gateway.upstream.ports import Interim, UpstreamResponse

Page = Callable[[Call], Reply]


@dataclass(frozen=True, slots=True)
class Parts:
    """What the pipeline is made of; constructed by `app` alone."""

    clock: Clock
    limiter: Limiter
    cache: Cache
    forwarder: Forwarder
    room: Room
    observer: Observer
    log: Log
    failing_since: FailingSince
    pages: Mapping[bytes, Page]  # what the gateway answers itself, by path


class Pipeline:
    """Takes calls, gives replies. `current` names the edition that a new request is pinned to."""

    def __init__(self, parts: Parts, current: Callable[[], Edition]) -> None:
        self._parts = parts
        self._current = current
        self._forward = Forward(parts.forwarder, parts.room, parts.clock)
        self.shortcuts = Shortcuts(
            current, parts.clock, parts.limiter, parts.forwarder, parts.room, parts.observer, self._invalidate
        )
        self._aggregate = Aggregate(self._answer_part, parts.failing_since, parts.clock)

    async def handle(self, call: Call, passage: Passage | None = None) -> tuple[Reply, Observation]:
        """Answer one request; never raises but for cancellation. The caller closes the reply, then calls `finish`.

        With a `passage`, a shortcut has brought it as far as its first attempt.
        """
        edition = self._current() if passage is None else passage.shortcut.edition
        seen = passage.seen if passage is not None else _note(call)
        route: Route | None = None
        try:
            if passage is not None:
                route = passage.shortcut.route
                reply = await self._go_on(edition, call, passage)
            elif call.fault is not None:
                raise call.fault
            elif (page := self._parts.pages.get(call.path)) is not None:
                reply = self._own_page(page, call, seen)
            else:
                check_host(edition.snapshot, call.host)
                route = self._match(edition.snapshot, call, seen)
                if call.is_crowded and not route.emergency:
                    raise Overloaded("too many connections")
                reply = await self._answer(edition, call, route, seen)
        except GatewayError as error:
            reply = refuse(error, call, edition.snapshot, route, seen)
        except asyncio.CancelledError:
            seen.status = ClientGone.status
            self.finish(seen, "gone", 0)
            raise
        except Exception:
            self._parts.log.exception("unforeseen", request_id=call.id, trace_id=seen.trace.trace_id.decode())
            reply = refuse(InternalFault(), call, edition.snapshot, route, seen)
        seen.status = reply.status
        return self._finished(reply, call, route), seen

    def in_flight(self, service: str) -> int:
        """Tell how many requests to a service are under way."""
        return self._parts.room.in_flight(service)

    def finish(self, seen: Observation, ending: Ending, sent_bytes: int) -> None:
        """Observe one request that has ended, whatever way."""
        self._parts.observer.finish(seen, ending, sent_bytes)

    def _own_page(self, page: Page, call: Call, seen: Observation) -> Reply:
        if call.method not in (b"GET", b"HEAD"):
            raise MethodNotAllowed(fields=((b"allow", b"GET, HEAD"),))
        seen.counters = self._parts.observer.counters("gateway", call.path.decode("ascii"))
        return page(call)

    def _match(self, snapshot: Snapshot, call: Call, seen: Observation) -> Route:
        route = match(snapshot, asked_method(call) or call.method, call.path)
        seen.counters = self._parts.observer.counters(route.service.name if route.service else "gateway", route.name)
        return route

    async def _answer(self, edition: Edition, call: Call, route: Route, seen: Observation) -> Reply:
        if asked_method(call) is not None:
            return preflight(call, route)
        address = client_address(call.peer, call.head.forwarded_for, edition.trusted_proxies)
        identity = await authenticate(edition.verifier, route, call.head, seen)
        authorise(route, identity)
        if not route.concurrency:
            return await self._serve(edition, call, route, identity, address, seen)
        in_flight = self._parts.limiter.in_flight
        entry = await enter(in_flight, route, identity, call.head, address, seen)
        return await holding(in_flight, entry, self._serve(edition, call, route, identity, address, seen))

    async def _serve(
        self, edition: Edition, call: Call, route: Route, identity: Identity | None, address: str, seen: Observation
    ) -> Reply:
        limits = await limit(self._parts.limiter, route, identity, call.head, address, seen)
        if route.aggregate is not None:
            reply = await self._aggregate.serve(edition, call, route.aggregate, identity)
        elif route.service is not None:
            body = None if call.body is None else BoundedBody(call.body, route.max_body_bytes)
            asking = Asking(
                edition,
                call,
                body,
                route,
                route.service,
                identity,
                address,
                scheme_of(edition, call.head, call.peer, call.scheme),
                seen,
            )
            reply = await self._ask(asking, route.service, route.cache)
        else:
            raise RouteNotFound
        reply.fields += limits
        return reply

    async def _go_on(self, edition: Edition, call: Call, passage: Passage) -> Reply:
        """Answer a request that a shortcut has begun and cannot end."""
        if passage.fault is not None:
            raise passage.fault
        shortcut = passage.shortcut
        address = client_address(call.peer, call.head.forwarded_for, edition.trusted_proxies)
        scheme = scheme_of(edition, call.head, call.peer, call.scheme)
        service, identity = shortcut.service, shortcut.identity
        asking = Asking(edition, call, call.body, shortcut.route, service, identity, address, scheme, passage.seen)
        reply = await self._pass_on(asking, service, passage if passage.is_begun else None)
        reply.fields += passage.outcome.fields
        return reply

    async def _answer_part(self, edition: Edition, call: Call) -> Reply:
        """Answer one part of an aggregate; raises GatewayError. It is counted and logged as a request of its own."""
        seen = Observation(call.id, call.method, self._parts.clock.monotonic(), follow(call.head.traceparent))
        route = self._match(edition.snapshot, call, seen)
        ending: Ending = "broken"
        try:
            reply = await self._answer(edition, call, route, seen)
            seen.status, ending = reply.status, "complete"
            return reply
        except GatewayError as error:
            seen.status, seen.code, seen.source = error.status, error.code, error.source
            ending = "complete"
            raise
        finally:
            self.finish(seen, ending, 0)

    async def _ask(self, asking: Asking, service: Service, policy: CachePolicy | None) -> Reply:
        call = asking.call
        if policy is None or not _may_be_cached(call, asking.route):
            return await self._pass_on(asking, service)
        if asking.identity is None and policy.scope == "citizen":
            policy = replace(policy, scope="shared")  # a stranger has no part of the cache; theirs is everybody's
        key = self._key(asking, service, policy)
        if call.method == b"GET" and call.head.plain:
            reply = self._parts.cache.at_hand(key, call.head.passed.fields, policy, asking.seen)
            if reply is not None:
                return reply
        return await self._parts.cache.serve(self._lookup(asking, key, policy))

    async def _pass_on(self, asking: Asking, service: Service, begun: Begun | None = None) -> Reply:
        call = asking.call
        response = await self._forward.send(
            asking, query=call.query, passed=call.head.passed, interim=call.interim, begun=begun
        )
        if call.method not in SAFE_METHODS:
            change = CacheRequest(call.method, asking.agency_path, call.query, call.head.passed.fields)
            origins = origins_of(service.upstream)
            self._invalidate(change, service, origins, response.status, response.received)
        return relay(response, call.method)

    def _key(self, asking: Asking, service: Service, policy: CachePolicy) -> PrimaryKey:
        partition = SHARED if policy.scope == "shared" else _partition(asking.identity)
        return primary_key(service.name, asking.agency_path, asking.call.query, policy, partition=partition)

    def _lookup(self, asking: Asking, key: PrimaryKey, policy: CachePolicy) -> Lookup:
        call, identity = asking.call, asking.identity
        query, fields = call.query, call.head.passed.fields
        if call.method in (b"GET", b"HEAD"):
            # What is not in the key must not reach the agency; what POST brings is only kept by its explicit word.
            query, fields = key.query, fields_to_send(fields, policy)
        is_known = identity is not None or (asking.route.auth.pass_authorization and bool(call.head.authorization))
        return Lookup(
            key,
            CacheRequest(call.method, key.path, query, fields, is_known, call.head.accept_encoding),
            policy,
            self._fetch(asking, key.path, query, shared=policy.scope == "shared" and call.method in SAFE_METHODS),
            asking.seen,
            interim=call.interim,
            language=call.head.language,
            citizen=identity if policy.scope == "citizen" else None,
            spelt=call.head.passed.fields,
        )

    def _fetch(self, asking: Asking, path: bytes, query: bytes, *, shared: bool) -> Fetch:
        async def fetch(fields: Fields, seen: Observation, interim: Interim | None) -> UpstreamResponse:
            asked = replace(asking, seen=seen)
            passed = Block(fields=fields)
            response = await self._forward.send(
                asked, path=path, query=query, passed=passed, interim=interim, shared=shared
            )
            return replace(response, received=Block(fields=answer_fields(response.fields)), passed=None)

        return fetch

    def _invalidate(
        self, change: CacheRequest, service: Service, origins: frozenset[bytes], status: int, received: Block
    ) -> None:
        # Most answers name no other resource, and need not be taken apart to find that out.
        fields = received.fields if b"location:" in received.wire.lower() else ()
        self._parts.cache.invalidate(change, status, fields, service.name, origins)

    def _finished(self, reply: Reply, call: Call, route: Route | None) -> Reply:
        reply.fields += ((b"x-request-id", call.id.encode()),)
        if route is not None and route.cors is not None:
            reply.fields += cors.answer(route.cors, call.head.origin)
        return reply


def _note(call: Call) -> Observation:
    return Observation(call.id, call.method, call.started_seconds, follow(call.head.traceparent))


def _may_be_cached(call: Call, route: Route) -> bool:
    """Tell whether a request is one the cache knows how to treat; a body or another protocol is in no key."""
    if call.upgrade is not None and call.upgrade in route.upgrade:
        return False
    return call.method == b"POST" or (call.method in (b"GET", b"HEAD") and call.body is None)


def _partition(identity: Identity | None) -> str:
    """Name the part of the cache that only this session sees; a token without a session is one by itself."""
    assert identity is not None
    session = f"at {identity.issued_at}" if identity.session is None else identity.session
    return citizen_partition(f"{identity.issuer}|{identity.subject}", session)
