"""Stored answers that all workers share, behind each one's own memory. Nothing of one citizen's is ever in it.

What is read here is judged before it is used: it must open (`sealed`), its group must not have been forgotten since,
and no purge that names it may be younger than it is. What this process has changed and the store does not know yet is
not read at all (`owed`).
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, replace
from functools import partial
from hashlib import blake2b
from typing import Final, NamedTuple

from gateway.clock import Clock
from gateway.rules.caching.keys import SHARED, PrimaryKey
from gateway.rules.caching.policy import CachePolicy
from gateway.rules.caching.stored import StoredResponse
from gateway.store.owed import Owed
from gateway.store.ports import Book, Claimed, Place, StoreError, Turn, Values
from gateway.store.purge import Purge
from gateway.store.responses import kept_until
from gateway.store.sealed import Sealed, seal, stamp_of, unseal
from gateway.store.values import EVERYTHING, MAX_VALUE_SECONDS

MAX_VARIANTS: Final = 8  # at one place: all of them travel whenever one is wanted
TURN_SECONDS: Final = 5.0  # how long one worker may have the others wait, also when it died or stands still
_HARD, _SOFT = b"h", b"s"
_TOKEN_BYTES: Final = 8


class Standing(NamedTuple):
    """What a worker knows of one key in the store. `variants` are those that count, `stamp` what to look past.

    With `turn` OURS the others wait for this worker, by `token`. `mark`, `book` and `purge` go with what it stores.
    """

    turn: Turn
    mark: bytes
    book: bytes
    purge: int
    token: bytes
    stamp: bytes = b""
    variants: tuple[StoredResponse, ...] = ()


@dataclass(slots=True)
class SharedCounts:
    """What has happened since the process began."""

    hits: int = 0  # questions answered from the store instead of by an agency
    misses: int = 0  # agencies asked after the store had nothing to serve
    stored: int = 0
    waits: int = 0  # questions that another worker was asking already
    refused: int = 0  # values that did not open: cut short, changed, or of another format
    failures: int = 0  # calls the store did not answer


class SharedResponses:
    """Reads, writes and forgets answers in the store. Each wait for it is bounded by the store's own budget."""

    def __init__(
        self,
        values: Values,
        clock: Clock,
        *,
        max_body_bytes: int,
        secret: str | None = None,
    ) -> None:
        self._values = values
        self._clock = clock
        self._max_body_bytes = max_body_bytes
        self._secret = (
            b"" if secret is None else blake2b(secret.encode(), digest_size=32, person=b"gw answers").digest()
        )
        self._owed = Owed(partial(self._note_purge, Purge()))
        self._tasks: set[asyncio.Task[None]] = set()
        self.counts = SharedCounts()

    @property
    def in_flight(self) -> int:
        """How many things are being written, or have to be told to the store."""
        return len(self._tasks) + len(self._owed)

    async def claim(self, key: PrimaryKey, seen: Standing | None = None, *, wants_turn: bool = True) -> Standing:
        """Read what is stored under `key` that is not `seen`; if nothing is, take the turn to ask the agency.

        Raises StoreError, also while this process knows more of the key than the store does.
        """
        assert key.partition == SHARED, "what is for one citizen stays in this process"
        if self._owed.names(key):
            raise StoreError("the store has not been told yet of the latest change")
        token = b"" if not wants_turn else seen.token if seen is not None else secrets.token_hex(_TOKEN_BYTES).encode()
        stamp = b"" if seen is None else seen.stamp
        place = self._place(key)
        try:
            claimed, book = await asyncio.gather(
                self._values.claim(place, stamp, token, TURN_SECONDS), self._values.purges(_names(key))
            )
        except BaseException:
            if token:  # whoever asked no longer waits, and the turn may be theirs all the same
                self._start(self._values.release(place, token, 0.0, drop=False))
            raise
        if claimed.value is not None:
            return await self._found(key, claimed, book, token)
        standing = Standing(claimed.turn, claimed.mark, book.name, book.number, token, stamp)
        if seen is not None and (seen.mark, seen.book) == (claimed.mark, book.name):
            # As old as when they were judged: a purge that came since takes them too.
            standing = standing._replace(variants=seen.variants, purge=min(seen.purge, book.number))
        return standing

    def fits(self, body_bytes: int) -> bool:
        """Tell whether a body may go to the store."""
        return body_bytes <= self._max_body_bytes

    def keep(self, key: PrimaryKey, standing: Standing, stored: StoredResponse, policy: CachePolicy) -> None:
        """Have `stored`, which was asked for after `standing` was taken, replace its variant there."""
        others = (one for one in standing.variants if one.selecting != stored.selecting)
        now = self._clock.wall()
        variants = (stored, *(one for one in others if kept_until(one, policy) > now))[:MAX_VARIANTS]
        life = min(MAX_VALUE_SECONDS, max(kept_until(one, policy) for one in variants) - now)
        value = seal(str(key), Sealed(variants, standing.mark, standing.book, standing.purge), self._secret)
        self._start(self._keep(self._place(key), value, life, standing))

    def release(self, key: PrimaryKey, standing: Standing, *, free_seconds: float = 0.0, drop: bool = False) -> None:
        """End the turn without an answer to share; for `free_seconds` nobody waits for another at this key."""
        if standing.turn is Turn.OURS:
            self._start(self._values.release(self._place(key), standing.token, free_seconds, drop=drop))

    def invalidate(self, service: str, path: bytes) -> None:
        """Forget every view of a path."""
        self._owed.add(service, path, partial(self._values.forget, self._group(service, path)))

    def purge(self, purge: Purge, told: Callable[[], object]) -> None:
        """Forget the named answers or mark them stale; call `told` once whoever reads the store is bound by it."""
        if purge.service is not None and purge.path is not None and purge.tag is None and not purge.soft:
            group = self._group(purge.service, purge.path)
            self._owed.add(purge.service, purge.path, partial(self._values.forget, group), told)
        else:
            self._owed.add(purge.service, None, partial(self._note_purge, purge), told)

    async def aclose(self) -> None:
        """Let what is being written end, and close the values."""
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._owed.aclose()
        await self._values.aclose()

    # ---- how it is done

    async def _found(self, key: PrimaryKey, claimed: Claimed, book: Book, token: bytes) -> Standing:
        assert claimed.value is not None
        standing = Standing(claimed.turn, claimed.mark, book.name, book.number, token, stamp_of(claimed.value))
        sealed = unseal(str(key), claimed.value, self._secret)
        if sealed is None:
            self.counts.refused += 1
            return standing
        if not claimed.mark or sealed.mark != claimed.mark or sealed.book != book.name:
            return standing
        noted = _latest(_names(key), book.noted)
        counting = tuple(_judged(sealed.variants, sealed.purge, noted))
        tags = sorted({tag for one in counting for tag in one.tags})
        if tags and book.of_tags > sealed.purge:
            counting = await self._judge_tags(key.service, counting, sealed.purge, tags)
        return standing._replace(variants=counting)

    async def _judge_tags(
        self, service: str, variants: tuple[StoredResponse, ...], age: int, tags: Sequence[bytes]
    ) -> tuple[StoredResponse, ...]:
        names = [name for tag in tags for name in _tag_names(service, tag)]
        latest = _latest(names, (await self._values.purges(names)).noted)
        left: list[StoredResponse] = []
        for one in variants:
            mine = {name: latest[name] for tag in one.tags for name in _tag_names(service, tag) if name in latest}
            left += _judged((one,), age, mine)
        return tuple(left)

    async def _note_purge(self, purge: Purge) -> None:
        await self._values.purge(_name_of(purge), self._clock.wall(), of_tag=purge.tag is not None)

    async def _keep(self, place: Place, value: bytes, life_seconds: float, standing: Standing) -> None:
        kept = await self._values.keep(place, value, life_seconds, standing.mark, standing.token)
        self.counts.stored += kept

    def _place(self, key: PrimaryKey) -> Place:
        return Place(self._group(key.service, key.path), self._digest(key.query))

    def _group(self, service: str, path: bytes) -> bytes:
        return self._digest(service.encode() + b"\0" + path)

    def _digest(self, name: bytes) -> bytes:
        """Name something in the store: short, and not in the clear."""
        return blake2b(name, digest_size=16, key=self._secret).hexdigest().encode()

    def _start(self, writing: Coroutine[object, object, None]) -> None:
        task = asyncio.create_task(self._quietly(writing))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _quietly(self, writing: Coroutine[object, object, None]) -> None:
        """Write what nobody waits for; a store that is away will have the answer another time."""
        try:
            await writing
        except StoreError:
            self.counts.failures += 1


