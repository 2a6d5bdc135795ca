"""The primary may change under traffic: whoever the sentinels name is asked, if it agrees."""

from __future__ import annotations

import asyncio

import pytest

from gateway.clock import SystemClock
from gateway.registry.snapshot import StorePolicy
from gateway.rules.quota import Charge, QuotaPolicy
from gateway.store.fallback import Limiter
from gateway.store.open import open_store
from gateway.store.ports import StoreError
from tests.certificates import HOST
from tests.servers import eventually
from tests.store.conftest import PATIENT_SECONDS, MakeServer, Servers
from tests.store.groups import SentinelGroup
from tests.store.traffic import Traffic

CHARGE = Charge(b"citizen:x", QuotaPolicy("permits", 10, 1.0, 10))


@pytest.fixture
def group(servers: Servers) -> SentinelGroup:
    servers.ready("sentinel")
    return servers.sentinel


async def test_a_failover_that_is_asked_for_denies_nobody(group: SentinelGroup) -> None:
    clock = SystemClock()
    store = open_store(StorePolicy(group.url, 0.1), clock)
    before = group.primary()
    async with Traffic(Limiter(store, clock)) as traffic:
        await traffic.until_shared()
        group.sentinels[0].ask("SENTINEL", "FAILOVER", group.SERVICE)
        await asyncio.to_thread(eventually, lambda: group.primary() is not before, "another primary")
        await traffic.until_shared()
    await store.aclose()
    assert not [tally for tally in traffic.told if "denied" in tally]


async def test_the_death_of_the_primary_is_survived(group: SentinelGroup) -> None:
    clock = SystemClock()
    store = open_store(StorePolicy(group.url, 0.1), clock)
    before = group.primary()
    async with Traffic(Limiter(store, clock)) as traffic:
        await traffic.until_shared()
        before.kill()
        await traffic.until_stood_in()
        await traffic.until_shared()
        assert group.primary() is not before
    await store.aclose()
    assert not [tally for tally in traffic.told if "denied" in tally]
    before.launch()  # it comes back as a replica


async def test_dead_and_ignorant_sentinels_are_passed_over(group: SentinelGroup) -> None:
    dead, ignorant = f"{HOST}:1", f"{HOST}:{group.data[0].port}"
    store = open_store(StorePolicy(group.url.replace("//", f"//{dead},{ignorant},"), PATIENT_SECONDS), SystemClock())
    assert (await store.take([CHARGE]))[0].allowed
    await store.aclose()


async def test_a_service_nobody_watches_is_told(group: SentinelGroup) -> None:
    url = group.url.replace(f"/{group.SERVICE}", "/village")
    store = open_store(StorePolicy(url, PATIENT_SECONDS), SystemClock())
    with pytest.raises(StoreError, match="no sentinel names a primary of village"):
        await store.take([CHARGE])
    await store.aclose()


async def test_a_server_that_is_no_primary_is_not_believed(group: SentinelGroup, make_server: MakeServer) -> None:
    """A sentinel may lag behind: it names a server that knows better."""
    named, liar = make_server().launch().await_ready(), make_server(is_sentinel=True)
    (liar.folder / "sentinel.conf").write_text(f"sentinel monitor {group.SERVICE} {HOST} {named.port} 2\n")
    liar.launch().await_ready()
    named.ask("REPLICAOF", HOST, group.primary().port)
    store = open_store(StorePolicy(f"redis+sentinel://{HOST}:{liar.port}/{group.SERVICE}", 1.0), SystemClock())
    with pytest.raises(StoreError, match="which is no primary"):
        await store.take([CHARGE])
    await store.aclose()
