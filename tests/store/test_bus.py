"""A message reaches every worker of every machine, also one that was cut off; what cannot be known is told as a gap."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest

from gateway.clock import ManualClock
from gateway.registry.snapshot import StorePolicy
from gateway.store.open import is_shared, open_bus
from gateway.store.ports import Bus
from tests.servers import RedisServer
from tests.store.conftest import PATIENT_SECONDS
from tests.store.proxy import Proxy
from tests.store.traffic import until


@dataclass
class Worker:
    """One gateway process's bus and what it heard."""

    bus: Bus
    heard: list[bytes] = field(default_factory=list)
    gaps: int = 0

    def listen(self) -> None:
        self.bus.subscribe("revoked", self.heard.append)
        self.bus.on_gap(self._note_gap)

    def _note_gap(self) -> None:
        self.gaps += 1


@pytest.fixture
async def hired() -> AsyncIterator[list[Worker]]:
    workers: list[Worker] = []
    yield workers
    for worker in workers:
        await worker.bus.aclose()


async def hire(hired: list[Worker], url: str) -> Worker:
    worker = Worker(open_bus(StorePolicy(url, PATIENT_SECONDS), ManualClock()))
    worker.listen()
    hired.append(worker)
    await worker.bus.start()
    return worker


class TestContract:
    async def test_the_senders_own_process_hears_at_once_and_only_once(
        self, policy: StorePolicy, hired: list[Worker]
    ) -> None:
        worker = await hire(hired, policy.url)
        worker.bus.publish("revoked", b"sid-1")
        assert worker.heard == [b"sid-1"]
        if is_shared(policy):
            other = await hire(hired, policy.url)
            other.bus.publish("revoked", b"end")
            await until(lambda: b"end" in worker.heard)
            assert worker.heard == [b"sid-1", b"end"]

    async def test_others_hear_everything_in_order(self, policy: StorePolicy, hired: list[Worker]) -> None:
        if not is_shared(policy):
            return  # there are no others
        speaker, *listeners = [await hire(hired, policy.url) for _ in range(3)]
        messages = [b"%d" % number for number in range(300)]
        for message in messages:
            speaker.bus.publish("revoked", message)
        await until(lambda: all(len(worker.heard) >= 300 for worker in listeners))
        assert [worker.heard for worker in listeners] == [messages, messages]

    async def test_only_subscribed_topics_are_heard(self, policy: StorePolicy, hired: list[Worker]) -> None:
        speaker = await hire(hired, policy.url)
        listener = await hire(hired, policy.url) if is_shared(policy) else speaker
        speaker.bus.publish("purged", b"/v1/permits")
        speaker.bus.publish("revoked", b"\x00binary")
        await until(lambda: listener.heard)
        assert listener.heard == [b"\x00binary"]

    async def test_a_subscriber_that_fails_harms_nobody(
        self, policy: StorePolicy, hired: list[Worker], caplog: pytest.LogCaptureFixture
    ) -> None:
        def fail(payload: bytes) -> None:
            raise RuntimeError(payload.decode())

        bus = open_bus(policy, ManualClock())
        bus.subscribe("revoked", fail)
        worker = Worker(bus)
        worker.listen()
        hired.append(worker)
        await bus.start()
        bus.publish("revoked", b"one")
        bus.publish("revoked", b"two")
        assert worker.heard == [b"one", b"two"]
        assert caplog.text.count("a subscriber failed") == 2

    async def test_it_says_how_it_is(self, policy: StorePolicy, hired: list[Worker]) -> None:
        worker = await hire(hired, policy.url)
        await worker.bus.start()  # once more is no harm
        assert worker.bus.health().status == "pass"


