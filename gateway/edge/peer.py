"""What only the kernel knows, or can do, about a connection's other end."""

from __future__ import annotations

import asyncio
import socket
import struct
from typing import Final

_TCP_CLOSE: Final = 7  # from the kernel's list of states; Python has no name for it
_LINGER_NOT_AT_ALL: Final = struct.pack("ii", 1, 0)


def is_reset(transport: asyncio.Transport) -> bool:
    """Tell whether the other end has reset the connection, which a transport that does not read learns too late."""
    sock = _tcp_socket(transport)
    if sock is None:
        return False
    state: int = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0]
    return state == _TCP_CLOSE


def reset(transport: asyncio.Transport) -> None:
    """Close at once and in bad order: the other end gets an error, not an end (`abort` alone sends a plain FIN)."""
    sock = _tcp_socket(transport)
    if sock is not None:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NOT_AT_ALL)
    transport.abort()


def _tcp_socket(transport: asyncio.Transport) -> socket.socket | None:
    sock: socket.socket | None = transport.get_extra_info("socket")
    return sock if sock is not None and sock.family in (socket.AF_INET, socket.AF_INET6) else None
