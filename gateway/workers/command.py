"""`gateway run`: loads the registry, binds the ports, and serves in one process or in many."""

from __future__ import annotations

import asyncio
import sys
from dataclasses import replace
from pathlib import Path

import uvloop

from gateway.registry.load import load
from gateway.telemetry.logs import open_log
from gateway.workers.descriptors import raise_open_files
from gateway.workers.port import NotInstalled, ServerKind, check_installed
from gateway.workers.shared_state import refuse_memory_store
from gateway.workers.single import Single
from gateway.workers.sockets import CannotListen, bound, bound_together
from gateway.workers.supervisor import Supervisor


def run(
    config: Path, *, host: str | None, port: int | None, ops_port: int | None, workers: int, strict: bool,
    kind: ServerKind = "uvicorn",
) -> int:  # fmt: skip
    """Serve until told to end; return the exit status. Prints where it listens and what it loaded.

    Raises ConfigError for a registry that cannot be served, or not by that many workers.
    """
    snapshot = load(config, strict=strict)
    refuse_memory_store(config, snapshot, workers)
    policy = replace(
        snapshot.server,
        public_host=host or snapshot.server.public_host,
        public_port=snapshot.server.public_port if port is None else port,
        ops_port=snapshot.server.ops_port if ops_port is None else ops_port,
    )
    where, setting = (policy.public_host, policy.public_port), "--port or server.public"
    try:
        check_installed(kind)
        ops = bound(policy.ops_host, policy.ops_port, "--ops-port or server.ops")
        publics = [bound(*where, setting)] if workers == 1 else bound_together(*where, workers, setting)
    except (CannotListen, NotInstalled) as error:
        print(error, file=sys.stderr)
        return 1
    log = open_log()
    raise_open_files(log)
    if workers == 1:
        return uvloop.run(Single(config, snapshot, policy, log, public=publics[0], ops=ops, kind=kind).run())
    # Not uvloop: the supervisor moves no traffic, and the standard library's loop starts processes best.
    return asyncio.run(_supervise(Supervisor(config, snapshot, log, publics=publics, ops=ops, kind=kind)))


async def _supervise(supervisor: Supervisor) -> int:
    supervisor.take_signals()
    return await supervisor.run()
