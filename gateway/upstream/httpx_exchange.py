"""One exchange over an httpx transport, from the request's first byte to the answer's last, run inside a task.

It picks no target and keeps no pool (httpx_client).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx

from gateway.errors import (
    BrokeProtocol,
    GatewayError,
    InternalFault,
    ReusedConnectionLost,
    Saturated,
    TimedOut,
    Unreachable,
)
from gateway.fields import Block, Fields, first
from gateway.rules.delivery import Target, Timeouts, TlsPolicy
from gateway.upstream.outgoing import authority, framing, request_target
from gateway.upstream.ports import WHOLE_BYTES, RequestBody, UpstreamRequest, UpstreamResponse
from gateway.upstream.tls import check_pin


class Pool:
    """A transport and how many exchanges use it; once retired it closes with the last of them."""

    __slots__ = ("_is_retired", "_users", "size", "transport")

    def __init__(self, transport: httpx.AsyncHTTPTransport, size: int) -> None:
        self.transport = transport
        self.size = size
        self._users = 0
        self._is_retired = False

    def enter(self) -> None:
        self._users += 1

    async def leave(self) -> None:
        self._users -= 1
        if self._is_retired and not self._users:
            await self.transport.aclose()

    async def retire(self) -> None:
        self._is_retired = True
        if not self._users:
            await self.transport.aclose()

    async def close(self) -> None:
        await self.transport.aclose()


class _Body:
    """An answer's body, piece by piece as it comes off the socket."""

    __slots__ = ("_ahead", "_closed", "_pieces", "_pool", "_reading", "_stream")

    def __init__(self, pool: Pool, stream: httpx.AsyncByteStream) -> None:
        self._pool = pool
        self._stream = stream
        self._pieces = aiter(stream)
        self._ahead: list[bytes] = []  # pieces that were read ahead
        self._reading: asyncio.Task[bytes] | None = None  # the next one, under way
        self._closed = False

    async def read(self) -> bytes:
        if self._closed:
            return b""
        if self._ahead:
            return self._ahead.pop(0)
        reading, self._reading = self._start_reading(), None
        return await reading

    async def gather(self, seconds: float) -> bytes | None:
        """Return the whole body, or None when it is not there within `seconds`: then it streams, from its beginning."""
        try:
            async with asyncio.timeout(seconds):
                while piece := await asyncio.shield(self._start_reading()):
                    self._reading = None
                    self._ahead.append(piece)
        except TimeoutError:
            return None
        return b"".join(self._ahead)

    async def aclose(self) -> None:
        if not self._closed:
            self._closed = True
            await asyncio.create_task(self._close())

    def _start_reading(self) -> asyncio.Task[bytes]:
        if self._reading is None:
            self._reading = asyncio.create_task(self._next())
        return self._reading

    async def _next(self) -> bytes:
        try:
            async for piece in self._pieces:
                if piece:
                    return piece
            return b""
        except httpx.TimeoutException as error:
            raise TimedOut("the answer fell silent") from error
        except httpx.HTTPError as error:
            raise BrokeProtocol(f"the answer broke off: {_describe(error)}") from error

    async def _close(self) -> None:
        try:
            if self._reading is not None:
                self._reading.cancel()
                await asyncio.gather(self._reading, return_exceptions=True)
            await self._stream.aclose()
        finally:
            await self._pool.leave()


class _Progress:
    """Hears from httpcore how an exchange goes on: whether its connection is new, its key pinned, and sending begun."""

    __slots__ = ("_tls", "is_fresh", "is_sending")

    def __init__(self, tls: TlsPolicy | None) -> None:
        self._tls = tls
        self.is_fresh = False
        self.is_sending = False

    async def __call__(self, event: str, info: dict[str, Any]) -> None:
        if event in ("connection.connect_tcp.started", "connection.connect_unix_socket.started"):
            self.is_fresh = True
        elif event == "http11.send_request_headers.started":
            self.is_sending = True
        elif event == "connection.start_tls.complete":
            stream = info["return_value"]
            try:
                check_pin(self._tls, stream.get_extra_info("ssl_object").getpeercert(binary_form=True))
            except Unreachable:
                await stream.aclose()
                raise


class _Outgoing(httpx.AsyncByteStream):
    """The request's body. The total clock stands still while the client is waited for, and starts anew with each piece:
    it measures the agency alone, so an honest slow upload lives and an agency that stops reading is noticed.
    """

    def __init__(self, body: RequestBody | None, limit: asyncio.Timeout, seconds: float) -> None:
        self._body = body
        self._limit = limit
        self._seconds = seconds

    async def __aiter__(self) -> AsyncIterator[bytes]:
        if self._body is None:
            return
        loop = asyncio.get_running_loop()
        sent = 0
        while True:
            self._limit.reschedule(None)
            piece = await self._body.read()
            self._limit.reschedule(loop.time() + self._seconds)
            sent += len(piece)
            declared = self._body.length
            if declared is not None and (sent > declared or (not piece and sent < declared)):
                raise InternalFault(f"a body of {declared} bytes was announced, and another came")
            if not piece:
                return
            yield piece


