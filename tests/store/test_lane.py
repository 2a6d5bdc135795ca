"""Calls of a tick travel together, nobody's cancellation harms another, and a hung server costs one budget once."""

from __future__ import annotations

import asyncio
import random
import signal
import time
from collections.abc import AsyncIterator

import pytest
from redis.crc import key_slot

from gateway.clock import ManualClock, SystemClock
from gateway.registry.snapshot import StorePolicy
from gateway.rules.quota import Charge, QuotaPolicy
from gateway.store.open import open_store, open_values
from gateway.store.ports import Place, Store, StoreError
from gateway.store.router import PROBE_KEY
from tests.certificates import HOST
from tests.servers import RedisServer, free_port
from tests.store.conftest import PATIENT_SECONDS, MakeServer, Servers
from tests.store.proxy import Proxy
from tests.store.stepped import at_once
from tests.store.traffic import GUARD_SECONDS, until

CHARGE = Charge(b"citizen:x", QuotaPolicy("permits", 1_000_000, 1.0, 1_000_000))


@pytest.fixture
async def wire(own_server: RedisServer) -> AsyncIterator[Proxy]:
    async with Proxy(own_server.port) as wire:
        yield wire


@pytest.fixture
async def store(wire: Proxy) -> AsyncIterator[Store]:
    store = open_store(StorePolicy(wire.url, PATIENT_SECONDS), SystemClock())
    yield store
    await store.aclose()


class TestTravel:
    async def test_calls_of_one_tick_go_out_in_one_piece(self, wire: Proxy, store: Store) -> None:
        await store.ping()
        wire.from_client.clear()
        await asyncio.gather(*(store.take([CHARGE]) for _ in range(32)))
        assert len(wire.from_client) == 1
        assert wire.from_client[0].count(b"EVALSHA") == 32

    async def test_while_one_batch_is_on_its_way_the_next_gathers(self, wire: Proxy, store: Store) -> None:
        await store.ping()
        wire.from_client.clear()
        wire.is_deaf = True
        first = asyncio.create_task(store.take([CHARGE]))
        await asyncio.sleep(0)  # it is on its way
        await asyncio.sleep(0)
        rest = [asyncio.create_task(store.take([CHARGE])) for _ in range(10)]
        await asyncio.sleep(0)
        wire.is_deaf = False
        await asyncio.gather(first, *rest)
        assert [piece.count(b"EVALSHA") for piece in wire.from_client] == [1, 10]

    async def test_a_cancelled_request_never_gives_its_answer_to_another(self, servers: Servers) -> None:
        values = open_values(StorePolicy(servers.ready("single"), PATIENT_SECONDS), SystemClock())
        names = [b"%d" % number for number in range(50)]
        for name in names:
            mark = (await values.claim(Place(b"lane", name), b"", b"token", 60)).mark
            await values.keep(Place(b"lane", name), b"a value of this name: " + name, 60, mark, b"token")

        async def read(name: bytes) -> bytes | None:
            return (await values.claim(Place(b"lane", name), b"", b"", 60)).value

        dice = random.Random(7)
        for _ in range(40):
            calls = {asyncio.create_task(read(name)): name for name in dice.sample(names, 20)}
            for _ in range(dice.randrange(4)):
                await asyncio.sleep(0)
            for call in dice.sample(list(calls), 10):
                call.cancel()
            await asyncio.wait(calls)
            kept = {name: call.result() for call, name in calls.items() if not call.cancelled()}
            assert kept == {name: b"a value of this name: " + name for name in kept}
        await values.aclose()

    async def test_a_server_that_restarted_while_idle_is_not_noticed(self, own_server: RedisServer) -> None:
        store = open_store(StorePolicy(own_server.url, PATIENT_SECONDS), SystemClock())
        await store.take([CHARGE])
        await asyncio.to_thread(own_server.restart_empty)
        assert (await store.take([CHARGE]))[0].allowed
        await store.aclose()


