"""Totals of many workers: nothing that was counted is ever taken back."""

from __future__ import annotations

import json
from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from gateway.telemetry.logs import whole_lines
from gateway.telemetry.metrics import Metrics, RouteCounters
from gateway.telemetry.siblings import Siblings
from gateway.telemetry.totals import Reporter, Totals


class Worker:
    """One worker's counters and what it reports of them, through JSON as on the channel."""

    def __init__(self, serial: int) -> None:
        self.serial = serial
        self.metrics = Metrics()
        self.lost = 0
        self.up = 1.0
        self.metrics.counter("gateway_lines_lost", "Lost.", lambda: self.lost)
        self.metrics.gauge("gateway_connections", "Connected.", lambda: 10 * serial)
        self.metrics.gauges("gateway_service_up", "Up.", "service", lambda: [("permits", self.up)], merge="least")
        self._reporter = Reporter(self.metrics)

    def answer(self, count: int = 1) -> None:
        counters = self.metrics.route("permits", "/v1/permits")
        for _ in range(count):
            counters.status[2] += 1
            counters.gateway.observe(0.002)

    def report(self) -> dict[str, list[object]]:
        told: dict[str, list[object]] = json.loads(json.dumps(self._reporter.report()))
        return told


def value(totals: Totals, start: str) -> float:
    return next(float(line.split()[-1]) for line in totals.exposition().decode().splitlines() if line.startswith(start))


def requests(totals: Totals) -> float:
    return value(totals, "gateway_requests_total{")


def test_counters_add_up_and_gauges_as_they_say() -> None:
    totals, first, second = Totals(Metrics()), Worker(1), Worker(2)
    first.answer(3)
    second.answer(4)
    first.lost, second.lost, second.up = 1, 2, 0.0
    for worker in (first, second):
        totals.take(worker.serial, worker.report())
    assert requests(totals) == 7
    assert value(totals, "gateway_own_seconds_count") == 7
    assert value(totals, "gateway_lines_lost_total") == 3
    assert value(totals, "gateway_connections ") == 30
    assert value(totals, 'gateway_service_up{service="permits"}') == 0


def test_a_dead_workers_counters_stay_and_its_gauges_go() -> None:
    totals, first, second = Totals(Metrics()), Worker(1), Worker(2)
    first.answer(3)
    first.lost = 5
    second.answer(4)
    for worker in (first, second):
        totals.take(worker.serial, worker.report())
    totals.bury(first.serial)
    assert requests(totals) == 7
    assert value(totals, "gateway_lines_lost_total") == 5
    assert value(totals, "gateway_connections ") == 20


def test_a_quiet_route_is_not_told_again() -> None:
    worker = Worker(1)
    worker.answer()
    assert len(worker.report()["routes"]) == 1
    assert worker.report()["routes"] == []
    worker.answer()
    assert len(worker.report()["routes"]) == 1


@given(st.lists(st.sampled_from(["answer", "report", "die"]), max_size=40))
def test_totals_never_fall_whoever_dies(steps: list[str]) -> None:
    totals, serial = Totals(Metrics()), 1
    worker, seen = Worker(serial), 0.0
    acts: dict[str, Callable[[], object]] = {
        "answer": lambda: worker.answer(),
        "report": lambda: totals.take(worker.serial, worker.report()),
        "die": lambda: totals.bury(worker.serial),
    }
    for step in steps:
        acts[step]()
        if step == "die":
            serial += 1
            worker = Worker(serial)
        total = requests(totals) if b"gateway_requests_total{" in totals.exposition() else 0.0
        assert total >= seen
        seen = total


def test_a_worker_is_told_what_all_others_have_counted_and_only_what_is_new() -> None:
    totals, siblings = Totals(Metrics()), Siblings(since=9.0)
    workers = [Worker(serial) for serial in (1, 2, 3)]
    for count, worker in enumerate(workers, start=1):
        worker.answer(count)
        worker.metrics.route("permits", "/v1/permits/other").status[5] += 1
        totals.take(worker.serial, worker.report())
    totals.bury(3)
    workers[1].answer(10)
    totals.take(2, workers[1].report())
    siblings.hear(7.0, json.loads(json.dumps(totals.siblings_of(1))))
    (permits,) = siblings.services()
    assert (permits.service, permits.status[2], permits.status[5]) == ("permits", 2 + 10 + 3, 2)
    assert sum(permits.gateway.counts) == permits.status[2]
    assert siblings.since == 7.0
    assert totals.siblings_of(1) == {}
    assert totals.siblings_of(99) == {}


def test_everything_a_route_counts_is_added() -> None:
    counters = RouteCounters("permits", "/v1/permits")
    numbers = [float(number) for number, _ in enumerate(counters.numbers(), start=1)]
    counters.add(numbers)
    counters.add(numbers)
    assert counters.numbers() == [2 * number for number in numbers]


@given(st.lists(st.binary(max_size=30).map(lambda line: line.replace(b"\n", b"") + b"\n")), st.integers(1, 50))
def test_lines_are_written_whole_and_in_pieces_that_a_pipe_keeps_together(lines: list[bytes], most: int) -> None:
    pieces = list(whole_lines(b"".join(lines), most))
    assert b"".join(pieces) == b"".join(lines)
    assert all(piece.endswith(b"\n") for piece in pieces)
    assert all(len(piece) <= most or piece.count(b"\n") == 1 for piece in pieces)
