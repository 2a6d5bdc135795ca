"""Opens what `store:` in gateway.yaml names. Nothing here connects; the first call does, or `ping` beforehand.

Counters, values and the bus each get connections and breakers of their own: none waits behind another.
"""

from __future__ import annotations

from functools import partial

from gateway.clock import Clock
from gateway.registry.snapshot import StorePolicy
from gateway.registry.store_address import StoreAddress, parse_store_url
from gateway.store.bus import MemoryBus, RedisBus
from gateway.store.cluster import ClusterRouter
from gateway.store.dial import Dial
from gateway.store.memory import MemoryStore
from gateway.store.ports import Bus, Store, Values
from gateway.store.redis import RedisStore
from gateway.store.router import Router, Sentinels, SingleRouter
from gateway.store.scripts import load_scripts
from gateway.store.shared_responses import SharedResponses
from gateway.store.values import MemoryValues, RedisValues


def open_store(policy: StorePolicy, clock: Clock) -> Store:
    """Open the counters; ValueError tells what is wrong with the URL and the remedy."""
    address = parse_store_url(policy.url, directory=policy.directory)
    if address.kind == "memory":
        return MemoryStore(clock)
    return RedisStore(_router(address, policy, clock), load_scripts())


def open_values(policy: StorePolicy, clock: Clock) -> Values:
    """Open the shared values; ValueError as above."""
    address = parse_store_url(policy.url, directory=policy.directory)
    if address.kind == "memory":
        return MemoryValues(clock, max_bytes=policy.cache_max_bytes)
    return RedisValues(_router(address, policy, clock), load_scripts())


def open_shared_responses(policy: StorePolicy, clock: Clock, secret: str | None) -> SharedResponses | None:
    """Open the answers that processes share, None where they share none; ValueError as above.

    `secret` is the city's own: who does not know it cannot plant an answer.
    """
    if policy.shared_body_bytes is None or not is_shared(policy):
        return None
    return SharedResponses(
        open_values(policy, clock),
        clock,
        max_body_bytes=policy.shared_body_bytes,
        secret=secret,
    )


def open_bus(policy: StorePolicy, clock: Clock) -> Bus:
    """Open the bus; ValueError as above."""
    address = parse_store_url(policy.url, directory=policy.directory)
    if address.kind == "memory":
        return MemoryBus(clock)
    return RedisBus(_router(address, policy, clock), load_scripts(), clock)


def is_shared(policy: StorePolicy) -> bool:
    """Tell whether several processes see the same state; ValueError as above."""
    return parse_store_url(policy.url, directory=policy.directory).kind != "memory"


def _router(address: StoreAddress, policy: StorePolicy, clock: Clock) -> Router:
    dial = Dial(address, load_scripts())
    if address.kind == "cluster":
        return ClusterRouter(address, dial, clock, budget_seconds=policy.timeout_seconds)
    if address.kind == "sentinel":
        name, find = f"sentinel service {address.service}", Sentinels(address, dial).find
    else:
        (host, port) = node = address.nodes[0]
        name, find = f"{host}:{port}", partial(dial.data, node)
    return SingleRouter(name, find, dial, clock, budget_seconds=policy.timeout_seconds)
