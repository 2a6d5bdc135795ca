"""How an agency is reached: targets, deadlines, retries, health and connections, as policies read by `upstream`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

TlsVersion: TypeAlias = Literal["TLSv1.2", "TLSv1.3"]


@dataclass(frozen=True, slots=True)
class TlsPolicy:
    """How an https target proves who it is, and we to it. Paths name PEM files."""

    server_name: str | None = None  # asked for (SNI) and checked; the target's host when None
    ca_path: str | None = None  # authorities believed instead of the system's
    pins: frozenset[str] = frozenset()  # SHA-256 of the public key (SPKI), base64: the target's must be among them
    certificate_path: str | None = None  # our own, for agencies that ask for one
    key_path: str | None = None  # None: in the certificate's file
    minimum_version: TlsVersion = "TLSv1.2"
    fingerprint: str = ""  # of what the files held: one that is renewed makes another policy, and so new connections


@dataclass(frozen=True, slots=True)
class Target:
    """One address of a service."""

    url: str  # as written in the registry, without a trailing slash
    scheme: str  # http, https or unix
    host: str  # an IPv6 address without brackets; for unix the socket's path
    port: int  # 0 for unix
    base_path: bytes = b""  # put before each path
    tls: TlsPolicy | None = None  # for https; None: the system's authorities, no certificate of ours

    def __hash__(self) -> int:
        return hash(self.url)  # looked up with each request; the rest hardly ever tells two targets apart


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds. `read` is the longest silence between two pieces of an answer; `total` ends with the answer's head."""

    connect_seconds: float = 2.0
    read_seconds: float = 30.0
    total_seconds: float = 5.0


@dataclass(frozen=True, slots=True)
class HealthPolicy:
    """An active probe: `path` every `interval_seconds`; 2xx and 3xx are good."""

    path: str
    interval_seconds: float = 10.0
    timeout_seconds: float = 2.0
    unhealthy_after: int = 3
    healthy_after: int = 1


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """At most `attempts` in all, for safe methods and for requests that cannot have reached an agency."""

    attempts: int = 2


@dataclass(frozen=True, slots=True)
class UpstreamPolicy:
    """All that `upstream` needs to know of one service."""

    service: str
    targets: tuple[Target, ...]
    timeouts: Timeouts = field(default_factory=Timeouts)
    health: HealthPolicy | None = None
    retry: RetryPolicy = field(default_factory=RetryPolicy)
    max_connections: int = 100
    emergency_connections: int = 16  # kept for routes of class emergency, beside the others
    max_in_flight: int = 1_000  # requests at once, beyond which new ones are shed with 503
