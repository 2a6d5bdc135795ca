"""Groups of Redis servers: a primary watched by sentinels, and a cluster."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from tests.certificates import HOST
from tests.servers import RedisServer, eventually

# Without waiting for more replicas to sync, nor ten seconds for the first word from a primary.
_IN_STEP = ("--repl-diskless-sync-delay", "0", "--repl-ping-replica-period", "1")


class SentinelGroup:
    """A primary with two replicas, and three sentinels that watch them."""

    SERVICE = "city"

    def __init__(self, folder: Path) -> None:
        primary = RedisServer(folder / "data0", _IN_STEP)
        follow = ("--replicaof", HOST, str(primary.port), *_IN_STEP)
        self.data = [primary, *(RedisServer(folder / f"data{number}", follow) for number in (1, 2))]
        self.sentinels = [RedisServer(folder / f"sentinel{number}", is_sentinel=True) for number in (0, 1, 2)]
        for sentinel in self.sentinels:
            sentinel.folder.mkdir(parents=True)
            (sentinel.folder / "sentinel.conf").write_text(
                f"sentinel monitor {self.SERVICE} {HOST} {primary.port} 2\n"
                f"sentinel down-after-milliseconds {self.SERVICE} 1000\n"
                f"sentinel failover-timeout {self.SERVICE} 6000\n"
            )

    @property
    def url(self) -> str:
        nodes = ",".join(f"{HOST}:{sentinel.port}" for sentinel in self.sentinels)
        return f"redis+sentinel://{nodes}/{self.SERVICE}"

    def launch(self) -> SentinelGroup:
        """Start the data servers first: a sentinel that sees no replica looks again only after ten seconds."""
        for server in self.data:
            server.launch()
        for server in self.data:
            server.await_ready()
        eventually(lambda: text(self.data[0].ask("INFO")).count("state=online") == 2, "replicas in step")
        for sentinel in self.sentinels:
            sentinel.launch()
        return self

    def await_ready(self) -> SentinelGroup:
        """Wait until every sentinel knows both replicas and both of its peers, for no failover works before."""
        for server in (*self.data, *self.sentinels):
            server.await_ready()
        eventually(self.is_whole, "sentinels that know each other")
        return self

    def is_whole(self) -> bool:
        return all(self._sees_all(sentinel) for sentinel in self.sentinels)

    def primary(self) -> RedisServer:
        """Return the server that most sentinels name."""
        ports = []
        for sentinel in self.sentinels:
            named = sentinel.ask("SENTINEL", "GET-MASTER-ADDR-BY-NAME", self.SERVICE)
            assert isinstance(named, list | tuple)
            ports.append(int(named[1]))
        return next(server for server in self.data if ports.count(server.port) >= 2)

    def kill(self) -> None:
        for server in (*self.sentinels, *self.data):
            server.kill()

    def _sees_all(self, sentinel: RedisServer) -> bool:
        peers = sentinel.ask("SENTINEL", "SENTINELS", self.SERVICE)
        replicas = sentinel.ask("SENTINEL", "REPLICAS", self.SERVICE)
        assert isinstance(peers, list)
        assert isinstance(replicas, list)
        up = [replica for replica in replicas if "down" not in str(_flags(replica))]
        return len(peers) == 2 and len(up) == 2


def _flags(entry: object) -> object:
    assert isinstance(entry, list)
    pairs = dict(zip(entry[::2], entry[1::2], strict=True))
    return pairs.get(b"flags")


class ClusterGroup:
    """Three primaries and a replica for each."""

    SLOTS = 16_384

    def __init__(self, folder: Path) -> None:
        settings = ("--cluster-enabled", "yes", "--cluster-node-timeout", "1000",
                    "--cluster-require-full-coverage", "no", *_IN_STEP)  # fmt: skip
        self.nodes = [RedisServer(folder / f"node{number}", settings) for number in range(6)]

    @property
    def url(self) -> str:
        return "redis+cluster://" + ",".join(f"{HOST}:{node.port}" for node in self.nodes[:3])

    def launch(self) -> ClusterGroup:
        for node in self.nodes:
            node.launch()
        return self

    def await_ready(self) -> ClusterGroup:
        for node in self.nodes:
            node.await_ready()
        if self._count("cluster_known_nodes") == 1:
            self._form()
        eventually(self.is_whole, "a whole cluster")
        return self

    def is_whole(self) -> bool:
        """Tell whether every node sees six nodes, all slots served and three replicas in step."""
        infos = [text(node.ask("CLUSTER", "INFO")) for node in self.nodes]
        maps = [node.ask("CLUSTER", "SLOTS") for node in self.nodes]
        return (
            all("cluster_state:ok" in info and "cluster_known_nodes:6" in info for info in infos)
            and all(isinstance(slots, list) and {len(entry) for entry in slots} == {4} for slots in maps)
            and sum("master_link_status:up" in text(node.ask("INFO", "REPLICATION")) for node in self.nodes) == 3
        )

    def owner(self, slot: int) -> RedisServer:
        """Return the primary of a slot."""
        slots = (
            self.nodes[0].ask("CLUSTER", "SLOTS") if self.nodes[0].process else self.nodes[1].ask("CLUSTER", "SLOTS")
        )
        assert isinstance(slots, list)
        port = next(entry[2][1] for entry in slots if entry[0] <= slot <= entry[1])
        return next(node for node in self.nodes if node.port == port)

    def identity(self, node: RedisServer) -> str:
        return text(node.ask("CLUSTER", "MYID"))

    def kill(self) -> None:
        for node in self.nodes:
            node.kill()

    def _form(self) -> None:
        share = self.SLOTS // 3 + 1
        for number, node in enumerate(self.nodes[:3]):
            node.ask("CLUSTER", "ADDSLOTS", *range(number * share, min((number + 1) * share, self.SLOTS)))
            node.ask("CLUSTER", "SET-CONFIG-EPOCH", number + 1)
        for node in self.nodes[1:]:
            node.ask("CLUSTER", "MEET", HOST, self.nodes[0].port)
        eventually(lambda: self._count("cluster_known_nodes") == 6, "a cluster that has met")
        for primary, replica in zip(self.nodes[:3], self.nodes[3:], strict=True):
            follow = partial(replica.ask, "CLUSTER", "REPLICATE", self.identity(primary))
            eventually(follow, "a replica that knows its primary")

    def _count(self, name: str) -> int:
        infos = [text(node.ask("CLUSTER", "INFO")) for node in self.nodes]
        return min(int(info.split(f"{name}:")[1].split()[0]) for info in infos)


def text(value: object) -> str:
    """Read a reply as text."""
    return value.decode() if isinstance(value, bytes) else str(value)
