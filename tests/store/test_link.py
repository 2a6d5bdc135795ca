"""What a server says is an answer to what was asked, or the end of the connection; never another call's answer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from gateway.clock import SystemClock
from gateway.registry.snapshot import StorePolicy
from gateway.registry.store_address import parse_store_url
from gateway.rules.quota import Charge, QuotaPolicy
from gateway.store.dial import Dial, pack
from gateway.store.open import open_store
from gateway.store.ports import Store, StoreError
from gateway.store.scripts import load_scripts
from tests.certificates import HOST
from tests.servers import RedisServer
from tests.store.conftest import PATIENT_SECONDS
from tests.store.proxy import Proxy
from tests.store.traffic import until

CHARGE = Charge(b"citizen:x", QuotaPolicy("permits", 1_000, 3_600.0, 1_000))


@pytest.fixture
async def wire(own_server: RedisServer) -> AsyncIterator[Proxy]:
    async with Proxy(own_server.port) as wire:
        yield wire


@pytest.fixture
async def store(wire: Proxy) -> AsyncIterator[Store]:
    store = open_store(StorePolicy(wire.url, PATIENT_SECONDS), SystemClock())
    await store.ping()
    yield store
    await store.aclose()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        pytest.param(b"HTTP/1.1 400 Bad Request\r\n", "rotocol", id="no protocol of ours"),
        pytest.param(b"-LOADING Redis is loading the dataset in memory\r\n", "loading", id="a server that starts"),
    ],
)
async def test_what_is_no_answer_ends_the_connection_and_the_next_one_serves(
    wire: Proxy, store: Store, words: bytes, told: str
) -> None:
    wire.is_deaf = True
    calls = [asyncio.create_task(store.take([CHARGE])) for _ in range(3)]
    await until(lambda: wire.held)
    wire.say(words)
    given = await asyncio.gather(*calls, return_exceptions=True)
    assert all(isinstance(one, StoreError) and told in str(one) for one in given)
    wire.is_deaf = False
    await until(lambda: store.health().status == "pass")
    assert (await store.take([CHARGE]))[0].allowed


@pytest.mark.parametrize("ending", ["hangs up", "speaks unasked"])
async def test_a_server_that_hangs_up_or_speaks_unasked_while_idle_is_known_before_the_next_call(
    own_server: RedisServer, wire: Proxy, ending: str
) -> None:
    link = await Dial(parse_store_url(wire.url), load_scripts()).data((HOST, wire.port))
    assert await link.ask(pack("PING")) == b"PONG"
    assert not link.is_stale
    if ending == "hangs up":
        own_server.ask("CLIENT", "KILL", "TYPE", "normal")
    else:
        wire.say(b"+PONG\r\n")
    await until(lambda: link.is_stale)
    await link.hang_up()
