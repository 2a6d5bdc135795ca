"""A gateway with one raw agency behind it, and raw clients in front."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from ssl import SSLContext

from tests.city.city import City
from tests.edge.agency import RawAgency, Wire
from tests.edge.client import Client

OPEN = """
    upstream: {targets: TARGETS, retries: {attempts: 1}, timeout: {total: 1h, read: 1h}}
    auth: {mode: none}
    routes:
      - {path: "/v1/permits/{rest:path}", methods: ['*'], max_body: 64MiB}
      - {path: /v1/permits/small, methods: [POST], max_body: 1KB}
      - {path: /v1/permits/live, methods: [GET], upgrade: [websocket]}
      - {path: /v1/permits/112, methods: [GET, POST], class: emergency}
"""


class Town:
    """Ask `client` for connections; they are closed with the town."""

    def __init__(self, city: City, agency: RawAgency) -> None:
        self.city = city
        self.agency = agency
        self._clients: list[Client] = []

    @property
    def port(self) -> int:
        port = self.city.client.base_url.port
        assert port is not None
        return port

    async def client(self, *, tls: SSLContext | None = None, receive_buffer: int | None = None) -> Client:
        made = await Client.connect(self.port, tls=tls, receive_buffer=receive_buffer)
        self._clients.append(made)
        return made

    def is_any(self, note: str) -> bool:
        """Tell whether a client's connection says so of itself."""
        return any(note in repr(connection) for connection in self.city.gateway.lane.connections)

    @property
    def connections(self) -> int:
        return len(self.city.gateway.lane.connections)

    async def pass_time(self, seconds: float) -> None:
        """Let the clock go on, and let those who wait for it see that."""
        self.city.clock.advance(seconds)
        self.city.gateway.lane.wheel.turn()
        await asyncio.sleep(0)

    async def wire(self, number: int = 0) -> Wire:
        """Wait for the agency's connection of this number."""
        await until(lambda: len(self.agency.wires) > number)
        return self.agency.wires[number]

    async def leave(self) -> None:
        """End every connection, and be as good as new."""
        for client in self._clients:
            client.writer.transport.abort()
        self._clients.clear()
        await self.city.gateway._client.aclose()  # so that the next test begins with none
        await self.agency.forget()
        await until(lambda: not self.connections)


@asynccontextmanager
async def running_town(
    directory: Path, *, lane: str = "direct", server: str = "", service: str = OPEN
) -> AsyncIterator[Town]:
    """Run a gateway; `server` continues the block `server` of gateway.yaml."""
    city = City(directory, lane=lane, server=server)
    city.service("permits", service)
    agency = city.agencies["permits"] = RawAgency()
    async with city:
        made = Town(city, agency)
        yield made
        await made.leave()


async def until(predicate: Callable[[], bool]) -> None:
    """Wait for what sockets and loops bring about in their own time."""
    while not predicate():
        await asyncio.sleep(0.001)
