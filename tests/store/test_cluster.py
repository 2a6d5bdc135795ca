"""Slots move and nodes die under traffic: counts stay exact, and only callers of a dead node notice."""

from __future__ import annotations

import asyncio
import secrets
from contextlib import AsyncExitStack

import pytest
from redis.crc import key_slot

from gateway.clock import SystemClock
from gateway.registry.snapshot import StorePolicy
from gateway.rules.quota import Charge, QuotaPolicy
from gateway.store.bus import STREAM
from gateway.store.fallback import Limiter
from gateway.store.open import open_bus, open_store
from gateway.store.ports import StoreError
from gateway.store.redis import stored_key
from tests.certificates import HOST
from tests.servers import RedisServer, eventually, free_port
from tests.store.conftest import PATIENT_SECONDS, MakeServer, Servers
from tests.store.groups import ClusterGroup, text
from tests.store.proxy import Proxy
from tests.store.stepped import at_once
from tests.store.traffic import Traffic, until

HOUR = 3600.0


@pytest.fixture
def cluster(servers: Servers) -> ClusterGroup:
    servers.ready("cluster")
    return servers.cluster


def slot_of(caller: bytes) -> int:
    return key_slot(stored_key(caller))


def caller_at(cluster: ClusterGroup, node: RedisServer) -> bytes:
    """Find a caller whose counts this node has."""
    while True:
        caller = f"citizen:{secrets.token_hex(8)}".encode()
        if cluster.owner(slot_of(caller)) is node:
            return caller


def primaries(cluster: ClusterGroup) -> list[RedisServer]:
    return list({node.port: node for node in (cluster.owner(slot) for slot in (0, 8000, 16_000))}.values())


async def test_a_slot_that_moves_under_traffic_is_counted_to_the_unit(cluster: ClusterGroup) -> None:
    store = open_store(StorePolicy(cluster.url, PATIENT_SECONDS), SystemClock())
    source, target, *_ = primaries(cluster)
    caller = caller_at(cluster, source)
    minute, day = (QuotaPolicy(name, burst, burst * HOUR, burst) for name, burst in (("minute", 300), ("day", 400)))
    charges, admitted, asked = [Charge(caller, minute), Charge(caller, day)], 0, 0

    async def keep_asking() -> None:
        nonlocal admitted, asked
        while asked < 500:
            asked += 1
            verdicts = await store.take(charges)
            admitted += all(verdict.allowed for verdict in verdicts)

    async with asyncio.TaskGroup() as clients:
        for _ in range(4):
            clients.create_task(keep_asking())
        await until(lambda: asked >= 100)
        await asyncio.to_thread(_begin_move, cluster, slot_of(caller), source, target)
        await until(lambda: asked >= 200)
        await asyncio.to_thread(_move_keys, slot_of(caller), source, target)
        await until(lambda: asked >= 300)
        await asyncio.to_thread(_end_move, cluster, slot_of(caller), source, target)
    assert admitted == 300
    assert cluster.owner(slot_of(caller)) is target
    assert (await store.peek(charges))[1].remaining == 100
    await store.aclose()


async def test_a_caller_first_seen_while_its_slot_moves_is_counted_to_the_unit(cluster: ClusterGroup) -> None:
    store = open_store(StorePolicy(cluster.url, PATIENT_SECONDS), SystemClock())
    source, target, *_ = primaries(cluster)
    caller = caller_at(cluster, source)
    await asyncio.to_thread(_begin_move, cluster, slot_of(caller), source, target)
    charge = Charge(caller, QuotaPolicy("permits", 5, 5 * HOUR, 5))
    given = [(await store.take([charge]))[0].allowed for _ in range(4)]
    await asyncio.to_thread(_end_move, cluster, slot_of(caller), source, target)
    given += [(await store.take([charge]))[0].allowed for _ in range(4)]
    assert given == [True] * 5 + [False] * 3
    await store.aclose()


