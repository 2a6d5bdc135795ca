"""Writes a request's body to an agency as it comes from the client, framed anew.

It never ends a body that is not whole: when the client breaks off, so does the connection to the agency.
"""

from __future__ import annotations

import asyncio
from typing import Final

from gateway.errors import InternalFault
from gateway.upstream.answer import Answer
from gateway.upstream.connection import Connection
from gateway.upstream.ports import RequestBody, Trailed
from gateway.wire.chunked import encode_chunk, last_chunk

# RFC 9110 section 10.1.1: not to wait for ever, since old servers never send a 100.
CONTINUE_SECONDS: Final = 1.0


async def write_body(connection: Connection, body: RequestBody, answer: Answer, *, waits_for_continue: bool) -> None:
    """Write the body behind its head. Raises what reading it raises, and InternalFault when its length is not true."""
    if waits_for_continue:
        connection.write(b"")  # the head alone
        await _until_wanted(connection, answer)
    if body.length is None:
        await _write_chunks(connection, body)
    else:
        await _write_counted(connection, body, body.length)


async def _write_counted(connection: Connection, body: RequestBody, length: int) -> None:
    left = length
    while left:
        piece = await _read(connection, body)
        left -= len(piece)
        if left < 0 or not piece:
            raise InternalFault(f"a body of {length} bytes was announced, and another came")
        connection.write(piece)
        if left:
            await _until_room(connection)


async def _write_chunks(connection: Connection, body: RequestBody) -> None:
    while piece := await _read(connection, body):
        connection.write(encode_chunk(piece))
        await _until_room(connection)
    connection.write(last_chunk(body.trailers if isinstance(body, Trailed) else ()))


async def _read(connection: Connection, body: RequestBody) -> bytes:
    connection.stop_clock()
    piece = await body.read()
    connection.restart_clock()
    return piece


async def _until_room(connection: Connection) -> None:
    """Wait until the transport takes more; for one turn of the loop at least, so that an early answer is seen."""
    if connection.has_room:
        await asyncio.sleep(0)
    while not connection.has_room:
        await connection.writable


async def _until_wanted(connection: Connection, answer: Answer) -> None:
    """Wait for the agency's 100, or for long enough."""
    patience = _Patience(connection)
    timer = asyncio.get_running_loop().call_later(CONTINUE_SECONDS, patience.end)
    try:
        while not answer.may_continue and not patience.has_ended:
            await connection.writable
    finally:
        timer.cancel()


class _Patience:
    """Ends once."""

    __slots__ = ("_connection", "has_ended")

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.has_ended = False

    def end(self) -> None:
        self.has_ended = True
        self._connection.writable.ring()
