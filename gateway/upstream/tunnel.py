"""A connection after a 101: bytes both ways, of a protocol that is not ours to understand (RFC 9110 section 7.8).

Idle limits and draining are for whoever connects the other end.
"""

from __future__ import annotations

import asyncio

from gateway.upstream.connection import Connection


class Tunnel:
    """A connection on which the agency agreed to another protocol (ports.Tunnel)."""

    __slots__ = ("_connection",)

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    @property
    def transport(self) -> asyncio.Transport:
        return self._connection.transport

    def connect(self, end: asyncio.Protocol) -> None:
        """Let `end` have what the agency sends from here on, beginning with what came right behind the 101."""
        connection = self._connection
        early = connection.hand_over(_Relay(connection, end))
        end.connection_made(connection.transport)
        if early:
            end.data_received(early)
        if connection.has_ended:
            end.connection_lost(None)
        else:
            connection.transport.resume_reading()

    def abort(self) -> None:
        self._connection.abort()


class _Relay(asyncio.Protocol):
    """Passes what the transport tells on to the other end, and to the pool that the connection has ended."""

    def __init__(self, connection: Connection, end: asyncio.Protocol) -> None:
        self._connection = connection
        self._end = end

    def data_received(self, data: bytes) -> None:
        self._end.data_received(data)

    def eof_received(self) -> bool | None:
        return self._end.eof_received()

    def pause_writing(self) -> None:
        self._end.pause_writing()

    def resume_writing(self) -> None:
        self._end.resume_writing()

    def connection_lost(self, error: Exception | None) -> None:
        self._connection.connection_lost(error)
        self._end.connection_lost(error)