async def test_the_loss_of_a_node_is_noticed_by_its_own_callers_only(cluster: ClusterGroup) -> None:
    clock = SystemClock()
    store = open_store(StorePolicy(cluster.url, PATIENT_SECONDS), clock)
    await store.ping()
    lost, standing, *_ = primaries(cluster)
    victim, bystander = caller_at(cluster, lost), caller_at(cluster, standing)
    slot = slot_of(victim)
    async with AsyncExitStack() as stack:
        unlucky = await stack.enter_async_context(Traffic(Limiter(store, clock), caller=victim))
        lucky = await stack.enter_async_context(Traffic(Limiter(store, clock), caller=bystander))
        await unlucky.until_shared()
        lost.kill()
        await unlucky.until_stood_in()
        assert store.health().status == "warn"
        await asyncio.to_thread(eventually, lambda: _port_of(cluster, slot, but=lost) != lost.port, "a new primary")
        await unlucky.until_shared()
        await lucky.until_shared()
        await until(lambda: store.health().status == "pass")
    assert not [tally for tally in (unlucky.told + lucky.told) if "denied" in tally]
    assert set(lucky.told) == {"local shared", "open shared", "closed shared"}
    await store.aclose()
    lost.launch()
    await asyncio.to_thread(eventually, cluster.is_whole, "a cluster whole again")


async def test_dead_seeds_are_passed_over(cluster: ClusterGroup) -> None:
    url = cluster.url.replace("//", f"//{HOST}:{free_port()},")
    store = open_store(StorePolicy(url, PATIENT_SECONDS), SystemClock())
    await store.ping()
    assert store.health().detail == "cluster of 3 primaries"
    await store.aclose()


async def test_no_cluster_at_all_is_told_once_and_then_without_waiting(own_server: RedisServer) -> None:
    store = open_store(StorePolicy(f"redis+cluster://{HOST}:{own_server.port}", PATIENT_SECONDS), SystemClock())
    assert store.health().status == "pass"
    charge = Charge(b"citizen:x", QuotaPolicy("permits", 5, HOUR, 5))
    with pytest.raises(StoreError, match="cluster support disabled"):
        await store.take([charge])
    assert store.health().status == "warn"
    with pytest.raises(StoreError, match="cluster support disabled"):
        at_once(store.take([charge]))
    await store.aclose()


async def test_a_map_that_does_not_come_is_not_waited_for_longer_than_the_budget(own_server: RedisServer) -> None:
    async with Proxy(own_server.port) as wire:
        wire.is_deaf = True
        store = open_store(StorePolicy(wire.url.replace("redis", "redis+cluster"), 0.05), SystemClock())
        charge = Charge(b"citizen:x", QuotaPolicy("permits", 5, HOUR, 5))
        with pytest.raises(StoreError, match="not known yet"):
            await store.take([charge])
        with pytest.raises(StoreError, match="not known yet"):
            at_once(store.take([charge]))
        await store.aclose()


async def test_a_call_that_is_cancelled_before_the_map_is_known_harms_no_other(cluster: ClusterGroup) -> None:
    store = open_store(StorePolicy(cluster.url, PATIENT_SECONDS), SystemClock())
    charge = Charge(b"citizen:x", QuotaPolicy("permits", 1000, HOUR, 1000))
    gone, stays = (asyncio.create_task(store.take([charge])) for _ in range(2))
    await asyncio.sleep(0)
    gone.cancel()
    assert (await stays)[0].allowed
    await store.aclose()


