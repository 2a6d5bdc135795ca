"""Where the gateway listens, how it stops, and where shared state lives."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from gateway.registry.schema.block import Block, SecretText
from gateway.registry.schema.texts import HostPort, Network, StoreUrl
from gateway.registry.units import Duration, PositiveDuration, Size


class Drain(Block):
    """How the gateway stops on SIGTERM."""

    grace: Duration = Field(
        5.0, description="How long readiness fails and answers say `Connection: close` before the listener closes."
    )
    timeout: Duration = Field(30.0, description="How long running requests may then take before they are cut.")


class Tls(Block):
    """The certificate of the public port. Without this block it speaks plain HTTP, for a load balancer in front."""

    certificate: str = Field(description="The certificate chain: a PEM file.", examples=["tls/fullchain.pem"])
    key: str = Field(description="Its private key: a PEM file.", examples=["tls/privkey.pem"])


class Server(Block):
    """Where the gateway listens. Changes need a restart."""

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


class Cache(Block):
    """The cache of answers."""

    max_size: Size = Field(256_000_000, description="Most bytes that one process keeps.", examples=["256MB"])
