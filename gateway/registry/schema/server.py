"""Where the gateway listens, how it stops, and where shared state lives."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from gateway.registry.schema.block import Block, SecretText
from gateway.registry.schema.texts import HostName, HostPort, Network, StoreUrl
from gateway.registry.units import Duration, HeadSize, PositiveDuration, Size


class Drain(Block):
    """How the gateway stops on SIGTERM."""

    grace: Duration = Field(
        5.0, description="How long readiness fails and answers say `Connection: close` before the listener closes."
    )
    timeout: Duration = Field(30.0, description="How long running requests may then take before they are cut.")


class Tls(Block):
    """The certificate of the public port. Without this block it speaks plain HTTP, for a load balancer in front.

    The files are read again at each reload; connections that are open keep the certificate they began with.
    """

    certificate: str = Field(description="The certificate chain: a PEM file.", examples=["tls/fullchain.pem"])
    key: str = Field(description="Its private key: a PEM file.", examples=["tls/privkey.pem"])


class Limits(Block):
    """How long one client may keep the gateway waiting, and how much it may take. A reload takes changes over."""

    idle: PositiveDuration = Field(
        75.0, description="Between two requests; then the connection is closed. Phones' carriers drop one after 60 s."
    )
    head: PositiveDuration = Field(10.0, description="From the first byte of a request's head to its last; then 408.")
    body: PositiveDuration = Field(
        30.0, description="Without a byte of a body that was begun; then 408. An upload that is slow may go on."
    )
    write: PositiveDuration = Field(
        60.0, description="Without the client taking a byte of its answer; then the connection is cut."
    )
    tunnel: PositiveDuration = Field(300.0, description="Without a byte either way after an upgrade (WebSocket).")
    max_connections: Annotated[int, Field(ge=1, le=1_000_000)] = Field(
        15_000,
        description="Connections at once, for each process. Those beyond them may still reach routes of class "
        "`emergency`; others are answered 503.",
    )
    max_connections_per_address: Annotated[int, Field(ge=1, le=1_000_000)] = Field(
        5_000, description="The same for one client address. Many citizens share the address of their carrier."
    )
    max_requests_per_connection: Annotated[int, Field(ge=1, le=1_000_000_000)] = Field(
        10_000, description="Then the answer says `Connection: close`."
    )
    max_head: HeadSize = Field(16_384, description="Bytes of a request's head; beyond them 431.")
    max_fields: Annotated[int, Field(ge=10, le=1_000)] = Field(
        100, description="Header fields of a request; beyond them 431."
    )
    max_target: HeadSize = Field(8_000, description="Bytes of a request's path and query; beyond them 414.")


class Server(Block):
    """Where the gateway listens. Changes of `public` and `ops` need a restart, and so does switching TLS on or off."""

    public: HostPort = Field(description="Host and port citizens' apps reach.", examples=["0.0.0.0:8080"])
    ops: HostPort = Field(
        description="Host and port of health, metrics and administration; keep it off the Internet.",
        examples=["127.0.0.1:9090"],
    )
    trusted_proxies: list[Network] = Field(
        default_factory=list,
        description="Networks of load balancers whose `X-Forwarded-For` is believed.",
        examples=[["10.0.0.0/8"]],
    )
    hosts: list[HostName] = Field(
        default_factory=list,
        description="Names and addresses citizens' apps reach it by, without ports. Requests to any other host are "
        "answered 421. None listed: every host is its own.",
        examples=[["api.tangerangkota.go.id"]],
    )
    limits: Limits = Field(default_factory=Limits, description="What one client may take.")
    drain: Drain = Field(default_factory=Drain, description="How the gateway stops.")
    admin_token: Annotated[str, SecretText(least_characters=16)] | None = Field(
        None,
        description="Bearer token of `/admin/…` on the ops port, 16 characters or more. Without it, it is shut.",
        examples=["${file:keys/admin.token}"],
    )
    tls: Tls | None = Field(None, description="The certificate of the public port.")
    state: str = Field(
        ".gateway", description="Folder in which the last accepted configuration is kept, relative to this file."
    )


class Store(Block):
    """Where shared state (limits, sessions' revocations) lives. A text alone is its `url`."""

    url: StoreUrl = Field(
        "memory://",
        description="`memory://` (one worker), `redis://`, `rediss://` (TLS), `redis+sentinel://`, `redis+cluster://`.",
        examples=["redis://127.0.0.1:6379/0"],
    )
    timeout: PositiveDuration = Field(
        0.05, description="How long a request waits for the store before `on_store_failure` decides."
    )


class SharedCache(Block):
    """Answers that all processes of the city share: they are kept in the store as well, which must be a Redis."""

    max_body: Size = Field(
        256_000,
        description="Largest answer that goes to the store; larger ones stay in each process.",
        examples=["1MB"],
    )


class Cache(Block):
    """The cache of answers."""

    max_size: Size = Field(256_000_000, description="Most bytes that one process keeps.", examples=["256MB"])
    shared: SharedCache | None = Field(
        None,
        description="Written, even as `{}`: answers for all are kept in the store too, and processes ask an agency "
        "one for all. A citizen's own never leave the process.",
        examples=[{"max_body": "256KB"}],
    )
