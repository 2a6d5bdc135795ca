"""Stage 4, before the rates: whether this caller may have one more request in flight.

A slot is given back with the last byte of the answer, when the client leaves, a tunnel closes or anything fails:
whoever holds a Reply closes it, always, and what fails before there is one gives its slot back then.
"""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import fields

from gateway.errors import TooManyInFlight
from gateway.pipeline.call import Reply
from gateway.pipeline.limit import counted_under
from gateway.pipeline.observe import Observation
from gateway.registry.snapshot import Route
from gateway.rules.access import Identity
from gateway.rules.concurrency import RETRY_AFTER_SECONDS, Slot
from gateway.rules.heads import RequestHead
from gateway.store.in_flight import Entry, InFlight


class HeldReply(Reply):
    """An answer whose request holds slots until it is closed."""

    __slots__ = ("_entry", "_in_flight")

    def __init__(self, reply: Reply, in_flight: InFlight, entry: Entry) -> None:
        super().__init__(**{field.name: getattr(reply, field.name) for field in fields(Reply)})
        self.fields += entry.fields
        self._in_flight = in_flight
        self._entry: Entry | None = entry

    async def aclose(self) -> None:
        entry, self._entry = self._entry, None
        if entry is not None:
            self._in_flight.leave(entry)
        await super().aclose()


async def enter(
    in_flight: InFlight, route: Route, identity: Identity | None, head: RequestHead, address: str, seen: Observation
) -> Entry:
    """Take a slot under every limit of the route; raise TooManyInFlight or StoreUnavailable, or as `counted_under`.

    What is returned is given back by `holding`, to which the caller hands it at once.
    """
    slots = []
    for policy in route.concurrency:
        key = counted_under(policy, route, identity, head, address)
        if key is not None:
            slots.append(Slot(key, policy))
    entry = await in_flight.enter(slots)
    if entry.is_shadowed:
        seen.shadowed = True
    counters = seen.counters
    if not entry.admitted:
        if counters is not None:
            counters.crowded += 1
        raise TooManyInFlight(retry_after_seconds=RETRY_AFTER_SECONDS, fields=entry.fields)
    if counters is not None and not route.limits:
        counters.admitted += 1  # else the rates decide whether it is
    return entry


async def holding(in_flight: InFlight, entry: Entry, answering: Awaitable[Reply]) -> Reply:
    """Return what `answering` comes to; the slots of `entry` are held until that is closed, or fails."""
    try:
        reply = await answering
    except BaseException:
        in_flight.leave(entry)
        raise
    return HeldReply(reply, in_flight, entry)
