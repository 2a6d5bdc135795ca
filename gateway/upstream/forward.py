"""Sends a request to one of its service's targets, and to another one while that is safe and there is time.

What others use:

    Targets(clock, on_change=None)                      upstream/targets.py
        .apply(policies)                                told of each accepted registry: its services' UpstreamPolicy
        .health(service) -> ServiceHealth | None        status pass, warn or fail; since; failing_since; targets
        .all_health() -> list[ServiceHealth]            for readiness and the status page
    HttpxClient()                                       upstream/httpx_client.py, an UpstreamClient (ports.py)
        .apply(policies)                                told of each accepted registry: pool sizes
        await .aclose()
    DirectClient(clock, recogniser=None)                upstream/direct.py, the same port by hand: carries the traffic
        .apply(policies)
        await .aclose()
    Probes(client, targets)                             upstream/probes.py; give it an HttpxClient of its own
        .apply(policies)                                starts, keeps and stops probes; needs a running loop
        await .aclose()
    Forwarder(client, targets, clock, ready_client=None)
        await .send(policy, request, timeouts, emergency=False, begun=None) -> UpstreamResponse

`policies` is `[service.upstream for service in snapshot.services.values()]`. Apply to the targets first, then to the
client, then to the probes. A request carries neither Host nor fields that frame or connect (Content-Length,
Transfer-Encoding, Connection, Upgrade, Expect): the client writes those. `send` returns once the answer's head is there
and raises UpstreamFault, or what the request's body raised. Whoever gets a response with a `body` closes it, always;
closing early cancels the agency's work at once.

It decides no rule (rules/retry, rules/health) and knows no protocol.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from gateway.clock import Clock
from gateway.errors import Saturated, Unreachable, UpstreamFault
from gateway.fields import Fields
from gateway.rules.delivery import Target, Timeouts, UpstreamPolicy
from gateway.rules.retry import IDEMPOTENT_METHODS, may_retry
from gateway.upstream.begun import Begun, ReadyClient
from gateway.upstream.ports import (
    RequestBody,
    ResponseBody,
    Trailed,
    UpstreamClient,
    UpstreamRequest,
    UpstreamResponse,
)
from gateway.upstream.targets import LiveTarget, Targets

_REPLAYABLE_BYTES: Final = 65_536  # a body of a repeatable method is held back whole only when it is this small


class Forwarder:
    """Choose, send, report; then perhaps once more elsewhere, within the total deadline."""

    __slots__ = ("_client", "_clock", "_ready_client", "_targets")

    def __init__(
        self, client: UpstreamClient, targets: Targets, clock: Clock, *, ready_client: ReadyClient | None = None
    ) -> None:
        """`ready_client` is the client itself where it can begin without waiting."""
        self._client = client
        self._ready_client = ready_client
        self._targets = targets
        self._clock = clock

    @property
    def ready(self) -> ReadyClient | None:
        """The client that can begin without waiting, if there is one."""
        return self._ready_client

    def choose(self, policy: UpstreamPolicy) -> LiveTarget:
        """Return the target that a request would go to now. Raises NoTarget."""
        return self._targets.choose(policy)

    def answered(self, begun: Begun) -> None:
        """Learn that what was begun came to a whole answer, which its owner has taken."""
        live = begun.live
        live.in_flight -= 1
        if live.health.failing_since is not None:
            self._targets.report_answer(live)

    async def send(
        self,
        policy: UpstreamPolicy,
        request: UpstreamRequest,
        timeouts: Timeouts,
        *,
        emergency: bool = False,
        begun: Begun | None = None,
    ) -> UpstreamResponse:
        """Return the answer once its head is there. Raises UpstreamFault; NoTarget when all targets are known down.

        What was `begun` is the first attempt, and its request has gone out whole.
        """
        live = self._targets.choose(policy, last_resort=emergency) if begun is None else begun.live
        body: _OnceBody | _ReplayableBody | None = None
        if request.body is not None:
            body = await _prepare(request, policy)
            if begun is not None:
                await body.read()  # it has gone out already
            request = replace(request, body=body)
        began = self._clock.monotonic() if begun is None else begun.answer.awaited_since
        until = began + timeouts.total_seconds
        given = timeouts
        tried: list[Target] = []
        while True:
            try:
                return await self._attempt(live, request, given, emergency, begun)
            except UpstreamFault as failure:
                tried.append(live.target)
                left = until - self._clock.monotonic()
                if not _may_go_on(request.method, failure, policy, len(tried), body, left):
                    raise
                live = self._next_target(policy, tried, failure, emergency)
            given, begun = _shortened(timeouts, left), None
            if body is not None:
                body.rewind()

    async def _attempt(
        self, live: LiveTarget, request: UpstreamRequest, timeouts: Timeouts, emergency: bool, begun: Begun | None
    ) -> UpstreamResponse:
        live.in_flight += begun is None
        streams = False
        try:
            if begun is None or self._ready_client is None:
                response = await self._client.send(live.target, request, timeouts, emergency=emergency)
            else:
                response = await self._ready_client.finish(live.target, request.method, begun.connection, begun.answer)
            self._targets.report_answer(live)
            if response.body is None:
                return response
            streams = True
            return replace(response, body=_CountedBody(response.body, live, self._targets))
        except UpstreamFault as failure:
            self._report(live, failure)
            raise
        finally:
            if not streams:
                live.in_flight -= 1

    def _report(self, live: LiveTarget, failure: UpstreamFault) -> None:
        if isinstance(failure, Saturated):
            return  # our own bound; it says nothing about the target
        if isinstance(failure, Unreachable):
            self._targets.report_refusal(live, failure.reason)
        else:
            self._targets.report_trouble(live, failure.reason)

    def _next_target(
        self, policy: UpstreamPolicy, tried: list[Target], failure: UpstreamFault, emergency: bool
    ) -> LiveTarget:
        """Return a target that was not tried yet; else, where the same one may do, that one; else raise `failure`."""
        try:
            return self._targets.choose(policy, exclude=tried, last_resort=emergency)
        except UpstreamFault:
            if isinstance(failure, Unreachable):
                raise failure from None  # what refuses now refuses again at once
        try:
            return self._targets.choose(policy, last_resort=emergency)
        except UpstreamFault:
            raise failure from None


class _OnceBody:
    """A body that is passed on as it comes, and so only once."""

    __slots__ = ("_body", "is_spent", "length")

    def __init__(self, body: RequestBody) -> None:
        self._body = body
        self.length = body.length
        self.is_spent = False

    @property
    def trailers(self) -> Fields:
        return self._body.trailers if isinstance(self._body, Trailed) else ()

    async def read(self) -> bytes:
        self.is_spent = True
        return await self._body.read()

    def rewind(self) -> None:
        """Nothing was read, or this attempt would not have been allowed."""


class _ReplayableBody:
    """A small body that is held whole."""

    __slots__ = ("_content", "_is_read", "is_spent", "length")

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._is_read = False
        self.is_spent = False
        self.length: int | None = len(content)

    async def read(self) -> bytes:
        piece = b"" if self._is_read else self._content
        self._is_read = True
        return piece

    def rewind(self) -> None:
        self._is_read = False


class _CountedBody:
    """An answer under way counts as in flight until it is closed; when it breaks off, the target is told of."""

    __slots__ = ("_body", "_closed", "_live", "_targets")

    def __init__(self, body: ResponseBody, live: LiveTarget, targets: Targets) -> None:
        self._body = body
        self._live = live
        self._targets = targets
        self._closed = False

    @property
    def trailers(self) -> Fields:
        return self._body.trailers if isinstance(self._body, Trailed) else ()

    async def read(self) -> bytes:
        try:
            return await self._body.read()
        except UpstreamFault as failure:
            self._targets.report_trouble(self._live, failure.reason)
            raise

    async def aclose(self) -> None:
        if not self._closed:
            self._closed = True
            self._live.in_flight -= 1
        await self._body.aclose()


def _may_go_on(
    method: bytes,
    failure: UpstreamFault,
    policy: UpstreamPolicy,
    attempt: int,
    body: _OnceBody | _ReplayableBody | None,
    left_seconds: float,
) -> bool:
    spent = body is not None and body.is_spent
    return may_retry(method, failure, attempt=attempt, policy=policy.retry, body_sent=spent, left_seconds=left_seconds)


async def _prepare(request: UpstreamRequest, policy: UpstreamPolicy) -> _OnceBody | _ReplayableBody:
    """Hold a small body back whole where a second attempt could need it; let any other pass once."""
    body = request.body
    assert body is not None
    small = body.length is not None and body.length <= _REPLAYABLE_BYTES
    # A client that waits for a 100 is not asked for its body before the agency has been.
    held = small and policy.retry.attempts > 1 and not request.waits_for_continue
    if not held or request.method not in IDEMPOTENT_METHODS:
        return _OnceBody(body)
    pieces = []
    while piece := await body.read():
        pieces.append(piece)
    return _ReplayableBody(b"".join(pieces))


def _shortened(timeouts: Timeouts, left_seconds: float) -> Timeouts:
    connect = min(timeouts.connect_seconds, left_seconds)
    return replace(timeouts, connect_seconds=connect, total_seconds=left_seconds)
