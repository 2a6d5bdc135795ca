"""The two ends of a tunnel: bytes both ways after the agency's 101, each side only as fast as the other takes them.

Either side may end its sending and still receive (RFC 9110 section 7.8 leaves that to the new protocol), so an end is
passed on as an end, and the tunnel is over when a connection is.
"""

from __future__ import annotations

import asyncio
from typing import Protocol

from gateway.stepping import Signal
from gateway.upstream.ports import Tunnel


class Near(Protocol):
    """The client's side, as far as the tunnel slows it down and keeps it awake."""

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...

    def tunnel_is_alive(self) -> None:
        """Learn that something went through."""
        ...


class FarEnd(asyncio.Protocol):
    """What the agency's connection talks to: it writes to the client. `ended` rings when the tunnel is over."""

    __slots__ = ("_agency", "_client", "_ended", "_is_half_over", "_near", "_tunnel", "is_over", "sent")

    def __init__(self, client: asyncio.Transport, near: Near, tunnel: Tunnel, ended: Signal) -> None:
        self._client = client
        self._near = near
        self._tunnel = tunnel
        self._agency = tunnel.transport
        self._ended = ended
        self._is_half_over = False  # one side sends no more
        self.is_over = False
        self.sent = 0

    # ---- what the client's connection tells

    def send(self, data: bytes) -> None:
        """Pass on what the client sent."""
        if not self._agency.is_closing():
            self._agency.write(data)

    def client_ended(self) -> None:
        """The client sends no more."""
        _end_sending(self._agency)
        self._end_half()

    def pause_agency(self) -> None:
        if not self._agency.is_closing():
            self._agency.pause_reading()

    def resume_agency(self) -> None:
        if not self._agency.is_closing():
            self._agency.resume_reading()

    def close(self) -> None:
        """The client has gone, or its time is over: the agency's side ends too."""
        if not self.is_over:
            self._tunnel.abort()
        self._end()

    # ---- what the agency's transport calls

    def data_received(self, data: bytes) -> None:
        self.sent += len(data)
        self._near.tunnel_is_alive()
        if not self._client.is_closing():
            self._client.write(data)

    def eof_received(self) -> bool:
        _end_sending(self._client)
        self._end_half()
        return not _is_tls(self._agency)  # a TLS transport cannot stay open in one direction

    def pause_writing(self) -> None:
        self._near.pause_reading()

    def resume_writing(self) -> None:
        self._near.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        self._end()

    # ---- within

    def _end_half(self) -> None:
        if self._is_half_over:
            self._agency.close()  # in its own time: it may not have all yet
            self._end()
        self._is_half_over = True

    def _end(self) -> None:
        self.is_over = True
        self._ended.ring()


def _end_sending(transport: asyncio.Transport) -> None:
    if transport.is_closing():
        return
    if transport.can_write_eof():
        transport.write_eof()
    else:
        transport.close()


def _is_tls(transport: asyncio.Transport) -> bool:
    return transport.get_extra_info("sslcontext") is not None
