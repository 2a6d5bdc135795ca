"""Many workers are one gateway: whatever happens to one of them, citizens and operators see a single one."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator
from itertools import pairwise
from pathlib import Path

import httpx
import pytest

from gateway.clock import ManualClock
from tests.city.city import AUDIENCE, Issuer
from tests.process.crowd import Crowd, eventually, until
from tests.process.machine import TOKEN, Machine
from tests.servers import RedisServer

# Within it every citizen must come again and be told, also when the machine is so busy that they hardly get on: whoever
# asks at the moment an idle connection is closed is not answered, which is HTTP's own race (RFC 9112 section 9.6).
_LONG_GRACE_SECONDS = 5


async def test_connections_are_spread_among_the_workers(tmp_path: Path, redis: RedisServer) -> None:
    async with Machine(tmp_path, redis.url) as machine, Crowd(machine.gateway.public, citizens=32):
        roll = await machine.roll()
    assert sum(one["connections"] for one in roll) == 32
    assert all(one["connections"] > 0 for one in roll)


async def test_a_killed_worker_loses_only_its_own_requests_and_totals_never_fall(
    tmp_path: Path, redis: RedisServer
) -> None:
    async with Machine(tmp_path, redis.url) as machine:
        async with Crowd(machine.gateway.public) as crowd:
            before = await machine.counters()
            victim = (await machine.roll())[0]
            os.kill(victim["pid"], signal.SIGKILL)
            died = await machine.gateway.event("worker died")
            seen = [before]
            for _ in range(5):
                await crowd.more(50)
                seen.append(await machine.counters())
            await machine.gateway.event("worker serves", after=2)
            await eventually(machine.all_serve)
            seen.append(await machine.counters())
        roll = await machine.roll()
    assert (died["pid"], died["status"]) == (victim["pid"], -signal.SIGKILL)
    assert len(crowd.broken) <= victim["connections"]
    assert crowd.refused == []
    assert victim["pid"] not in [one["pid"] for one in roll]
    for former, later in pairwise(seen):
        assert {name for name, total in former.items() if later[name] < total} == set()
    answered = sum(total for name, total in seen[-1].items() if name.startswith("gateway_requests_total"))
    assert answered > sum(total for name, total in before.items() if name.startswith("gateway_requests_total"))
    assert seen[-1]["gateway_worker_restarts_total[]"] == 1


async def test_who_waits_for_a_stopped_worker_is_served_by_its_sibling(tmp_path: Path, redis: RedisServer) -> None:
    async with Machine(tmp_path, redis.url) as machine:
        stopped = (await machine.roll())[0]
        os.kill(stopped["pid"], signal.SIGSTOP)
        try:
            async with Crowd(machine.gateway.public, citizens=24) as crowd:
                await crowd.more(100)
        finally:
            os.kill(stopped["pid"], signal.SIGCONT)
        assert crowd.broken == []
        await eventually(machine.all_serve)
        roll = await machine.roll()
    assert roll[0]["pid"] == stopped["pid"]


async def test_a_reload_reaches_all_workers_or_none(tmp_path: Path, redis: RedisServer) -> None:
    async with Machine(tmp_path, redis.url) as machine:
        first = await machine.roll()
        (tmp_path / "services" / "permits.yaml").write_text("version: 1\nname: permits\nroutes: 3\n")
        machine.gateway.send(signal.SIGHUP)
        refused = await machine.gateway.event("registry refused, the old one serves on")
        assert any("permits.yaml:3:9" in error for error in refused["errors"])
        assert [(one["generation"], one["digest"]) for one in await machine.roll()] == [
            (one["generation"], one["digest"]) for one in first
        ]
        assert "reload refused" in (await machine.ops.get("/readyz")).json()["components"]["registry"]["detail"]
        machine.write(edition=2)
        accepted = (await machine.ops.post("/admin/reload")).json()
        assert accepted == {"accepted": True, "errors": []}
        second = await machine.roll()
        assert {one["generation"] for one in second} == {2}
        assert len({one["digest"] for one in second}) == 1
        assert second[0]["digest"] != first[0]["digest"]
        for _ in range(8):  # each on a connection of its own, so that both workers are asked
            reply = await get(f"{machine.gateway.public}/v1/permits/edition-2")
            assert reply.status_code == 200


async def test_a_reload_to_a_store_in_memory_is_refused_by_all(tmp_path: Path, redis: RedisServer) -> None:
    async with Machine(tmp_path, redis.url) as machine:
        machine.config.write_text(machine.config.read_text().replace(redis.url, "memory://"))
        refused = await machine.ops.post("/admin/reload")
        assert refused.status_code == 422
        assert "gateway.yaml:5:8" in refused.json()["errors"][0]
        assert {one["generation"] for one in await machine.roll()} == {1}


async def test_a_worker_that_replaces_a_dead_one_serves_what_was_accepted_not_what_is_written(
    tmp_path: Path, redis: RedisServer
) -> None:
    async with Machine(tmp_path, redis.url) as machine:
        machine.write(edition=2)
        first = await machine.roll()
        os.kill(first[1]["pid"], signal.SIGKILL)
        await machine.gateway.event("worker serves", after=2)
        roll = await machine.roll()
    assert {(one["generation"], one["digest"]) for one in roll} == {(1, first[0]["digest"])}


async def test_a_rolling_restart_replaces_every_worker_and_loses_nothing(tmp_path: Path, redis: RedisServer) -> None:
    async with Machine(tmp_path, redis.url, grace_seconds=_LONG_GRACE_SECONDS) as machine:
        former = {one["pid"] for one in await machine.roll()}
        async with Crowd(machine.gateway.public) as crowd:
            before = await machine.counters()
            machine.gateway.send(signal.SIGUSR2)
            await machine.gateway.event("rolling restart ended")
            await crowd.more(50)
            after = await machine.counters()
        roll = await machine.roll()
        assert await machine.is_ready()
    assert (crowd.broken, crowd.refused) == ([], [])
    assert former.isdisjoint(one["pid"] for one in roll)
    assert crowd.closed_politely > 0
    assert {name for name, total in before.items() if after[name] < total} == set()


async def test_a_rolling_restart_stops_at_a_worker_that_does_not_start_and_the_old_ones_serve_on(
    tmp_path: Path, redis: RedisServer
) -> None:
    async with Machine(tmp_path, redis.url) as machine, Crowd(machine.gateway.public) as crowd:
        former = await machine.roll()
        (tmp_path / "token").unlink()
        machine.gateway.send(signal.SIGUSR2)
        failed = await machine.gateway.event("worker did not start")
        await machine.gateway.event("rolling restart stopped: a new worker did not start, the old ones serve on")
        assert "token does not exist" in failed["reason"]
        await crowd.more(50)
        assert [one["pid"] for one in await machine.roll()] == [one["pid"] for one in former]
        assert (crowd.broken, crowd.refused) == ([], [])


async def test_a_worker_that_reads_another_secret_than_was_accepted_is_shown(
    tmp_path: Path, redis: RedisServer
) -> None:
    async with Machine(tmp_path, redis.url) as machine:
        (tmp_path / "token").write_text("another-token-0123456789")
        os.kill((await machine.roll())[1]["pid"], signal.SIGKILL)
        await machine.gateway.event("worker serves", after=2)
        registry = (await machine.ops.get("/readyz")).json()["components"]["registry"]
        assert (registry["status"], registry["detail"]) == (
            "warn",
            "worker 1 has read other secrets than were accepted; reload",
        )


async def test_a_drain_under_load_loses_nothing(tmp_path: Path, redis: RedisServer) -> None:
    async with Machine(tmp_path, redis.url, grace_seconds=_LONG_GRACE_SECONDS) as machine:
        async with Crowd(machine.gateway.public, path="/v1/permits/slow", come_back=False) as crowd:
            machine.gateway.send(signal.SIGTERM)
            await machine.gateway.event("draining")
            assert not await machine.is_ready()
            assert (await machine.ops.get("/readyz")).json()["components"]["process"]["status"] == "fail"
            assert (await get(f"{machine.gateway.public}/healthz")).status_code == 200
            await until(lambda: crowd.closed_politely == 24)
        assert await machine.gateway.ended() == 0
    assert (crowd.broken, crowd.refused) == ([], [])


async def test_workers_end_when_their_supervisor_is_killed(tmp_path: Path, redis: RedisServer) -> None:
    machine = Machine(tmp_path, redis.url)
    async with machine:
        pids = [one["pid"] for one in await machine.roll()]
        machine.gateway.send(signal.SIGKILL)
        await until(lambda: not any(_is_alive(pid) for pid in pids))
        with pytest.raises(httpx.ConnectError):
            await get(f"{machine.gateway.public}/healthz")


async def test_workers_in_memory_are_refused_with_the_line_and_the_remedy(tmp_path: Path) -> None:
    machine = Machine(tmp_path, "memory://")
    await machine.agency.start()  # a target at port 0 would be left out, and its limits with it
    machine.write(edition=1)
    process = await asyncio.create_subprocess_exec(*machine.gateway.command, stderr=asyncio.subprocess.PIPE)
    _, told = await process.communicate()
    await machine.agency.stop()
    assert process.returncode == 1
    assert "gateway.yaml:5:8: memory://: each of 2 workers would count for itself" in told.decode()
    assert "store: redis://" in told.decode()
    assert "--workers 1" in told.decode()


async def test_a_purge_is_joined_from_all_workers_and_needs_the_token(tmp_path: Path, redis: RedisServer) -> None:
    async with Machine(tmp_path, redis.url) as machine:
        purged = (await machine.ops.post("/admin/cache/purge?service=permits")).json()
        assert purged["purged"] == 0
        assert [one["worker"] for one in purged["workers"]] == [0, 1]
        for call in ("/admin/cache", "/admin/registry"):
            stranger = await get(f"{machine.gateway.ops}{call}")
            assert stranger.status_code == 401
            assert TOKEN not in stranger.text


@pytest.fixture
async def issuer() -> AsyncIterator[Issuer]:
    issuer = Issuer(ManualClock(wall=time.time()))
    await issuer.start()
    yield issuer
    issuer.news.set()
    await issuer.stop()


def trusting(issuer: Issuer, *, revocations: str = "/revocations") -> str:
    return (
        "identity:\n"
        "  issuers:\n"
        f"    - {{issuer: '{issuer.url}', audiences: [{AUDIENCE}], algorithms: [ES256],\n"
        f"       jwks_url: '{issuer.url}/jwks', revocations_url: '{issuer.url}{revocations}'}}\n"
    )


class Citizen:
    """A signed-in citizen with many connections, so that every worker is asked."""

    def __init__(self, machine: Machine, issuer: Issuer) -> None:
        self._url = f"{machine.gateway.public}/v1/permits/mine"
        self._clients = [httpx.AsyncClient(trust_env=False, headers=issuer.bearer("siti")) for _ in range(16)]

    async def __aenter__(self) -> Citizen:
        assert await self.statuses() == {200}
        return self

    async def __aexit__(self, *_: object) -> None:
        for client in self._clients:
            await client.aclose()

    async def statuses(self) -> set[int]:
        replies = await asyncio.gather(*(client.get(self._url) for client in self._clients))
        return {reply.status_code for reply in replies}

    async def is_refused(self) -> bool:
        return await self.statuses() == {401}


async def test_a_logout_is_known_to_every_worker(tmp_path: Path, redis: RedisServer, issuer: Issuer) -> None:
    async with (
        Machine(tmp_path, redis.url, identity=trusting(issuer)) as machine,
        Citizen(machine, issuer) as citizen,
    ):
        assert all(one["connections"] > 0 for one in await machine.roll())
        issuer.revoke("session-of-siti")
        await eventually(citizen.is_refused)


async def test_a_logout_reaches_a_machine_that_cannot_reach_the_issuer(
    tmp_path: Path, redis: RedisServer, issuer: Issuer
) -> None:
    near, far = tmp_path / "near", tmp_path / "far"
    near.mkdir()
    far.mkdir()
    async with (
        Machine(near, redis.url, identity=trusting(issuer), workers=1),
        Machine(far, redis.url, identity=trusting(issuer, revocations="/nothing-here")) as cut_off,
        Citizen(cut_off, issuer) as citizen,
    ):
        issuer.revoke("session-of-siti")
        await eventually(citizen.is_refused)


async def get(url: str) -> httpx.Response:
    """Ask on a connection of its own, as a stranger."""
    async with httpx.AsyncClient(trust_env=False) as client:
        return await client.get(url)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
