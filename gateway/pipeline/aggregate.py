"""Stage 8: one answer from several agencies, asked side by side, each with a deadline of its own.

Each part is a whole call of its own through the pipeline, under the caller's own identity, limits and cache. A part
that fails or is late is replaced by this caller's last good data when there is some; the answer says whose fault it is.
"""

from __future__ import annotations

import asyncio
import json
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Final

from gateway.clock import Clock
from gateway.errors import BrokeProtocol, GatewayError, Overloaded, TimedOut, UpstreamFault
from gateway.fields import first, without
from gateway.pipeline.call import Call, Edition, Reply
from gateway.pipeline.relay import read_whole
from gateway.problem import AgencyContact
from gateway.registry.snapshot import Service
from gateway.rules.access import Identity
from gateway.rules.aggregation import AggregatePolicy, PartOutcome, PartPolicy, merge
from gateway.rules.heads import RequestHead, read_request_head
from gateway.rules.matching import Match

AnswerPart = Callable[[Edition, Call], Awaitable[Reply]]
FailingSince = Callable[[str], float | None]

_MAX_PART_BYTES: Final = 1_048_576
_MAX_REMEMBERED: Final = 20_000  # last good parts, over all callers
# Conditions and ranges are about the whole answer, and parts are read here, so they come in no coding.
_NOT_FOR_PARTS: Final = frozenset(
    b"if-match if-none-match if-modified-since if-unmodified-since if-range range accept-encoding accept expect "
    b"content-type idempotency-key".split()
)


@dataclass(frozen=True, slots=True)
class _Good:
    data: object
    at: float  # wall-clock second at which the agency gave it


class LastGood:
    """The last good data of each caller's parts, bounded; never another caller's, for the key holds who asks."""

    __slots__ = ("_entries",)

    def __init__(self) -> None:
        self._entries: OrderedDict[tuple[str, bytes, bytes], _Good] = OrderedDict()

    def put(self, caller: str, part: PartPolicy, good: _Good) -> None:
        """Remember what `part` said to `caller`."""
        key = (caller, part.path, part.query)
        self._entries[key] = good
        self._entries.move_to_end(key)
        if len(self._entries) > _MAX_REMEMBERED:
            self._entries.popitem(last=False)

    def get(self, caller: str, part: PartPolicy, now: float) -> _Good | None:
        """Return data that is still young enough to stand in."""
        found = self._entries.get((caller, part.path, part.query))
        return found if found is not None and now - found.at <= part.keep_last_seconds else None


class Aggregate:
    """Asks for all parts and puts them together."""

    __slots__ = ("_answer_part", "_clock", "_failing_since", "_last")

    def __init__(self, answer_part: AnswerPart, failing_since: FailingSince, clock: Clock) -> None:
        """`failing_since` tells from which wall-clock second a service has been failing, None when it has not."""
        self._answer_part = answer_part
        self._failing_since = failing_since
        self._clock = clock
        self._last = LastGood()

    async def serve(self, edition: Edition, call: Call, policy: AggregatePolicy, identity: Identity | None) -> Reply:
        """Return the merged answer; raise an UpstreamFault when a required part is missing."""
        return await asyncio.create_task(self._serve(edition, call, policy, identity))

    async def _serve(self, edition: Edition, call: Call, policy: AggregatePolicy, identity: Identity | None) -> Reply:
        head = read_request_head(without(call.head.fields, _NOT_FOR_PARTS))
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self._part(edition, call, head, part, identity)) for part in policy.parts]
        merged = merge(policy, [task.result() for task in tasks], call.head.language)
        if merged.failed is not None:
            raise _fault_of(merged.failed)
        body = json.dumps(merged.document, ensure_ascii=False, separators=(",", ":")).encode()
        fields = ((b"content-type", b"application/json"), (b"cache-control", b"private, no-store"))
        return Reply(merged.status, fields, body)

    async def _part(
        self, edition: Edition, call: Call, head: RequestHead, part: PartPolicy, identity: Identity | None
    ) -> PartOutcome:
        caller = "" if identity is None else f"{identity.issuer}|{identity.subject}|{identity.session}"
        service = _service_of(edition, part)
        agency = None if service is None else service.agency
        # What a part's agency says before its answer is no word to whoever asked for all of them.
        plain = replace(call, body=None, interim=None, upgrade=None, waits_for_continue=False)
        asked = replace(plain, method=b"GET", path=part.path, query=part.query, head=head)
        try:
            async with asyncio.timeout(part.timeout_seconds):
                good = await self._fetch(edition, asked)
        except GatewayError as error:
            fault: GatewayError = error
        except TimeoutError:
            fault = TimedOut(f"part {part.name} had {part.timeout_seconds} s")
        else:
            if part.keep_last_seconds:
                self._last.put(caller, part, good)
            age = self._clock.wall() - good.at
            return PartOutcome(part.name, data=good.data, fetched_at=good.at, age_seconds=age, agency=agency)
        since = None if service is None else self._failing_since(service.name)
        return self._stand_in(caller, part, fault, agency, since)

    def _stand_in(
        self, caller: str, part: PartPolicy, fault: GatewayError, agency: AgencyContact | None, since: float | None
    ) -> PartOutcome:
        now = self._clock.wall()
        last = self._last.get(caller, part, now)
        return PartOutcome(
            part.name,
            status=fault.status,
            data=None if last is None else last.data,
            fetched_at=None if last is None else last.at,
            age_seconds=0.0 if last is None else now - last.at,
            stale=last is not None,
            code=fault.code,
            source=fault.source,
            agency=agency,
            failing_since=since,
        )

    async def _fetch(self, edition: Edition, call: Call) -> _Good:
        reply = await self._answer_part(edition, call)
        try:
            content = await read_whole(reply, _MAX_PART_BYTES)
        finally:
            await reply.aclose()
        if reply.status != 200:
            raise BrokeProtocol(f"the part answered {reply.status}")
        try:
            data = json.loads(content)
        except ValueError as error:
            raise BrokeProtocol("the part is no JSON") from error
        age = first(reply.all_fields(), b"age") or b"0"
        return _Good(data, self._clock.wall() - (int(age) if age.isdigit() else 0))


def _service_of(edition: Edition, part: PartPolicy) -> Service | None:
    """Return the service a part belongs to; None when it is in quarantine, and its routes are gone with it."""
    found = edition.snapshot.matcher.match(b"GET", part.path)
    return found.value.service if isinstance(found, Match) else None


def _fault_of(failed: PartOutcome) -> GatewayError:
    """Return the fault of the whole answer when the required part `failed` is missing."""
    reason = f"the required part {failed.name} is missing"
    if failed.source == "agency":
        return TimedOut(reason) if failed.status == TimedOut.status else UpstreamFault(reason)
    return Overloaded(reason, retry_after_seconds=5)
