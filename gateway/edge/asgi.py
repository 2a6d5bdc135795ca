"""The pipeline as an ASGI application, under any server: bytes in, bytes out, streaming both ways.

What is not one of the gateway's own pages goes through the pipeline. When the client leaves, what runs for it is
cancelled. The server refuses malformed messages by itself; the direct lane is the stricter public edge (docs/lanes.md).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from email.utils import formatdate
from typing import Any, Final
from urllib.parse import quote

from gateway.clock import Clock
from gateway.edge.drain import Drain
from gateway.errors import ClientGone, GatewayError, MalformedRequest
from gateway.fields import Fields, first
from gateway.paths import canonical_path, check_query
from gateway.pipeline.call import Call, Reply
from gateway.pipeline.handler import Pipeline
from gateway.pipeline.observe import Ending
from gateway.rules.heads import read_request_head
from gateway.telemetry.traces import RequestIds
from gateway.wire import refusals
from gateway.wire.framing import CHUNKED
from gateway.wire.malformed import Malformed
from gateway.wire.statements import IN_REQUESTS, Stated

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

_NO_CONTENT: Final = frozenset((204, 304))


class AsgiBody:
    """A request's body as the server hands it over. One reader at a time; nothing is read ahead.

    The last byte of a body whose length was said is held back until the server has seen the end of the stream too: to
    an HTTP/2 client that is answered before, the server says to stop (RFC 9113 section 8.1), and not each one bears it.
    """

    __slots__ = ("_done", "_ended", "_left", "_receive", "length")

    def __init__(self, receive: Receive, length: int | None) -> None:
        self._receive = receive
        self._done = length == 0
        self._left = length
        self._ended = asyncio.Event()
        self.length = length
        if self._done:
            self._ended.set()

    async def read(self) -> bytes:
        whole = b""
        while not self._done:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                self._end()
                raise ClientGone
            if not message.get("more_body", False):
                self._end()
            piece: bytes = message.get("body", b"")
            if self._left is not None:
                self._left -= len(piece)
            whole += piece
            if whole and self._left != 0:
                break
        return whole

    def _end(self) -> None:
        self._done = True
        self._ended.set()

    async def until_gone(self) -> None:
        """Return when the client has left. Only once the body has been read may the server be asked."""
        await self._ended.wait()
        while (await self._receive())["type"] != "http.disconnect":
            pass


class AsgiEdge:
    """The ASGI lane."""

    def __init__(self, pipeline: Pipeline, clock: Clock, drain: Drain) -> None:
        self._pipeline = pipeline
        self._clock = clock
        self._drain = drain
        self._ids = RequestIds()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await self._serve(scope, receive, send)
        elif scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1008})  # before accept: the server answers 403
        elif scope["type"] == "lifespan":
            await self._live(receive, send)

    @staticmethod
    async def _live(receive: Receive, send: Send) -> None:
        while (message := await receive())["type"] == "lifespan.startup":
            await send({"type": "lifespan.startup.complete"})
        await send({"type": f"{message['type']}.complete"})

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        body, call = self._read(scope, receive)
        # HTTP/2 and 3 have no such field (RFC 9113 section 8.2.2); their servers drain by themselves.
        ends = (self._drain.draining or call.fault is not None) and scope.get("http_version", "1.1").startswith("1")
        answering = asyncio.create_task(self._answer(call, send, close=ends))
        leaving = asyncio.create_task(body.until_gone())
        try:
            await asyncio.wait((answering, leaving), return_when=asyncio.FIRST_COMPLETED)
        finally:
            leaving.cancel()
            if not answering.done():
                answering.cancel()
            await asyncio.gather(answering, leaving, return_exceptions=True)
        if not answering.cancelled() and (error := answering.exception()) is not None:
            raise error

    def _read(self, scope: Scope, receive: Receive) -> tuple[AsgiBody, Call]:
        fields: Fields = tuple((bytes(name).lower(), bytes(value)) for name, value in scope["headers"])
        length = _declared_length(fields, scope)
        body = AsgiBody(receive, length)
        head = read_request_head(fields)
        fault: MalformedRequest | None = None
        path, query, host = b"/", scope.get("query_string", b""), b""
        try:
            host = _check_statements(fields, scope.get("http_version", "1.1"))
            path = canonical_path(_raw_path(scope))
            check_query(query)
        except MalformedRequest as error:
            fault = error
        call = Call(
            id=head.request_id.decode() if head.request_id else self._ids.new(),
            method=scope["method"].encode("ascii"),
            path=path,
            query=query,
            head=head,
            body=None if length == 0 else body,
            peer=scope["client"][0] if scope.get("client") else "",
            scheme=scope.get("scheme", "http"),
            host=host,
            started_seconds=self._clock.monotonic(),
            fault=fault,
        )
        return body, call

    async def _answer(self, call: Call, send: Send, *, close: bool) -> None:
        reply, seen = await self._pipeline.handle(call)
        ending: Ending = "gone"
        sent = 0
        try:
            sent = await self._send(call, reply, send, close=close)
            ending = "complete"
        except GatewayError as error:
            ending = "broken"
            seen.code, seen.source = error.code, error.source
            raise _Truncated from error
        finally:
            await reply.aclose()
            self._pipeline.finish(seen, ending, sent)

    async def _send(self, call: Call, reply: Reply, send: Send, *, close: bool) -> int:
        bodiless = call.method == b"HEAD" or reply.status in _NO_CONTENT
        length = len(reply.content) if reply.content is not None and not bodiless else reply.length
        fields = [field for field in reply.all_fields() if bodiless or field[0] != b"content-length"]
        if length is not None and reply.status not in _NO_CONTENT:
            fields.append((b"content-length", b"%d" % length))
        if not any(name == b"date" for name, _ in fields):
            fields.append((b"date", formatdate(self._clock.wall(), usegmt=True).encode()))
        if close:
            fields.append((b"connection", b"close"))
        await send({"type": "http.response.start", "status": reply.status, "headers": fields})
        if bodiless or reply.body is None:
            content = b"" if bodiless else reply.content or b""
            await send({"type": "http.response.body", "body": content})
            return len(content)
        sent = 0
        while piece := await reply.body.read():
            sent += len(piece)
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b""})
        return sent


class _Truncated(Exception):
    """The agency's answer broke off after its head had gone out: the server must close, so that it shows."""


def _raw_path(scope: Scope) -> bytes:
    raw = scope.get("raw_path")
    return bytes(raw).partition(b"?")[0] if raw else quote(scope["path"]).encode("ascii")


def _check_statements(fields: Fields, version: str) -> bytes:
    """Judge what frames, routes and connects as the direct lane does; return the host. Raises MalformedRequest."""
    stated = Stated()
    try:
        for name, value in fields:
            reader = IN_REQUESTS.get(name)
            if reader is not None:
                reader(value).join(stated)
        if stated.host is None and version == "1.1":
            raise Malformed(refusals.MISSING_HOST)
        if stated.framing is CHUNKED and version == "1.0":
            raise Malformed(refusals.CODING_IN_HTTP_10)
    except Malformed as error:
        raise MalformedRequest(str(error), status=error.status) from None
    return stated.host or b""


def _declared_length(fields: Fields, scope: Scope) -> int | None:
    """Return the body's length; None when it is not said beforehand. The server has judged the framing already."""
    if first(fields, b"transfer-encoding") is not None:
        return None
    if first(fields, b"content-length") is None and not scope.get("http_version", "1.1").startswith("1"):
        return None  # HTTP/2 and 3 frame by themselves
    value = first(fields, b"content-length")
    return int(value) if value is not None and value.isdigit() else 0