async def test_slots_that_nobody_has_are_told(make_server: MakeServer) -> None:
    part = make_server("--cluster-enabled", "yes", "--cluster-require-full-coverage", "no")
    part.launch().await_ready()
    url = f"redis+cluster://{HOST}:{part.port}"
    charge = Charge(b"citizen:x", QuotaPolicy("permits", 5, HOUR, 5))
    empty = open_store(StorePolicy(url, PATIENT_SECONDS), SystemClock())
    with pytest.raises(StoreError, match="no slot has a node"):
        await empty.take([charge])
    await empty.aclose()

    missing = {slot_of(charge.key), key_slot(STREAM)}
    part.ask("CLUSTER", "ADDSLOTS", *(slot for slot in range(ClusterGroup.SLOTS) if slot not in missing))
    await asyncio.to_thread(eventually, lambda: "state:ok" in text(part.ask("CLUSTER", "INFO")), "a cluster of one")
    store = open_store(StorePolicy(url, PATIENT_SECONDS), SystemClock())
    await store.ping()
    with pytest.raises(StoreError, match=f"no node of the cluster has slot {slot_of(charge.key)}"):
        await store.take([charge])
    await store.aclose()
    bus = open_bus(StorePolicy(url, PATIENT_SECONDS), SystemClock())
    await bus.start()
    assert f"no node of the cluster has slot {key_slot(STREAM)}" in bus.health().detail
    await bus.aclose()


async def test_a_cluster_at_odds_with_itself_is_told_and_not_followed_for_ever(cluster: ClusterGroup) -> None:
    store = open_store(StorePolicy(cluster.url, PATIENT_SECONDS), SystemClock())
    source, target, *_ = primaries(cluster)
    caller = caller_at(cluster, source)
    source.ask("CLUSTER", "SETSLOT", slot_of(caller), "MIGRATING", cluster.identity(target))
    with pytest.raises(StoreError, match="in circles"):
        await store.take([Charge(caller, QuotaPolicy("permits", 5, HOUR, 5))])
    source.ask("CLUSTER", "SETSLOT", slot_of(caller), "STABLE")
    assert (await store.take([Charge(caller, QuotaPolicy("permits", 5, HOUR, 5))]))[0].allowed
    await store.aclose()


async def test_a_ping_is_content_with_a_node_whose_slots_have_moved(cluster: ClusterGroup) -> None:
    store = open_store(StorePolicy(cluster.url, PATIENT_SECONDS), SystemClock())
    await store.ping()
    source, target, *_ = primaries(cluster)
    slot = next(slot for slot in map(key_slot, map(b"gw:probe:%d".__mod__, range(99))) if cluster.owner(slot) is source)
    await asyncio.to_thread(_begin_move, cluster, slot, source, target)
    await asyncio.to_thread(_move_keys, slot, source, target)
    await asyncio.to_thread(_end_move, cluster, slot, source, target)
    await store.ping()
    assert store.health().status == "pass"
    await store.aclose()


def _port_of(cluster: ClusterGroup, slot: int, *, but: RedisServer) -> int:
    living = next(node for node in cluster.nodes if node is not but)
    slots = living.ask("CLUSTER", "SLOTS")
    assert isinstance(slots, list)
    return next(int(entry[2][1]) for entry in slots if entry[0] <= slot <= entry[1])


def _begin_move(cluster: ClusterGroup, slot: int, source: RedisServer, target: RedisServer) -> None:
    target.ask("CLUSTER", "SETSLOT", slot, "IMPORTING", cluster.identity(source))
    source.ask("CLUSTER", "SETSLOT", slot, "MIGRATING", cluster.identity(target))


def _move_keys(slot: int, source: RedisServer, target: RedisServer) -> None:
    keys = source.ask("CLUSTER", "GETKEYSINSLOT", slot, 100)
    assert isinstance(keys, list)
    for key in keys:
        source.ask("MIGRATE", HOST, target.port, key, 0, 5000)


def _end_move(cluster: ClusterGroup, slot: int, source: RedisServer, target: RedisServer) -> None:
    for node in (target, source):
        node.ask("CLUSTER", "SETSLOT", slot, "NODE", cluster.identity(target))
    eventually(lambda: cluster.owner(slot) is target, "a slot that has moved")
