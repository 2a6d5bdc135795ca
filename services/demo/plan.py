"""What the demo starts, on which ports, and with which settings; every port can be set from the environment."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

DEFAULT_PORTS: Mapping[str, int] = {
    "GATEWAY_PORT": 8080,
    "GATEWAY_OPS_PORT": 9090,
    "IDENTITY_PORT": 8101,
    "PERMITS_PORT": 8102,
    "COMPLAINTS_PORT": 8103,
    "EMERGENCY_PORT": 8104,
    "BANK_PORT": 8112,
}
SERVICES = ("identity", "permits", "complaints", "emergency")


@dataclass(frozen=True, slots=True)
class Program:
    """One process: how it is started, and the address that tells when it is ready."""

    name: str
    command: tuple[str, ...]
    port: int
    setting: str  # environment variable that moves the port
    ready_url: str


@dataclass(frozen=True, slots=True)
class Plan:
    """The whole demo."""

    ports: Mapping[str, int]
    directory: Path
    programs: tuple[Program, ...]
    environment: Mapping[str, str]

    @property
    def public(self) -> str:
        return f"http://127.0.0.1:{self.ports['GATEWAY_PORT']}"

    @property
    def ops(self) -> str:
        return f"http://127.0.0.1:{self.ports['GATEWAY_OPS_PORT']}"

    @property
    def bank(self) -> str:
        return f"http://127.0.0.1:{self.ports['BANK_PORT']}"

    def service_url(self, name: str) -> str:
        return f"http://127.0.0.1:{self.ports[f'{name.upper()}_PORT']}"


class BadPort(Exception):
    """A port setting that is no port; the text names it."""


def make_plan(root: Path, environment: Mapping[str, str] = os.environ) -> Plan:
    """Read the ports from `environment` and lay everything out under DEMO_DIRECTORY (`root`/.demo); raise BadPort."""
    ports = {name: _port(name, environment.get(name), default) for name, default in DEFAULT_PORTS.items()}
    directory = Path(environment.get("DEMO_DIRECTORY") or root / ".demo")
    public = f"http://127.0.0.1:{ports['GATEWAY_PORT']}"
    programs = [_service(name, ports[f"{name.upper()}_PORT"], directory, public) for name in SERVICES]
    programs.append(_bank(ports, directory))
    config = root / "gateway.yaml"
    gateway: tuple[str, ...] = (sys.executable, "-m", "gateway", "run", "--config", str(config))
    gateway += ("--port", str(ports["GATEWAY_PORT"]), "--ops-port", str(ports["GATEWAY_OPS_PORT"]))
    ready = f"http://127.0.0.1:{ports['GATEWAY_OPS_PORT']}/readyz"
    programs.append(Program("gateway", gateway, ports["GATEWAY_PORT"], "GATEWAY_PORT", ready))
    settings = {name: str(port) for name, port in ports.items()}
    return Plan(ports, directory, tuple(programs), settings | {"PYTHONPATH": str(root)})


def _service(name: str, port: int, directory: Path, public: str) -> Program:
    home = directory / name
    command: tuple[str, ...] = (sys.executable, "-m", f"services.{name}", "--port", str(port))
    command += ("--database-url", f"sqlite:///{home / name}.sqlite3", "--data-dir", str(home))
    command += ("--gateway-issuer", public, "--gateway-jwks-url", f"{public}/.well-known/jwks.json")
    return Program(name, command, port, f"{name.upper()}_PORT", f"http://127.0.0.1:{port}/healthz")


def _bank(ports: Mapping[str, int], directory: Path) -> Program:
    """Plan the test bank: it shares a secret with permits, and speaks to it past the gateway as banks do."""
    port = ports["BANK_PORT"]
    command: tuple[str, ...] = (sys.executable, "-m", "services.permits.bank", "--port", str(port))
    command += ("--permits-url", f"http://127.0.0.1:{ports['PERMITS_PORT']}")
    command += ("--secret-file", str(directory / "permits" / "bank-secret"))
    return Program("bank", command, port, "BANK_PORT", f"http://127.0.0.1:{port}/healthz")


def _port(name: str, text: str | None, default: int) -> int:
    if text is None:
        return default
    if not text.isascii() or not text.isdigit() or not 0 < int(text) < 65_536:
        raise BadPort(f"{name}={text} is no port: give a number from 1 to 65535")
    return int(text)