def _names(key: PrimaryKey) -> tuple[bytes, ...]:
    """Return what purges of `key` stand under, as far as the key tells."""
    service = b"\0" + key.service.encode()
    return EVERYTHING, _SOFT, _HARD + service, _SOFT + service, _SOFT + service + b"\0" + key.path


def _tag_names(service: str, tag: bytes) -> tuple[bytes, ...]:
    ends = (b"#" + tag, b"#" + service.encode() + b"\0" + tag)
    return tuple(kind + end for kind in (_HARD, _SOFT) for end in ends)


def _name_of(purge: Purge) -> bytes:
    """Return what a purge is noted under; what cannot be told so finely is purged more widely."""
    kind = _SOFT if purge.soft else _HARD
    if purge.tag is not None:
        return kind + b"#" + (b"" if purge.service is None else purge.service.encode() + b"\0") + purge.tag
    if purge.service is None:
        return kind
    path = b"" if purge.path is None or not purge.soft else b"\0" + purge.path
    return kind + b"\0" + purge.service.encode() + path


def _latest(names: Sequence[bytes], noted: Sequence[bytes | None]) -> dict[bytes, tuple[int, float]]:
    """Read what stands under the names: the number and the wall-clock time of the latest purge of each."""
    latest = {}
    for name, text in zip(names, noted, strict=True):
        if text is not None:
            number, _, wall = text.partition(b" ")
            latest[name] = (int(number), float(wall))
    return latest


def _judged(
    variants: Sequence[StoredResponse], age: int, latest: dict[bytes, tuple[int, float]]
) -> Sequence[StoredResponse]:
    """Return what is left after the purges that are younger than `age`, marked stale where only that was asked for."""
    younger = {name: wall for name, (number, wall) in latest.items() if number > age}
    if any(name.startswith(_HARD) for name in younger):
        return ()
    stale_from = min(younger.values(), default=None)
    if stale_from is None:
        return variants
    return [replace(one, stale_from=min(stale_from, one.stale_from or stale_from)) for one in variants]
