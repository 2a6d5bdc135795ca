"""Stage 7: the request as the agency is to see it, sent; and its answer as the citizen is to see it.

The citizen's token ends here. What goes on is filtered by the rules, and the gateway's own fields are added last, so
that nothing from outside can stand in their place.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from gateway.clock import Clock
from gateway.errors import UpstreamFault
from gateway.fields import Block, Fields
from gateway.pipeline.admit import Room
from gateway.pipeline.call import Call, Edition
from gateway.pipeline.observe import Observation
from gateway.registry.snapshot import Route, Service
from gateway.rules.access import Identity
from gateway.rules.forwarding import forwarded_fields, is_trusted
from gateway.rules.heads import RequestHead
from gateway.upstream.begun import Begun
from gateway.upstream.forward import Forwarder
from gateway.upstream.ports import Interim, RequestBody, ResponseBody, Trailed, UpstreamRequest, UpstreamResponse

VIA: Final = (b"via", b"1.1 tangerang")


@dataclass(slots=True, eq=False)
class Asking:
    """One request on its way to an agency: everything about it that does not change between attempts."""

    edition: Edition
    call: Call
    body: RequestBody | None  # within its route's bound
    route: Route
    service: Service
    identity: Identity | None
    address: str
    scheme: bytes  # as the citizen used it, by the word of a trusted proxy where there is one
    seen: Observation

    @property
    def agency_path(self) -> bytes:
        """The path in the agency's own URL space."""
        return agency_path(self.route, self.call.path)


def agency_path(route: Route, path: bytes) -> bytes:
    """Return a path in the agency's own URL space: the prefix `/v1/<service>` is cut."""
    return path[len(route.strip_prefix) :] or b"/"


def scheme_of(edition: Edition, head: RequestHead, peer: str, scheme: str) -> bytes:
    """Return http or https as the citizen used it; a trusted proxy in front of us knows better than our socket."""
    told = head.forwarded_proto
    return told if told is not None and is_trusted(peer, edition.trusted_proxies) else scheme.encode()


class AgencyBody:
    """An answer that streams: gives its place back at the end, and charges the waiting to the agency."""

    __slots__ = ("_body", "_clock", "_room", "_seen", "_service")

    def __init__(self, body: ResponseBody, room: Room, service: Service, clock: Clock, seen: Observation) -> None:
        self._body: ResponseBody | None = body
        self._room = room
        self._service = service
        self._clock = clock
        self._seen = seen

    async def read(self) -> bytes:
        if self._body is None:
            return b""
        began = self._clock.monotonic()
        try:
            return await self._body.read()
        finally:
            self._seen.agency_seconds += self._clock.monotonic() - began

    @property
    def trailers(self) -> Fields:
        return self._body.trailers if isinstance(self._body, Trailed) else ()

    async def aclose(self) -> None:
        body, self._body = self._body, None
        if body is not None:
            self._room.leave(self._service)
            await body.aclose()


class Forward:
    """Sends requests to agencies within the room there is."""

    __slots__ = ("_clock", "_forwarder", "_room")

    def __init__(self, forwarder: Forwarder, room: Room, clock: Clock) -> None:
        self._forwarder = forwarder
        self._room = room
        self._clock = clock

    async def send(
        self,
        asking: Asking,
        *,
        query: bytes,
        passed: Block,
        path: bytes | None = None,
        interim: Interim | None = None,
        shared: bool = False,
        begun: Begun | None = None,
    ) -> UpstreamResponse:
        """Return the agency's answer once its head is there; raise UpstreamFault or Overloaded.

        `path` is said where the cache spells it in its own way, `interim` where somebody hears of interim answers.
        `shared`: the answer may be shown to others, so nothing of this one client that the key does not hold is sent.
        What was `begun` has its place already.
        """
        call, service, seen = asking.call, asking.service, asking.seen
        request = UpstreamRequest(
            method=call.method,
            path=asking.agency_path if path is None else path,
            query=query,
            passed=passed,
            added=self._added(asking, shared=shared),
            body=asking.body,
            interim=interim,
            upgrade=call.upgrade if call.upgrade in asking.route.upgrade else None,
            waits_for_continue=call.waits_for_continue,
        )
        if begun is None:
            self._room.enter(asking.route, service)
        began = self._clock.monotonic() if begun is None else begun.answer.awaited_since
        try:
            response = await self._forwarder.send(
                service.upstream, request, asking.route.timeouts, emergency=asking.route.emergency, begun=begun
            )
        except UpstreamFault:
            seen.agency_seconds += self._clock.monotonic() - began
            self._room.leave(service)
            raise
        except BaseException:
            self._room.leave(service)
            raise
        seen.agency_seconds += self._clock.monotonic() - began
        if response.body is None:
            self._room.leave(service)
            return response
        return replace(response, body=AgencyBody(response.body, self._room, service, self._clock, seen))

    def _added(self, asking: Asking, *, shared: bool) -> Fields:
        call = asking.call
        added: list[tuple[bytes, bytes]] = []
        if asking.identity is not None:
            assertion = asking.edition.minter.mint(asking.identity, asking.service, asking.route.auth)
            added.append((b"authorization", b"Bearer " + assertion))
        elif asking.route.auth.mode == "none" and asking.route.auth.pass_authorization:
            added += [(b"authorization", value) for value in call.head.authorization]
        added.append((b"x-request-id", call.id.encode()))
        added.append((b"traceparent", asking.seen.trace.traceparent))
        if not shared and call.head.tracestate is not None and call.head.traceparent is not None:
            added.append((b"tracestate", call.head.tracestate))
        if not shared:
            added += forwarded_fields(asking.address, asking.scheme, call.host)
        added.append(VIA)
        return tuple(added)
