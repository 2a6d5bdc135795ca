"""Servers live as long as the session; what a test maltreats beyond repair is its own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from gateway.clock import ManualClock
from gateway.registry.snapshot import StorePolicy
from gateway.store.open import open_bus, open_store, open_values
from gateway.store.ports import Bus, Store, Values
from tests.servers import RedisServer, TlsServer
from tests.store.groups import ClusterGroup, SentinelGroup

KINDS = ("memory", "single", "tls", "sentinel", "cluster")

# Generous where a test is not about the budget: the machine may be busy with other tests.
PATIENT_SECONDS = 10.0


class Servers:
    """All of them, each started when it is first asked for."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.single = RedisServer(folder / "single")
        self.tls = TlsServer(folder / "tls")
        self.sentinel = SentinelGroup(folder / "sentinel")
        self.cluster = ClusterGroup(folder / "cluster")
        self._stack = stack
        self._started: set[str] = set()

    def ready(self, kind: str) -> str:
        """Return the URL of one kind, once it serves."""
        if kind == "memory":
            return "memory://"
        server: RedisServer | SentinelGroup | ClusterGroup = getattr(self, kind)
        if kind not in self._started:
            self._started.add(kind)
            self._stack.callback(server.kill)
            server.launch()
        server.await_ready()
        return server.url


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    with ExitStack() as stack:
        yield Servers(tmp_path_factory.mktemp("redis"), stack)


MakeServer = Callable[..., RedisServer]


@pytest.fixture
def make_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MakeServer]:
    """Make servers of this test alone, to be maltreated; they are not launched, and ended with the test."""
    made: list[RedisServer] = []

    def make(*arguments: str, is_sentinel: bool = False) -> RedisServer:
        made.append(RedisServer(tmp_path_factory.mktemp("own"), arguments, is_sentinel=is_sentinel))
        return made[-1]

    yield make
    for server in made:
        server.kill()


@pytest.fixture
def own_server(make_server: MakeServer) -> RedisServer:
    """A plain server of this test alone."""
    return make_server().launch().await_ready()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture(params=KINDS)
def policy(request: pytest.FixtureRequest, servers: Servers) -> StorePolicy:
    """Every place the state can live, one after the other."""
    return StorePolicy(servers.ready(request.param), PATIENT_SECONDS, cache_max_bytes=1000)


@pytest.fixture
async def store(policy: StorePolicy, clock: ManualClock) -> AsyncIterator[Store]:
    store = open_store(policy, clock)
    yield store
    await store.aclose()


@pytest.fixture
async def values(policy: StorePolicy, clock: ManualClock) -> AsyncIterator[Values]:
    values = open_values(policy, clock)
    yield values
    await values.aclose()


@pytest.fixture
async def bus(policy: StorePolicy, clock: ManualClock) -> AsyncIterator[Bus]:
    bus = open_bus(policy, clock)
    yield bus
    await bus.aclose()
