"""Talk between the supervisor and one worker, over the socket pair they share.

A message is its length in four bytes and that much JSON: `{"call": 7, "name": …, "body": …}`, which is answered by
`{"reply": 7, "body": …}` or `{"reply": 7, "error": …}`; a call numbered 0 is news and has no answer. Either side may
call. No pickle: what one process sends can make the other nothing but values.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import socket
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

Body = dict[str, Any]  # JSON takes anything
Handler = Callable[[Body], Awaitable[Body]]

_LENGTH_BYTES: Final = 4
_NEWS: Final = 0


class PeerGone(Exception):
    """The other process has ended, or closed its side."""


class CallFailed(Exception):
    """The other process refused or failed; the text is its own."""


class Channel:
    """One side. `handlers` answer the other's calls, each in a task of its own; what they raise is told to the caller.

    `serve` must run for anything to be heard; it returns when the other side is gone, and all that wait learn it.
    """

    def __init__(self, handlers: Mapping[str, Handler]) -> None:
        self._handlers = handlers
        self._reader: asyncio.StreamReader
        self._writer: asyncio.StreamWriter
        self._numbers = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[Body]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._is_gone = False

    async def open(self, pair: socket.socket) -> None:
        """Take over this end of a socket pair."""
        pair.setblocking(False)
        self._reader, self._writer = await asyncio.open_unix_connection(sock=pair)

    async def call(self, name: str, body: Body, *, timeout_seconds: float) -> Body:
        """Ask, and return the answer. Raises CallFailed, PeerGone, or TimeoutError."""
        number = next(self._numbers)
        answer: asyncio.Future[Body] = asyncio.get_running_loop().create_future()
        self._waiting[number] = answer
        try:
            self._send({"call": number, "name": name, "body": body})
            async with asyncio.timeout(timeout_seconds):
                return await answer
        finally:
            del self._waiting[number]

    def tell(self, name: str, body: Body) -> None:
        """Send news that nobody answers. Raises PeerGone."""
        self._send({"call": _NEWS, "name": name, "body": body})

    async def serve(self) -> None:
        """Hear the other side until it is gone."""
        try:
            while True:
                length = int.from_bytes(await self._reader.readexactly(_LENGTH_BYTES), "big")
                self._receive(json.loads(await self._reader.readexactly(length)))
        except (asyncio.IncompleteReadError, OSError):
            pass
        finally:
            self._is_gone = True
            for answer in self._waiting.values():
                if not answer.done():
                    answer.set_exception(PeerGone())
            self._writer.close()

    async def aclose(self) -> None:
        """Close this side once everything that was said is on its way."""
        self._writer.close()
        with contextlib.suppress(OSError):
            await self._writer.wait_closed()

    def _send(self, message: Body) -> None:
        if self._is_gone or self._writer.is_closing():
            raise PeerGone()
        data = json.dumps(message, separators=(",", ":"), ensure_ascii=False).encode()
        self._writer.write(len(data).to_bytes(_LENGTH_BYTES, "big") + data)

    def _receive(self, message: Body) -> None:
        if "reply" in message:
            answer = self._waiting.get(message["reply"])
            if answer is None or answer.done():
                return  # who asked has given up
            if "error" in message:
                answer.set_exception(CallFailed(message["error"]))
            else:
                answer.set_result(message["body"])
            return
        task = asyncio.create_task(self._answer(message))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _answer(self, message: Body) -> None:
        handle = self._handlers[message["name"]]
        if message["call"] == _NEWS:
            await handle(message["body"])
            return
        try:
            reply: Body = {"body": await handle(message["body"])}
        except Exception as error:  # the caller's to judge, whatever it is
            reply = {"error": f"{error}" or type(error).__name__}
        with contextlib.suppress(PeerGone):
            self._send({"reply": message["call"], **reply})
