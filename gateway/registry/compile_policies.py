"""Turns checked blocks into the policies that run: no block is read twice, no policy knows YAML."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable
from typing import Final

from gateway.problem import AgencyContact
from gateway.registry.schema.access import AggregateAuth, Auth
from gateway.registry.schema.caching import RouteCache
from gateway.registry.schema.cors import Cors
from gateway.registry.schema.quota import Concurrency, RateLimit
from gateway.registry.schema.service import Agency
from gateway.registry.schema.texts import split_url
from gateway.registry.schema.upstream import Timeout, Upstream
from gateway.rules.access import AuthPolicy
from gateway.rules.caching.keys import NEGOTIATION_FIELDS
from gateway.rules.caching.policy import ALL_FIELDS, CachePolicy
from gateway.rules.concurrency import ConcurrencyPolicy
from gateway.rules.cors import CorsPolicy
from gateway.rules.delivery import HealthPolicy, RetryPolicy, Target, Timeouts, TlsPolicy, UpstreamPolicy
from gateway.rules.quota import Missing, QuotaKey, QuotaPolicy

_PORTS: Final = {"http": 80, "https": 443}


def auth_policy(block: Auth | AggregateAuth) -> AuthPolicy:
    """Compile access. With mode `none` nobody is known, so what the service asks of signed-in callers falls away."""
    if block.mode == "none":
        return AuthPolicy(mode="none", pass_authorization=isinstance(block, Auth) and block.pass_authorization)
    own = block if isinstance(block, Auth) else Auth()
    return AuthPolicy(
        mode=block.mode,
        scopes=frozenset(block.scopes),
        claims=tuple(own.claims),
        purpose=own.purpose,
        assurance=block.assurance,
    )


def quota_policies(blocks: Iterable[RateLimit], scope: str) -> tuple[QuotaPolicy, ...]:
    """Compile limits under `scope`, the service's name or the route's.

    Names hold what is counted by, not the amounts, so that a changed amount keeps its counters.
    """
    blocks = tuple(blocks)
    names = _distinct(f"{scope}:{block.by}" for block in blocks)
    return tuple(_quota_policy(block, name) for block, name in zip(blocks, names, strict=True))


def concurrency_policies(blocks: Iterable[Concurrency], scope: str) -> tuple[ConcurrencyPolicy, ...]:
    """Compile limits of requests in flight under `scope`, named as above."""
    blocks = tuple(blocks)
    names = _distinct(f"{scope}:{block.by}:in-flight" for block in blocks)
    return tuple(
        ConcurrencyPolicy(
            name=name,
            limit=block.limit,
            by=quota_key(block.by, block.missing),
            accuracy=block.accuracy,
            mode=block.mode,
            on_store_failure=block.on_store_failure,
        )
        for block, name in zip(blocks, names, strict=True)
    )


def _distinct(names: Iterable[str]) -> list[str]:
    """Number a name that was there before."""
    distinct: list[str] = []
    for name in names:
        distinct.append(name if name not in distinct else f"{name}:{len(distinct) + 1}")
    return distinct


def _quota_policy(block: RateLimit, name: str) -> QuotaPolicy:
    return QuotaPolicy(
        name=name,
        limit=block.limit,
        period_seconds=block.every,
        burst=block.limit if block.burst is None else block.burst,
        by=quota_key(block.by, block.missing),
        cost=block.cost,
        accuracy=block.accuracy,
        mode=block.mode,
        on_store_failure=block.on_store_failure,
    )


def quota_key(by: str, missing: Missing = "address") -> QuotaKey:
    """Compile `by`; names of header fields are matched in small letters."""
    kind, _, name = by.partition(":")
    if kind == "claim":
        return QuotaKey("claim", name, missing)
    if kind == "header":
        return QuotaKey("header", name.lower(), missing)
    if kind == "citizen":
        return QuotaKey("citizen", None, missing)
    if kind == "address":
        return QuotaKey("address")
    return QuotaKey("route" if kind == "route" else "service")


def cors_policy(block: Cors | None) -> CorsPolicy | None:
    """Compile cross-origin rules; without origins there are none."""
    if block is None or not block.origins:
        return None
    return CorsPolicy(
        origins=frozenset(origin.encode() for origin in block.origins),
        methods=tuple(method.encode() for method in block.methods),
        request_headers=tuple(name.lower().encode() for name in block.request_headers),
        exposed_headers=tuple(name.lower().encode() for name in block.exposed_headers),
        max_age_seconds=int(block.max_age),
    )


def cache_policy(block: RouteCache, origins: frozenset[bytes]) -> CachePolicy:
    """Compile caching of a route of a service that has these `origins`."""
    listed = tuple(name.lower().encode() for name in block.headers)
    named = tuple(name for name in listed if name != ALL_FIELDS)
    compress = block.scope == "shared" if block.compress is None else block.compress
    # What is compressed here is asked for plain, so that one answer of the agency serves everybody.
    unlisted = NEGOTIATION_FIELDS - {b"accept-encoding"} if compress else NEGOTIATION_FIELDS
    # An agency that decides itself what is stored says by `Vary` what it looked at. Where the registry decides for it,
    # nobody has said, so what is not listed is not sent.
    agency_decides = not listed and block.ttl is None and not block.statuses
    return CachePolicy(
        ttl_seconds=block.ttl,
        ttl_by_status=dict(block.statuses),
        stale_while_revalidate_seconds=block.stale_while_revalidate,
        stale_if_error_seconds=block.stale_if_error,
        scope=block.scope,
        query=tuple(name.encode() for name in block.query),
        key_fields=named,
        sent_fields=None if ALL_FIELDS in listed or agency_decides else unlisted.union(named),
        compress=compress,
        store_set_cookie=block.store_set_cookie,
        max_body_bytes=block.max_body,
        origins=origins,
    )


def origins_of(upstream: UpstreamPolicy) -> frozenset[bytes]:
    """Return the origins of a service's targets, with and without a port that goes without saying."""
    return frozenset(_origins(upstream.targets))


