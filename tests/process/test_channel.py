"""The supervisor and a worker understand each other, and learn at once when the other is gone."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Mapping

import pytest

from gateway.workers.channel import Body, CallFailed, Channel, Handler, PeerGone

GUARD_SECONDS = 60.0


class Pair:
    """Two ends that talk."""

    def __init__(self, handlers: Mapping[str, Handler]) -> None:
        self.ours, self.theirs = Channel({}), Channel(handlers)
        self.hearing: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Pair:
        for channel, end in zip((self.ours, self.theirs), socket.socketpair(), strict=True):
            await channel.open(end)
            self.hearing.append(asyncio.create_task(channel.serve()))
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.theirs.aclose()
        await asyncio.gather(*self.hearing)


async def echo(body: Body) -> Body:
    return body


async def fail(_: Body) -> Body:
    raise ValueError("not today")


@pytest.fixture
async def silence() -> AsyncIterator[asyncio.Event]:
    event = asyncio.Event()
    yield event
    event.set()


async def test_a_call_is_answered_whatever_its_size() -> None:
    async with Pair({"echo": echo}) as pair:
        body = {"text": "izin " * 200_000, "number": 3}
        assert await pair.ours.call("echo", body, timeout_seconds=GUARD_SECONDS) == body


async def test_answers_find_their_calls_in_any_order() -> None:
    first_may_end = asyncio.Event()

    async def answer(body: Body) -> Body:
        if body["number"] == 1:
            await first_may_end.wait()
        return body

    async with Pair({"answer": answer}) as pair:
        first = asyncio.create_task(pair.ours.call("answer", {"number": 1}, timeout_seconds=GUARD_SECONDS))
        assert await pair.ours.call("answer", {"number": 2}, timeout_seconds=GUARD_SECONDS) == {"number": 2}
        first_may_end.set()
        assert await first == {"number": 1}


async def test_a_failure_is_told_in_its_own_words() -> None:
    async with Pair({"fail": fail}) as pair:
        with pytest.raises(CallFailed, match="not today"):
            await pair.ours.call("fail", {}, timeout_seconds=GUARD_SECONDS)


async def test_one_that_does_not_answer_is_given_up_and_its_late_answer_ignored(silence: asyncio.Event) -> None:
    async def answer(body: Body) -> Body:
        await silence.wait()
        return body

    async with Pair({"answer": answer, "echo": echo}) as pair:
        with pytest.raises(TimeoutError):
            await pair.ours.call("answer", {}, timeout_seconds=0.01)
        silence.set()
        assert await pair.ours.call("echo", {"a": 1}, timeout_seconds=GUARD_SECONDS) == {"a": 1}


async def test_news_comes_in_order_and_unasked() -> None:
    heard: list[int] = []

    async def hear(body: Body) -> Body:
        heard.append(body["number"])
        return {}

    async with Pair({"hear": hear, "echo": echo}) as pair:
        for number in range(100):
            pair.ours.tell("hear", {"number": number})
        await pair.ours.call("echo", {}, timeout_seconds=GUARD_SECONDS)
    assert heard == list(range(100))


async def test_who_waits_learns_that_the_other_is_gone(silence: asyncio.Event) -> None:
    async def answer(body: Body) -> Body:
        await silence.wait()
        return body

    async with Pair({"answer": answer}) as pair:
        call = asyncio.create_task(pair.ours.call("answer", {}, timeout_seconds=GUARD_SECONDS))
        await asyncio.sleep(0)
        await pair.theirs.aclose()
        with pytest.raises(PeerGone):
            await call
        await pair.hearing[0]
        with pytest.raises(PeerGone):
            pair.ours.tell("answer", {})
