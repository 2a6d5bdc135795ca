"""Who gets a connection, and when; with waits cut short at every point."""

from __future__ import annotations

import asyncio

import pytest

from gateway.clock import ManualClock, SystemClock
from gateway.errors import Saturated, Unreachable
from gateway.rules.delivery import Timeouts, UpstreamPolicy
from gateway.stepping import Exchange
from gateway.upstream.addresses import Resolver
from gateway.upstream.answer import HEAD_LIMITS, Answer
from gateway.upstream.connection import Connection
from gateway.upstream.dial import Dialler
from gateway.upstream.direct import DirectClient
from gateway.upstream.pool import MAX_WAITING, Pool
from gateway.upstream.wheel import Wheel
from gateway.wire.line_memory import LineKind
from gateway.wire.recognise import ResponseRecogniser
from tests.upstream.agencies import OK, PATIENT, Agency, Wire, agency, dead_target, request
from tests.upstream.stepped import Client

ONE = Timeouts(connect_seconds=20, read_seconds=20, total_seconds=20)


def limited(client: Client, permits: Agency, connections: int) -> None:
    client.apply([UpstreamPolicy("permits", (permits.target,), max_connections=connections)])


async def test_requests_that_wait_are_served_in_their_order_over_few_connections(direct: Client) -> None:
    order: list[int] = []

    async def ask(number: int) -> None:
        await direct.send(permits.target, request(path=b"/%d" % number), PATIENT)
        order.append(number)

    async with agency() as permits:
        limited(direct, permits, 1)
        await asyncio.gather(*[ask(number) for number in range(50)])
        assert permits.connections == 1
    assert [received.line for received in permits.received] == [b"GET /%d HTTP/1.1" % number for number in range(50)]
    assert order == list(range(50))


async def test_hundreds_that_wait_are_handed_on_to_in_a_loop() -> None:
    """Each is woken inside the hand-over and gives up at once: by recursion they would overflow the stack."""
    client = DirectClient(SystemClock())
    release, asked = asyncio.Event(), asyncio.Event()

    async def play(wire: Wire) -> None:
        await wire.request()
        asked.set()
        await release.wait()
        await wire.send(OK)
        for _ in range(1_000):
            await wire.request()
            await wire.send(OK)

    async with agency(play) as permits:
        limited(client, permits, 1)
        first = asyncio.create_task(client.send(permits.target, request(), ONE))
        await asked.wait()
        done: list[BaseException | None] = []
        exchanges = [Exchange(client.send(permits.target, request(), ONE), done.append) for _ in range(1_000)]
        for exchange in exchanges:
            exchange.start()
        for exchange in exchanges[:-1:2]:
            exchange.interrupt(ConnectionError())
        release.set()
        await first
        while len(done) < len(exchanges):
            await asyncio.sleep(0.001)
        assert sum(error is None for error in done) == 500
        assert permits.connections == 1
    await client.aclose()


async def test_failed_dials_fail_everyone_who_waits(direct: Client) -> None:
    target = dead_target()
    direct.apply([UpstreamPolicy("permits", (target,), max_connections=2)])
    outcomes = await asyncio.gather(
        *[direct.send(target, request(), PATIENT) for _ in range(20)], return_exceptions=True
    )
    assert all(isinstance(outcome, Unreachable) and not isinstance(outcome, Saturated) for outcome in outcomes)


async def test_connection_dialled_for_someone_who_left_serves_the_next(direct: Client) -> None:
    async with agency() as permits:
        waiting = asyncio.create_task(direct.send(permits.target, request(), PATIENT))
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        assert (await direct.send(permits.target, request(), PATIENT)).content == b"ok"
        assert permits.connections == 1


async def test_connection_handed_over_in_the_moment_of_an_interrupt_is_given_back() -> None:
    client = DirectClient(SystemClock())
    release, asked = asyncio.Event(), asyncio.Event()

    async def play(wire: Wire) -> None:
        while True:
            await wire.request()
            asked.set()
            await release.wait()
            await wire.send(OK)

    async with agency(play) as permits:
        limited(client, permits, 1)
        ended = asyncio.Event()

        def cancel_the_second(_: BaseException | None) -> None:
            # Stepped by hand, this runs in the turn in which the connection was handed to the second request, and
            # before that request's task runs on.
            second.cancel()
            ended.set()

        first = Exchange(client.send(permits.target, request(), ONE), cancel_the_second)
        first.start()
        await asked.wait()
        second = asyncio.create_task(client.send(permits.target, request(), ONE))
        third = asyncio.create_task(client.send(permits.target, request(), ONE))
        await asyncio.sleep(0)
        release.set()
        await ended.wait()
        await third
        outcomes = await asyncio.gather(second, return_exceptions=True)
        assert isinstance(outcomes[0], asyncio.CancelledError)
        assert permits.connections == 1
    await client.aclose()


