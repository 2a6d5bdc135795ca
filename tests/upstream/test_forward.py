"""One request, its targets and its second chance."""

from __future__ import annotations

import asyncio

import pytest

from gateway.clock import ManualClock, SystemClock
from gateway.errors import BrokeProtocol, ReusedConnectionLost, Saturated, TimedOut, Unreachable
from gateway.fields import Fields
from gateway.rules.delivery import HealthPolicy, RetryPolicy, Target, Timeouts, UpstreamPolicy
from gateway.upstream.forward import Forwarder
from gateway.upstream.ports import Trailed, UpstreamRequest, UpstreamResponse
from gateway.upstream.targets import Targets
from tests.upstream.agencies import (
    OK,
    PATIENT,
    Pieces,
    Wire,
    agency,
    dead_target,
    read_all,
    request,
    scripted,
)
from tests.upstream.stepped import Client


@pytest.fixture
def targets() -> Targets:
    return Targets(SystemClock())


@pytest.fixture
async def forwarder(client: Client, targets: Targets) -> Forwarder:
    return Forwarder(client, targets, SystemClock())


def policy(*where: Target, attempts: int = 2) -> UpstreamPolicy:
    return UpstreamPolicy("permits", where, retry=RetryPolicy(attempts=attempts))


async def test_dead_target_costs_nobody_a_request(forwarder: Forwarder) -> None:
    async with agency() as permits:
        service = policy(dead_target(), permits.target)
        for _ in range(6):
            response = await forwarder.send(service, request(b"POST", body=Pieces(b"abc", length=3)), PATIENT)
            assert response.content == b"ok"
    assert [received.body for received in permits.received] == [b"abc"] * 6


async def test_sole_dead_target_is_tried_each_time_and_the_failure_told(forwarder: Forwarder, targets: Targets) -> None:
    service = policy(dead_target())
    for _ in range(4):
        with pytest.raises(Unreachable):
            await forwarder.send(service, request(), PATIENT)
    health = targets.health("permits")
    assert health is not None
    assert health.status == "fail"


async def test_target_that_comes_back_is_found_by_traffic(forwarder: Forwarder, targets: Targets) -> None:
    async with agency() as permits:
        service = policy(permits.target)
        live = targets.choose(service)
        for _ in range(3):
            targets.report_refusal(live, "refused")
        assert (await forwarder.send(service, request(), PATIENT)).content == b"ok"
    health = targets.health("permits")
    assert health is not None
    assert health.status == "pass"


async def test_post_is_never_sent_twice(forwarder: Forwarder) -> None:
    async with agency(scripted(b"")) as first, agency(scripted(b"")) as second:
        with pytest.raises(BrokeProtocol):
            await forwarder.send(policy(first.target, second.target), request(b"POST"), PATIENT)
        assert first.connections + second.connections == 1


async def test_get_that_broke_is_sent_to_another_target(forwarder: Forwarder) -> None:
    async with agency(scripted(b"garbage\r\n\r\n")) as broken, agency() as well:
        service = policy(broken.target, well.target)
        for _ in range(4):
            assert (await forwarder.send(service, request(), PATIENT)).content == b"ok"


async def test_kept_connection_lost_is_tried_again_on_the_same_target(forwarder: Forwarder) -> None:
    async def play(wire: Wire) -> None:
        await wire.request()
        await wire.send(OK)
        await wire.request()  # and closes without a word

    async with agency(play) as permits:
        service = policy(permits.target)
        for _ in range(2):
            assert (await forwarder.send(service, request(), PATIENT)).content == b"ok"
        assert permits.connections == 2


async def test_small_body_of_a_repeatable_method_is_sent_again_whole(forwarder: Forwarder) -> None:
    bodies: list[bytes] = []

    async def play(wire: Wire) -> None:
        bodies.append((await wire.request()).body)
        await wire.send(OK)
        bodies.append((await wire.request()).body)

    async with agency(play) as permits:
        service = policy(permits.target)
        for _ in range(2):
            body = Pieces(b"ab", b"c", length=3)
            assert (await forwarder.send(service, request(b"PUT", body=body), PATIENT)).content == b"ok"
    assert bodies == [b"abc"] * 3


async def test_body_that_streams_is_not_sent_again_once_it_has_begun(forwarder: Forwarder) -> None:
    async def play(wire: Wire) -> None:
        await wire.request()
        await wire.send(OK)
        await wire.request()

    async with agency(play) as permits:
        service = policy(permits.target)
        await forwarder.send(service, request(), PATIENT)
        with pytest.raises(ReusedConnectionLost):
            await forwarder.send(service, request(b"PUT", body=Pieces(b"abc")), PATIENT)


async def test_one_attempt_means_one(forwarder: Forwarder) -> None:
    async with agency() as permits:
        service = policy(dead_target(), permits.target, attempts=1)
        outcomes = [
            await asyncio.gather(forwarder.send(service, request(), PATIENT), return_exceptions=True) for _ in range(2)
        ]
    assert sum(isinstance(outcome, Unreachable) for (outcome,) in outcomes) == 1


