"""Clients that take their time: idle connections that are held, and readers that take an answer slowly.

Run as a process of its own: `python -m tests.bench.hold idle|idle-tls|slow PORT CONNECTIONS REQUEST_FILE`. Prints how
many connections stand; once its standard input ends, how many of them the other side still keeps open.
"""

from __future__ import annotations

import resource
import select
import socket
import ssl
import sys
from pathlib import Path
from typing import Final

_PIECE_BYTES: Final = 16_384  # what a slow reader takes at once
_PAUSE_SECONDS: Final = 0.25  # between two pieces: 64 KB a second, a weak mobile network
_KERNEL_BUFFER_BYTES: Final = 65_536  # of a slow reader; the default would take megabytes in its stead
_ANSWER_BYTES: Final = 65_536  # more than a whole small answer


def hold_idle(port: int, connections: int, request: bytes, *, tls: bool) -> list[socket.socket]:
    """Ask once on each connection, so that it has been in use as a phone's; return those that were answered."""
    context = ssl.create_default_context() if tls else None
    if context is not None:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    held = []
    for _ in range(connections):
        plain = socket.create_connection(("127.0.0.1", port))
        one = plain if context is None else context.wrap_socket(plain)
        one.sendall(request)
        if one.recv(_ANSWER_BYTES).startswith(b"HTTP/1.1 200"):
            held.append(one)
    return held


def ask_slowly(port: int, connections: int, request: bytes) -> list[socket.socket]:
    """Ask for something large on each connection, with little room for it to wait in."""
    held = []
    for _ in range(connections):
        held.append(socket.socket())
        held[-1].setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _KERNEL_BUFFER_BYTES)
        held[-1].connect(("127.0.0.1", port))
        held[-1].sendall(request)
    return held


def read_slowly(held: list[socket.socket]) -> None:
    """Take a piece of every answer that has one, pause, and again, until told to end."""
    while not _is_told_to_end(_PAUSE_SECONDS):
        for one in select.select(held, [], [], 0)[0]:
            one.recv(_PIECE_BYTES)


def is_open(one: socket.socket) -> bool:
    """Tell whether the other side keeps the connection open; what it sent is thrown away."""
    one.setblocking(False)
    try:
        return bool(one.recv(_ANSWER_BYTES))
    except (BlockingIOError, ssl.SSLWantReadError):
        return True
    except OSError:
        return False


def _is_told_to_end(timeout: float | None) -> bool:
    return bool(select.select([sys.stdin], [], [], timeout)[0])


def main() -> None:
    """Do what the arguments say."""
    kind, port, connections, file = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4])
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    request = file.read_bytes()
    if kind == "slow":
        held = ask_slowly(port, connections, request)
        print(len(held), flush=True)
        read_slowly(held)
    else:
        held = hold_idle(port, connections, request, tls=kind == "idle-tls")
        print(len(held), flush=True)
        _is_told_to_end(None)
    print(sum(map(is_open, held)), flush=True)


if __name__ == "__main__":
    main()
