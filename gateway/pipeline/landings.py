"""What each of those who waited for one answer gets of it: the one who asked, and everybody else."""

from __future__ import annotations

import copy
from enum import Enum, auto
from typing import Final, assert_never

from gateway.clock import Clock
from gateway.errors import GatewayError, InternalFault, UpstreamFault
from gateway.pipeline import cache_replies as replies
from gateway.pipeline.ask import Lookup
from gateway.pipeline.call import Reply
from gateway.pipeline.flight import Arriving, Failed, Landing, Renewed
from gateway.pipeline.recording import Charged
from gateway.rules.caching.decide import FAILURE_STATUSES, on_error, serve
from gateway.rules.caching.replies import relay
from gateway.rules.caching.status import CacheStatus
from gateway.rules.caching.vary import selects
from gateway.rules.caching.verdicts import CacheRequest, FromCache, Miss, NeedsValidation, ServeStale

_OF_THE_WHOLE: Final = frozenset({b"range", b"if-none-match"})


class Next(Enum):
    """What a rider does whom the landing does not serve."""

    AGAIN = auto()  # look anew: the answer was for others than this one
    ALONE = auto()  # nothing will be shared here


async def to_asker(asked: Lookup, verdict: Miss | NeedsValidation, landing: Landing, clock: Clock) -> Reply:
    """Return the reply to the request that the agency was asked with; raise what it failed with."""
    match landing:
        case Arriving():
            return await _relayed(asked, verdict, landing, clock)
        case Renewed(refreshed):
            asked.seen.cache = "revalidated"
            status = CacheStatus(fwd=verdict.reason, fwd_status=304, stored=True, ttl_seconds=refreshed.ttl_seconds)
            return replies.from_answer(refreshed.answer, status)
        case Failed():
            return _failed(asked, verdict, landing, clock, collapsed=False)
        case _:
            assert_never(landing)


def to_rider(asked: Lookup, verdict: Miss | NeedsValidation, landing: Landing, clock: Clock) -> Reply | Next:
    """Return the reply to a request that waited, if the answer may be shared with it; raise what it failed with."""
    match landing:
        case Arriving():
            return _shared(asked, verdict, landing, clock)
        case Renewed(refreshed):
            if not refreshed.shareable:
                return Next.ALONE
            if not selects(refreshed.stored.selecting, asked.request.fields, refreshed.stored.fields):
                return Next.AGAIN
            found = serve(asked.request, refreshed.stored, asked.policy, clock.wall())
            return _collapsed(asked, verdict, found, 304)
        case Failed():
            return _failed(asked, verdict, landing, clock, collapsed=True)
        case _:
            assert_never(landing)


async def _relayed(asked: Lookup, verdict: Miss | NeedsValidation, landing: Arriving, clock: Clock) -> Reply:
    """Pass an answer on, through the recording where it is recorded."""
    sent, response, now = landing.relay, landing.response, clock.wall()
    asked.seen.cache = "miss"
    status = CacheStatus(
        fwd=verdict.reason,
        fwd_status=landing.head.status,
        ttl_seconds=replies.ttl_of(sent.storing, asked.policy, now) if sent.storing is not None else None,
        stored=landing.is_kept,
        key=replies.shown_key(asked.key) if isinstance(verdict, Miss) else None,
        detail=sent.refusal,
    )
    if landing.stored is not None and _is_judged_whole(asked.request):
        # The agency was asked for all of it; the part is cut, and the gateway's own entity tag compared, here.
        await landing.discard()
        return replies.from_answer(serve(asked.request, landing.stored, asked.policy, now).answer, status)
    fields = (*sent.fields, (b"cache-status", status.render()))
    if not sent.with_body:
        await landing.discard()
        return Reply(sent.status, fields, b"")
    if landing.reader is not None:
        body = Charged(landing.reader, clock, asked.seen)
        return Reply(sent.status, fields, None, body, response.length)
    if response.body is not None:
        charged = Charged(response.body, clock, asked.seen)
        return Reply(sent.status, fields, None, charged, response.length, tunnel=response.tunnel)
    return replies.whole(sent.status, fields, response.content or b"", response.trailers)


def _is_judged_whole(request: CacheRequest) -> bool:
    return request.method == b"GET" and any(name in _OF_THE_WHOLE for name, _ in request.fields)


def _shared(asked: Lookup, verdict: Miss | NeedsValidation, landing: Arriving, clock: Clock) -> Reply | Next:
    """Give a rider the answer as well, in the way its own conditions ask for."""
    storing = landing.relay.storing
    if storing is None:
        if landing.head.status in FAILURE_STATUSES:
            error = UpstreamFault(f"the agency answered {landing.head.status}")
            return _failed(asked, verdict, Failed(error, landing.head.status), clock, collapsed=True)
        return Next.ALONE
    if not storing.may_serve_waiters or not landing.is_kept:
        return Next.ALONE
    if not storing.suits(asked.request.fields):
        return Next.AGAIN
    if landing.stored is not None:
        found = serve(asked.request, landing.stored, asked.policy, clock.wall())
        return _collapsed(asked, verdict, found, landing.head.status)
    assert landing.recording is not None
    now = clock.wall()
    asked.seen.cache = "collapsed"
    ttl = replies.ttl_of(storing, asked.policy, now)
    status = CacheStatus(fwd=verdict.reason, fwd_status=landing.head.status, collapsed=True, ttl_seconds=ttl)
    own = relay(asked.request, landing.head, landing.response_time)
    fields = replies.aged(own.fields, int(max(0.0, now - storing.freshness.born)))
    fields = (*fields, (b"cache-status", status.render()))
    if not own.with_body:
        return Reply(own.status, fields, b"")
    body = Charged(landing.recording.reader(), clock, asked.seen)
    return Reply(own.status, fields, None, body, landing.response.length)


def _collapsed(asked: Lookup, verdict: Miss | NeedsValidation, found: FromCache, status: int) -> Reply:
    asked.seen.cache = "collapsed"
    told = CacheStatus(fwd=verdict.reason, fwd_status=status, collapsed=True, ttl_seconds=found.ttl_seconds)
    return replies.from_answer(found.answer, told)


def _failed(asked: Lookup, verdict: Miss | NeedsValidation, failed: Failed, clock: Clock, *, collapsed: bool) -> Reply:
    """Answer with what is stored where that may stand in; else raise the failure, each rider one of its own."""
    error, now = failed.error, clock.wall()
    if not isinstance(error, GatewayError):
        if collapsed:
            raise InternalFault("the request that asked for all failed")
        raise error
    outcome = on_error(asked.request, verdict, asked.policy, now)
    if isinstance(outcome, ServeStale):
        asked.seen.cache = "stale"
        return replies.stand_in(outcome, error.code, failed.status, asked.language, now=now, collapsed=collapsed)
    told = CacheStatus(fwd=verdict.reason, fwd_status=failed.status, collapsed=collapsed, detail=error.code)
    raise replies.with_status(copy.copy(error), told) from None
