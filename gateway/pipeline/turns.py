"""The second level of the cache, and whose turn it is to ask an agency when many workers want the same.

    nothing in memory ──► the store has it? ──► take it into memory, and answer from there
                                  └──► our turn? ──► ask the agency, and put the answer there
                                            └──► another's: look again until it is there, for a bounded time

The store is an optimisation: whatever it does, slow, dead or full of rubbish, costs its budget once and then a question
to the agency. What an answer means is still decided by the rules, from memory.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence
from typing import Final, assert_never

from gateway.clock import Clock
from gateway.pipeline.ask import Lookup
from gateway.pipeline.changes import Changes
from gateway.pipeline.flight import Arriving, Failed, Found, Landing, Renewed
from gateway.rules.caching.decide import FAILURE_STATUSES
from gateway.rules.caching.keys import SHARED
from gateway.rules.caching.stored import StoredResponse
from gateway.rules.caching.verdicts import FromCache, Miss, NeedsValidation, Verdict
from gateway.store.ports import StoreError, Turn
from gateway.store.responses import ResponseStore
from gateway.store.shared_responses import SharedResponses, Standing

_LOOK_AGAIN_SECONDS: Final = 0.02  # shortened by up to half at random
_LONELY_SECONDS: Final = 10.0  # as long as each worker remembers that an answer is not to be shared
_FAILED_SECONDS: Final = 1.0  # others find out by themselves, and all at once: none waits for failures in a row
_MAX_LOOKS: Final = 3  # in a row, each within the store's budget; then the agency is asked regardless


class Turns:
    """Takes turns with the other workers. `look` tells what the cache makes of a request, from memory."""

    def __init__(self, shared: SharedResponses, responses: ResponseStore, changes: Changes, clock: Clock) -> None:
        self._shared = shared
        self._responses = responses
        self._changes = changes
        self._clock = clock

    async def take(
        self, asked: Lookup, look: Callable[[], Verdict], *, behind: bool, patience_seconds: float
    ) -> Found | Standing | None:
        """Return Found when the store had the answer, which is in memory now; else the agency is to be asked.

        `behind`: a stale answer is of no use, for it is at hand already. None: the store is away, or has no part in
        this, for what is for one citizen is never there.
        """
        if asked.key.partition != SHARED:
            return None
        loop = asyncio.get_running_loop()
        ends = loop.time() + patience_seconds
        standing: Standing | None = None
        has_waited = False
        while True:
            try:
                standing = await self._claim(asked, standing, look, behind=behind)
            except StoreError:
                self._shared.counts.failures += 1
                return None
            if standing is None:
                self._shared.counts.hits += 1
                return Found()
            if standing.turn is not Turn.THEIRS or loop.time() >= ends:
                self._shared.counts.misses += 1
                return standing
            self._shared.counts.waits += not has_waited
            has_waited = True
            await asyncio.sleep(_LOOK_AGAIN_SECONDS * (1 - random.random() / 2))  # noqa: S311  # jitter, no secret

    async def peek(self, asked: Lookup) -> None:
        """Take into memory what the store has, for a request that does not wait for others' answers."""
        sequence = self._changes.now()
        try:
            standing = await self._shared.claim(asked.key, wants_turn=False)
        except StoreError:
            self._shared.counts.failures += 1
        else:
            self._shared.counts.hits += self._adopt(asked, standing, sequence)

    def settle(self, asked: Lookup, standing: Standing, landing: Landing | None) -> None:
        """Hand the turn on, with the answer if it may be shared; None when it was given up."""
        match landing:
            case Arriving():
                self._hand_on(asked, standing, landing.stored, failed=_broke_off(landing))
            case Renewed(refreshed):
                self._hand_on(asked, standing, refreshed.stored, failed=False)
            case Failed():
                self._shared.release(asked.key, standing, free_seconds=_FAILED_SECONDS)
            case None:
                self._shared.release(asked.key, standing)
            case _:
                assert_never(landing)

    def _hand_on(self, asked: Lookup, standing: Standing, stored: StoredResponse | None, *, failed: bool) -> None:
        in_memory = self._responses.variants(asked.key)
        if stored is not None and self._shared.fits(len(stored.body)) and _is_among(stored, in_memory):
            self._shared.keep(asked.key, standing, stored, asked.policy)
        else:
            seconds = _FAILED_SECONDS if failed else _LONELY_SECONDS
            self._shared.release(asked.key, standing, free_seconds=seconds, drop=not in_memory)

    async def _claim(
        self, asked: Lookup, seen: Standing | None, look: Callable[[], Verdict], *, behind: bool
    ) -> Standing | None:
        """Take the turn, past whatever stands there and is of no use; None when what stands there answers."""
        for _ in range(_MAX_LOOKS):
            sequence = self._changes.now()
            standing = await self._shared.claim(asked.key, seen)
            if standing.turn is not Turn.FOUND:
                break
            if self._adopt(asked, standing, sequence) and _is_answer(look(), behind=behind):
                return None
            seen = standing
        return standing

    def _adopt(self, asked: Lookup, standing: Standing, sequence: int) -> bool:
        """Take what is newer than what memory has into it, unless it was changed here meanwhile; tell if any was."""
        if self._changes.any_since(asked.key, sequence):
            return False
        mine = {one.selecting: _rank(one) for one in self._responses.variants(asked.key)}
        newer = [one for one in standing.variants if one.selecting not in mine or _rank(one) > mine[one.selecting]]
        for one in newer:
            self._responses.put(asked.key, one, asked.policy, self._clock.wall())
        return bool(newer)


def may_peek(asked: Lookup, verdict: Verdict) -> bool:
    """Tell whether the store may know more than memory, for a request that does not wait for others' answers."""
    is_read = asked.request.method in (b"GET", b"HEAD")
    return is_read and asked.key.partition == SHARED and not isinstance(verdict, FromCache)


def still_to_ask(again: Verdict, verdict: Miss | NeedsValidation) -> Miss | NeedsValidation:
    """Return the question that a second look comes to, in place of the first one's."""
    if isinstance(again, FromCache):
        return again.revalidation or verdict
    return again if isinstance(again, Miss | NeedsValidation) and again.collapsible else verdict


def _is_answer(verdict: Verdict, *, behind: bool) -> bool:
    return isinstance(verdict, FromCache) and not (behind and verdict.revalidation is not None)


def _is_among(stored: StoredResponse, in_memory: Sequence[StoredResponse]) -> bool:
    """Tell whether an answer is kept in memory; one that was compressed meanwhile is another object."""
    return any(one.body is stored.body and one.response_time == stored.response_time for one in in_memory)


def _broke_off(landing: Arriving) -> bool:
    is_cut_short = landing.recording is not None and not landing.recording.is_complete
    return is_cut_short or landing.head.status in FAILURE_STATUSES


def _rank(one: StoredResponse) -> tuple[float, bool]:
    """Tell which of two answers for the same requests is the better: the newer, then the one nobody has doubted."""
    return one.response_time, one.stale_from is None
