"""Counters in Redis, shared by every worker of every machine. One script decides a call; time is the server's.

Where the keys of a call live on different servers of a cluster (its limits count different things, such as a citizen
and a service), the call is charged server by server: the first denial refunds what was charged before it. A charge
that is refunded can deny a neighbour in the meantime, and never lets anyone exceed a limit (rules/quota, `refund`).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import TypeAlias

from gateway.rules.quota import Charge, QuotaPolicy, Verdict, is_admitted, peek, verdict_of
from gateway.store.dial import Argument, pack
from gateway.store.names import digest
from gateway.store.ports import ComponentHealth, Grant
from gateway.store.router import Router
from gateway.store.scripts import Scripts
from gateway.store.slots import LEASE_SECONDS, RedisSlots
from gateway.store.take_command import TakeCommand

# The 1 is the version of what is stored (scripts/tat.lua). Twelve bytes of key are what the smallest block of the
# server's allocator holds, and with seven of field so do 48 bytes two limits: together a third of what a citizen costs.
_PREFIX = b"g1"
_LONGEST_FIELD = 7

_Arguments: TypeAlias = tuple[Argument, ...]


class RedisStore:
    """The Store port over a Router. Keys are hashed: short, and no identifier stands in the store in the clear."""

    def __init__(self, router: Router, scripts: Scripts) -> None:
        self._router = router
        self._scripts = scripts
        self._take_command = TakeCommand(scripts.take.sha, _take_arguments)
        self._stored_key = lru_cache(maxsize=8192)(stored_key)  # who asks once asks again

    async def take(self, charges: Sequence[Charge]) -> tuple[Verdict, ...]:
        if not charges:
            return ()
        if self._router.is_sharded:
            groups = _by_key(charges)
            if len(groups) > 1:
                return await self._take_apart(charges, groups)
        verdicts, _ = await self._take_together(charges)
        return verdicts

    async def peek(self, charges: Sequence[Charge]) -> tuple[Verdict, ...]:
        verdicts = {}
        for key, group in _by_key(charges).items():
            arguments: list[Argument] = []
            for charge in group:
                arguments += [
                    _field(charge.policy),
                    charge.policy.limit,
                    *_pair(charge.policy.burst_ticks, charge.policy),
                ]
            keys = [stored_key(key)] * len(group)
            reply = await self._call(keys, pack("EVALSHA", self._scripts.peek.sha, len(keys), *keys, *arguments))
            for charge, us, rest in zip(group, reply[1::2], reply[2::2], strict=True):
                verdicts[id(charge)] = peek(us * charge.policy.limit + rest, reply[0], charge.policy)
        return tuple(verdicts[id(charge)] for charge in charges)

    async def grant(self, charge: Charge, sizes: Sequence[int]) -> Grant:
        policy, key = charge.policy, stored_key(charge.key)
        arguments: list[Argument] = [_field(policy), policy.limit, *_pair(policy.burst_ticks, policy)]
        for size in sizes:
            arguments += [size, *_pair(size * policy.cost_ticks, policy)]
        now, us, rest, granted = await self._call([key], pack("EVALSHA", self._scripts.lease.sha, 1, key, *arguments))
        return Grant(granted, now, peek(us * policy.limit + rest, now, policy))

    async def refund(self, charge: Charge, requests: int, charged_at: int) -> None:
        await self._refund(charge, requests, charged_at)

    async def reset(self, keys: Sequence[bytes]) -> None:
        for key in keys:
            stored = stored_key(key)
            await self._router.call(stored, pack("DEL", stored))

    async def ping(self) -> None:
        await self._router.ping()

    def health(self) -> ComponentHealth:
        return self._router.health()

    async def aclose(self) -> None:
        await self._router.aclose()

    def slots(self, *, lease_seconds: float = LEASE_SECONDS) -> RedisSlots:
        """Return the requests in flight, counted over the same connection."""
        return RedisSlots(self._router, self._scripts, lease_seconds=lease_seconds)

    async def _take_together(self, charges: Sequence[Charge]) -> tuple[tuple[Verdict, ...], int]:
        """Charge all in one script; returns the verdicts and the server's time."""
        keys = [self._stored_key(charge.key) for charge in charges]
        reply = await self._call(keys, self._take_command.write(charges, keys))
        verdicts = [
            verdict_of(us * charge.policy.limit + rest, reply[0], charge.policy, allowed=fits == 1)
            for charge, us, rest, fits in zip(charges, reply[1::3], reply[2::3], reply[3::3], strict=True)
        ]
        return tuple(verdicts), reply[0]

    async def _take_apart(self, charges: Sequence[Charge], groups: dict[bytes, list[Charge]]) -> tuple[Verdict, ...]:
        verdicts: dict[int, Verdict] = {}
        charged: list[tuple[Charge, int]] = []
        waiting = list(groups.values())
        while waiting:
            group = waiting.pop(0)
            given, now = await self._take_together(group)
            verdicts |= {id(charge): verdict for charge, verdict in zip(group, given, strict=True)}
            if not is_admitted(group, given):
                break
            charged += [(charge, now) for charge, verdict in zip(group, given, strict=True) if verdict.allowed]
        else:
            return tuple(verdicts[id(charge)] for charge in charges)
        for charge, charged_at in charged:
            verdicts[id(charge)] = await self._refund(charge, 1, charged_at)
        for group in waiting:
            verdicts |= {id(charge): v for charge, v in zip(group, await self.peek(group), strict=True)}
        return tuple(verdicts[id(charge)] for charge in charges)

    async def _refund(self, charge: Charge, requests: int, charged_at: int) -> Verdict:
        policy, key = charge.policy, stored_key(charge.key)
        arguments: list[Argument] = [_field(policy), policy.limit, *_pair(policy.burst_ticks, policy)]
        arguments += [*_pair(requests * policy.cost_ticks, policy), charged_at]
        now, us, rest = await self._call([key], pack("EVALSHA", self._scripts.refund.sha, 1, key, *arguments))
        return peek(us * policy.limit + rest, now, policy)

    async def _call(self, keys: Sequence[bytes], packed: bytes) -> list[int]:
        reply = await self._router.call(keys[0], packed)
        assert isinstance(reply, list), "each of our scripts returns numbers"
        return reply


def _take_arguments(policy: QuotaPolicy) -> _Arguments:
    enforced = 1 if policy.mode == "enforce" else 0
    return (
        _field(policy),
        policy.limit,
        *_pair(policy.cost_ticks, policy),
        *_pair(policy.burst_ticks, policy),
        enforced,
    )


def _by_key(charges: Sequence[Charge]) -> dict[bytes, list[Charge]]:
    groups: dict[bytes, list[Charge]] = {}
    for charge in charges:
        groups.setdefault(charge.key, []).append(charge)
    return groups


def stored_key(key: bytes) -> bytes:
    """Name the key of a caller: one for all its limits, so that a cluster keeps them together."""
    # 60 bits: some two of a million callers share a bucket with a chance of one in two million.
    return _PREFIX + digest(key)


def _field(policy: QuotaPolicy) -> bytes:
    name = policy.name.encode()
    # 36 bits: among a thousand limits of the city two share their counts with a chance of one in a hundred thousand.
    return name if len(name) <= _LONGEST_FIELD else b"#" + digest(name)[: _LONGEST_FIELD - 1]


def _pair(ticks: int, policy: QuotaPolicy) -> tuple[int, int]:
    """Split ticks into microseconds and a rest, as the scripts count."""
    return divmod(ticks, policy.limit)
