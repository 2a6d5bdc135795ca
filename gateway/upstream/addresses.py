"""Where names lead to: looked up again and again, since agencies move; each address gets its turn and its chance."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable
from typing import Final

from gateway.clock import Clock
from gateway.errors import Unreachable

TRUST_SECONDS: Final = 5.0  # a look-up is good for so long: a burst of new connections needs one


LookUp = Callable[[str, int], Awaitable[list[str]]]


async def look_up(host: str, port: int) -> list[str]:
    """Ask the system (files, DNS) for a host's addresses."""
    infos = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys([str(info[4][0]) for info in infos]))


class Resolver:
    """Turns host names into addresses."""

    def __init__(self, clock: Clock, look_up: LookUp = look_up) -> None:
        self._clock = clock
        self._look_up = look_up
        self._known: dict[tuple[str, int], tuple[float, list[str]]] = {}
        self._turn = 0

    async def addresses(self, host: str, port: int) -> list[str]:
        """Return the host's addresses, beginning with another one each time. Raises Unreachable when it has none."""
        if _is_literal(host):
            return [host]
        found = self._recall(host, port) or await self._ask(host, port)
        self._turn += 1
        first = self._turn % len(found)
        return found[first:] + found[:first]

    def forget(self, host: str, port: int) -> None:
        """Look the host up anew next time: none of its addresses answered."""
        self._known.pop((host, port), None)

    def _recall(self, host: str, port: int) -> list[str] | None:
        until, found = self._known.get((host, port), (0.0, []))
        return found if self._clock.monotonic() < until else None

    async def _ask(self, host: str, port: int) -> list[str]:
        try:
            found = await self._look_up(host, port)
        except (OSError, UnicodeError) as error:
            raise Unreachable(f"{host} has no address: {error}") from error
        if not found:
            raise Unreachable(f"{host} has no address")
        self._known[host, port] = self._clock.monotonic() + TRUST_SECONDS, found
        return found


def _is_literal(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