async def exchange(pool: Pool, target: Target, request: UpstreamRequest, timeouts: Timeouts) -> UpstreamResponse:
    progress = _Progress(target.tls)
    pool.enter()
    body: _Body | None = None
    try:
        response = await _receive_head(pool.transport, target, request, timeouts, progress)
        assert isinstance(response.stream, httpx.AsyncByteStream)
        body = _Body(pool, response.stream)
        answer = await _answer(request.method, response, body, timeouts)
    except BaseException:
        await (pool.leave() if body is None else body.aclose())
        raise
    if answer.body is None:
        await body.aclose()
    return answer


async def _receive_head(
    transport: httpx.AsyncHTTPTransport,
    target: Target,
    request: UpstreamRequest,
    timeouts: Timeouts,
    progress: _Progress,
) -> httpx.Response:
    total = timeouts.total_seconds
    # httpcore looks `read` up when it begins to wait; until the head is there the total clock alone decides.
    silence: dict[str, float | None] = {
        "connect": timeouts.connect_seconds,
        "pool": timeouts.connect_seconds,
        "read": None,
        "write": None,
    }
    try:
        async with asyncio.timeout(total) as limit:
            stream = _Outgoing(request.body, limit, total)
            sent = _make_request(target, request, stream, {"timeout": silence, "trace": progress})
            response = await transport.handle_async_request(sent)
    except (TimeoutError, httpx.HTTPError, httpx.StreamError) as error:
        raise _translate(error, progress, timeouts) from error
    silence["read"] = timeouts.read_seconds
    return response


def _make_request(
    target: Target, request: UpstreamRequest, stream: httpx.AsyncByteStream, extensions: dict[str, Any]
) -> httpx.Request:
    scheme = "https" if target.scheme == "https" else "http"
    host = authority(target)
    extensions["target"] = request_target(target, request)  # as it is: httpx would rewrite escapes
    if target.tls is not None and target.tls.server_name is not None:
        extensions["sni_hostname"] = target.tls.server_name
    made = httpx.Request(
        "GET",
        f"{scheme}://{host}",
        headers=[(b"host", host.encode()), *request.passed.fields, *request.added, *framing(request)],
        stream=stream,
        extensions=extensions,
    )
    made.method = request.method.decode("ascii")  # httpx's constructor would change its case
    return made


async def _answer(method: bytes, response: httpx.Response, body: _Body, timeouts: Timeouts) -> UpstreamResponse:
    """Read a small answer whole; hand a larger, unbounded or slow one over as a stream."""
    status = response.status_code
    fields = tuple([(name.lower(), value) for name, value in response.headers.raw])
    length = _declared_length(fields)
    has_none = method == b"HEAD" or status in (204, 304)
    if has_none or (length is not None and length <= WHOLE_BYTES):
        content = await body.gather(timeouts.total_seconds)
        if content is not None:
            return UpstreamResponse(status, Block(fields=fields), content, None, length if method == b"HEAD" else None)
    return UpstreamResponse(status, Block(fields=fields), None, body, length)


def _declared_length(fields: Fields) -> int | None:
    value = first(fields, b"content-length")
    if value is None or first(fields, b"transfer-encoding") is not None:
        return None
    return int(value) if value.isdigit() else None


def _translate(error: Exception, progress: _Progress, timeouts: Timeouts) -> GatewayError:
    reason = _describe(error)
    if isinstance(error, httpx.PoolTimeout):
        return Saturated("no connection came free in time")
    if isinstance(error, httpx.LocalProtocolError | httpx.StreamError):
        return InternalFault(f"the request could not be written: {reason}")
    if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.UnsupportedProtocol):
        return Unreachable(f"no connection: {reason}")
    if isinstance(error, TimeoutError | httpx.TimeoutException):
        if progress.is_sending:
            return TimedOut(f"no answer within {timeouts.total_seconds:g} s")
        return Unreachable(f"no connection: {reason}") if progress.is_fresh else Saturated("no connection came free")
    if progress.is_sending and not progress.is_fresh:
        return ReusedConnectionLost(f"a kept connection was lost: {reason}")
    return BrokeProtocol(reason)


def _describe(error: Exception) -> str:
    return str(error) or type(error).__name__
