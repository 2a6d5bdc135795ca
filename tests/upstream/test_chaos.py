"""Agencies that misbehave in every way at once, clients that leave at any moment: nobody gets another's answer."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import pytest

from gateway.clock import SystemClock
from gateway.errors import GatewayError
from gateway.rules.delivery import Target, Timeouts, UpstreamPolicy
from gateway.upstream.direct import DirectClient
from tests.upstream.agencies import Pieces, Wire, agency, request, whole
from tests.upstream.stepped import by_hand

REQUESTS = 600
AT_ONCE = 24


class Unruly:
    """Answers a request with its own path, after a fashion."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    async def __call__(self, wire: Wire) -> None:
        while True:
            line, fields = await wire.head()
            body = line.split(b" ")[1] * self._random.choice([1, 1, 1, 30_000])
            if self._random.random() < 0.2:
                return  # closes without reading the rest
            if b"transfer-encoding" in fields:
                await wire.reader.readuntil(b"0\r\n\r\n")
            else:
                await wire.reader.readexactly(int(fields.get(b"content-length", b"0")))
            if not await self._answer(wire, body):
                return

    async def _answer(self, wire: Wire, body: bytes) -> bool:
        """Answer; tell whether the connection goes on."""
        counted = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
        half = len(body) // 2
        chunks = b"%x\r\n%b\r\n%x\r\n%b\r\n0\r\n\r\n" % (half, body[:half], len(body) - half, body[half:])
        chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks
        match self._random.randrange(12):
            case 0:
                await wire.send(counted[: self._random.randrange(len(counted))])
                return False
            case 1:
                wire.reset()
                return False
            case 2:
                await wire.send(counted + counted)  # the second one is nobody's
            case 3:
                await wire.send(b"HTTP/1.1 200 OK\r\n\r\n" + body)
                return False
            case 4:
                await wire.send(b"garbage\r\n\r\n")
                return False
            case 5 | 6:
                cut = self._random.randrange(len(chunked))
                await wire.send(chunked[:cut])
                await asyncio.sleep(0)
                await wire.send(chunked[cut:])
            case _:
                await wire.send(counted)
        return True


@pytest.mark.parametrize("seed", range(3))
async def test_nobody_gets_anothers_answer_and_nothing_is_left_behind(seed: int) -> None:
    unforeseen: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: unforeseen.append(context))
    chance = random.Random(seed)
    client = DirectClient(SystemClock())
    timeouts = Timeouts(connect_seconds=20, read_seconds=20, total_seconds=20)
    answered = 0

    async def ask(target: Target, number: int) -> None:
        nonlocal answered
        path = b"/%06d" % number
        body = chance.choice([None, Pieces(b"x" * 10, length=10), Pieces(b"x" * 10, b"y" * 70_000)])
        sent = request(b"POST" if body is not None else b"GET", path, body=body)
        try:
            response = await client.send(target, sent, timeouts)
            if response.body is not None and chance.random() < 0.2:
                await response.body.aclose()
                return
            content = await whole(response)
        except GatewayError:
            return
        assert content in (path, path * 30_000) or content == (path * 30_000)[: len(content)]
        answered += 1

    async def ask_impatiently(target: Target, number: int, limit: asyncio.Semaphore) -> None:
        async with limit:
            way = by_hand(ask(target, number)) if number % 2 else ask(target, number)
            task = asyncio.create_task(way)
            if chance.random() < 0.2:
                for _ in range(chance.randrange(1, 12)):
                    await asyncio.sleep(0)
                task.cancel()
            outcome = (await asyncio.gather(task, return_exceptions=True))[0]
            assert outcome is None or isinstance(outcome, asyncio.CancelledError), outcome

    async with agency(Unruly(seed)) as permits:
        client.apply([UpstreamPolicy("permits", (permits.target,), max_connections=8)])
        limit = asyncio.Semaphore(AT_ONCE)
        await asyncio.gather(*[ask_impatiently(permits.target, number, limit) for number in range(REQUESTS)])
        assert answered > REQUESTS / 10
        await client.aclose()
    assert unforeseen == []
