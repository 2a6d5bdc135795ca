"""The composition root: the only place that constructs the gateway's parts, swaps editions, and takes parts down.

Live state (pools, health, counters, memory) is made once here and outlives every reload; an edition is made anew from
each accepted registry and swapped whole.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import httpx

from gateway.clock import Clock, SystemClock
from gateway.edge.asgi import AsgiEdge
from gateway.edge.drain import Drain
from gateway.edge.lane import Lane
from gateway.edge.tls import PublicTls
from gateway.identity.assertion import Minter
from gateway.identity.issuers import TrustedIssuers
from gateway.identity.revocation import Revocations
from gateway.identity.sharing import SharedRevocations
from gateway.identity.signing import BadSigningKey
from gateway.identity.verifier import Verifier
from gateway.observation import Observation
from gateway.ops.admin import Controls, ops_application
from gateway.ops.cache_admin import CacheControls
from gateway.ops.catalogue import PageSources, public_pages
from gateway.ops.health import Readiness
from gateway.ops.limits_admin import LimitControls
from gateway.ops.openapi.documents import Documents
from gateway.ops.status import StatusSources
from gateway.pipeline.admit import Room
from gateway.pipeline.cache import Cache
from gateway.pipeline.call import Edition
from gateway.pipeline.handler import Parts, Pipeline
from gateway.pipeline.observe import Observer
from gateway.pipeline.purges import SharedPurges
from gateway.registry.load import reload
from gateway.registry.problems import ConfigError
from gateway.registry.record import RegistryRecord
from gateway.registry.snapshot import ServerPolicy, Snapshot
from gateway.rules.field_kinds import FieldKind, answer_field_kind, is_end_to_end
from gateway.rules.forwarding import trusted_networks
from gateway.store.fallback import Limiter
from gateway.store.open import open_bus, open_shared_responses, open_store
from gateway.store.ports import StoreError
from gateway.store.responses import ResponseStore
from gateway.telemetry.logs import AccessLog, Log
from gateway.telemetry.metrics import Metrics
from gateway.telemetry.siblings import Siblings
from gateway.upstream.answer import HEAD_LIMITS
from gateway.upstream.direct import DirectClient
from gateway.upstream.forward import Forwarder
from gateway.upstream.httpx_client import HttpxClient
from gateway.upstream.probes import Probes
from gateway.upstream.targets import LiveTarget, Targets
from gateway.wire.line_memory import LineKind
from gateway.wire.recognise import ResponseRecogniser


@dataclass(frozen=True, slots=True)
class Prepared:
    """A registry that is ready to serve, beside the one that does."""

    snapshot: Snapshot
    minter: Minter
    tls: PublicTls | None


class Gateway:
    """One process's gateway. `start` before traffic, `aclose` after the last byte."""

    def __init__(
        self,
        config: Path,
        snapshot: Snapshot,
        log: Log,
        *,
        clock: Clock | None = None,
        access_log: AccessLog | None = None,
        generation: int = 1,
        keeps_registry: bool = True,
    ) -> None:
        """`keeps_registry`: what is accepted is kept on disk for a cold start; among workers their supervisor does."""
        self.clock = clock if clock is not None else SystemClock()
        self.log = log
        self.access_log = access_log if access_log is not None else AccessLog()
        self.metrics = Metrics()
        self.siblings = Siblings(self.clock.wall())
        self.drain = Drain()
        self._config = config
        self._reloading = asyncio.Lock()
        self._record = RegistryRecord(self.clock, log, keeps=keeps_registry)

        self.revocations = Revocations(self.clock)
        self._http = httpx.AsyncClient(trust_env=False, follow_redirects=False)
        self.targets = Targets(self.clock, on_change=self._target_changed)
        self._client = DirectClient(self.clock, ResponseRecogniser(_answer_line, HEAD_LIMITS))
        self._probe_client = HttpxClient()
        self._probes = Probes(self._probe_client, self.targets)
        self.documents = Documents(self._probe_client, self.targets, self.clock, log)
        self.store = open_store(snapshot.store, self.clock)
        self.bus = open_bus(snapshot.store, self.clock)
        shared = SharedRevocations(self.revocations, self.bus)
        self.issuers = TrustedIssuers(self._http, self.revocations, self.clock, on_revoked=shared.tell)
        self.responses = ResponseStore(snapshot.store.cache_max_bytes)
        self.shared_responses = open_shared_responses(snapshot.store, self.clock, snapshot.assertion.pairwise_secret)
        self.cache = Cache(
            self.responses, self.clock, is_revoked=self.revocations.is_revoked, shared=self.shared_responses
        )
        self._purges = SharedPurges(self.cache, self.bus, self.shared_responses)
        self.revocations.changed.subscribe(self.cache.citizens.sweep)
        self.edition = self._first_edition(snapshot, generation)
        self.limiter = Limiter(self.store, self.clock)
        self.pipeline = Pipeline(self._parts(), lambda: self.edition)
        self.readiness = Readiness(lambda: self.drain.draining)
        self.lane = Lane(self.pipeline, self.clock, self.drain, self.log, snapshot.server.limits)
        self.tls = _public_tls(snapshot.server)
        self.asgi = AsgiEdge(self.pipeline, self.clock, self.drain)
        self._observe_itself()
        self.ops = ops_application(self.readiness, self.metrics, self._controls())

    async def start(self) -> None:
        """Begin everything that runs in the background, and wait a moment for the issuers' keys."""
        self.access_log.start()
        with contextlib.suppress(StoreError):  # told by its health; connected before the first citizen comes
            await self.store.ping()
        await self.bus.start()
        self._apply(self.edition.snapshot)
        await self._adopt(self.edition.snapshot)
        await self._record.accept(self.edition.snapshot)

    async def aclose(self) -> None:
        """Take everything down, in the reverse order of its making."""
        await self.documents.aclose()
        await self._probes.aclose()
        await self.issuers.aclose()
        await self.cache.aclose()
        if self.shared_responses is not None:
            await self.shared_responses.aclose()
        await self._client.aclose()
        await self._probe_client.aclose()
        await self._http.aclose()
        await self.bus.aclose()
        await self.limiter.aclose()  # unspent slices of budget go back to the store
        await self.store.aclose()
        await self.access_log.aclose()

    async def reload(self) -> tuple[str, ...]:
        """Build the next registry aside and swap it in; return the errors it was refused for, none when it serves."""
        async with self._reloading:
            try:
                prepared = await self.prepare(partial(reload, self._config))
            except (ConfigError, BadSigningKey, OSError) as error:
                return self._record.refuse(error)
            await self.commit(prepared, self.edition.generation + 1)
            self.log.info("registry accepted", **self._registry_view())
            return ()

    async def prepare(self, build: Callable[[], Snapshot]) -> Prepared:
        """Build the next registry aside, in a thread; nothing changes yet.

        Raises ConfigError, BadSigningKey, or OSError for a certificate.
        """
        snapshot = await asyncio.to_thread(build)
        return Prepared(snapshot, self._minter(snapshot), _public_tls(snapshot.server))

    async def commit(self, prepared: Prepared, generation: int) -> None:
        """Swap in what was prepared."""
        snapshot = prepared.snapshot
        await self._adopt(snapshot)
        trusted = trusted_networks(snapshot.server.trusted_proxies)
        self.edition = Edition(snapshot, self.verifier, prepared.minter, trusted, generation)
        self._apply(snapshot)
        self.lane.adopt(snapshot.server.limits)
        if self.tls is not None and prepared.tls is not None:
            self.tls.succeed(prepared.tls)
        await self._record.accept(snapshot)

    def _first_edition(self, snapshot: Snapshot, generation: int) -> Edition:
        minter = Minter(snapshot.assertion, self.clock)
        for warning in (*snapshot.warnings, *minter.warnings):
            self.log.warning("registry", warning=warning)
        own = snapshot.assertion.issuer
        self.verifier = Verifier((), {}, self.revocations, self.clock, own_issuer=own)
        trusted = trusted_networks(snapshot.server.trusted_proxies)
        return Edition(snapshot, self.verifier, minter, trusted, generation)

    def _minter(self, snapshot: Snapshot) -> Minter:
        """Return the minter of the next edition; an unchanged policy keeps its keys and what it has minted."""
        if snapshot.assertion == self.edition.snapshot.assertion:
            return self.edition.minter
        return Minter(snapshot.assertion, self.clock)

    async def _adopt(self, snapshot: Snapshot) -> None:
        await self.issuers.adopt(snapshot.issuers)
        self.verifier.adopt(snapshot.issuers, self.issuers.sources, own_issuer=snapshot.assertion.issuer)

    def _apply(self, snapshot: Snapshot) -> None:
        """Tell the live state of the registry that serves from now on."""
        policies = [service.upstream for service in snapshot.services.values()]
        self.targets.apply(policies)
        self._client.apply(policies)
        self._probe_client.apply(policies)
        self._probes.apply(policies)
        self.documents.apply(snapshot)

    def _parts(self) -> Parts:
        return Parts(
            clock=self.clock,
            limiter=self.limiter,
            cache=self.cache,
            forwarder=Forwarder(self._client, self.targets, self.clock, ready_client=self._client),
            room=Room(),
            observer=Observer(self.clock, self.metrics, self.access_log.add),
            log=self.log,
            failing_since=self._failing_since,
            pages=public_pages(self._page_sources()),
        )

    def _page_sources(self) -> PageSources:
        status = StatusSources(
            clock=self.clock,
            snapshot=lambda: self.edition.snapshot,
            health=self.targets.health,
            counters=lambda: [*self.metrics.routes(), *self.siblings.services()],
            since=lambda: self.siblings.since,
        )
        return PageSources(status, self.documents, lambda: self.edition.minter.jwks())

    def _controls(self) -> Controls:
        return Controls(
            reload=self.reload,
            registry=self._registry_view,
            cache=CacheControls(lambda: self.edition.snapshot, self.responses, self._purges.purge, self.clock),
            limits=LimitControls(lambda: self.edition.snapshot, self.limiter),
            token=lambda: self.edition.snapshot.server.admin_token,
            log=self.log,
        )

    def _registry_view(self) -> dict[str, object]:
        snapshot = self.edition.snapshot
        return {
            "digest": snapshot.digest,
            "generation": self.edition.generation,
            "services": len(snapshot.services),
            "routes": len(snapshot.routes),
            "last_refused": list(self._record.problems) or None,
        }

    def _failing_since(self, service: str) -> float | None:
        health = self.targets.health(service)
        return None if health is None else health.failing_since

    def _target_changed(self, live: LiveTarget) -> None:
        state = "down" if live.health.is_down else "up"
        self.log.warning(f"target {state}", service=live.service, target=live.target.url, reason=live.health.reason)

    def _observe_itself(self) -> None:
        observation = Observation(
            edition=lambda: self.edition,
            record=self._record,
            targets=self.targets,
            store=self.store,
            limiter=self.limiter,
            bus=self.bus,
            issuers=self.issuers,
            verifier=self.verifier,
            revocations=self.revocations,
            responses=self.responses,
            shared_responses=self.shared_responses,
            documents=self.documents,
            lane=self.lane,
            drain=self.drain,
            access_log=self.access_log,
        )
        observation.add_components(self.readiness)
        observation.add_metrics(self.metrics)


def _public_tls(server: ServerPolicy) -> PublicTls | None:
    if server.tls_certificate is None or server.tls_key is None:
        return None
    return PublicTls(server.tls_certificate, server.tls_key)


def _answer_line(name: bytes) -> LineKind:
    """Tell what becomes of an agency's field, in the terms of the one who reads the lines."""
    if answer_field_kind(name) is not FieldKind.PASS:
        return LineKind.DROP
    return LineKind.KEEP if is_end_to_end(name) else LineKind.PASS
