"""The upstream client that carries the traffic: HTTP/1.1 by hand, one write and one read a side where that is enough.

A request that finds an idle connection and whose small answer comes in one piece costs no task and no future. It may be
awaited by a task as well as by a coroutine stepped by hand (gateway.stepping).

    send ──► pool: idle connection │ wait ──► connection: head (and body) out ──► answer: whole │ stream │ tunnel

It decides no retry, picks no target and filters nothing; what may go on to a client comes from the recogniser's policy.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from functools import partial
from typing import Final

from gateway.clock import Clock
from gateway.errors import ReusedConnectionLost
from gateway.fields import Fields
from gateway.rules.delivery import Target, Timeouts, UpstreamPolicy
from gateway.stepping import Exchange
from gateway.upstream.addresses import Resolver
from gateway.upstream.answer import HEAD_LIMITS, Answer
from gateway.upstream.connection import Connection
from gateway.upstream.dial import Dialler
from gateway.upstream.outgoing import authority, framing, request_target
from gateway.upstream.pool import Pool
from gateway.upstream.ports import Interim, UpstreamRequest, UpstreamResponse
from gateway.upstream.tunnel import Tunnel
from gateway.upstream.upload import write_body
from gateway.upstream.wheel import Wheel
from gateway.wire.line_memory import LineKind
from gateway.wire.recognise import ResponseRecogniser

_DEFAULT_CONNECTIONS: Final = 100


class DirectClient:
    """Keeps one pool for each target, and one more for its emergency traffic. Implements `UpstreamClient`."""

    def __init__(
        self, clock: Clock, recogniser: ResponseRecogniser | None = None, resolver: Resolver | None = None
    ) -> None:
        """`recogniser` reads answers' fields and says which may go on; without one, all that are not this hop's own."""
        self._recogniser = recogniser if recogniser is not None else ResponseRecogniser(_pass, HEAD_LIMITS)
        self._wheel = Wheel(clock)
        self._dialler = Dialler(clock, resolver if resolver is not None else Resolver(clock))
        self._policies: dict[Target, UpstreamPolicy] = {}
        self._normal: dict[Target, Pool] = {}
        self._emergency: dict[Target, Pool] = {}
        self._prefixes: dict[Target, bytes] = {}

    def apply(self, policies: Iterable[UpstreamPolicy]) -> None:
        """Take over a new registry's pool sizes; read certificates anew. Pools of removed targets end by themselves."""
        self._policies = {target: policy for policy in policies for target in policy.targets}
        self._dialler.forget_files()
        self._prefixes.clear()
        for pools, emergency in ((self._normal, False), (self._emergency, True)):
            for target, pool in list(pools.items()):
                policy = self._policies.get(target)
                if policy is None:
                    del pools[target]
                    pool.retire()
                else:
                    pool.size = _size(policy, emergency)

    async def send(
        self, target: Target, request: UpstreamRequest, timeouts: Timeouts, *, emergency: bool = False
    ) -> UpstreamResponse:
        """See `UpstreamClient.send`."""
        pool = (self._emergency if emergency else self._normal).get(target)
        if pool is None:
            pool = self._add_pool(target, emergency)
        connection = pool.take()
        while connection is None:
            offered = await pool.wait(timeouts)
            # A task is woken one turn late; the connection may have closed by then.
            connection = offered if offered.is_open else pool.take()
        answer = Answer(request.method, self._recogniser, interim=request.interim, upgrade=request.upgrade)
        try:
            self._start(connection, answer, target, request, timeouts)
        except BaseException:
            connection.give_up(answer)
            raise
        return await self.finish(target, request.method, connection, answer)

    def take(self, target: Target) -> Connection | None:
        """See `ReadyClient.take`."""
        pool = self._normal.get(target)
        return None if pool is None else pool.take()

    def begin(
        self, connection: Connection, method: bytes, request: bytes, timeouts: Timeouts, interim: Interim | None
    ) -> Answer:
        """See `ReadyClient.begin`."""
        answer = Answer(method, self._recogniser, interim=interim)
        connection.begin(answer, timeouts)
        connection.transport.write(request)
        return answer

    async def finish(self, target: Target, method: bytes, connection: Connection, answer: Answer) -> UpstreamResponse:
        """See `ReadyClient.finish`."""
        try:
            while not answer.is_ready:
                await answer.changed
            answer.raise_failure()
        except BaseException as error:
            connection.give_up(answer)
            if isinstance(error, ReusedConnectionLost):
                self._drop_idle(target)
            raise
        return _response(connection, answer, method)

    async def aclose(self) -> None:
        """Close every connection, also those in use."""
        pools = [*self._normal.values(), *self._emergency.values()]
        self._normal.clear()
        self._emergency.clear()
        dials = [dial for pool in pools for dial in pool.close()]
        self._wheel.close()
        if dials:
            await asyncio.create_task(_settle(dials))

    def _drop_idle(self, target: Target) -> None:
        for pools in (self._normal, self._emergency):
            if (pool := pools.get(target)) is not None:
                pool.drop_idle()

    def _start(
        self, connection: Connection, answer: Answer, target: Target, request: UpstreamRequest, timeouts: Timeouts
    ) -> None:
        head = self.head(target, request)
        connection.begin(answer, timeouts)
        body = request.body
        if body is None:
            connection.write(head)
            return
        writing = write_body(connection, body, answer, waits_for_continue=request.waits_for_continue)
        connection.upload(head, partial(Exchange, writing, connection.upload_ended))

    def head(self, target: Target, request: UpstreamRequest) -> bytes:
        """See `ReadyClient.head`."""
        parts = [
            request.method,
            b" ",
            request_target(target, request),
            self._prefixes.get(target) or self._add_prefix(target),
            request.passed.wire,
        ]
        for name, value in request.added:
            parts += (name, b": ", value, b"\r\n")
        for name, value in framing(request) + _hop(request):
            parts += (name, b": ", value, b"\r\n")
        parts.append(b"\r\n")
        return b"".join(parts)

    def _add_prefix(self, target: Target) -> bytes:
        prefix = self._prefixes[target] = b" HTTP/1.1\r\nhost: %b\r\n" % authority(target).encode()
        return prefix

    def _add_pool(self, target: Target, emergency: bool) -> Pool:
        size = _size(self._policies.get(target), emergency)
        pool = Pool(target, size, self._dialler, self._wheel)
        (self._emergency if emergency else self._normal)[target] = pool
        return pool


