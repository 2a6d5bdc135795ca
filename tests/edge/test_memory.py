"""Nobody makes the gateway hold more than its bounds: not by reading slowly, sending ahead or sending fast."""

from __future__ import annotations

import asyncio
import tracemalloc
from collections.abc import Iterator

import pytest

from tests.edge.agency import Wire
from tests.edge.client import post, request
from tests.edge.town import Town, until

pytestmark = pytest.mark.asyncio(loop_scope="module")

MIB = 1_048_576


@pytest.fixture
def traced() -> Iterator[None]:
    """Count what Python holds. Kernels' buffers, which have bounds of their own, are not in it."""
    tracemalloc.start()
    yield
    tracemalloc.stop()


def held() -> int:
    return tracemalloc.get_traced_memory()[0]


async def test_a_slow_reader_makes_the_agency_wait(town: Town, traced: None) -> None:
    offered = 0

    async def play(wire: Wire) -> None:
        nonlocal offered
        await wire.request()
        await wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 500000000\r\n\r\n")
        piece = b"x" * 65_536
        while True:
            await wire.send(piece)
            offered += len(piece)

    town.agency.play = play
    client = await town.client(receive_buffer=1_000)
    before = held()
    await client.send(request())
    await until(lambda: town.is_any("behind in reading"))
    seen = -1
    while seen != offered:
        seen = offered
        await asyncio.sleep(0.05)  # until the sockets' buffers are full: how large they are is the kernel's
    assert held() - before < 4 * MIB


async def test_an_agency_that_does_not_read_makes_the_client_wait(town: Town, traced: None) -> None:
    async def play(wire: Wire) -> None:
        wire.writer.transport.pause_reading()  # type: ignore[attr-defined]  # a transport both ways
        await asyncio.Event().wait()

    town.agency.play = play
    client = await town.client()
    await client.send(post(b"Content-Length: 60000000"))
    await town.wire()
    body = b"x" * MIB
    before = held()

    async def send() -> None:
        while True:
            await client.send(body)

    sending = asyncio.create_task(send())
    await until(lambda: town.is_any("held back"))
    assert held() - before < 8 * MIB
    sending.cancel()


async def test_requests_sent_ahead_wait_in_the_kernel(town: Town, traced: None) -> None:
    async def play(wire: Wire) -> None:
        await wire.request()
        await asyncio.Event().wait()

    town.agency.play = play
    client = await town.client()
    many = request() * 10_000
    before = held()

    async def send() -> None:
        while True:
            await client.send(many)

    sending = asyncio.create_task(send())
    await until(lambda: town.is_any("held back"))
    assert held() - before < 4 * MIB
    sending.cancel()


async def test_answers_nobody_takes_hold_up_the_requests_behind_them(town: Town, traced: None) -> None:
    """Small answers are written whole; what a client does not read of them must not pile up."""
    town.agency.say(b"HTTP/1.1 200 OK\r\nContent-Length: 60000\r\n\r\n" + b"x" * 60_000)
    client = await town.client(receive_buffer=1_000)
    before = held()
    await client.send(request() * 1_000)
    await until(lambda: town.is_any("behind in reading"))
    assert held() - before < 2 * MIB
    answered = len(town.agency.lines)
    for _ in range(1_000):
        assert len((await client.answer()).body) == 60_000
    assert answered < 1_000


async def test_a_slow_reader_gets_everything_in_the_end(either: Town) -> None:
    body = bytes(range(256)) * 40_000

    async def play(wire: Wire) -> None:
        await wire.request()
        await wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body))
        for start in range(0, len(body), 100_000):
            await wire.send(body[start : start + 100_000])

    either.agency.play = play
    client = await either.client(receive_buffer=1_000)
    await client.send(request(b"Connection: close"))
    await client.reader.readuntil(b"\r\n\r\n")
    seen = b"".join([await client.reader.readexactly(len(body) // 400) for _ in range(400)])
    assert seen == body
