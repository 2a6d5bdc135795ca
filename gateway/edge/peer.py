"""What the kernel knows of a connection's other end."""

from __future__ import annotations

import asyncio
import socket
from typing import Final

_TCP_CLOSE: Final = 7  # from the kernel's list of states; Python has no name for it


def is_reset(transport: asyncio.Transport) -> bool:
    """Tell whether the other end has reset the connection, which a transport notices only when it writes again."""
    sock = transport.get_extra_info("socket")
    if sock is None or sock.family not in (socket.AF_INET, socket.AF_INET6):
        return False
    state: int = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0]
    return state == _TCP_CLOSE