class TestTrouble:
    async def test_who_was_cut_off_catches_up(self, own_server: RedisServer, hired: list[Worker]) -> None:
        async with Proxy(own_server.port) as wire:
            speaker, listener = await hire(hired, own_server.url), await hire(hired, wire.url)
            speaker.bus.publish("revoked", b"before")
            await until(lambda: listener.heard == [b"before"])
            wire.is_deaf = True
            await until(lambda: listener.bus.health().status == "warn")
            for message in (b"1", b"2", b"3"):
                speaker.bus.publish("revoked", message)
            assert listener.heard == [b"before"]
            wire.is_deaf = False
            await until(lambda: listener.heard == [b"before", b"1", b"2", b"3"])
            assert listener.gaps == 0
            assert listener.bus.health().status == "pass"
            await listener.bus.aclose()

    async def test_what_is_said_while_cut_off_is_sent_on_return(
        self, own_server: RedisServer, hired: list[Worker]
    ) -> None:
        async with Proxy(own_server.port) as wire:
            listener, speaker = await hire(hired, own_server.url), await hire(hired, wire.url)
            own_port, wire.target_port = wire.target_port, 1
            await wire.cut()
            speaker.bus.publish("revoked", b"1")
            speaker.bus.publish("revoked", b"2")
            assert speaker.heard == [b"1", b"2"]
            await until(lambda: speaker.bus.health().status == "warn")
            assert listener.heard == []
            wire.target_port = own_port
            await until(lambda: listener.heard == [b"1", b"2"])
            await speaker.bus.aclose()

    async def test_a_server_restarted_empty_is_told_as_a_gap(
        self, own_server: RedisServer, hired: list[Worker]
    ) -> None:
        speaker, listener = await hire(hired, own_server.url), await hire(hired, own_server.url)
        speaker.bus.publish("revoked", b"1")
        await until(lambda: listener.heard == [b"1"])
        await asyncio.to_thread(own_server.restart_empty)
        await until(lambda: listener.gaps == 1)
        speaker.bus.publish("revoked", b"2")
        await until(lambda: listener.heard == [b"1", b"2"])
        assert listener.gaps == 1

    async def test_messages_trimmed_before_they_were_read_are_told_as_a_gap(
        self, own_server: RedisServer, hired: list[Worker]
    ) -> None:
        async with Proxy(own_server.port) as wire:
            speaker, listener = await hire(hired, own_server.url), await hire(hired, wire.url)
            speaker.bus.publish("revoked", b"1")
            await until(lambda: listener.heard == [b"1"])
            own_port, wire.target_port = wire.target_port, 1
            await wire.cut()
            for message in (b"2", b"3"):
                speaker.bus.publish("revoked", message)
            await until(lambda: own_server.ask("XLEN", "gw:b1") == 3)
            own_server.ask("XTRIM", "gw:b1", "MAXLEN", 1)
            wire.target_port = own_port
            await until(lambda: listener.heard == [b"1", b"3"])
            assert listener.gaps == 1
            await listener.bus.aclose()

    async def test_a_store_away_at_the_start_is_told_as_a_gap_when_it_comes(
        self, own_server: RedisServer, hired: list[Worker]
    ) -> None:
        async with Proxy(own_server.port) as wire:
            own_port, wire.target_port = wire.target_port, 1
            listener = await hire(hired, wire.url)
            assert listener.bus.health().status == "warn"
            wire.target_port = own_port
            await until(lambda: listener.gaps == 1)
            await listener.bus.aclose()

    async def test_the_stream_is_bounded_and_has_an_end(self, own_server: RedisServer, hired: list[Worker]) -> None:
        speaker = await hire(hired, own_server.url)
        speaker.bus.publish("revoked", b"1")
        await until(lambda: own_server.ask("EXISTS", "gw:b1") == 1)
        ends = own_server.ask("PTTL", "gw:b1")
        assert isinstance(ends, int)
        assert 0 < ends <= 24 * 3600 * 1000

    async def test_an_outbox_that_is_full_drops_the_oldest_and_says_so(
        self, hired: list[Worker], caplog: pytest.LogCaptureFixture
    ) -> None:
        bus = open_bus(StorePolicy("redis://127.0.0.1:1"), ManualClock())
        for _ in range(10_001):
            bus.publish("revoked", b"x")
        assert caplog.text.count("the oldest message is dropped") == 1
        assert bus.health().detail == "10000 messages waiting"
        await bus.aclose()
