"""`python -m services.demo up|down`: what `make demo` and `make demo-down` run."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import secrets
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import FrameType
from typing import NoReturn

from services.demo.plan import SERVICES, BadPort, Plan, Program, make_plan
from services.demo.processes import CannotStart, Processes, end_left_behind
from services.demo.screen import say, show
from services.demo.seed import described, open_accounts, open_cases

_ROOT = Path(__file__).resolve().parents[2]


def main() -> int:
    """Run one command; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m services.demo", description="The whole city on one machine.")
    parser.add_argument("command", choices=("up", "down"), help="start it and stay, or end one that was left behind")
    if parser.parse_args().command == "down":
        ended = end_left_behind(make_plan(_ROOT).directory)
        say(f"ended: {', '.join(ended)}" if ended else "no demo was running")
        return 0
    signal.signal(signal.SIGTERM, _interrupt)
    signal.signal(signal.SIGINT, _interrupt)  # also where a shell started us in the background, with SIGINT ignored
    try:
        return _up(make_plan(_ROOT))
    except (CannotStart, BadPort) as error:
        say(f"\n{error}")
        return 1


def _interrupt(_number: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


def _up(plan: Plan) -> int:
    began = time.monotonic()
    plan.directory.mkdir(parents=True, exist_ok=True)
    (plan.directory / "demo.json").unlink(missing_ok=True)
    admin_token = os.environ.get("GATEWAY_ADMIN_TOKEN") or secrets.token_urlsafe(24)
    plan = _with_settings(plan, {"GATEWAY_ADMIN_TOKEN": admin_token})
    processes = Processes(plan)
    try:
        _start_all(plan, processes)
        _write_facts(plan, admin_token)
        show(plan, time.monotonic() - began)
        processes.wait(say)
        say(f"the gateway has ended; see {plan.directory / 'gateway.log'}. Ending the others.")
        return 1
    except KeyboardInterrupt:
        say("\nending everything …")
        return 0
    finally:
        with contextlib.suppress(KeyboardInterrupt):
            processes.end()


def _start_all(plan: Plan, processes: Processes) -> None:
    processes.require_ports()
    _make_keys(plan)
    for program in plan.programs:
        processes.start(program)
    say("starting ", end="")
    for program in plan.programs:
        _await(processes, program)
    say("example data … ", end="")
    open_accounts(plan)
    open_cases(plan)
    say("there.")


def _await(processes: Processes, program: Program) -> None:
    say(f"{program.name} … ", end="")
    processes.await_ready(program)


def _make_keys(plan: Plan) -> None:
    """Make the gateway's key and secret once, so that pseudonyms stay the same from one demo to the next."""
    if (_ROOT / "keys").exists():
        return
    command = [sys.executable, "-m", "gateway", "keys", "--out", str(_ROOT / "keys")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603  # our own program
    if done.returncode:
        raise CannotStart(f"the gateway's keys could not be made:\n{done.stdout}{done.stderr}")


def _with_settings(plan: Plan, settings: dict[str, str]) -> Plan:
    return Plan(plan.ports, plan.directory, plan.programs, dict(plan.environment) | settings)


def _write_facts(plan: Plan, admin_token: str) -> None:
    facts = {
        "public": plan.public,
        "ops": plan.ops,
        "services": {name: plan.service_url(name) for name in SERVICES},
        "accounts": described(),
        "admin_token": admin_token,
    }
    path = plan.directory / "demo.json"
    path.touch(mode=0o600)
    path.write_text(json.dumps(facts, indent=2, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    sys.exit(main())
