"""Replies made from what the caching rules decided, each with its Cache-Status (RFC 9211). Pure: nothing here waits."""

from __future__ import annotations

import math
from typing import Final

from gateway.errors import GatewayError
from gateway.fields import Block, Fields, without
from gateway.messages import Language
from gateway.pipeline.call import Reply
from gateway.pipeline.notice import data_as_of
from gateway.pipeline.recording import Whole
from gateway.rules.caching.keys import SHARED, PrimaryKey
from gateway.rules.caching.policy import CachePolicy
from gateway.rules.caching.status import CacheStatus
from gateway.rules.caching.storing import Storing
from gateway.rules.caching.verdicts import Answer, Forwarded, FromCache, ServeStale
from gateway.store.shelf import Ready, Shelf

_SAID: Final = (b"age", b"content-length")  # said anew with each answer, or framed by the edge


def from_answer(answer: Answer, status: CacheStatus, *more: tuple[bytes, bytes]) -> Reply:
    """Return a whole answer made from a stored one."""
    fields = (*answer.fields, *more, (b"cache-status", status.render()))
    return whole(answer.status, fields, answer.body, answer.trailers)


def hit(found: FromCache, *, from_store: bool = False) -> Reply:
    """Return an answer from memory, fresh or as stale as it may be; the store may just have brought it there."""
    return from_answer(found.answer, _hit_status(found, from_store=from_store))


def _hit_status(found: FromCache, *, from_store: bool = False) -> CacheStatus:
    details = ("stale-while-revalidate" if found.revalidation is not None else "", "store" if from_store else "")
    return CacheStatus(hit=True, ttl_seconds=found.ttl_seconds, detail=" ".join(filter(None, details)) or None)


def stand_in(
    found: ServeStale, why: str, status: int | None, language: Language, *, now: float, collapsed: bool
) -> Reply:
    """Return a stored answer in place of a failed agency's; it tells its age in words too."""
    told = CacheStatus(
        fwd=Forwarded.STALE,
        fwd_status=status,
        collapsed=collapsed,
        ttl_seconds=found.ttl_seconds,
        detail=f"stale-if-error {why}",
    )
    return from_answer(found.answer, told, data_as_of(now - found.age_seconds, language))


def whole(status: int, fields: Fields, content: bytes, trailers: Fields) -> Reply:
    """Return a whole answer; one with trailers is streamed, for only then is there a place for them."""
    if trailers and content:
        return Reply(status, fields, None, Whole(content, trailers))
    return Reply(status, fields, content)


def aged(fields: Fields, age_seconds: int) -> Fields:
    """Return `fields` with this Age in place of the agency's."""
    return (*without(fields, (b"age",)), (b"age", b"%d" % age_seconds))


def ttl_of(storing: Storing, policy: CachePolicy, now: float) -> int:
    """Return how many seconds an answer that is being stored stays fresh."""
    ttl = policy.ttl_for(storing.status)
    expires = storing.freshness.expires if ttl is None else storing.response_time + ttl
    return math.floor(expires - now)


def shown_key(key: PrimaryKey) -> str | None:
    """Return the key as it may be shown; a citizen's partition stays hidden."""
    return f"{key.service} {key.target.decode('ascii')}" if key.partition == SHARED else None


def with_status(error: GatewayError, status: CacheStatus) -> GatewayError:
    """Return `error`, telling also what the cache did."""
    error.fields = (*without(error.fields, (b"cache-status",)), (b"cache-status", status.render()))
    return error


def made_ready(found: FromCache, shelf: Shelf, policy: CachePolicy) -> Ready | None:
    """Return a hit in the form that serves every plain GET until its Age or its ttl changes, if it has one.

    A stale one has it where it may be sent to anybody while it is renewed.
    """
    stored, answer = found.stored, found.answer
    is_whole = answer.body is stored.body or (bool(answer.body) and answer.body is stored.gzipped)
    if stored.trailers or answer.status != stored.status or not is_whole:
        return None
    if found.stale and found.revalidation is None:
        return None
    expires = stored.expires_at(policy)
    # The ttl shown still holds at the very moment where it is exact, unless that is where freshness ends.
    ttl_until = math.nextafter(expires - found.ttl_seconds, math.inf) if found.ttl_seconds else expires
    until = min(ttl_until, stored.freshness.born + found.age_seconds + 1)
    if found.stale:
        until = min(until, expires + stored.freshness.revalidate_window(stored.status, policy))
    said = ((b"age", b"%d" % found.age_seconds), (b"cache-status", _hit_status(found).render()))
    # Of what is also kept compressed, each form has fields of its own.
    block = Block(fields=without(answer.fields, _SAID)) if stored.gzipped else shelf.block(stored)
    return Ready(until, policy, stored.status, block, said, answer.body, found.stale)


def from_ready(ready: Ready) -> Reply:
    """Return the reply to one more plain GET."""
    return Reply(ready.status, ready.said, ready.body, None, None, ready.block)
