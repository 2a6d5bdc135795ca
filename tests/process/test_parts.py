"""The small rules by which workers live: how many, how soon again, on which port, by whose leave."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path

import pytest
import structlog
from starlette.responses import Response

from gateway.registry.load import load
from gateway.registry.problems import ConfigError
from gateway.telemetry.logs import Log
from gateway.workers.backoff import Backoff
from gateway.workers.channel import Body
from gateway.workers.cpus import usable_cpus
from gateway.workers.generations import Generations
from gateway.workers.handover import Handover
from gateway.workers.machine_ops import joined
from gateway.workers.member import Member
from gateway.workers.shared_state import refuse_memory_store
from gateway.workers.sockets import CannotListen, bound, bound_together
from tests.process.machine import Machine
from tests.registry.files import Registry, service_text


def test_a_worker_that_keeps_dying_waits_longer_and_longer_and_a_long_life_is_forgiven() -> None:
    backoff = Backoff(jitter=lambda: 1.0)
    assert [backoff.after(0.5) for _ in range(5)] == pytest.approx([0.1, 0.2, 0.4, 0.8, 1.6])
    assert max(backoff.after(0.5) for _ in range(20)) == 30.0
    assert backoff.after(3_600) == pytest.approx(0.1)


def test_pauses_are_spread() -> None:
    assert Backoff(jitter=lambda: 0.0).after(1.0) == pytest.approx(0.05)


@pytest.mark.parametrize(
    ("limit", "expected"), [("max 100000", 1_000), ("150000 100000", 2), ("10000 100000", 1), ("", 1_000)]
)
def test_auto_is_what_the_container_may_use(tmp_path: Path, limit: str, expected: int) -> None:
    (tmp_path / "cpu.max").write_text(limit)
    assert usable_cpus(tmp_path / "cpu.max") == min(len(os.sched_getaffinity(0)), expected)


def test_without_a_container_auto_is_every_processor_of_this_process(tmp_path: Path) -> None:
    assert usable_cpus(tmp_path / "none") == len(os.sched_getaffinity(0))


def test_a_port_that_other_workers_share_is_still_taken() -> None:
    theirs = bound_together("127.0.0.1", 0, 2, "--port")
    port = theirs[0].getsockname()[1]
    assert {listener.getsockname()[1] for listener in theirs} == {port}
    with pytest.raises(CannotListen, match=f"127.0.0.1:{port}.*--port"):
        bound_together("127.0.0.1", port, 2, "--port")
    for listener in theirs:
        listener.close()
    bound("127.0.0.1", port, "--port").close()


def answer(status: int = 200, document: object = None, kind: str = "application/json") -> Body:
    return {"status": status, "type": kind, "content": json.dumps(document)}


def told(reply: Response) -> tuple[int, object]:
    return reply.status_code, json.loads(bytes(reply.body))


def test_what_was_done_is_added_up_and_what_is_is_told_for_each() -> None:
    answers = [(0, answer(document={"purged": 2})), (1, answer(document={"purged": 3}))]
    each = [{"worker": 0, "purged": 2}, {"worker": 1, "purged": 3}]
    assert told(joined(answers, adds_up=True)) == (200, {"purged": 5, "workers": each})
    assert told(joined(answers, adds_up=False)) == (200, {"purged": 2, "workers": each})


def test_figures_by_service_are_added_up_over_all_workers() -> None:
    answers = [(0, answer(document={"services": {"a": 1, "b": 2}})), (1, answer(document={"services": {"b": 3}}))]
    each = [{"worker": 0, "services": {"a": 1, "b": 2}}, {"worker": 1, "services": {"b": 3}}]
    assert told(joined(answers, adds_up=True)) == (200, {"services": {"a": 1, "b": 5}, "workers": each})


def test_what_one_worker_refuses_is_refused() -> None:
    answers = [(0, answer(document={"purged": 2})), (1, answer(400, {"error": "no"}))]
    status, document = told(joined(answers, adds_up=True))
    assert (status, document) == (
        400,
        {"error": "no", "workers": [{"worker": 0, "purged": 2}, {"worker": 1, "error": "no"}]},
    )


def test_a_worker_that_did_not_answer_is_named() -> None:
    status, document = told(joined([(0, answer(document={})), (1, None)], adds_up=True))
    assert status == 503
    assert document == {"error": "worker 1 did not answer; ask again"}


def test_a_page_that_is_no_object_is_passed_on_as_it_is() -> None:
    answers = [(number, answer(document="<p>", kind="text/html")) for number in (0, 1)]
    page = joined(answers, adds_up=False)
    assert (page.status_code, page.media_type, bytes(page.body)) == (200, "text/html", b'"<p>"')


@pytest.mark.parametrize(("kind", "numbers"), [("rate_limit", ", every: 1m"), ("concurrency", "")])
def test_memory_serves_several_workers_where_every_limit_is_declared_local(
    tmp_path: Path, kind: str, numbers: str
) -> None:
    registry = Registry(tmp_path)
    registry.service(service_text(**{kind: f"{{limit: 3{numbers}, accuracy: local}}"}))
    refuse_memory_store(registry.config, registry.load(), workers=2)
    registry.service(service_text(**{kind: f"{{limit: 3{numbers}}}"}))
    refuse_memory_store(registry.config, registry.load(), workers=1)
    with pytest.raises(ConfigError, match=r"(?s)through \(permits:citizen.*accuracy: local"):
        refuse_memory_store(registry.config, registry.load(), workers=2)


def written(folder: Path) -> Machine:
    """Return a machine that does not run, its registry written."""
    machine = Machine(folder, "redis://127.0.0.1:1")
    machine.agency.port = 8102
    machine.write(edition=1)
    return machine


def silent() -> Log:
    def drop(*_: object) -> str:
        raise structlog.DropEvent

    logger: Log = structlog.wrap_logger(None, processors=[drop])
    return logger


class Asked(Member):
    """A worker that answers a prepared registry as it is told, and remembers what became of it."""

    def __init__(self, number: int, *refusals: str) -> None:
        super().__init__(number, number, lambda *_: None)
        self.refusals = refusals
        self.seen: list[str] = []

    async def prepare(self, handover: Body) -> tuple[str, ...]:
        self.seen.append(f"prepare {Handover.from_json(handover).generation}")
        return self.refusals

    async def commit(self) -> bool:
        self.seen.append("commit")
        return True

    def abandon(self) -> None:
        self.seen.append("abandon")


async def test_what_one_worker_refuses_no_worker_serves(tmp_path: Path) -> None:
    machine = written(tmp_path)
    generations = Generations(machine.config, load(machine.config, strict=True), 2, silent())
    willing, unwilling = Asked(0), Asked(1, "worker 1: out of memory")
    assert await generations.next(lambda: [willing, unwilling]) == ("worker 1: out of memory",)
    assert (generations.generation, willing.seen, unwilling.seen) == (
        1, ["prepare 2", "abandon"], ["prepare 2", "abandon"],
    )  # fmt: skip
    assert await generations.next(lambda: [willing]) == ()
    assert (generations.generation, willing.seen[2:]) == (2, ["prepare 2", "commit"])


async def test_a_worker_that_starts_during_a_reload_waits_for_its_outcome(tmp_path: Path) -> None:
    machine = written(tmp_path)
    generations = Generations(machine.config, load(machine.config, strict=True), 2, silent())
    async with generations.unchanging() as handover:
        reloading = asyncio.create_task(generations.next(list))
        await asyncio.sleep(0)
        assert (handover.generation, generations.generation) == (1, 1)
    await reloading
    async with generations.unchanging() as handover:
        assert handover.generation == 2


def test_a_worker_builds_the_very_registry_and_keys_it_was_given(tmp_path: Path) -> None:
    machine = written(tmp_path)
    snapshot = load(machine.config, strict=True)
    generations = Generations(machine.config, snapshot, 2, silent())
    made = generations.snapshot.assertion
    handed = json.loads(json.dumps(Handover.of(machine.config, generations.snapshot, made, 7).to_json()))
    machine.write(edition=2)
    built = Handover.from_json(handed).build(machine.config)
    assert (built.digest, built.assertion) == (snapshot.digest, made)
    assert [route.template for route in built.routes] == [route.template for route in snapshot.routes]