def _origins(targets: Iterable[Target]) -> Iterable[bytes]:
    for target in targets:
        if target.scheme != "unix":
            host = f"[{target.host}]" if ":" in target.host else target.host
            yield f"{target.scheme}://{host}:{target.port}".encode() + target.base_path
            if target.port == _PORTS[target.scheme]:
                yield f"{target.scheme}://{host}".encode() + target.base_path


def timeouts(block: Timeout) -> Timeouts:
    """Compile how long the gateway waits."""
    return Timeouts(connect_seconds=block.connect, read_seconds=block.read, total_seconds=block.total)


def upstream_policy(block: Upstream, service: str, directory: str, tls: TlsPolicy | None = None) -> UpstreamPolicy:
    """Compile how a service is reached; paths of Unix sockets are relative to `directory`."""
    health = block.health
    return UpstreamPolicy(
        service=service,
        targets=tuple(target(url, directory, tls) for url in block.targets),
        timeouts=timeouts(block.timeout),
        health=None
        if health is None
        else HealthPolicy(
            path=health.path,
            interval_seconds=health.interval,
            timeout_seconds=health.timeout,
            unhealthy_after=health.unhealthy_after,
            healthy_after=health.healthy_after,
        ),
        retry=RetryPolicy(attempts=block.retries.attempts),
        max_connections=block.max_connections,
        emergency_connections=block.emergency_connections,
        max_in_flight=block.max_in_flight,
    )


def target(url: str, directory: str, tls: TlsPolicy | None = None) -> Target:
    """Compile one address of a service; `tls` is for those that speak it."""
    if url.startswith("unix:"):
        return Target(url=url, scheme="unix", host=posixpath.join(directory, url.removeprefix("unix:")), port=0)
    plain = url.rstrip("/")
    parts = split_url(plain)
    return Target(
        url=plain,
        scheme=parts.scheme,
        host=parts.hostname or "",
        port=parts.port or _PORTS[parts.scheme],
        base_path=parts.path.encode(),
        tls=tls if parts.scheme == "https" else None,
    )


def agency_contact(block: Agency) -> AgencyContact:
    """Compile whom a citizen may ask."""
    contact = block.contact
    ways = () if contact is None else (contact.text, contact.phone, contact.email, contact.url)
    return AgencyContact(name=block.name or block.code, contact=" · ".join(way for way in ways if way) or None)
