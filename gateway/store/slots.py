"""Requests in flight in Redis, counted over every worker of every machine; see ports.Slots.

A worker renews what it holds while it lives. What a killed one held is free again when its lease ends.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from typing import Final

from gateway.rules.concurrency import Slot, decide, is_admitted
from gateway.store.dial import Argument, pack
from gateway.store.names import digest
from gateway.store.router import Router
from gateway.store.scripts import Scripts

LEASE_SECONDS: Final = 15.0

# The 1 is the version of what is stored (scripts/in_flight.lua). One character longer than the key of a caller's rates.
_PREFIX: Final = b"g1s"

Held = tuple[Slot, bytes]  # a slot and the token it is held under


class RedisSlots:
    """The Slots port over a Router."""

    def __init__(self, router: Router, scripts: Scripts, *, lease_seconds: float = LEASE_SECONDS) -> None:
        self._router = router
        self._scripts = scripts
        self._lease_ms = int(lease_seconds * 1000)

    async def enter(self, slots: Sequence[Slot], token: bytes) -> tuple[int, ...]:
        if not self._router.is_sharded:
            return await self._enter(slots, token)
        # Each may live on a server of its own: one after the other, and back out at the first that is full.
        before: list[int] = []
        for slot in slots:
            (count,) = await self._enter([slot], token)
            before.append(count)
            if not is_admitted([slot], decide([count], [slot])):
                await self.leave([(taken, token) for taken in slots[: len(before) - 1]])
                break
        return (*before, *(0 for _ in slots[len(before) :]))

    async def renew(self, held: Sequence[Held]) -> None:
        script = self._scripts.renew.sha
        await self._call_each(
            (key, pack("EVALSHA", script, 1, key, self._lease_ms, *tokens)) for key, tokens in _by_key(held).items()
        )

    async def leave(self, held: Sequence[Held]) -> None:
        await self._call_each((key, pack("ZREM", key, *tokens)) for key, tokens in _by_key(held).items())

    async def count(self, slots: Sequence[Slot]) -> tuple[int, ...]:
        script = self._scripts.count.sha
        keys = [slot_key(slot) for slot in slots]
        replies = await self._call_each((key, pack("EVALSHA", script, 1, key)) for key in keys)
        return tuple(reply for reply in replies if isinstance(reply, int))

    async def _enter(self, slots: Sequence[Slot], token: bytes) -> tuple[int, ...]:
        keys = [slot_key(slot) for slot in slots]
        arguments: list[Argument] = [token, self._lease_ms]
        for slot in slots:
            arguments += [slot.policy.limit, 1 if slot.policy.mode == "enforce" else 0]
        packed = pack("EVALSHA", self._scripts.enter.sha, len(keys), *keys, *arguments)
        reply = await self._router.call(keys[0], packed)
        assert isinstance(reply, list), "the script returns one number a slot"
        return tuple(reply)

    async def _call_each(self, calls: Iterable[tuple[bytes, bytes]]) -> list[object]:
        """Send calls about several keys in one go."""
        return await asyncio.gather(*(self._router.call(key, packed) for key, packed in calls))


def slot_key(slot: Slot) -> bytes:
    """Name the key of a slot; hashed, for no identifier stands in the store in the clear."""
    return _PREFIX + digest(slot.key + b"\0" + slot.policy.name.encode())


def _by_key(held: Iterable[Held]) -> dict[bytes, list[bytes]]:
    tokens: dict[bytes, list[bytes]] = {}
    for slot, token in held:
        tokens.setdefault(slot_key(slot), []).append(token)
    return tokens
