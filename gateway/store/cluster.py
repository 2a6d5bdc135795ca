"""A Redis Cluster: which node has a key, learnt from the cluster and corrected by every redirection.

Each node has a lane of its own, so one that hangs or dies costs only the callers whose keys it has. While any lane is
in trouble the map is asked for again and again, until a failover has given its slots to another node.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from functools import partial

from redis.crc import key_slot
from redis.exceptions import AskError, MovedError, RedisError, ResponseError

from gateway.clock import Clock
from gateway.registry.store_address import Node, StoreAddress
from gateway.store.dial import Dial, Link, list_of, pack, text_of
from gateway.store.lane import Lane
from gateway.store.ports import ComponentHealth, StoreError
from gateway.store.router import PROBE_KEY, probe_command

_SLOTS = 16_384
_MAX_HOPS = 5  # a slot moves once or twice while a call is on its way; more is a cluster at odds with itself
_ASK_SECONDS = 0.5  # for the map, of one node; then the next is asked
_COLD_SECONDS = 1.0  # for a ping before anything is known
_AGAIN_SECONDS = 0.4  # between two looks at the map while something is wrong; shortened by up to half at random
_ASKING = pack("ASKING")


class ClusterRouter:
    """Every key has its slot, every slot its node. `address.nodes` are asked first, and again when all else fails."""

    is_sharded = True

    def __init__(self, address: StoreAddress, dial: Dial, clock: Clock, *, budget_seconds: float) -> None:
        self._seeds = address.nodes
        self._dial = dial
        self._clock = clock
        self._budget = budget_seconds
        self._since = clock.wall()
        self._reason = "the cluster's map is not known yet"
        self._owners: list[Node | None] = []
        self._lanes: dict[Node, Lane] = {}
        self._has_failed = False
        self._waiting: list[asyncio.Future[None]] = []  # calls that came before the first map
        self._refresher: asyncio.Task[None] | None = None
        self._closing: set[asyncio.Task[None]] = set()

    async def call(self, key: bytes, packed: bytes) -> object:
        if not self._owners:
            await self._know(self._budget)
        slot = key_slot(key)
        lane = self._owner_lane(slot)
        message, replies = packed, 1
        for _ in range(_MAX_HOPS):
            try:
                return await lane.submit(message, replies=replies)
            except MovedError as moved:
                node = _named_by(moved, lane)
                self._owners[slot] = node
                self._look()
                message, replies = packed, 1
            except AskError as ask:
                # The slot is on its way: this once, the other node answers for it.
                node = _named_by(ask, lane)
                message, replies = _ASKING + packed, 2
            lane = self._lane(node)
        raise StoreError(f"the cluster sends slot {slot} in circles")

    async def connect(self, key: bytes) -> Link:
        await self._learn()
        node = self._owners[key_slot(key)]
        if node is None:
            raise ResponseError(f"no node of the cluster has slot {key_slot(key)}")
        return await self._dial.data(node)

    async def ping(self) -> None:
        if not self._owners:
            await self._know(_COLD_SECONDS)
        for node in sorted(self._nodes()):
            try:
                await self._lane(node).ping()
            except AskError:
                self._look()  # alive, and its slots have moved

    def health(self) -> ComponentHealth:
        for node in self._nodes():
            lane = self._lanes.get(node)
            if lane is not None and lane.health().status != "pass":
                return lane.health()
        if self._refresher is not None and self._reason:
            return ComponentHealth("warn", self._since, self._reason)
        return ComponentHealth("pass", self._since, f"cluster of {len(self._nodes())} primaries")

    async def aclose(self) -> None:
        if self._refresher is not None:
            self._refresher.cancel()
            await asyncio.gather(self._refresher, return_exceptions=True)
            self._end_waiting()
        await asyncio.gather(*self._closing, *(lane.aclose() for lane in self._lanes.values()))
        self._lanes.clear()

    # --- lanes ---

    def _nodes(self) -> set[Node]:
        return {node for node in self._owners if node is not None}

    def _owner_lane(self, slot: int) -> Lane:
        node = self._owners[slot]
        if node is None:
            self._look()
            raise StoreError(f"no node of the cluster has slot {slot}")
        return self._lane(node)

    def _lane(self, node: Node) -> Lane:
        lane = self._lanes.get(node)
        if lane is None:
            lane = self._lanes[node] = Lane(
                f"{node[0]}:{node[1]}",
                partial(self._dial.data, node),
                self._clock,
                probe=probe_command(self._probe_key(node)),
                preamble=self._dial.preamble,
                preamble_replies=self._dial.preamble_replies,
                budget_seconds=self._budget,
                on_trouble=self._look,
            )
        return lane

    def _probe_key(self, node: Node) -> bytes:
        """Find a key that this node has; a small cluster gives one within a few tries."""
        candidates = (b"gw:probe:%d" % number for number in range(1000))
        return next((key for key in candidates if self._owners[key_slot(key)] == node), PROBE_KEY)

    # --- the map ---

    async def _know(self, seconds: float) -> None:
        """Wait for the first map at most so long, and not at all when a look at it has failed; raise StoreError."""
        self._look()
        if not self._has_failed:
            waiting = asyncio.get_running_loop().create_future()
            self._waiting.append(waiting)
            timer = asyncio.get_running_loop().call_later(seconds, self._end_waiting)
            await waiting
            timer.cancel()
        if not self._owners:
            self._has_failed = True
            raise StoreError(self._reason)

    def _end_waiting(self) -> None:
        waiting, self._waiting = self._waiting, []
        for future in waiting:
            if not future.done():
                future.set_result(None)

    def _look(self) -> None:
        """Learn the map anew in the background."""
        if self._refresher is None:
            self._refresher = asyncio.get_running_loop().create_task(self._refresh())

    async def _refresh(self) -> None:
        while True:
            try:
                await self._learn()
            except Exception as error:  # the search goes on
                if not self._reason:
                    self._since = self._clock.wall()
                self._reason = f"the cluster's map cannot be learnt: {error}"
                self._has_failed = True
                self._end_waiting()
            else:
                self._has_failed = False
                self._end_waiting()
                if all(self._lanes[node].health().status == "pass" for node in self._nodes() & set(self._lanes)):
                    break
            await asyncio.sleep(_AGAIN_SECONDS * (1 - random.random() / 2))  # noqa: S311  # jitter, no secret
        self._refresher = None

    async def _learn(self) -> None:
        """Ask one node after the other for the map; raise ResponseError when none tells it."""
        healthy = [node for node, lane in self._lanes.items() if lane.health().status == "pass"]
        reasons = []
        for node in dict.fromkeys([*healthy, *self._nodes(), *self._seeds]):
            try:
                async with asyncio.timeout(_ASK_SECONDS):
                    reply = await self._dial.ask(node, pack("CLUSTER", "SLOTS"))
                self._owners = _owners_in(list_of(reply), asked=node[0])
            except (RedisError, OSError) as error:
                reasons.append(f"{node[0]}:{node[1]}: {error or type(error).__name__}")
                continue
            if self._reason:
                self._reason, self._since = "", self._clock.wall()
            self._retire()
            return
        raise ResponseError("; ".join(reasons))

    def _retire(self) -> None:
        """Close the lanes of nodes that own nothing any more, once nobody waits there."""
        for node in set(self._lanes) - self._nodes():
            lane = self._lanes[node]
            if lane.is_idle or lane.health().status != "pass":
                del self._lanes[node]
                closing = asyncio.get_running_loop().create_task(lane.aclose())
                self._closing.add(closing)
                closing.add_done_callback(self._closing.discard)


def _named_by(redirection: AskError, lane: Lane) -> Node:
    """Return the node a redirection names; without a host it is another port of the same one."""
    host = redirection.host or lane.name.rpartition(":")[0]
    return host, int(redirection.port)


def _owners_in(ranges: Sequence[object], *, asked: str) -> list[Node | None]:
    """Read the reply to CLUSTER SLOTS; raise ResponseError when it is none."""
    owners: list[Node | None] = [None] * _SLOTS
    for entry in ranges:
        first, last, primary, *_ = list_of(entry)
        host, port, *_ = list_of(primary)
        assert isinstance(first, int) and isinstance(last, int) and isinstance(port, int)  # noqa: PT018
        node = (text_of(host) if host else asked, port)
        owners[first : last + 1] = [node] * (last + 1 - first)
    if not any(owners):
        raise ResponseError("no slot has a node")
    return owners
