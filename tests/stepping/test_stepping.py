"""Coroutines stepped by hand, and the signal that wakes them and tasks alike."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import Coroutine, Generator
from contextvars import ContextVar
from typing import Any

import pytest

from gateway.stepping import Exchange, Signal

citizen: ContextVar[str] = ContextVar("citizen", default="nobody")


class Run:
    """One exchange with what it told at its end."""

    def __init__(self, coroutine: Coroutine[Any, Any, object]) -> None:
        self.ended = asyncio.Event()
        self.error: BaseException | None = None
        self.times = 0
        self.exchange = Exchange(coroutine, self._on_end)
        self.exchange.start()

    def _on_end(self, error: BaseException | None) -> None:
        self.times += 1
        self.error = error
        self.ended.set()

    @property
    def is_done(self) -> bool:
        return self.exchange.is_done


class Box:
    """News and the signal for it."""

    def __init__(self) -> None:
        self.news: list[str] = []
        self.arrived = Signal()

    async def take(self) -> str:
        while not self.news:
            await self.arrived
        return self.news.pop(0)

    def put(self, news: str) -> None:
        self.news.append(news)
        self.arrived.ring()


async def test_what_never_waits_ends_inside_start() -> None:
    log: list[str] = []

    async def work() -> None:
        log.append("done")

    run = Run(work())
    assert (log, run.is_done, run.error, run.times) == (["done"], True, None, 1)


async def test_ring_runs_an_exchange_on_at_once() -> None:
    box = Box()
    taken: list[str] = []

    async def work() -> None:
        taken.append(await box.take())
        taken.append(await box.take())

    run = Run(work())
    box.put("a")
    assert taken == ["a"]
    box.put("b")
    assert (taken, run.is_done) == (["a", "b"], True)


async def test_ring_wakes_a_task_in_the_next_turn() -> None:
    box = Box()
    task = asyncio.create_task(box.take())
    await asyncio.sleep(0)
    box.put("a")
    assert not task.done()
    assert await task == "a"


async def test_rings_too_many_too_early_or_too_late_do_no_harm() -> None:
    box = Box()
    for _ in range(3):
        box.arrived.ring()
    run = Run(box.take())
    for _ in range(3):
        box.arrived.ring()
    assert not run.is_done
    box.put("a")
    box.arrived.ring()
    assert (run.is_done, run.times) == (True, 1)


async def test_second_coroutine_may_not_await_the_same_signal() -> None:
    box = Box()
    first, second = Run(box.take()), Run(box.take())
    assert isinstance(second.error, RuntimeError)
    box.put("a")
    assert (first.is_done, first.error) == (True, None)


async def test_cancelled_task_leaves_the_signal_to_others() -> None:
    box = Box()
    task = asyncio.create_task(box.take())
    await asyncio.sleep(0)
    task.cancel("enough")
    with pytest.raises(asyncio.CancelledError):
        await task
    run = Run(box.take())
    box.put("a")
    assert run.is_done


async def test_task_cancelled_between_ring_and_wake_is_cancelled() -> None:
    box = Box()
    task = asyncio.create_task(box.take())
    await asyncio.sleep(0)
    box.arrived.ring()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await asyncio.wait_for(_put_and_take(box), 20) == "a"


async def _put_and_take(box: Box) -> str:
    box.put("a")
    return await box.take()


async def test_timeout_around_a_signal_works_in_a_task() -> None:
    box = Box()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0):
            await box.take()


async def test_exchange_waits_for_futures_and_nested_tasks() -> None:
    future: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    log: list[str] = []

    async def slow() -> str:
        async with asyncio.timeout(20):
            await asyncio.sleep(0)
        return "task"

    async def work() -> None:
        log.append(await future)
        log.append(await asyncio.create_task(slow()))
        await asyncio.sleep(0)

    run = Run(work())
    future.set_result("future")
    await run.ended.wait()
    assert (log, run.error) == (["future", "task"], None)


async def test_failure_of_a_future_is_raised_where_it_is_awaited() -> None:
    future: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    run = Run(_await(future))
    future.set_exception(LookupError("gone"))
    await run.ended.wait()
    assert isinstance(run.error, LookupError)


async def _await(awaitable: Any) -> None:  # anything: tests await what must not be awaited as well
    await awaitable


async def test_future_awaited_by_two_wakes_both() -> None:
    future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    runs = [Run(_await(future)), Run(_await(future))]
    task = asyncio.create_task(_await(future))
    await asyncio.sleep(0)
    future.set_result(None)
    await task
    for run in runs:
        await run.ended.wait()
        assert run.error is None


async def test_foreign_awaitable_is_an_error_where_it_is_awaited() -> None:
    class Foreign:
        def __await__(self) -> Generator[str, None, None]:
            yield "trio"

    run = Run(_await(Foreign()))
    await run.ended.wait()
    assert isinstance(run.error, RuntimeError)


async def test_interrupt_raises_at_the_wait_at_once() -> None:
    box = Box()
    log: list[str] = []

    async def work() -> None:
        try:
            await box.take()
        finally:
            log.append("cleaned up")

    run = Run(work())
    reason = ConnectionError("client gone")
    run.exchange.interrupt(reason)
    assert (log, run.error) == (["cleaned up"], reason)


async def test_interrupt_of_a_nested_task_lets_it_clean_up_first() -> None:
    log: list[str] = []

    async def nested() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            log.append("nested")

    async def work() -> None:
        try:
            await asyncio.create_task(nested())
        finally:
            log.append("outer")

    run = Run(work())
    await asyncio.sleep(0)
    run.exchange.interrupt(ConnectionError())
    await run.ended.wait()
    assert log == ["nested", "outer"]
    assert isinstance(run.error, ConnectionError)


async def test_interrupt_from_within_is_raised_at_the_next_wait() -> None:
    box = Box()
    log: list[str] = []
    run: Run | None = None

    async def work() -> None:
        await box.take()
        assert run is not None
        run.exchange.interrupt(ConnectionError())
        log.append("goes on to its next wait")
        await box.take()

    run = Run(work())
    box.put("a")
    assert log == ["goes on to its next wait"]
    assert isinstance(run.error, ConnectionError)


async def test_coroutine_that_goes_on_in_spite_of_an_interrupt_is_left_to() -> None:
    box = Box()

    async def work() -> None:
        try:
            await box.take()
        except ConnectionError:
            await box.take()

    run = Run(work())
    run.exchange.interrupt(ConnectionError())
    assert not run.is_done
    box.put("a")
    assert (run.is_done, run.error) == (True, None)


async def test_interrupt_after_the_end_does_nothing() -> None:
    run = Run(asyncio.sleep(0))
    await run.ended.wait()
    run.exchange.interrupt(ConnectionError())
    assert (run.error, run.times) == (None, 1)


async def test_each_exchange_has_a_context_of_its_own() -> None:
    box = Box()
    seen: list[str] = []

    async def work(name: str, box: Box) -> None:
        citizen.set(name)
        await box.take()
        seen.append(citizen.get())

    other = Box()
    Run(work("budi", box))
    Run(work("siti", other))
    other.put("x")
    box.put("x")
    assert seen == ["siti", "budi"]
    assert citizen.get() == "nobody"


async def test_what_starts_at_an_end_does_not_run_during_handling_of_it() -> None:
    second: list[BaseException] = []

    async def fail() -> None:
        raise LookupError

    def on_end(_: BaseException | None) -> None:
        Exchange(fail(), lambda error: second.append(error) if error else None).start()

    async def work() -> None: ...

    Exchange(work(), on_end).start()
    assert second[0].__context__ is None


async def test_escaped_error_keeps_nothing_alive() -> None:
    class Load:
        pass

    async def fail() -> None:
        load = Load()
        watched.append(weakref.ref(load))
        raise LookupError

    watched: list[weakref.ref[Load]] = []
    gc.disable()
    try:
        run = Run(fail())
        assert isinstance(run.error, LookupError)
        assert watched[0]() is None
    finally:
        gc.enable()


async def test_exit_of_the_process_is_told_and_passes_on() -> None:
    async def leave() -> None:
        raise SystemExit(1)

    told: list[BaseException | None] = []
    with pytest.raises(SystemExit):
        Exchange(leave(), told.append).start()
    assert isinstance(told[0], SystemExit)


async def test_repr_shows_where_it_waits() -> None:
    box = Box()
    run = Run(box.take())
    assert "Box.take:" in repr(run.exchange)
    assert "awaiting" in repr(run.exchange)
    box.put("a")
    assert repr(run.exchange) == "<Exchange no frame, done>"


async def test_a_ring_from_a_plain_callback_needs_no_turn_of_the_loop() -> None:
    box = Box()
    order: list[str] = []

    async def work() -> None:
        order.append(await box.take())

    def received() -> None:
        box.put("news")
        order.append("after")

    run = Run(work())
    asyncio.get_running_loop().call_soon(received)
    await run.ended.wait()
    assert order == ["news", "after"]
