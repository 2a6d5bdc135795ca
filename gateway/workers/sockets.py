"""Listening sockets: bound once, before any worker starts, and told plainly when they cannot be."""

from __future__ import annotations

import socket
from typing import Final

BACKLOG: Final = 4_096


class CannotListen(Exception):
    """A port is taken or may not be used; the text names it and how to change it."""


def bound(host: str, port: int, setting: str) -> socket.socket:
    """Return a socket of our own on this address; raise CannotListen with the remedy."""
    listener = _open(host)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise CannotListen(
            f"cannot listen on {host}:{port}: {error.strerror}. Choose another with {setting}."
        ) from error
    return listener


def bound_together(host: str, port: int, count: int, setting: str) -> list[socket.socket]:
    """Return `count` listening sockets on one address, among which the kernel spreads new connections evenly.

    They listen from now on: who connects before a worker is ready waits in the queue of its socket.
    """
    # Two gateways that both share the port would silently share its clients: a socket that does not share finds out.
    bound(host, port, setting).close()
    listeners: list[socket.socket] = []
    for _ in range(count):
        listener = _open(host)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        listener.bind((host, port))
        listener.listen(BACKLOG)
        port = listener.getsockname()[1]
        listeners.append(listener)
    return listeners


def address(listener: socket.socket) -> str:
    """Return where it listens, as one writes it in a URL."""
    host, port = listener.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _open(host: str) -> socket.socket:
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.setblocking(False)
    return listener
