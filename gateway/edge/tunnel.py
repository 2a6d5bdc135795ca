"""The two ends of a tunnel: bytes both ways after the agency's 101, each side only as fast as the other takes them."""

from __future__ import annotations

import asyncio
from typing import Protocol

from gateway.stepping import Signal
from gateway.upstream.ports import Tunnel


class Near(Protocol):
    """The client's side, as far as the tunnel slows it down."""

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...


class FarEnd(asyncio.Protocol):
    """What the agency's connection talks to: it writes to the client. `ended` rings when the agency has closed."""

    def __init__(self, client: asyncio.Transport, tunnel: Tunnel, ended: Signal) -> None:
        self._client = client
        self._tunnel = tunnel
        self._ended = ended
        self._near: Near | None = None
        self.is_closed = False
        self.sent = 0

    def send(self, data: bytes, near: Near) -> None:
        """Pass on what the client sent; `near` is slowed down when the agency does not take it."""
        self._near = near
        if not self.is_closed:
            self._tunnel.transport.write(data)

    def pause_agency(self) -> None:
        if not self.is_closed:
            self._tunnel.transport.pause_reading()

    def resume_agency(self) -> None:
        if not self.is_closed:
            self._tunnel.transport.resume_reading()

    def close(self) -> None:
        """The client has gone: the agency's side ends too."""
        if not self.is_closed:
            self.is_closed = True
            self._tunnel.abort()
        self._ended.ring()

    # ---- what the agency's transport calls

    def data_received(self, data: bytes) -> None:
        self.sent += len(data)
        self._client.write(data)

    def eof_received(self) -> bool | None:
        return False

    def pause_writing(self) -> None:
        if self._near is not None:
            self._near.pause_reading()

    def resume_writing(self) -> None:
        if self._near is not None:
            self._near.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        self.is_closed = True
        self._client.close()
        self._ended.ring()
