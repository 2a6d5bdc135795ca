"""A process on its way out: answers say so, nothing under way is cut before its time, and what is cut shows it."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from signal import SIGHUP

import pytest
import pytest_asyncio

from tests.certificates import make_certificates
from tests.edge.agency import OK, Wire
from tests.edge.client import Client, request
from tests.edge.town import Town, running_town, until
from tests.process.gateway_process import GatewayProcess

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
SWITCH = b"HTTP/1.1 101 S\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"


@pytest_asyncio.fixture
async def town(tmp_path: Path) -> AsyncIterator[Town]:
    async with running_town(tmp_path) as made:
        yield made


async def begun(town: Town, raw: bytes) -> Client:
    """Return a client whose request the agency has."""
    client = await town.client()
    await client.send(raw)
    wire = await town.wire(len(town.agency.wires))
    await until(lambda: bool(wire.heads))
    return client


def shut_down(town: Town) -> None:
    """Do what a server does to each connection when it stops."""
    for connection in tuple(town.city.gateway.lane.connections):
        connection.shutdown()


async def test_answers_of_a_draining_process_say_so(town: Town) -> None:
    """RFC 9112 section 9.6."""
    client = await town.client()
    assert (await client.ask(request())).field("connection") is None
    town.city.gateway.drain.draining = True
    assert (await client.ask(request())).field("connection") == "close"
    assert await client.is_closed()


async def test_idle_connections_end_and_others_after_their_answer(town: Town) -> None:
    proceed = asyncio.Event()

    async def play(wire: Wire) -> None:
        await wire.request()
        await proceed.wait()
        await wire.send(OK)
        await wire.gone()

    town.agency.play = play
    busy = await begun(town, request())
    idle = await town.client()
    await until(lambda: town.connections == 2)
    shut_down(town)
    assert await idle.is_closed()
    proceed.set()
    answer = await busy.answer()
    assert (answer.body, answer.field("connection")) == (b"ok", "close")
    assert await busy.is_closed()


async def test_a_request_half_sent_is_still_answered(town: Town) -> None:
    client = await town.client()
    await client.send(request()[:-2])
    await until(lambda: town.is_any("head begun"))
    shut_down(town)
    assert (await client.ask(b"\r\n")).field("connection") == "close"
    assert await client.is_closed()


async def test_a_tunnel_lives_until_its_time_is_over(town: Town) -> None:
    async def play(wire: Wire) -> None:
        await wire.head()
        await wire.send(SWITCH)
        while data := await wire.reader.read(100):
            await wire.send(data)

    town.agency.play = play
    client = await town.client()
    line = (b"Connection: upgrade", b"Upgrade: websocket")
    assert (await client.ask(request(*line, path=b"/v1/permits/live"))).status == 101
    shut_down(town)
    await client.send(b"hello")
    assert await client.reader.readexactly(5) == b"hello"
    town.city.gateway.lane.cut()
    assert await client.is_closed()
    await town.agency.wires[0].ended.wait()


@pytest.mark.parametrize("version", [b"HTTP/1.1", b"HTTP/1.0"])
async def test_an_answer_that_is_cut_in_the_end_is_not_whole(town: Town, version: bytes) -> None:
    """RFC 9112 section 8."""

    async def play(wire: Wire) -> None:
        await wire.head()
        await wire.send(CHUNKED + b"5\r\nhello\r\n")
        await wire.gone()

    town.agency.play = play
    client = await begun(town, request(version=version))
    await client.reader.readuntil(b"hello")
    shut_down(town)
    town.city.gateway.lane.cut()
    if version == b"HTTP/1.0":
        with pytest.raises(ConnectionError):
            await client.reader.read()
    else:
        assert not (await client.rest()).endswith(b"0\r\n\r\n")
    await town.agency.wires[0].ended.wait()
    await until(lambda: not town.connections)


async def test_a_request_that_is_cut_in_the_end_gets_no_half_answer(town: Town) -> None:
    async def play(wire: Wire) -> None:
        await wire.head()
        await wire.gone()

    town.agency.play = play
    client = await begun(town, request())
    town.city.gateway.lane.cut()
    assert await client.is_closed()


async def test_sighup_brings_a_new_certificate_to_a_running_process(tmp_path: Path) -> None:
    files = make_certificates(tmp_path / "tls")
    (tmp_path / "gateway.yaml").write_text(
        "version: 1\n"
        "server:\n"
        "  public: 127.0.0.1:0\n"
        "  ops: 127.0.0.1:0\n"
        "  tls: {certificate: tls/server.pem, key: tls/server.key}\n"
        "include: [services/*.yaml]\n"
    )
    (tmp_path / "services").mkdir()
    (tmp_path / "services" / "permits.yaml").write_text(
        "version: 1\nname: permits\ntitle: {id: Izin, en: Permits}\nagency: {code: A, name: A, contact: {phone: '1'}}\n"
        "upstream: {targets: ['http://127.0.0.1:9']}\nauth: {mode: none}\n"
        "routes: [{path: /v1/permits/x, methods: [GET]}]\n"
    )

    async def ask(port: int) -> int:
        client = await Client.connect(port, tls=ssl.create_default_context(cafile=str(files.authority)))
        status = (await client.ask(request(path=b"/healthz"))).status
        client.close()
        return status

    async with GatewayProcess(tmp_path / "gateway.yaml") as gateway:
        port = int(gateway.public.rpartition(":")[2])
        assert gateway.public.startswith("https://")
        assert await ask(port) == 200
        make_certificates(tmp_path / "tls")
        gateway.send(SIGHUP)
        await gateway.event("registry accepted")
        assert await ask(port) == 200
