"""The composition root: the only place that constructs the gateway's parts, swaps editions, and takes parts down.

Live state (pools, health, counters, memory) is made once here and outlives every reload; an edition is made anew from
each accepted registry and swapped whole.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

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
from gateway.ops.admin import Controls, ops_application
from gateway.ops.cache_admin import CacheControls
from gateway.ops.catalogue import PageSources, public_pages
from gateway.ops.health import Component, Readiness
from gateway.ops.openapi.documents import Documents
from gateway.ops.status import StatusSources
from gateway.pipeline.admit import Room
from gateway.pipeline.cache import Cache
from gateway.pipeline.call import Edition
from gateway.pipeline.handler import Parts, Pipeline
from gateway.pipeline.observe import Observer
from gateway.registry.accepted import NotRemembered, remember
from gateway.registry.load import reload
from gateway.registry.problems import ConfigError
from gateway.registry.snapshot import ServerPolicy, Snapshot
from gateway.rules.field_kinds import FieldKind, answer_field_kind, is_end_to_end
from gateway.rules.forwarding import trusted_networks
from gateway.store.fallback import Limiter
from gateway.store.open import open_bus, open_store
from gateway.store.ports import StoreError
from gateway.store.purge import TOPIC, Purge, decode_purge
from gateway.store.responses import ResponseStore
from gateway.telemetry.logs import AccessLog, Log
from gateway.telemetry.metrics import Metrics
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
        self.drain = Drain()
        self._config = config
        self._keeps_registry = keeps_registry
        self._reloading = asyncio.Lock()
        self._last_refused: tuple[float, tuple[str, ...]] | None = None
        self._reloads_refused = 0

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
        self.bus.subscribe(TOPIC, self._purge_told)
        self.bus.on_gap(self._purge_missed)
        self.responses = ResponseStore(snapshot.store.cache_max_bytes)
        self.cache = Cache(self.responses, self.clock, is_revoked=self.revocations.is_revoked)
        self.revocations.changed.subscribe(self.cache.citizens.sweep)
        self.edition = self._first_edition(snapshot, generation)
        self.limiter = Limiter(self.store, self.clock)
        self.pipeline = Pipeline(self._parts(), lambda: self.edition)
        self.readiness = Readiness(lambda: self.drain.draining)
        self._observe_itself()
        self.lane = Lane(self.pipeline, self.clock, self.drain, self.log, snapshot.server.limits)
        self.tls = _public_tls(snapshot.server)
        self.asgi = AsgiEdge(self.pipeline, self.clock, self.drain)
        self.ops = ops_application(self.readiness, self.metrics, self._controls())

    async def start(self) -> None:
        """Begin everything that runs in the background, and wait a moment for the issuers' keys."""
        self.access_log.start()
        with contextlib.suppress(
            StoreError
        ):  # told by its health; the connection is made before the first citizen comes
            await self.store.ping()
        await self.bus.start()
        self._apply(self.edition.snapshot)
        await self._adopt(self.edition.snapshot)
        await self._remember(self.edition.snapshot)

    async def aclose(self) -> None:
        """Take everything down, in the reverse order of its making."""
        await self.documents.aclose()
        await self._probes.aclose()
        await self.issuers.aclose()
        await self.cache.aclose()
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
                return self._refuse(error)
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
        self._last_refused = None
        await self._remember(snapshot)

    def _refuse(self, error: ConfigError | BadSigningKey | OSError) -> tuple[str, ...]:
        problems = tuple(map(str, error.problems)) if isinstance(error, ConfigError) else (str(error),)
        self._last_refused = (self.clock.wall(), problems)
        self._reloads_refused += 1
        self.log.error("registry refused, the old one serves on", errors=problems)
        return problems

    async def _remember(self, snapshot: Snapshot) -> None:
        """Keep what was accepted for the next cold start; a full disk must not stop the city, but is told."""
        if not self._keeps_registry:
            return
        try:
            await asyncio.to_thread(remember, snapshot)
        except NotRemembered as error:
            self.log.warning("the accepted registry could not be kept for a cold start", reason=str(error))

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
            forwarder=Forwarder(self._client, self.targets, self.clock),
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
            counters=self.metrics.routes,
            since=self.clock.wall(),
        )
        return PageSources(status, self.documents, lambda: self.edition.minter.jwks())

    def _controls(self) -> Controls:
        return Controls(
            reload=self.reload,
            registry=self._registry_view,
            cache=CacheControls(lambda: self.edition.snapshot, self.responses, self._purge, self.clock),
            token=lambda: self.edition.snapshot.server.admin_token,
        )

    def _purge(self, purge: Purge) -> int:
        """Purge here and tell all other processes."""
        count = self.cache.purge(purge)
        self.bus.publish(TOPIC, purge.encode())
        return count

    def _purge_told(self, message: bytes) -> None:
        """Purge what another process was told to, or this one again: twice is once."""
        self.cache.purge(decode_purge(message))

    def _purge_missed(self) -> None:
        """Ask about everything before it is used again: nobody knows which purges were lost on the way."""
        self.cache.purge(Purge(soft=True))

    def _registry_view(self) -> dict[str, object]:
        snapshot = self.edition.snapshot
        return {
            "digest": snapshot.digest,
            "generation": self.edition.generation,
            "services": len(snapshot.services),
            "routes": len(snapshot.routes),
            "last_refused": None if self._last_refused is None else list(self._last_refused[1]),
        }

    def _failing_since(self, service: str) -> float | None:
        health = self.targets.health(service)
        return None if health is None else health.failing_since

    def _target_changed(self, live: LiveTarget) -> None:
        state = "down" if live.health.is_down else "up"
        self.log.warning(f"target {state}", service=live.service, target=live.target.url, reason=live.health.reason)

    def _observe_itself(self) -> None:
        self.readiness.add(self._registry_health)
        self.readiness.add(self._store_health)
        self.readiness.add(self._identity_health)
        self.readiness.add(self._service_health)
        metrics = self.metrics
        metrics.gauge(
            "gateway_registry_generation", "Editions since start.", lambda: self.edition.generation, merge="least"
        )
        metrics.gauge(
            "gateway_registry_refused", "1 while the last reload was refused.", self._is_refused, merge="most"
        )
        metrics.counter("gateway_reloads_refused", "Reloads that were refused.", lambda: self._reloads_refused)
        metrics.counter("gateway_access_lines_lost", "Access lines dropped.", lambda: self.access_log.lost)
        metrics.gauge("gateway_cache_bytes", "Bytes of stored answers.", lambda: self.responses.size_bytes)
        metrics.gauge("gateway_cache_entries", "Stored answers.", lambda: len(self.responses))
        metrics.counter("gateway_cache_evictions", "Stored answers that made room.", lambda: self.responses.evictions)
        metrics.gauge("gateway_tokens_remembered", "Verified tokens at hand.", lambda: self.verifier.remembered)
        metrics.counter("gateway_tokens_evicted", "Verified tokens that made room.", lambda: self.verifier.evicted)
        metrics.counter("gateway_revocations_dropped", "Revocations that made room.", lambda: self.revocations.dropped)
        metrics.gauge("gateway_revocations", "Revocations in force.", lambda: len(self.revocations))
        metrics.gauge("gateway_connections", "Clients connected.", lambda: len(self.lane.connections))
        metrics.counter("gateway_connections_refused", "Clients over a limit.", lambda: self.lane.refused)
        metrics.gauge("gateway_blocks_remembered", "Header blocks recognised.", lambda: self.lane.blocks.size)
        metrics.counter("gateway_blocks_evicted", "Header blocks that made room.", lambda: self.lane.blocks.evicted)
        metrics.gauge("gateway_draining", "Processes that drain.", lambda: int(self.drain.draining))
        metrics.gauge("gateway_store_up", "1 while the store answers.", self._is_store_up, merge="least")
        documents = self.documents
        metrics.gauge(
            "gateway_openapi_missing", "Documents that cannot be had.", lambda: len(documents.missing), merge="most"
        )
        metrics.gauges(
            "gateway_service_up", "1 while a target of the service is up.", "service", self._services_up, merge="least"
        )

    def _is_refused(self) -> int:
        return int(self._last_refused is not None)

    def _is_store_up(self) -> int:
        return int(self.store.health().status == "pass")

    def _services_up(self) -> Iterable[tuple[str, float]]:
        return [(one.service, float(one.status != "fail")) for one in self.targets.all_health()]

    def _registry_health(self) -> Iterable[Component]:
        snapshot = self.edition.snapshot
        if self._last_refused is not None:
            since, errors = self._last_refused
            return [Component("registry", "warn", "reload refused: " + "; ".join(errors), since)]
        troubles = [*snapshot.refused, *(error for one in snapshot.quarantined for error in one.errors)]
        if troubles:
            return [Component("registry", "warn", "; ".join(troubles))]
        return [Component("registry", "pass", f"generation {self.edition.generation}, {snapshot.digest[:12]}")]

    def _store_health(self) -> Iterable[Component]:
        counters, bus = self.store.health(), self.bus.health()
        health = max(counters, bus, key=lambda one: _WORSE[one.status])
        detail = health.detail if health is counters else f"messages between workers: {health.detail}"
        return [Component("store", health.status, detail, health.since)]

    def _identity_health(self) -> Iterable[Component]:
        """One component for all issuers: the worst of their keys and revocation lists."""
        conditions = self.issuers.conditions()
        name = max(conditions, key=lambda one: _WORSE[conditions[one].status], default=None)
        if name is None:
            return [Component("identity", "warn", "no issuer is configured: nobody can sign in")]
        worst = conditions[name]
        return [Component("identity", worst.status, f"{name}: {worst.detail}", worst.since)]

    def _service_health(self) -> Iterable[Component]:
        for one in self.targets.all_health():
            down = [f"{target.url}: {target.reason}" for target in one.targets if not target.up]
            yield Component(one.service, one.status, "; ".join(down), one.since)


def _public_tls(server: ServerPolicy) -> PublicTls | None:
    if server.tls_certificate is None or server.tls_key is None:
        return None
    return PublicTls(server.tls_certificate, server.tls_key)


def _answer_line(name: bytes) -> LineKind:
    """Tell what becomes of an agency's field, in the terms of the one who reads the lines."""
    if answer_field_kind(name) is not FieldKind.PASS:
        return LineKind.DROP
    return LineKind.KEEP if is_end_to_end(name) else LineKind.PASS


_WORSE: Final = {"pass": 0, "warn": 1, "fail": 2}