async def test_queue_is_bounded() -> None:
    clock = ManualClock()
    client = DirectClient(clock)
    async with agency(_never) as permits:
        limited(client, permits, 1)
        tasks = [asyncio.create_task(client.send(permits.target, request(), ONE)) for _ in range(MAX_WAITING + 2)]
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        assert [type(task.exception()) for task in done] == [Saturated, Saturated]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    await client.aclose()


async def _never(wire: Wire) -> None:
    await wire.request()
    await wire.gone()


async def test_wait_for_a_dial_that_takes_too_long_is_unreachable_and_for_a_busy_pool_saturated() -> None:
    clock = ManualClock()
    client = DirectClient(clock)
    asked = asyncio.Event()

    async def play(wire: Wire) -> None:
        await wire.request()
        asked.set()
        await wire.gone()

    async with agency(play) as permits:
        limited(client, permits, 1)
        busy = asyncio.create_task(client.send(permits.target, request(), Timeouts(total_seconds=1_000)))
        await asked.wait()
        waiting = asyncio.create_task(client.send(permits.target, request(), Timeouts(connect_seconds=5)))
        await asyncio.sleep(0)
        clock.advance(6)
        with pytest.raises(Saturated):
            await waiting
        busy.cancel()
        await asyncio.gather(busy, return_exceptions=True)
    await client.aclose()


async def test_connection_that_ends_makes_room_for_who_waits(direct: Client) -> None:
    async def play(wire: Wire) -> None:
        await wire.request()
        if permits.connections == 1:
            await proceed.wait()
            return
        await wire.send(OK)

    proceed = asyncio.Event()
    async with agency(play) as permits:
        limited(direct, permits, 1)
        first = asyncio.create_task(direct.send(permits.target, request(), PATIENT))
        second = asyncio.create_task(direct.send(permits.target, request(), PATIENT))
        await asyncio.sleep(0)
        proceed.set()
        assert (await second).content == b"ok"
        outcome = (await asyncio.gather(first, return_exceptions=True))[0]
        assert isinstance(outcome, Exception)


async def test_closing_fails_whoever_waits_and_leaves_nothing_behind() -> None:
    client = DirectClient(SystemClock())
    async with agency(_never) as permits:
        limited(client, permits, 1)
        tasks = [asyncio.create_task(client.send(permits.target, request(), ONE)) for _ in range(3)]
        await asyncio.sleep(0)
        await client.aclose()
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
        assert all(isinstance(outcome, Unreachable) for outcome in outcomes)


async def test_larger_pool_after_a_reload_grows(direct: Client) -> None:
    barrier = asyncio.Barrier(2)

    async def play(wire: Wire) -> None:
        await wire.request()
        await barrier.wait()
        await wire.send(OK)

    async with agency(play) as permits:
        limited(direct, permits, 1)
        limited(direct, permits, 2)
        await asyncio.gather(*[direct.send(permits.target, request(), PATIENT) for _ in range(2)])
        assert permits.connections == 2


async def test_smaller_pool_after_a_reload_shrinks_as_answers_end(direct: Client) -> None:
    barrier = asyncio.Barrier(3)

    async def play(wire: Wire) -> None:
        while True:
            received = await wire.request()
            if b"/together" in received.line:
                await barrier.wait()
            await wire.send(OK)

    async with agency(play) as permits:
        limited(direct, permits, 2)
        both = [asyncio.create_task(direct.send(permits.target, request(path=b"/together"), PATIENT)) for _ in range(2)]
        await asyncio.sleep(0)
        limited(direct, permits, 1)
        await barrier.wait()
        await asyncio.gather(*both)
        outcomes = await asyncio.gather(*[direct.send(permits.target, request(), PATIENT) for _ in range(8)])
        assert all(outcome.content == b"ok" for outcome in outcomes)
        assert permits.connections == 2


async def test_states_are_readable() -> None:
    clock = ManualClock()
    wheel = Wheel(clock)
    pool = Pool(dead_target(), 3, Dialler(clock, Resolver(clock)), wheel)
    assert repr(pool) == f"<Pool {pool.target.url}: 0 idle, 0 busy, 0 dialled, 0 waiting, at most 3>"
    async with agency(_never) as permits:
        _, connection = await asyncio.get_running_loop().create_connection(
            lambda: Connection(pool, wheel), "127.0.0.1", permits.target.port
        )
        assert repr(connection) == "<Connection idle, 0 served>"
        connection.begin(Answer(b"GET", ResponseRecogniser(lambda _: LineKind.PASS, HEAD_LIMITS)), PATIENT)
        assert repr(connection) == "<Connection busy, 0 served>"
        connection.abort()
        assert repr(connection) == "<Connection closed, 0 served>"
    wheel.close()
