"""Connections that leave HTTP after a 101 (RFC 9110 section 7.8)."""

from __future__ import annotations

import asyncio
from typing import cast

import pytest

from gateway.errors import BrokeProtocol
from gateway.rules.delivery import UpstreamPolicy
from gateway.upstream.ports import UpstreamRequest
from tests.upstream.agencies import (
    OK,
    PATIENT,
    Wire,
    agency,
    request,
    scripted,
)
from tests.upstream.stepped import Client


class End(asyncio.Protocol):
    """One end of a tunnel."""

    def __init__(self) -> None:
        self.received = b""
        self.more = asyncio.Event()
        self.lost = asyncio.Event()
        self.paused = asyncio.Event()
        self.resumed = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self.received += data
        self.more.set()

    def connection_lost(self, error: Exception | None) -> None:
        self.lost.set()

    def pause_writing(self) -> None:
        self.paused.set()

    def resume_writing(self) -> None:
        self.resumed.set()

    async def until(self, expected: bytes) -> None:
        while len(self.received) < len(expected):
            self.more.clear()
            await self.more.wait()
        assert self.received == expected


SWITCH = b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n"


def upgrading(protocol: bytes = b"websocket") -> UpstreamRequest:
    return UpstreamRequest(b"GET", b"/live", b"", request().passed, (), None, upgrade=protocol)


async def test_tunnel_carries_bytes_both_ways_beginning_with_those_behind_the_head(direct: Client) -> None:
    async def play(wire: Wire) -> None:
        _, fields = await wire.head()
        assert (fields[b"connection"], fields[b"upgrade"]) == (b"upgrade", b"websocket")
        await wire.send(SWITCH + b"first ")
        assert await wire.reader.readexactly(4) == b"ping"
        await wire.send(b"pong")

    async with agency(play) as permits:
        response = await direct.send(permits.target, upgrading(), PATIENT)
        assert (response.status, response.content, response.body) == (101, None, None)
        assert response.tunnel is not None
        end = End()
        response.tunnel.connect(end)
        end.transport.write(b"ping")
        await end.until(b"first pong")
        await end.lost.wait()


async def test_tunnel_tells_its_end_when_the_agency_does_not_keep_up(direct: Client) -> None:
    size = 32 * 1_048_576

    async def play(wire: Wire) -> None:
        await wire.head()
        await wire.send(SWITCH)
        await proceed.wait()
        await wire.reader.readexactly(size)

    proceed = asyncio.Event()
    async with agency(play) as permits:
        response = await direct.send(permits.target, upgrading(), PATIENT)
        assert response.tunnel is not None
        end = End()
        response.tunnel.connect(end)
        end.transport.write(b"x" * size)
        await end.paused.wait()
        proceed.set()
        await end.resumed.wait()
        await end.lost.wait()


async def test_upgrade_that_is_declined_is_an_ordinary_answer(direct: Client) -> None:
    async with agency() as permits:
        response = await direct.send(permits.target, upgrading(), PATIENT)
        assert (response.status, response.content, response.tunnel) == (200, b"ok", None)
        await direct.send(permits.target, request(), PATIENT)
        assert permits.connections == 1


async def test_switch_to_another_protocol_than_asked_for_is_refused(direct: Client) -> None:
    async with agency(scripted(SWITCH)) as permits:
        with pytest.raises(BrokeProtocol):
            await direct.send(permits.target, upgrading(b"irc"), PATIENT)


async def test_tunnel_that_nobody_wants_is_closed(direct: Client) -> None:
    closed = asyncio.Event()

    async def play(wire: Wire) -> None:
        await wire.head()
        await wire.send(SWITCH)
        await wire.gone()
        closed.set()

    async with agency(play) as permits:
        response = await direct.send(permits.target, upgrading(), PATIENT)
        assert response.tunnel is not None
        response.tunnel.abort()
        await closed.wait()


async def test_agency_that_leaves_before_the_tunnel_is_connected_is_told_of(direct: Client) -> None:
    async def play(wire: Wire) -> None:
        await wire.head()
        await wire.send(SWITCH + b"bye")

    async with agency(play) as permits:
        response = await direct.send(permits.target, upgrading(), PATIENT)
        assert response.tunnel is not None
        end = End()
        response.tunnel.transport.abort()
        await asyncio.sleep(0)
        response.tunnel.connect(end)
        await end.lost.wait()
        assert end.received == b"bye"


async def test_tunnel_counts_as_a_connection_until_it_ends(direct: Client) -> None:
    async def play(wire: Wire) -> None:
        await wire.head()
        if permits.connections == 1:
            await wire.send(SWITCH)
            await wire.gone()
        else:
            await wire.send(OK)

    async with agency(play) as permits:
        direct.apply([UpstreamPolicy("permits", (permits.target,), max_connections=1)])
        response = await direct.send(permits.target, upgrading(), PATIENT)
        assert response.tunnel is not None
        end = End()
        response.tunnel.connect(end)
        waiting = asyncio.create_task(direct.send(permits.target, request(), PATIENT))
        await asyncio.sleep(0)
        assert permits.connections == 1
        end.transport.close()
        assert (await waiting).content == b"ok"
