"""Keeps each service's own OpenAPI document at hand and the merged one published; live state that outlives reloads.

Documents are fetched in the background: after every accepted registry, then every quarter of an hour, and those that
failed sooner. What could not be had or merged is named in the merged document, and the last good one serves on. The
merging runs in a thread, for a city has thousands of routes and 112 does not wait.
"""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from gateway.clock import Clock
from gateway.errors import UpstreamFault
from gateway.fields import EMPTY
from gateway.ops.openapi.merge import Fragment, assembled, fragment
from gateway.ops.openapi.references import Json, UnusableDocument
from gateway.registry.snapshot import Route, Service, Snapshot
from gateway.rules.delivery import Timeouts
from gateway.telemetry.logs import Log
from gateway.upstream.ports import UpstreamClient, UpstreamRequest
from gateway.upstream.targets import Targets

MAX_BYTES: Final = 1_048_576  # of one document; the largest in the city has a fifth of it
_FETCH_SECONDS: Final = 10.0  # in all: nobody waits for it
_AT_ONCE: Final = 4
_REFRESH_SECONDS: Final = 900.0
_FIRST_RETRY_SECONDS: Final = 2.0  # services that start beside the gateway are up in a moment; the pause doubles
_TIMEOUTS: Final = Timeouts(connect_seconds=2.0, read_seconds=5.0, total_seconds=_FETCH_SECONDS)
# Without compression the bytes received are the bytes held, so a small answer cannot unpack into a large one.
_FIELDS: Final = (
    (b"user-agent", b"gateway-openapi"),
    (b"accept", b"application/json"),
    (b"accept-encoding", b"identity"),
)


@dataclass(frozen=True, slots=True)
class Published:
    """The merged document as it is served, and as pages read it."""

    document: Json
    content: bytes


@dataclass(frozen=True, slots=True)
class Missing:
    """A service whose document is not what it should be. `reason` is for operators; `since` by wall clock, seconds."""

    reason: str
    since: float


