"""Whatever befalls a real Redis under traffic: `local` and `open` never deny for it, `closed` says 503, all recover."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest

from gateway.clock import SystemClock
from gateway.registry.snapshot import StorePolicy
from gateway.store.fallback import Limiter
from gateway.store.open import open_store
from gateway.store.ports import Store
from gateway.store.router import PROBE_KEY
from tests.certificates import HOST
from tests.servers import RedisServer, free_port
from tests.store.proxy import Proxy
from tests.store.traffic import Traffic, until

BUDGET_SECONDS = 0.1
# What "within the budget" may be stretched to by a busy machine; a hang is far beyond it.
HANG_SECONDS = 5.0


@dataclass
class Scene:
    """A server, the wire to it, and the gateway's side."""

    server: RedisServer
    wire: Proxy
    store: Store


@asynccontextmanager
async def traffic_on(server: RedisServer, *, budget_seconds: float) -> AsyncIterator[tuple[Scene, Traffic]]:
    clock = SystemClock()
    async with Proxy(server.port) as wire:
        store = open_store(StorePolicy(wire.url, budget_seconds), clock)
        limiter = Limiter(store, clock)
        try:
            async with Traffic(limiter) as traffic:
                await traffic.until_shared()
                yield Scene(server, wire, store), traffic
        finally:
            await limiter.aclose()
            await store.aclose()


def kill(scene: Scene) -> None:
    scene.server.kill()


def restart_empty(scene: Scene) -> None:
    scene.server.restart_empty()


def stop(scene: Scene) -> None:
    scene.server.signal(signal.SIGSTOP)


def carry_on(scene: Scene) -> None:
    scene.server.signal(signal.SIGCONT)


def slow(scene: Scene) -> None:
    scene.wire.latency_seconds = 0.2


def quick(scene: Scene) -> None:
    scene.wire.latency_seconds = 0.0


def deaf(scene: Scene) -> None:
    scene.wire.is_deaf = True


def hearing(scene: Scene) -> None:
    scene.wire.is_deaf = False


def fill_memory(scene: Scene) -> None:
    scene.server.ask("CONFIG", "SET", "maxmemory", "1")


def free_memory(scene: Scene) -> None:
    scene.server.ask("CONFIG", "SET", "maxmemory", "0")


def demote(scene: Scene) -> None:
    scene.server.ask("REPLICAOF", HOST, free_port())


def promote(scene: Scene) -> None:
    scene.server.ask("REPLICAOF", "NO", "ONE")


def forbid(scene: Scene) -> None:
    scene.server.ask("ACL", "SETUSER", "default", "-evalsha", "-set")


def permit(scene: Scene) -> None:
    scene.server.ask("ACL", "SETUSER", "default", "+@all")


@pytest.mark.parametrize(
    ("harm", "heal"),
    [
        pytest.param(kill, restart_empty, id="killed and restarted empty"),
        pytest.param(stop, carry_on, id="stopped"),
        pytest.param(slow, quick, id="200 ms away"),
        pytest.param(deaf, hearing, id="cut off without a word"),
        pytest.param(fill_memory, free_memory, id="out of memory"),
        pytest.param(demote, promote, id="read-only"),
        pytest.param(forbid, permit, id="permission withdrawn"),
    ],
)
async def test_a_fault_denies_nobody_and_is_recovered_from(
    own_server: RedisServer, harm: Callable[[Scene], None], heal: Callable[[Scene], None]
) -> None:
    async with traffic_on(own_server, budget_seconds=BUDGET_SECONDS) as (scene, traffic):
        assert scene.store.health().status == "pass"
        harm(scene)
        await traffic.until_stood_in()
        assert scene.store.health().status == "warn"
        await asyncio.to_thread(heal, scene)
        await traffic.until_shared()
        assert scene.store.health().status == "pass"
    assert not [tally for tally in traffic.told if "denied" in tally]
    assert traffic.longest_seconds < HANG_SECONDS


@pytest.mark.parametrize(
    ("harm", "heal"), [pytest.param(slow, quick, id="too slow"), pytest.param(fill_memory, free_memory, id="full")]
)
async def test_a_server_that_answers_but_not_as_calls_need_it_stays_out_of_use(
    own_server: RedisServer, harm: Callable[[Scene], None], heal: Callable[[Scene], None]
) -> None:
    async with traffic_on(own_server, budget_seconds=BUDGET_SECONDS) as (scene, traffic):
        harm(scene)
        await traffic.until_stood_in()
        scene.wire.from_client.clear()
        shared = traffic.told["local shared"]
        await until(lambda: b"".join(scene.wire.from_client).count(PROBE_KEY) >= 2)
        assert scene.store.health().status == "warn"
        assert traffic.told["local shared"] == shared
        heal(scene)
        await traffic.until_shared()


async def test_a_password_that_no_longer_fits_is_a_fault_like_any_other(own_server: RedisServer) -> None:
    own_server.ask("ACL", "SETUSER", "gateway", "on", ">old", "~*", "+@all")
    clock = SystemClock()
    store = open_store(StorePolicy(f"redis://gateway:old@{HOST}:{own_server.port}", BUDGET_SECONDS), clock)
    async with Traffic(Limiter(store, clock)) as traffic:
        await traffic.until_shared()
        own_server.ask("ACL", "SETUSER", "gateway", "resetpass", ">new")
        own_server.ask("CLIENT", "KILL", "USER", "gateway")
        await traffic.until_stood_in()
        assert "password" in store.health().detail
        assert "old" not in store.health().detail
        own_server.ask("ACL", "SETUSER", "gateway", "resetpass", ">old")
        await traffic.until_shared()
    await store.aclose()
    assert not [tally for tally in traffic.told if "denied" in tally]


async def test_a_user_who_may_not_load_scripts_is_a_fault_like_any_other(own_server: RedisServer) -> None:
    own_server.ask("ACL", "SETUSER", "default", "-script")
    clock = SystemClock()
    store = open_store(StorePolicy(own_server.url, BUDGET_SECONDS), clock)
    async with Traffic(Limiter(store, clock)) as traffic:
        await traffic.until_stood_in()
        assert "no permissions" in store.health().detail
        own_server.ask("ACL", "SETUSER", "default", "+@all")
        await traffic.until_shared()
    await store.aclose()


async def test_forgotten_scripts_are_loaded_again_and_nobody_notices(own_server: RedisServer) -> None:
    async with traffic_on(own_server, budget_seconds=HANG_SECONDS) as (_, traffic):
        for _ in range(5):
            own_server.ask("SCRIPT", "FLUSH")
            await traffic.until_shared()
    assert set(traffic.told) == {"local shared", "open shared", "closed shared"}


async def test_connections_that_break_at_every_tenth_reply_are_replaced(own_server: RedisServer) -> None:
    async with traffic_on(own_server, budget_seconds=HANG_SECONDS) as (scene, traffic):
        scene.wire.reset_every = 10
        await traffic.until_stood_in()
        await traffic.until_shared()
        scene.wire.reset_every = 0
        await traffic.until_shared()
    assert not [tally for tally in traffic.told if "denied" in tally]
