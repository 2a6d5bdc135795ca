"""What befalls a store: each fault on real servers of its own, how it comes and how it goes."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

from redis.crc import key_slot

from tests.bench.ground import Ground
from tests.certificates import HOST
from tests.servers import RedisServer, eventually, free_port
from tests.store.groups import ClusterGroup, SentinelGroup
from tests.store.proxy import Proxy

_USER, _PASSWORD = "gateway", "old-password"


class Scene(Protocol):
    """A store that something happens to, under the URL that gateways are given."""

    url: str

    async def harm(self) -> None:
        """Let it happen; what takes a while returns at once and goes on."""
        ...

    async def heal(self) -> None:
        """End it; returns when the servers themselves are well again."""
        ...

    async def aclose(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Fault:
    """One line of the table."""

    name: str
    seconds: float  # from harm to heal
    scene: Callable[[Ground], Awaitable[Scene]]


class Single:
    """One server, a wire to it, and what is done to them."""

    def __init__(self, server: RedisServer, wire: Proxy) -> None:
        self.server = server
        self.wire = wire
        self.url = f"redis://{_USER}:{_PASSWORD}@{HOST}:{wire.port}"

    @classmethod
    async def start(cls, place: Ground) -> Single:
        wire = Proxy(0)
        server = await asyncio.to_thread(place.redis, f"redis-{free_port()}")
        wire.target_port = server.port
        await wire.__aenter__()
        single = cls(server, wire)
        single.admit()
        return single

    def admit(self, *passwords: str) -> None:
        """Let the gateway in with these passwords alone."""
        told = [f">{password}" for password in passwords or (_PASSWORD,)]
        self.server.ask("ACL", "SETUSER", _USER, "reset", "on", "~*", "&*", "+@all", *told)

    async def harm(self) -> None:
        return None

    async def heal(self) -> None:
        return None

    async def aclose(self) -> None:
        self.wire.is_deaf = False
        await self.wire.__aexit__(None, None, None)
        self.server.kill()


class Killed(Single):
    async def harm(self) -> None:
        self.server.kill()

    async def heal(self) -> None:
        await asyncio.to_thread(self.server.restart_empty)
        self.admit()


class Stopped(Single):
    async def harm(self) -> None:
        self.server.signal(signal.SIGSTOP)

    async def heal(self) -> None:
        self.server.signal(signal.SIGCONT)


class Slow(Single):
    async def harm(self) -> None:
        self.wire.latency_seconds = 0.2

    async def heal(self) -> None:
        self.wire.latency_seconds = 0.0


class Brittle(Single):
    async def harm(self) -> None:
        self.wire.reset_every = 10

    async def heal(self) -> None:
        self.wire.reset_every = 0


class ReadOnly(Single):
    """The server the gateways talk to becomes a replica, as after a failover they were not told of."""

    async def harm(self) -> None:
        self.server.ask("REPLICAOF", HOST, free_port())

    async def heal(self) -> None:
        self.server.ask("REPLICAOF", "NO", "ONE")


class Forgetful(Single):
    """The scripts are thrown away again and again."""

    _flushing: asyncio.Task[None]

    async def harm(self) -> None:
        self._flushing = asyncio.create_task(self._flush())

    async def heal(self) -> None:
        self._flushing.cancel()

    async def _flush(self) -> None:
        while True:
            self.server.ask("SCRIPT", "FLUSH")
            await asyncio.sleep(0.1)


class Full(Single):
    """Another user of the same server fills its memory, and nothing may be evicted."""

    async def harm(self) -> None:
        await asyncio.to_thread(self._fill)

    async def heal(self) -> None:
        self.server.ask("FLUSHALL")

    def _fill(self) -> None:
        self.server.ask("CONFIG", "SET", "maxmemory-policy", "noeviction")
        self.server.ask("CONFIG", "SET", "maxmemory", "16mb")
        self.server.ask("EVAL", "for i = 1, 100 do redis.pcall('SET', 'fill' .. i, string.rep('x', 262144)) end", 0)


class Rotated(Single):
    """The password is another, and who is connected is sent away; the operator then brings the old one back."""

    async def harm(self) -> None:
        self.admit("new-password")
        self.server.ask("CLIENT", "KILL", "USER", _USER)

    async def heal(self) -> None:
        self.admit(_PASSWORD, "new-password")


class Failover:
    """The primary that the sentinels name is killed; they promote another without being asked."""

    def __init__(self, group: SentinelGroup) -> None:
        self._group = group
        self._before: RedisServer = group.primary()
        self.url = group.url

    @classmethod
    async def start(cls, place: Ground) -> Failover:
        group = SentinelGroup(place.folder / f"sentinel-{free_port()}")
        place.keep(group)
        await asyncio.to_thread(lambda: group.launch().await_ready())
        return cls(group)

    async def harm(self) -> None:
        self._before.kill()

    async def heal(self) -> None:
        """Nobody does anything; returns when there is another primary."""
        changed = "another primary"
        await asyncio.to_thread(eventually, lambda: self._group.primary() is not self._before, changed)

    async def aclose(self) -> None:
        self._group.kill()


class Migration:
    """Slots move from one node to another, with their keys, while they are asked for."""

    def __init__(self, group: ClusterGroup) -> None:
        self.group = group
        self.url = group.url
        self._moving: asyncio.Task[None]

    @classmethod
    async def start(cls, place: Ground) -> Migration:
        group = ClusterGroup(place.folder / f"cluster-{free_port()}")
        place.keep(group)
        await asyncio.to_thread(lambda: group.launch().await_ready())
        return cls(group)

    async def harm(self) -> None:
        self._moving = asyncio.create_task(asyncio.to_thread(self._move))

    async def heal(self) -> None:
        await self._moving

    async def aclose(self) -> None:
        self.group.kill()

    def _move(self) -> None:
        """Move every slot of the first node that has a key now, so that it is sure to be asked for."""
        source, target = self.group.owner(0), self.group.owner(ClusterGroup.SLOTS - 1)
        keys = source.ask("KEYS", "*")
        assert isinstance(keys, list)
        for slot in sorted(set(map(key_slot, keys))):
            move_slot(self.group, slot, source, target)


class Loss(Migration):
    """A node of the cluster is killed; its replica takes over."""

    _lost: RedisServer

    async def harm(self) -> None:
        self._lost = self.group.owner(0)
        self._lost.kill()

    async def heal(self) -> None:
        """Nobody does anything; returns when the slots have another owner."""
        await asyncio.to_thread(eventually, lambda: self._owner() not in (0, self._lost.port), "a new owner")

    def _owner(self) -> int:
        living = next(node for node in self.group.nodes if node is not self._lost)
        slots = living.ask("CLUSTER", "SLOTS")
        assert isinstance(slots, list)
        return next((int(entry[2][1]) for entry in slots if entry[0] == 0), 0)


def move_slot(group: ClusterGroup, slot: int, source: RedisServer, target: RedisServer) -> None:
    """Move one slot as redis-cli does."""
    target.ask("CLUSTER", "SETSLOT", slot, "IMPORTING", group.identity(source))
    source.ask("CLUSTER", "SETSLOT", slot, "MIGRATING", group.identity(target))
    while isinstance(keys := source.ask("CLUSTER", "GETKEYSINSLOT", slot, 100), list) and keys:
        source.ask("MIGRATE", HOST, target.port, "", 0, 5000, "REPLACE", "KEYS", *keys)
    for node in (target, source):
        node.ask("CLUSTER", "SETSLOT", slot, "NODE", group.identity(target))


FAULTS: Iterable[Fault] = (
    Fault("nothing", 3, Single.start),
    Fault("kill -9, restarted empty after 3 s", 3, Killed.start),
    Fault("SIGSTOP for 10 s", 10, Stopped.start),
    Fault("200 ms away for 5 s", 5, Slow.start),
    Fault("reset at every 10th reply for 5 s", 5, Brittle.start),
    Fault("read-only for 5 s", 5, ReadOnly.start),
    Fault("Sentinel: primary killed", 0, Failover.start),
    Fault("Cluster: slots migrate", 0, Migration.start),
    Fault("Cluster: node killed", 0, Loss.start),
    Fault("SCRIPT FLUSH ten times a second for 5 s", 5, Forgetful.start),
    Fault("maxmemory reached, noeviction, for 5 s", 5, Full.start),
    Fault("password rotated for 5 s", 5, Rotated.start),
)