class Documents:
    """Fetches, keeps, merges. Give it a client of its own beside the traffic's."""

    def __init__(
        self,
        client: UpstreamClient,
        targets: Targets,
        clock: Clock,
        log: Log,
        *,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._client = client
        self._targets = targets
        self._clock = clock
        self._log = log
        self._sleep = sleep
        self._snapshot: Snapshot | None = None
        self._routes: Mapping[str, list[Route]] = {}
        self._held: dict[str, bytes] = {}
        self._missing: dict[str, Missing] = {}
        self._task: asyncio.Task[None] | None = None
        self._publishing = asyncio.Lock()
        self.published = Published({}, b"{}")

    @property
    def missing(self) -> Mapping[str, Missing]:
        """The services whose document could not be had, by name; those that declare none are not among them."""
        return self._missing

    def apply(self, snapshot: Snapshot) -> None:
        """Take over a new registry: publish what is at hand for its routes, and fetch. Needs a running loop."""
        is_first = self._snapshot is None
        self._snapshot = snapshot
        routes = defaultdict(list)
        for route in snapshot.routes:
            if route.service is not None:
                routes[route.service.name].append(route)
        self._routes = routes
        wanted = self._wanted()
        self._held = {name: raw for name, raw in self._held.items() if name in wanted}
        for name in self._missing.keys() - wanted.keys():
            del self._missing[name]
        for name in wanted.keys() - self._held.keys():
            self._missing.setdefault(name, Missing("not fetched yet", self._clock.wall()))
        if is_first:  # before traffic, so nobody waits; and never is there no document at all
            self.published = self._merged(snapshot, {}, self._missing)
        if self._task is not None:
            self._task.cancel()
        self._task = asyncio.create_task(self._follow(), name="OpenAPI documents")

    async def aclose(self) -> None:
        """Stop fetching; what is published stays."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait((self._task,))

    async def fetch(self, names: Collection[str] | None = None) -> None:
        """Fetch these services' documents now, all when None, and publish what changed. Never raises."""
        turn = asyncio.Semaphore(_AT_ONCE)
        services = [one for name, one in self._wanted().items() if names is None or name in names]
        changed = await asyncio.gather(*(self._renew(service, turn) for service in services))
        if any(changed):
            await self._publish()

    def _wanted(self) -> dict[str, Service]:
        services = self._snapshot.services if self._snapshot is not None else {}
        return {name: service for name, service in services.items() if service.openapi is not None}

    async def _follow(self) -> None:
        await self._publish()
        while True:
            await self.fetch()
            left, pause = _REFRESH_SECONDS, _FIRST_RETRY_SECONDS
            while left > 0:
                step = min(pause, left) if self._missing else left
                await self._sleep(step)
                left, pause = left - step, pause * 2
                if self._missing and left > 0:
                    await self.fetch(tuple(self._missing))

    async def _renew(self, service: Service, turn: asyncio.Semaphore) -> bool:
        """Fetch one document; tell whether anything about it changed."""
        async with turn:
            try:
                async with asyncio.timeout(_FETCH_SECONDS):
                    raw = await self._read(service)
                await asyncio.to_thread(self._fragment, service, raw)
            except TimeoutError:
                return self._miss(service, f"no whole answer within {_FETCH_SECONDS:g} s")
            except UpstreamFault as fault:
                return self._miss(service, fault.reason or type(fault).__name__)
            except UnusableDocument as error:
                return self._miss(service, str(error))
        was_missing = self._missing.pop(service.name, None) is not None
        changed = was_missing or raw != self._held.get(service.name)
        self._held[service.name] = raw
        return changed

    async def _read(self, service: Service) -> bytes:
        path = (service.openapi or "/").encode()
        request = UpstreamRequest(method=b"GET", path=path, query=b"", passed=EMPTY, added=_FIELDS, body=None)
        target = self._targets.choose(service.upstream).target
        response = await self._client.send(target, request, _TIMEOUTS)
        raw = bytearray(response.content or b"")
        try:
            if response.status != 200:
                raise UnusableDocument(f"{service.openapi} was answered with {response.status}")
            while response.body is not None and (piece := await response.body.read()):
                raw += piece
                if len(raw) > MAX_BYTES:
                    raise UnusableDocument(f"more than {MAX_BYTES} bytes")
        finally:
            if response.body is not None:
                await response.body.aclose()
        return bytes(raw)

    def _miss(self, service: Service, reason: str) -> bool:
        known = self._missing.get(service.name)
        if known is not None and known.reason == reason:
            return False
        since = known.since if known is not None else self._clock.wall()
        self._missing[service.name] = Missing(reason, since)
        self._log.warning("OpenAPI document not usable", service=service.name, reason=reason)
        return known is None

    async def _publish(self) -> None:
        async with self._publishing:  # one after the other, so the last one holds the latest
            assert self._snapshot is not None
            missing = dict(self._missing)
            self.published = await asyncio.to_thread(self._merged, self._snapshot, dict(self._held), missing)
        self._missing = {**missing, **self._missing}

    def _merged(self, snapshot: Snapshot, held: Mapping[str, bytes], missing: dict[str, Missing]) -> Published:
        fragments: dict[str, Fragment] = {}
        for name, service in snapshot.services.items():
            try:
                fragments[name] = self._fragment(service, held.get(name))
            except UnusableDocument as error:
                # It was good for the routes there were; a new route meets a part that is not.
                missing.setdefault(name, Missing(str(error), self._clock.wall()))
                fragments[name] = self._fragment(service, None)
        told = [_told(name, one, name in held) for name, one in sorted(missing.items())]
        document = assembled(snapshot, fragments, told)
        return Published(document, json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode())

    def _fragment(self, service: Service, raw: bytes | None) -> Fragment:
        assert self._snapshot is not None
        return fragment(service, self._routes.get(service.name, ()), self._snapshot.matcher, raw)


def _told(name: str, missing: Missing, has_last_good: bool) -> Json:
    """What everybody may know of a missing document; why it is missing tells of insides and is for operators."""
    since = datetime.fromtimestamp(int(missing.since), UTC).isoformat().replace("+00:00", "Z")
    return {"service": name, "since": since, "last_good_serves": has_last_good}