class StreamedBody:
    """An answer's body as it arrives. Its connection is free again once it is complete, read or not."""

    __slots__ = ("_answer", "_connection", "_is_closed")

    def __init__(self, connection: Connection, answer: Answer) -> None:
        self._connection = connection
        self._answer = answer
        self._is_closed = False

    @property
    def trailers(self) -> Fields:
        """The trailer fields as received; final once the body was read to its end (ports.Trailed)."""
        return self._answer.trailers

    async def read(self) -> bytes:
        """See `ResponseBody.read`. Returns all that is there, so a slow reader makes few calls."""
        answer = self._answer
        while not answer.held_bytes:
            if self._is_closed or answer.is_complete:
                return b""
            answer.raise_failure()
            await answer.changed
        piece = answer.take()
        self._connection.resume(answer)
        return piece

    async def aclose(self) -> None:
        self._is_closed = True
        if not self._answer.is_complete:
            self._connection.give_up(self._answer)
        self._answer.take()


def _response(connection: Connection, answer: Answer, method: bytes) -> UpstreamResponse:
    status, received, passed = answer.status, answer.received, answer.passed
    if answer.is_switch:
        return UpstreamResponse(status, received, None, None, None, passed, tunnel=Tunnel(connection))
    if answer.is_complete:
        length = answer.declared_length if method == b"HEAD" else None
        return UpstreamResponse(status, received, answer.take(), None, length, passed, answer.trailers)
    return UpstreamResponse(status, received, None, StreamedBody(connection, answer), answer.declared_length, passed)


def _hop(request: UpstreamRequest) -> Fields:
    """The fields that concern this connection only."""
    if request.upgrade is None and not request.waits_for_continue:
        return ()
    fields: Fields = ()
    if request.upgrade is not None:
        fields += ((b"connection", b"upgrade"), (b"upgrade", request.upgrade))
    if request.waits_for_continue and request.body is not None:
        fields += ((b"expect", b"100-continue"),)
    return fields


def _pass(_name: bytes) -> LineKind:
    return LineKind.PASS


def _size(policy: UpstreamPolicy | None, emergency: bool) -> int:
    if policy is None:
        return _DEFAULT_CONNECTIONS
    return policy.emergency_connections if emergency else policy.max_connections


async def _settle(dials: list[asyncio.Task[None]]) -> None:
    await asyncio.gather(*dials, return_exceptions=True)
