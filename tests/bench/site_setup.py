"""Prepares where a measurement takes place: a folder, the issuer's keys, certificates, the agency, the load."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx

from tests.bench.contenders import Contender, Site
from tests.bench.driver import ROOT, Driver
from tests.bench.gateway_setup import GatewaySetup, start_gateway
from tests.bench.peer_setup import start_peer
from tests.bench.processes import CPU_OF_THE_OTHERS, free_port, pin
from tests.bench.tokens import Tokens
from tests.certificates import make_certificates

_AGENCY_UP_WITHIN_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Field:
    """A prepared site. What is started here ends with it."""

    site: Site
    tokens: Tokens
    driver: Driver
    _stack: ExitStack

    def gateway(self, setup: GatewaySetup | None = None) -> Contender:
        """Start a gateway."""
        return self._keep(start_gateway(self.site, setup))

    def peers(self, names: Sequence[str], *, tls: bool = False, folder: str = "") -> list[Contender]:
        """Start those peers whose programs are installed, in folders of their own, below `folder` if one is named."""
        started = (start_peer(name, self.site, tls=tls, below=folder) for name in names)
        return [self._keep(contender) for contender in started if contender is not None]

    def small_varnish(self, memory_bytes: int, folder: str) -> Contender | None:
        """Start a Varnish that keeps no more than this, or return None where it is not installed."""
        started = start_peer("varnish", self.site, below=folder, memory_bytes=memory_bytes)
        return None if started is None else self._keep(started)

    def agency_was_asked(self) -> int:
        """Return how many requests reached the agency so far."""
        with httpx.Client() as client:
            return int(client.get(f"http://127.0.0.1:{self.site.agency_port}/count").text)

    def _keep(self, contender: Contender) -> Contender:
        self._stack.callback(contender.end)
        return contender


@contextmanager
def prepared() -> Iterator[Field]:
    """Prepare a site and clear it away at the end."""
    with TemporaryDirectory(prefix="bench-") as name, ExitStack() as stack:
        directory = Path(name)
        directory.chmod(0o755)
        tokens = Tokens("http://issuer.test")
        tokens.publish(directory)
        files = make_certificates(directory)
        (directory / "server-both.pem").write_bytes(files.certificate.read_bytes() + files.key.read_bytes())
        site = Site(directory, free_port(), tokens.issuer)
        _start_agency(site, stack)
        yield Field(site, tokens, stack.enter_context(Driver()), stack)


def _start_agency(site: Site, stack: ExitStack) -> None:
    agency = subprocess.Popen(  # our own program
        [sys.executable, "-m", "tests.bench.agency", str(site.agency_port), str(site.directory / "jwks.json")],
        cwd=ROOT,
        preexec_fn=lambda: pin(CPU_OF_THE_OTHERS),
    )
    stack.callback(agency.wait)
    stack.callback(agency.kill)
    deadline = time.monotonic() + _AGENCY_UP_WITHIN_SECONDS
    while time.monotonic() < deadline:
        try:
            httpx.get(f"http://127.0.0.1:{site.agency_port}/count")
        except httpx.ConnectError:
            time.sleep(0.05)
        else:
            return
    raise RuntimeError("the agency of the bench did not come up")
