"""Probes run from boot on, follow reloads, and tell the targets what they saw."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from gateway.clock import SystemClock
from gateway.errors import Saturated
from gateway.rules.delivery import HealthPolicy, Target, Timeouts, UpstreamPolicy
from gateway.upstream.ports import UpstreamRequest, UpstreamResponse
from gateway.upstream.probes import Probes
from gateway.upstream.targets import Targets
from tests.upstream.agencies import OK, Wire, agency, answer, dead_target
from tests.upstream.stepped import Client

HEALTH = HealthPolicy(path="/healthz", interval_seconds=10.0, timeout_seconds=20.0, unhealthy_after=1)


class Steps:
    """Stands for time between probes: counts them, and lets the next one go only when told."""

    def __init__(self) -> None:
        self.slept: list[float] = []
        self._ended = asyncio.Condition()
        self._go = asyncio.Semaphore(0)

    async def sleep(self, seconds: float) -> None:
        async with self._ended:
            self.slept.append(seconds)
            self._ended.notify_all()
        await self._go.acquire()

    async def probes_done(self, count: int) -> None:
        async with self._ended:
            await self._ended.wait_for(lambda: len(self.slept) >= count)

    def next(self) -> None:
        self._go.release()


@pytest.fixture
def steps() -> Steps:
    return Steps()


@pytest.fixture
def targets() -> Targets:
    return Targets(SystemClock())


@pytest.fixture
async def probes(client: Client, targets: Targets, steps: Steps) -> AsyncIterator[Probes]:
    made = Probes(client, targets, sleep=steps.sleep, random=lambda: 1.0)
    yield made
    await made.aclose()


def status(targets: Targets) -> str:
    health = targets.health("permits")
    assert health is not None
    return health.status


def policy(*where: Target, health: HealthPolicy | None = HEALTH) -> UpstreamPolicy:
    return UpstreamPolicy("permits", where, health=health)


@pytest.fixture
def apply(targets: Targets, probes: Probes) -> Callable[[UpstreamPolicy], None]:
    def both(one: UpstreamPolicy) -> None:
        targets.apply([one])
        probes.apply([one])

    return both


async def test_probing_starts_at_boot_without_traffic(
    apply: Callable[[UpstreamPolicy], None], targets: Targets, steps: Steps
) -> None:
    async with agency() as permits:
        apply(policy(permits.target, dead_target()))
        await steps.probes_done(2)
        assert status(targets) == "warn"
    assert permits.received[0].line == b"GET /healthz HTTP/1.1"


async def test_intervals_are_spread(apply: Callable[[UpstreamPolicy], None], steps: Steps) -> None:
    async with agency() as permits:
        apply(policy(permits.target))
        await steps.probes_done(1)
    assert steps.slept == [pytest.approx(11.0)]


@pytest.mark.parametrize(
    ("code", "seen"), [(b"200 OK", "pass"), (b"302 Found", "pass"), (b"404 Not Found", "fail"), (b"503 Busy", "fail")]
)
async def test_status_decides(
    apply: Callable[[UpstreamPolicy], None], targets: Targets, steps: Steps, code: bytes, seen: str
) -> None:
    async def play(wire: Wire) -> None:
        await wire.request()
        await wire.send(answer(b"", status=code))

    async with agency(play) as permits:
        apply(policy(permits.target))
        await steps.probes_done(1)
        assert status(targets) == seen


async def test_target_that_returns_is_seen(
    apply: Callable[[UpstreamPolicy], None], targets: Targets, steps: Steps
) -> None:
    answers = iter([answer(b"", status=b"500 Broken"), OK])

    async def play(wire: Wire) -> None:
        while True:
            await wire.request()
            await wire.send(next(answers))

    async with agency(play) as permits:
        apply(policy(permits.target))
        await steps.probes_done(1)
        assert status(targets) == "fail"
        steps.next()
        await steps.probes_done(2)
        assert status(targets) == "pass"


async def test_long_answer_to_a_probe_is_not_read_to_its_end(
    apply: Callable[[UpstreamPolicy], None], targets: Targets, steps: Steps
) -> None:
    async def play(wire: Wire) -> None:
        await wire.request()
        await wire.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")
        await wire.gone()

    async with agency(play) as permits:
        apply(policy(permits.target))
        await steps.probes_done(1)
        assert status(targets) == "pass"


async def test_reload_keeps_unchanged_probes_and_stops_removed_ones(
    apply: Callable[[UpstreamPolicy], None], steps: Steps
) -> None:
    async with agency() as first, agency() as second:
        apply(policy(first.target, second.target))
        await steps.probes_done(2)
        apply(policy(first.target))
        steps.next()
        await steps.probes_done(3)
        assert (len(first.received), len(second.received)) == (2, 1)


async def test_service_without_a_health_policy_is_not_probed(
    apply: Callable[[UpstreamPolicy], None], steps: Steps
) -> None:
    async with agency() as complaints, agency() as permits:
        apply(policy(complaints.target, health=None))
        apply(policy(permits.target))
        await steps.probes_done(1)
        assert complaints.connections == 0


async def test_probe_without_a_free_connection_learns_nothing(targets: Targets, steps: Steps) -> None:
    class Full:
        async def send(
            self, target: Target, request: UpstreamRequest, timeouts: Timeouts, *, emergency: bool = False
        ) -> UpstreamResponse:
            raise Saturated("full")

        async def aclose(self) -> None: ...

    probes = Probes(Full(), targets, sleep=steps.sleep)
    one = policy(dead_target())
    targets.apply([one])
    probes.apply([one])
    await steps.probes_done(1)
    assert status(targets) == "pass"
    await probes.aclose()