async def test_second_attempt_stays_within_the_total_deadline(targets: Targets) -> None:
    clock = ManualClock()
    given: list[Timeouts] = []

    class Slow:
        async def send(
            self, target: Target, request: UpstreamRequest, timeouts: Timeouts, *, emergency: bool = False
        ) -> UpstreamResponse:
            given.append(timeouts)
            clock.advance(3.0)
            raise TimedOut("slow")

        async def aclose(self) -> None: ...

    forwarder = Forwarder(Slow(), targets, clock)
    service = policy(dead_target(), dead_target(), dead_target(), attempts=3)
    with pytest.raises(TimedOut):
        await forwarder.send(service, request(), Timeouts(connect_seconds=4.0, total_seconds=5.0))
    assert [(t.connect_seconds, t.total_seconds) for t in given] == [(4.0, 5.0), (2.0, 2.0)]


async def test_saturation_is_not_held_against_a_target(targets: Targets) -> None:
    class Full:
        async def send(
            self, target: Target, request: UpstreamRequest, timeouts: Timeouts, *, emergency: bool = False
        ) -> UpstreamResponse:
            raise Saturated("full")

        async def aclose(self) -> None: ...

    forwarder = Forwarder(Full(), targets, SystemClock())
    service = policy(dead_target())
    for _ in range(3):
        with pytest.raises(Saturated):
            await forwarder.send(service, request(), PATIENT)
    health = targets.health("permits")
    assert health is not None
    assert (health.status, health.failing_since) == ("pass", None)


async def test_answer_under_way_is_in_flight_until_it_is_closed(forwarder: Forwarder, targets: Targets) -> None:
    proceed = asyncio.Event()

    async def play(wire: Wire) -> None:
        await wire.request()
        await wire.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")
        await proceed.wait()
        await wire.send(b"0\r\n\r\n")

    def in_flight() -> int:
        health = targets.health("permits")
        assert health is not None
        return health.targets[0].in_flight

    async with agency(play) as permits:
        response = await forwarder.send(policy(permits.target), request(), PATIENT)
        assert response.body is not None
        assert in_flight() == 1
        proceed.set()
        assert await read_all(response.body) == b"abc"
        await response.body.aclose()
    assert in_flight() == 0


async def test_answer_that_breaks_off_is_noted(forwarder: Forwarder, targets: Targets) -> None:
    cut = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nabc"
    async with agency(scripted(cut)) as permits:
        response = await forwarder.send(policy(permits.target), request(), PATIENT)
        assert response.body is not None
        with pytest.raises(BrokeProtocol):
            await read_all(response.body)
    health = targets.health("permits")
    assert health is not None
    assert health.failing_since is not None


async def test_cancellation_is_never_held_against_a_target(forwarder: Forwarder, targets: Targets) -> None:
    asked = asyncio.Event()

    async def play(wire: Wire) -> None:
        await wire.request()
        asked.set()
        await wire.gone()

    async with agency(play) as permits:
        waiting = asyncio.create_task(forwarder.send(policy(permits.target), request(), PATIENT))
        await asked.wait()
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
    health = targets.health("permits")
    assert health is not None
    assert (health.failing_since, health.targets[0].in_flight) == (None, 0)


async def test_lost_connection_is_not_tried_again_on_a_target_that_probes_call_down_by_now(targets: Targets) -> None:
    health = HealthPolicy(path="/healthz", unhealthy_after=1)

    class Lost:
        async def send(
            self, target: Target, request: UpstreamRequest, timeouts: Timeouts, *, emergency: bool = False
        ) -> UpstreamResponse:
            targets.report_probe("permits", target, health, "refused")
            raise ReusedConnectionLost("lost")

        async def aclose(self) -> None: ...

    forwarder = Forwarder(Lost(), targets, SystemClock())
    with pytest.raises(ReusedConnectionLost):
        await forwarder.send(policy(dead_target()), request(), PATIENT)


async def test_client_that_waits_for_a_100_is_asked_for_its_body_only_by_the_agency(
    direct: Client, targets: Targets
) -> None:
    body = Pieces(b"abc", length=3)
    reads: list[int] = []

    async def play(wire: Wire) -> None:
        await wire.head()
        reads.append(body.reads)
        await wire.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        await wire.reader.readexactly(3)
        await wire.send(OK)

    forwarder = Forwarder(direct, targets, SystemClock())
    sent = UpstreamRequest(b"PUT", b"/", b"", request().passed, (), body, waits_for_continue=True)
    async with agency(play) as permits:
        assert (await forwarder.send(policy(permits.target), sent, PATIENT)).content == b"ok"
    assert reads == [0]


async def test_trailers_pass_both_ways(direct: Client, targets: Targets) -> None:
    class WithTrailers(Pieces):
        trailers: Fields = ((b"x-up", b"1"),)

    received: list[bytes] = []
    proceed = asyncio.Event()

    async def play(wire: Wire) -> None:
        await wire.head()
        received.append(await wire.reader.readuntil(b"0\r\nx-up: 1\r\n\r\n"))
        await wire.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        await proceed.wait()
        await wire.send(b"0\r\nX-Down: 2\r\n\r\n")

    forwarder = Forwarder(direct, targets, SystemClock())
    async with agency(play) as permits:
        response = await forwarder.send(policy(permits.target), request(b"POST", body=WithTrailers(b"abc")), PATIENT)
        assert response.body is not None
        proceed.set()
        assert await read_all(response.body) == b""
        assert isinstance(response.body, Trailed)
        assert response.body.trailers == ((b"x-down", b"2"),)
    assert received == [b"3\r\nabc\r\n0\r\nx-up: 1\r\n\r\n"]
