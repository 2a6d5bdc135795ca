"""What the city offers, compiled: immutable, swapped whole, pinned to a request until its last byte.

Nothing here lives or counts; live state (target health, pools, counters) sits beside the snapshot, keyed by name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from gateway.problem import AgencyContact
from gateway.registry.problems import Origin as Origin
from gateway.rules.access import AuthPolicy
from gateway.rules.aggregation import AggregatePolicy
from gateway.rules.caching.policy import CachePolicy
from gateway.rules.concurrency import ConcurrencyPolicy
from gateway.rules.cors import CorsPolicy
from gateway.rules.delivery import Timeouts, UpstreamPolicy
from gateway.rules.forwarding import Network
from gateway.rules.matching import Matcher
from gateway.rules.quota import QuotaPolicy

RouteClass = Literal["normal", "emergency"]


@dataclass(frozen=True, slots=True)
class Words:
    """A text in both languages."""

    id: str
    en: str


@dataclass(frozen=True, slots=True)
class Promise:
    """What an agency promises the public; shown beside what is measured."""

    availability: float | None = None  # share from 0 to 1
    p95_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Service:
    """One service of one agency."""

    name: str
    title: Words
    agency_code: str
    agency: AgencyContact
    upstream: UpstreamPolicy
    issuer: str | None = None  # set with `subject: issuer`: this service is that issuer and sees its own subjects
    sector: str = ""  # subjects are pairwise per sector; by default the service's own name
    promise: Promise = field(default_factory=Promise)
    description: Words | None = None
    openapi: str | None = None  # path on the service
    purge_token: str | None = field(default=None, repr=False)  # by which it may purge its own stored answers


@dataclass(frozen=True, slots=True)
class Route:
    """One public path with everything decided about it. Proxied when `service` is set, an aggregate otherwise."""

    name: str  # stable label: the template, e.g. /v1/permits/types/{code}
    template: str
    methods: frozenset[bytes]  # empty: every method
    service: Service | None
    strip_prefix: bytes  # b"/v1/permits": cut from the public path, the rest goes to the target
    auth: AuthPolicy
    emergency: bool = False
    limits: tuple[QuotaPolicy, ...] = ()
    concurrency: tuple[ConcurrencyPolicy, ...] = ()
    cache: CachePolicy | None = None
    cors: CorsPolicy | None = None
    timeouts: Timeouts = field(default_factory=Timeouts)
    max_body_bytes: int = 1_048_576
    aggregate: AggregatePolicy | None = None
    offline: Mapping[str, object] | None = None  # added to error answers of emergency routes
    upgrade: frozenset[bytes] = frozenset()  # e.g. {b"websocket"}
    origins: Mapping[str, Origin] = field(default_factory=dict)  # dotted setting -> where it was written


@dataclass(frozen=True, slots=True)
class IssuerPolicy:
    """An issuer whose tokens are believed."""

    issuer: str
    audiences: frozenset[str]  # one of them must be in `aud`
    algorithms: frozenset[str]
    jwks_url: str
    revocations_url: str | None = None
    leeway_seconds: float = 1.0
    refresh_seconds: float = 30.0  # so a removed key stops working within a minute
    cooldown_seconds: float = 10.0


@dataclass(frozen=True, slots=True)
class AssertionPolicy:
    """How the gateway speaks to agencies: its own issuer name and keys (PEM texts; the first one signs)."""

    issuer: str
    keys: tuple[str, ...] = field(repr=False)  # empty: one is made for this run
    pairwise_secret: str | None = field(repr=False)
    lifetime_seconds: float = 60.0


@dataclass(frozen=True, slots=True)
class ClientLimits:
    """How long the public side waits for one client, and how much it takes. Times are measured by progress."""

    idle_seconds: float = 75.0  # between requests; phones' carriers drop an idle connection after 60 s
    head_seconds: float = 10.0  # from a head's first byte to its last
    body_seconds: float = 30.0  # without a byte of a body that was asked for
    write_seconds: float = 60.0  # without the client taking a byte of its answer
    tunnel_seconds: float = 300.0  # without a byte either way
    max_connections: int = 15_000  # of one process
    max_connections_per_address: int = 5_000  # many citizens share a carrier's address
    max_requests_per_connection: int = 10_000
    max_head_bytes: int = 16_384
    max_field_count: int = 100
    max_target_bytes: int = 8_000  # RFC 9112 section 3 asks for at least 8,000 octets of request line


@dataclass(frozen=True, slots=True)
class ServerPolicy:
    """Where the gateway listens and how long it waits. Addresses need a restart to change."""

    public_host: str
    public_port: int
    ops_host: str
    ops_port: int
    trusted_proxies: tuple[str, ...] = ()  # networks whose X-Forwarded-For is believed
    trusted_networks: tuple[Network, ...] = ()  # the same, parsed
    drain_grace_seconds: float = 5.0  # readiness fails, answers say `Connection: close`
    drain_timeout_seconds: float = 30.0  # then what still runs is cut
    admin_token: str | None = field(default=None, repr=False)
    tls_certificate: str | None = None
    tls_key: str | None = None
    hosts: frozenset[bytes] = frozenset()  # names and addresses that are ours, lower-case, no port; none: every one
    limits: ClientLimits = field(default_factory=ClientLimits)


@dataclass(frozen=True, slots=True)
class StorePolicy:
    """Where shared state lives."""

    url: str = field(default="memory://", repr=False)  # may hold a password
    timeout_seconds: float = 0.05
    cache_max_bytes: int = 256 * 1024 * 1024
    directory: str = ""  # where relative paths in the URL begin
    shared_body_bytes: int | None = None  # largest answer that is kept in the store too; None: none is


@dataclass(frozen=True, slots=True)
class Quarantined:
    """A service whose file is refused; its last accepted version serves, or it is left out."""

    service: str
    file: str
    errors: tuple[str, ...]  # each with file:line:column and a remedy
    serving_last_accepted: bool


@dataclass(frozen=True, slots=True)
class Source:
    """The text of one file as it was read, before references were filled in: what is kept once it is accepted."""

    path: str  # relative to the folder of gateway.yaml
    text: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One whole registry."""

    digest: str  # SHA-256 of all that was read
    server: ServerPolicy
    store: StorePolicy
    issuers: tuple[IssuerPolicy, ...]
    assertion: AssertionPolicy
    services: Mapping[str, Service]
    routes: tuple[Route, ...]
    matcher: Matcher[Route]
    quarantined: tuple[Quarantined, ...] = ()
    warnings: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()  # what is wrong in gateway.yaml, when the last accepted one serves in its place
    sources: tuple[Source, ...] = field(default=(), repr=False)  # gateway.yaml first
    source_names: Mapping[str, str] = field(default_factory=dict, repr=False)  # path of a source -> its service
    state_directory: str = ".gateway"  # where the accepted sources are kept
    origins: Mapping[str, Origin] = field(default_factory=dict)  # settings of gateway.yaml -> where they were written
