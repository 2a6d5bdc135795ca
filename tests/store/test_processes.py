"""Several gateway processes over one Redis count as one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from gateway.rules.quota import QuotaPolicy
from gateway.store.lease import slice_requests
from tests.servers import RedisServer

REPOSITORY = Path(__file__).parents[2]
PROCESSES = 2


def run(server: RedisServer, policy: str, *, requests: int, clients: int) -> int:
    """Run the processes side by side; return how many requests they admitted together."""
    command = [sys.executable, "-m", "tests.store.spender", server.url, policy, str(requests), str(clients)]
    running = [subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True) for _ in range(PROCESSES)]
    outputs = [process.communicate(timeout=60)[0] for process in running]
    assert [process.returncode for process in running] == [0] * PROCESSES
    return sum(int(output) for output in outputs)


def now_us(server: RedisServer) -> int:
    time = server.ask("TIME")
    assert isinstance(time, list)
    return int(time[0]) * 1_000_000 + int(time[1])


def test_a_burst_is_admitted_to_the_unit(own_server: RedisServer) -> None:
    """Nothing comes back while it runs, so the model is the burst itself."""
    assert run(own_server, "500/86400/500/exact", requests=1000, clients=32) == 500


def test_what_comes_back_while_it_runs_is_admitted_and_no_more(own_server: RedisServer) -> None:
    """The model is a bucket that the server's clock fills while both ask."""
    begun = now_us(own_server)
    admitted = run(own_server, "2000/1/50/exact", requests=6000, clients=16)
    elapsed = now_us(own_server) - begun
    assert 50 < admitted <= 50 + 2000 * elapsed / 1_000_000


def test_leases_overshoot_by_at_most_a_slice_each(own_server: RedisServer) -> None:
    limit = QuotaPolicy("p", 500, 86_400.0, 500, accuracy="leased")
    admitted = run(own_server, "500/86400/500/leased", requests=1000, clients=32)
    # A slice a process may also lie unspent while the other is denied.
    slack = PROCESSES * slice_requests(limit)
    assert 500 - slack <= admitted <= 500 + slack