class TestTrouble:
    async def test_a_hung_server_costs_one_budget_and_then_nothing(self, own_server: RedisServer) -> None:
        store = open_store(StorePolicy(own_server.url, 0.1), SystemClock())
        await store.ping()
        own_server.signal(signal.SIGSTOP)
        async with asyncio.timeout(GUARD_SECONDS):
            given = await asyncio.gather(*(store.take([CHARGE]) for _ in range(20)), return_exceptions=True)
        assert {type(error) for error in given} == {StoreError}
        assert "did not answer within 100 ms" in str(given[0])
        for _ in range(1000):
            with pytest.raises(StoreError):
                at_once(store.take([CHARGE]))
        own_server.signal(signal.SIGCONT)
        await until(lambda: store.health().status == "pass")
        assert (await store.take([CHARGE]))[0].allowed
        await store.aclose()

    async def test_a_dead_server_is_told_at_once_and_found_again(self, make_server: MakeServer) -> None:
        server = make_server()
        store = open_store(StorePolicy(server.url, PATIENT_SECONDS), ManualClock(wall=1000.0))
        assert store.health().status == "pass"
        with pytest.raises(StoreError, match=str(server.port)):
            await store.take([CHARGE])
        health = store.health()
        assert (health.status, health.since) == ("warn", 1000.0)
        with pytest.raises(StoreError):
            await store.ping()
        await asyncio.to_thread(server.launch().await_ready)
        await until(lambda: store.health().status == "pass")
        assert (await store.take([CHARGE]))[0].allowed
        await store.aclose()

    async def test_calls_that_wait_when_it_is_closed_are_told(self, wire: Proxy) -> None:
        store = open_store(StorePolicy(wire.url, PATIENT_SECONDS), SystemClock())
        await store.ping()
        wire.is_deaf = True
        sent = asyncio.create_task(store.take([CHARGE]))
        for _ in range(3):  # until it is on its way
            await asyncio.sleep(0)
        queued = asyncio.create_task(store.take([CHARGE]))
        await asyncio.sleep(0)
        await store.aclose()
        for call in (sent, queued):
            with pytest.raises(StoreError, match="no longer used"):
                await call

    async def test_closing_ends_a_search_for_a_server_that_is_gone(self) -> None:
        store = open_store(StorePolicy(f"redis://{HOST}:{free_port()}", PATIENT_SECONDS), SystemClock())
        with pytest.raises(StoreError):
            await store.take([CHARGE])
        await store.aclose()
        assert len(asyncio.all_tasks()) == 1

    async def test_a_store_never_asked_closes_without_a_word(self) -> None:
        await open_store(StorePolicy("redis://nowhere.invalid"), SystemClock()).aclose()

    async def test_an_error_about_one_key_is_that_calls_alone(self, own_server: RedisServer) -> None:
        store = open_store(StorePolicy(own_server.url, PATIENT_SECONDS), SystemClock())
        charge = Charge(b"citizen:x", QuotaPolicy("permits", 10, 3600.0, 10))
        await store.take([charge])
        keys = own_server.ask("KEYS", "g1*")
        assert isinstance(keys, list)
        own_server.ask("SET", keys[0], "somebody else's")
        for _ in range(5):
            with pytest.raises(StoreError, match="WRONGTYPE"):
                await store.take([charge])
        assert store.health().status == "pass"
        await store.reset([charge.key])
        assert (await store.take([charge]))[0].allowed
        await store.aclose()

    async def test_the_server_is_not_blamed_for_a_loop_that_stood_still(self, own_server: RedisServer) -> None:
        store = open_store(StorePolicy(own_server.url, 0.1), SystemClock())
        await store.ping()
        call = asyncio.create_task(store.take([CHARGE]))
        for _ in range(3):  # until it is on its way
            await asyncio.sleep(0)
        time.sleep(0.3)  # the whole loop is busy elsewhere; the answer lies unread
        assert (await call)[0].allowed
        assert store.health().status == "pass"
        await store.aclose()

    async def test_a_cluster_called_by_the_wrong_scheme_is_explained(self, servers: Servers) -> None:
        servers.ready("cluster")
        url = f"redis://{HOST}:{servers.cluster.nodes[0].port}"
        store = open_store(StorePolicy(url, PATIENT_SECONDS), SystemClock())
        given = await asyncio.gather(
            *(store.take([Charge(b"%d" % number, CHARGE.policy)]) for number in range(30)), return_exceptions=True
        )
        assert any(isinstance(error, StoreError) and "redis+cluster://" in str(error) for error in given)
        await store.aclose()

    async def test_so_it_is_by_a_ping(self, servers: Servers) -> None:
        servers.ready("cluster")
        owner = servers.cluster.owner(key_slot(PROBE_KEY))
        other = next(node for node in servers.cluster.nodes if node is not owner)
        store = open_store(StorePolicy(f"redis://{HOST}:{other.port}", PATIENT_SECONDS), SystemClock())
        with pytest.raises(StoreError, match=r"redis\+cluster://"):
            await store.ping()
        await store.aclose()
