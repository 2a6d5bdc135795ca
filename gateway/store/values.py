"""Shared values: what stands behind every worker's own memory of answers. What they hold may vanish at any time.

A value has a place, and so has the turn to fetch it anew: one worker has it, for a few seconds at most, and the others
look again until the value is there. Places form groups that are forgotten at once. Each group has a mark, made when it
is first used; what was written under another mark counts for nothing. So forgetting is one deletion, and an answer that
was under way meanwhile is not kept, nor is anything the store lost the mark of.

Purges of more than one group stand in one book, each under a number that only grows. A book that was lost begins with a
new name, and nothing that was written under the old one counts.

Values have connections and breakers of their own, so that a large one never stands in front of a counter.
"""

from __future__ import annotations

import secrets
from collections import OrderedDict
from collections.abc import Sequence
from typing import Final

from gateway.clock import Clock
from gateway.store.dial import list_of, pack
from gateway.store.ports import Book, Claimed, Place, Turn
from gateway.store.router import Router
from gateway.store.scripts import Scripts

# The 1 is the version of how keys are named; what stands in a value is its owner's to version.
_PREFIX: Final = b"gw:v1:"
_BOOK: Final = _PREFIX + b"purges"
# Longer than any value lives (MAX_VALUE_SECONDS), so that none outlives a purge that names it.
_BOOK_SECONDS: Final = 31 * 86_400.0
_MOST_PURGES: Final = 10_000
MAX_VALUE_SECONDS: Final = 30 * 86_400.0
STAMP_BYTES: Final = 16  # a value begins with what tells it from others at its place
_NAME_BYTES: Final = 8
_NEW_MARK_SECONDS: Final = 60.0


class MemoryValues:
    """Values of one process, at most `max_bytes` of keys and values; the one longest unused goes first."""

    __slots__ = ("_book", "_bytes", "_clock", "_entries", "_max_bytes", "_noted")

    def __init__(self, clock: Clock, *, max_bytes: int) -> None:
        self._clock = clock
        self._max_bytes = max_bytes
        self._bytes = 0
        self._entries: OrderedDict[bytes, tuple[bytes, float]] = OrderedDict()
        self._book = secrets.token_bytes(_NAME_BYTES)
        self._noted: dict[bytes, bytes] = {}

    async def claim(self, place: Place, seen: bytes, token: bytes, turn_seconds: float) -> Claimed:
        value_key, turn_key, mark_key = _keys(place)
        mark = self._get(mark_key) or b""
        value = self._get(value_key)
        if value is not None and value[:STAMP_BYTES] != seen:
            return Claimed(Turn.FOUND, mark, value)
        holder = self._get(turn_key)
        if holder == _NOBODY or (holder is None and not token):
            return Claimed(Turn.NOBODYS, mark)
        if holder not in (None, token):
            return Claimed(Turn.THEIRS, mark)
        self._set(turn_key, token, turn_seconds)
        if not mark:
            mark = secrets.token_bytes(_NAME_BYTES)
            self._set(mark_key, mark, _NEW_MARK_SECONDS)
        return Claimed(Turn.OURS, mark)

    async def keep(self, place: Place, value: bytes, life_seconds: float, mark: bytes, token: bytes) -> bool:
        value_key, turn_key, mark_key = _keys(place)
        if self._get(turn_key) in (token, _NOBODY):
            self._drop(turn_key)
        if self._get(mark_key) != mark:
            return False
        self._set(value_key, value, life_seconds)
        ends = max(self._clock.monotonic() + life_seconds, self._entries[mark_key][1])
        self._entries[mark_key] = (mark, ends)
        return True

    async def release(self, place: Place, token: bytes, free_seconds: float, *, drop: bool) -> None:
        value_key, turn_key, _ = _keys(place)
        if self._get(turn_key) != token:
            return
        self._set(turn_key, _NOBODY, free_seconds)
        if drop:
            self._drop(value_key)

    async def forget(self, group: bytes) -> None:
        self._drop(_mark_key(group))

    async def purge(self, name: bytes, wall: float, *, of_tag: bool) -> None:
        number = max(int(self._noted.get(b"#", b"0")) + 1, round(self._clock.wall() * 1_000_000))
        if len(self._noted) >= _MOST_PURGES:
            self._noted = {EVERYTHING: b"%d %.3f" % (number, wall)}
        self._noted |= {b"#": b"%d" % number, name: b"%d %.3f" % (number, wall)}
        if of_tag:
            self._noted[b"t"] = b"%d" % number

    async def purges(self, names: Sequence[bytes]) -> Book:
        noted = self._noted
        return Book(self._book, int(noted.get(b"#", 0)), int(noted.get(b"t", 0)), tuple(map(noted.get, names)))

    async def aclose(self) -> None:
        self._entries.clear()
        self._bytes = 0

    def _get(self, key: bytes) -> bytes | None:
        entry = self._entries.get(key)
        if entry is None:
            return None
        value, ends = entry
        if self._clock.monotonic() >= ends:
            self._drop(key)
            return None
        self._entries.move_to_end(key)
        return value

    def _set(self, key: bytes, value: bytes, life_seconds: float) -> None:
        self._drop(key)
        size = len(key) + len(value)
        if life_seconds <= 0 or size > self._max_bytes:
            return
        while self._bytes + size > self._max_bytes:
            self._drop(next(iter(self._entries)))
        self._entries[key] = (value, self._clock.monotonic() + life_seconds)
        self._bytes += size

    def _drop(self, key: bytes) -> None:
        entry = self._entries.pop(key, None)
        if entry is not None:
            self._bytes -= len(key) + len(entry[0])


