"""Which server has the public port of a process: uvicorn with the direct lane, or another with the ASGI lane."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterable, Sequence
from importlib.util import find_spec
from typing import Literal, Protocol, TypeAlias, get_args

from gateway.app import Gateway
from gateway.registry.snapshot import ServerPolicy
from gateway.telemetry.logs import Log
from gateway.workers.server import PublicPort

ServerKind: TypeAlias = Literal["uvicorn", "granian"]


class Port(Protocol):
    """One process's share of the public port."""

    async def open(self) -> None:
        """Begin to accept; returns once it does, and raises what keeps it from it."""

    async def mind(self, numbers: Iterable[int]) -> None:
        """Accept from these siblings' listeners too, and from no others any more."""

    def stop_listening(self) -> None:
        """Accept nobody any more and let go of every listener."""

    async def drain(self, ending_now: asyncio.Event) -> None:
        """Tell clients to go elsewhere, stop listening, wait for what runs; at most until the event."""


class NotInstalled(Exception):
    """The server that was asked for is no part of this installation; the text says how to install it."""


def check_installed(kind: ServerKind) -> None:
    """Raise NotInstalled when this server cannot be had."""
    if kind != "uvicorn" and find_spec(kind) is None:
        raise NotInstalled(
            f"the server {kind} is not installed. Install the extra that brings it: "
            'pip install "tangerang-gateway[http2]". Or run without --server.'
        )


def server_kind(name: str) -> ServerKind:
    """Return the server of this name. Raises KeyError."""
    kinds: dict[str, ServerKind] = {kind: kind for kind in get_args(ServerKind)}
    return kinds[name]


def public_port(
    kind: ServerKind,
    gateway: Gateway,
    policy: ServerPolicy,
    log: Log,
    listeners: Sequence[socket.socket],
    own: int = 0,
) -> Port:
    """Return the port of this process; `listeners` are all it inherited, `own` the one it accepts from."""
    if kind == "uvicorn":
        return PublicPort(gateway, policy, log, listeners, own)
    from gateway.workers.granian_port import GranianPort  # needs the extra `http2`

    return GranianPort(gateway, policy, log, listeners, own)
