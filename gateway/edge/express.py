"""The usual request of a connection, from its shortcut to its answer; what is not usual after all goes the whole way.

One request at a time, like `Answering`, which owns the turn, the exchange and all that is not usual.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import replace
from typing import Protocol

from gateway.edge.inbox import Inbox
from gateway.edge.lane import Lane
from gateway.edge.outgoing import usual_answer
from gateway.edge.outlet import Outlet
from gateway.edge.requests import Client
from gateway.fields import Fields
from gateway.pipeline.call import Call
from gateway.pipeline.passage import Content, Passage, Shortcut


class Turn(Protocol):
    """What is asked of whoever answers all requests of the connection."""

    @property
    def is_last(self) -> bool:
        """Tell whether the connection ends with the answer to the present request."""
        ...

    @property
    def ends_after_next(self) -> bool:
        """Tell whether it ends with the answer to the next one."""
        ...

    def take(self) -> None:
        """Begin the turn of a usual request."""
        ...

    def run(self, answering: Coroutine[object, object, None]) -> None:
        """Have the turn's answer given by a coroutine; the turn ends with it."""
        ...

    async def go_on(self, call: Call, passage: Passage) -> None:
        """Answer by the whole way what was begun by a shortcut."""
        ...

    def end(self, error: Exception | None) -> None:
        """End the turn: the answer is out, or something went wrong that nobody foresaw."""
        ...


class Express:
    """One connection's. `passage` is the request under way by a shortcut."""

    __slots__ = ("_client", "_inbox", "_lane", "_out", "_shortcuts", "_turn", "passage")

    def __init__(self, lane: Lane, client: Client, inbox: Inbox, out: Outlet, turn: Turn) -> None:
        self._lane = lane
        self._shortcuts = lane.pipeline.shortcuts
        self._client = client
        self._inbox = inbox
        self._out = out
        self._turn = turn
        self.passage: Passage | None = None

    def begin(self) -> bool:
        """Begin with the next request, if it is a usual one; tell whether it was."""
        if self._turn.ends_after_next:
            self._inbox.key = b""
            return False
        return self._inbox.take_usual(self._begin)

    def abandon(self) -> None:
        """The client has gone while nobody else answers."""
        passage, self.passage = self.passage, None
        if passage is not None:
            self._shortcuts.abandon(passage)

    def _begin(self, shortcut: Shortcut, traceparent: bytes | None, content: bytes) -> bool:
        lane, client, shortcuts = self._lane, self._client, self._shortcuts
        if not shortcuts.holds(shortcut, client.address, client.scheme):
            return False
        started = lane.clock.monotonic()
        if shortcut.asks_store:
            self._turn.take()
            self._turn.run(self._count(shortcut, traceparent, content, started))
            return True
        passage = shortcuts.begin(shortcut, lane.ids.new(), traceparent, content, self._interim, started)
        if passage is None:
            return False
        self._turn.take()
        self.passage = passage
        passage.answer.changed.call(self._arrived)
        return True

    async def _count(self, shortcut: Shortcut, traceparent: bytes | None, content: bytes, started: float) -> None:
        """Answer a usual request whose limits are counted in the store."""
        shortcuts = self._shortcuts
        passage = await shortcuts.count(shortcut, self._lane.ids.new(), traceparent, content, self._interim, started)
        self.passage = passage
        if passage.is_begun:
            try:
                while not passage.answer.is_ready:
                    await passage.answer.changed
            except asyncio.CancelledError:
                shortcuts.abandon(passage)
                raise
            if self._write(passage):
                return
        await self._turn.go_on(self._call_of(passage), passage)

    def _arrived(self) -> None:
        """The answer is here, or is not going to be a usual one."""
        passage = self.passage
        assert passage is not None
        try:
            is_written = self._write(passage)
        except (
            Exception
        ) as error:  # a fault of ours must not leave the client waiting, nor reach the agency's connection
            self.passage = None
            self._turn.end(error)
            return
        if is_written:
            self.passage = None
            self._turn.end(None)
        else:
            self._turn.run(self._turn.go_on(self._call_of(passage), passage))

    def _write(self, passage: Passage) -> bool:
        """Write the answer that has come, if it is a usual one and the connection goes on after it."""
        lane, shortcuts = self._lane, self._shortcuts
        if self._turn.is_last or not shortcuts.arrived(passage):
            return False
        answer = passage.answer
        content = answer.take()
        date = lane.dates.line(lane.clock.wall())
        self._out.transport.write(usual_answer(answer.status, answer.passed.wire, passage.added, content, date))
        shortcuts.finish(passage.seen, "complete", len(content))
        return True

    def _call_of(self, passage: Passage) -> Call:
        """Return the call that the whole way goes on with."""
        seen, learned = passage.seen, passage.shortcut.call
        return replace(
            learned,
            id=seen.request_id,
            body=None if learned.body is None else Content(passage.content),
            peer=self._client.address,
            scheme=self._client.scheme,
            started_seconds=seen.started_seconds,
            interim=self._interim,
        )

    def _interim(self, status: int, fields: Fields) -> None:
        if self.passage is not None:
            self._out.interim(status, fields)