class RedisValues:
    """Values in Redis. What belongs to one group lives on one server."""

    def __init__(self, router: Router, scripts: Scripts) -> None:
        self._router = router
        self._scripts = scripts

    async def claim(self, place: Place, seen: bytes, token: bytes, turn_seconds: float) -> Claimed:
        keys = _keys(place)
        arguments = (seen, token, _milliseconds(turn_seconds), secrets.token_bytes(_NAME_BYTES))
        reply = list_of(
            await self._router.call(keys[0], pack("EVALSHA", self._scripts.claim.sha, 3, *keys, *arguments))
        )
        value = _bytes_of(reply[2]) if len(reply) > 2 else None
        return Claimed(Turn(_bytes_of(reply[0]).decode()), _bytes_of(reply[1]), value)

    async def keep(self, place: Place, value: bytes, life_seconds: float, mark: bytes, token: bytes) -> bool:
        keys = _keys(place)
        arguments = (value, _milliseconds(life_seconds), mark, token)
        reply = await self._router.call(keys[0], pack("EVALSHA", self._scripts.keep.sha, 3, *keys, *arguments))
        return reply == 1

    async def release(self, place: Place, token: bytes, free_seconds: float, *, drop: bool) -> None:
        value_key, turn_key, _ = _keys(place)
        arguments = (token, _milliseconds(free_seconds), int(drop))
        packed = pack("EVALSHA", self._scripts.release.sha, 2, value_key, turn_key, *arguments)
        await self._router.call(value_key, packed)

    async def forget(self, group: bytes) -> None:
        key = _mark_key(group)
        await self._router.call(key, pack("DEL", key))

    async def purge(self, name: bytes, wall: float, *, of_tag: bool) -> None:
        arguments = (_MOST_PURGES, name, b"%.3f" % wall, int(of_tag))
        await self._call_book(self._scripts.purge.sha, *arguments)

    async def purges(self, names: Sequence[bytes]) -> Book:
        reply = list_of(await self._call_book(self._scripts.purges.sha, *names))
        name, number, of_tags, *noted = (None if one is None else _bytes_of(one) for one in reply)
        return Book(name or b"", int(number or 0), int(of_tags or 0), tuple(noted))

    async def aclose(self) -> None:
        await self._router.aclose()

    async def _call_book(self, sha: bytes, *arguments: bytes | int) -> object:
        begins = (secrets.token_bytes(_NAME_BYTES), _milliseconds(_BOOK_SECONDS))
        return await self._router.call(_BOOK, pack("EVALSHA", sha, 1, _BOOK, *begins, *arguments))


_NOBODY: Final = b"nobody"
EVERYTHING: Final = b"h"  # the name a purge of everything stands under


def _keys(place: Place) -> tuple[bytes, bytes, bytes]:
    """Return the keys of the value, of its turn, and of the mark of its group; what is in braces finds the server."""
    group = _mark_key(place.group)
    value = group + place.name
    return value, value + b":turn", group


def _mark_key(group: bytes) -> bytes:
    return b"%b{%b}" % (_PREFIX, group)


def _milliseconds(seconds: float) -> int:
    return max(0, int(seconds * 1000))


def _bytes_of(reply: object) -> bytes:
    assert isinstance(reply, bytes), "the scripts return text"
    return reply
