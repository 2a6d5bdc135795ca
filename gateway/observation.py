"""What a process says of itself: the components of `/readyz`, and every metric that is no route's.

It reads the gateway's live parts whenever somebody asks, and changes none of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from typing import Final

from gateway.edge.drain import Drain
from gateway.edge.lane import Lane
from gateway.identity.issuers import TrustedIssuers
from gateway.identity.revocation import Revocations
from gateway.identity.verifier import Verifier
from gateway.ops.health import Component, Readiness
from gateway.ops.openapi.documents import Documents
from gateway.pipeline.call import Edition
from gateway.registry.record import RegistryRecord
from gateway.store.fallback import Limiter
from gateway.store.ports import Bus, Store
from gateway.store.responses import ResponseStore
from gateway.store.shared_responses import SharedCounts, SharedResponses
from gateway.telemetry.logs import AccessLog
from gateway.telemetry.metrics import Metrics
from gateway.upstream.targets import Targets

_WORSE: Final = {"pass": 0, "warn": 1, "fail": 2}


@dataclass(frozen=True, slots=True)
class Observation:
    """The parts that are looked at."""

    edition: Callable[[], Edition]
    record: RegistryRecord
    targets: Targets
    store: Store
    limiter: Limiter
    bus: Bus
    issuers: TrustedIssuers
    verifier: Verifier
    revocations: Revocations
    responses: ResponseStore
    shared_responses: SharedResponses | None
    documents: Documents
    lane: Lane
    drain: Drain
    access_log: AccessLog

    def add_components(self, readiness: Readiness) -> None:
        """Have readiness ask about each part, in the order in which it tells them."""
        for component in (self._registry, self._store, self._identity, self._services):
            readiness.add(component)

    def add_metrics(self, metrics: Metrics) -> None:
        """Have each part's figures read at every scrape."""
        self._add_registry_metrics(metrics)
        self._add_citizen_metrics(metrics)
        self._add_edge_metrics(metrics)
        metrics.gauge("gateway_cache_bytes", "Bytes of stored answers.", lambda: self.responses.size_bytes)
        metrics.gauge("gateway_cache_entries", "Stored answers.", lambda: len(self.responses))
        metrics.counter("gateway_cache_evictions", "Stored answers that made room.", lambda: self.responses.evictions)
        if self.shared_responses is not None:
            _add_shared_cache_metrics(metrics, self.shared_responses.counts)
        metrics.gauge("gateway_store_up", "1 while the store answers.", self._is_store_up, merge="least")
        self._add_limit_metrics(metrics)
        metrics.gauges(
            "gateway_service_up", "1 while a target of the service is up.", "service", self._services_up, merge="least"
        )

    def _add_registry_metrics(self, metrics: Metrics) -> None:
        record, documents = self.record, self.documents
        metrics.gauge(
            "gateway_registry_generation", "Editions since start.", lambda: self.edition().generation, merge="least"
        )
        metrics.gauge(
            "gateway_registry_refused",
            "1 while the last reload was refused.",
            lambda: int(bool(record.problems)),
            merge="most",
        )
        metrics.counter("gateway_reloads_refused", "Reloads that were refused.", lambda: record.refusals)
        metrics.gauge(
            "gateway_openapi_missing", "Documents that cannot be had.", lambda: len(documents.missing), merge="most"
        )

    def _add_citizen_metrics(self, metrics: Metrics) -> None:
        verifier, revocations = self.verifier, self.revocations
        metrics.gauge("gateway_tokens_remembered", "Verified tokens at hand.", lambda: verifier.remembered)
        metrics.counter("gateway_tokens_evicted", "Verified tokens that made room.", lambda: verifier.evicted)
        metrics.gauge("gateway_revocations", "Revocations in force.", lambda: len(revocations))
        metrics.counter("gateway_revocations_dropped", "Revocations that made room.", lambda: revocations.dropped)

    def _add_edge_metrics(self, metrics: Metrics) -> None:
        lane = self.lane
        metrics.counter("gateway_access_lines_lost", "Access lines dropped.", lambda: self.access_log.lost)
        metrics.gauge("gateway_connections", "Clients connected.", lambda: len(lane.connections))
        metrics.counter("gateway_connections_refused", "Clients over a limit.", lambda: lane.refused)
        metrics.gauge("gateway_blocks_remembered", "Header blocks recognised.", lambda: lane.blocks.size)
        metrics.counter("gateway_blocks_evicted", "Header blocks that made room.", lambda: lane.blocks.evicted)
        usual = lane.usual
        metrics.counter("gateway_shortcuts_taken", "Requests that went by a shortcut.", lambda: usual.taken)
        metrics.gauge("gateway_shortcuts_remembered", "Heads known whole.", lambda: usual.counters().size)
        metrics.counter("gateway_shortcuts_evicted", "Known heads that made room.", lambda: usual.counters().evictions)
        metrics.gauge("gateway_draining", "Processes that drain.", lambda: int(self.drain.draining))

    def _add_limit_metrics(self, metrics: Metrics) -> None:
        limiter = self.limiter
        text = "Limits that were decided without the store, by what they declare for that."
        metrics.counters("gateway_limit_fallbacks", text, "declared", lambda: asdict(limiter.counts).items())
        metrics.gauge("gateway_limit_slots_held", "Slots of requests in flight.", limiter.in_flight.held)

    def _is_store_up(self) -> int:
        return int(self.store.health().status == "pass")

    def _services_up(self) -> Iterable[tuple[str, float]]:
        return [(one.service, float(one.status != "fail")) for one in self.targets.all_health()]

    def _registry(self) -> Iterable[Component]:
        edition = self.edition()
        snapshot = edition.snapshot
        record = self.record
        if record.problems:
            return [Component("registry", "warn", "reload refused: " + "; ".join(record.problems), record.refused_at)]
        troubles = [*snapshot.refused, *(error for one in snapshot.quarantined for error in one.errors)]
        if troubles:
            return [Component("registry", "warn", "; ".join(troubles))]
        return [Component("registry", "pass", f"generation {edition.generation}, {snapshot.digest[:12]}")]

    def _store(self) -> Iterable[Component]:
        counters, bus = self.store.health(), self.bus.health()
        health = max(counters, bus, key=lambda one: _WORSE[one.status])
        detail = health.detail if health is counters else f"messages between workers: {health.detail}"
        return [Component("store", health.status, detail, health.since)]

    def _identity(self) -> Iterable[Component]:
        """One component for all issuers: the worst of their keys and revocation lists."""
        conditions = self.issuers.conditions()
        name = max(conditions, key=lambda one: _WORSE[conditions[one].status], default=None)
        if name is None:
            return [Component("identity", "warn", "no issuer is configured: nobody can sign in")]
        worst = conditions[name]
        return [Component("identity", worst.status, f"{name}: {worst.detail}", worst.since)]

    def _services(self) -> Iterable[Component]:
        for one in self.targets.all_health():
            down = [f"{target.url}: {target.reason}" for target in one.targets if not target.up]
            yield Component(one.service, one.status, "; ".join(down), one.since)


def _add_shared_cache_metrics(metrics: Metrics, counts: SharedCounts) -> None:
    """Tell of the store behind memory; hits there are counted as hits of their routes too."""
    counter = metrics.counter
    counter("gateway_cache_store_hits", "Questions the store answered in place of an agency.", lambda: counts.hits)
    counter("gateway_cache_store_misses", "Agencies asked, for the store had no answer.", lambda: counts.misses)
    counter("gateway_cache_store_waits", "Questions another process was asking already.", lambda: counts.waits)
    counter("gateway_cache_store_writes", "Answers put into the store.", lambda: counts.stored)
    counter(
        "gateway_cache_store_refused", "Values of the store that were not what was put there.", lambda: counts.refused
    )
    counter("gateway_cache_store_failures", "Calls for answers the store did not answer.", lambda: counts.failures)
