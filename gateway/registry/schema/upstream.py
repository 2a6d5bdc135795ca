"""How a service is reached."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from gateway.registry.schema.block import Block
from gateway.registry.schema.texts import Pin, ServicePath, TargetUrl, TlsName
from gateway.registry.units import PositiveDuration
from gateway.rules.delivery import TlsVersion


class Timeout(Block):
    """How long the gateway waits. A route's own settings replace the service's one by one."""

    connect: PositiveDuration = Field(2.0, description="For a connection.")
    read: PositiveDuration = Field(
        30.0, description="Between two pieces of an answer, so that long downloads may last."
    )
    total: PositiveDuration = Field(5.0, description="From the request until the head of the answer, retries included.")


class Health(Block):
    """A probe that runs all the time, from the start. Answers 2xx and 3xx are good."""

    path: ServicePath = Field(description="Path on the service.", examples=["/healthz"])
    interval: PositiveDuration = Field(10.0, description="Time between two probes of a target.")
    timeout: PositiveDuration = Field(2.0, description="How long a probe may take.")
    unhealthy_after: Annotated[int, Field(ge=1, le=100)] = Field(
        3, description="Bad probes in a row until a target is left out."
    )
    healthy_after: Annotated[int, Field(ge=1, le=100)] = Field(
        1, description="Good probes in a row until it is used again."
    )


class Retries(Block):
    """Another try for requests that are safe to repeat, and for those that cannot have reached the service."""

    attempts: Annotated[int, Field(ge=1, le=10)] = Field(2, description="Tries in all; 1 means no retry.")


class TargetTls(Block):
    """How the `https://` targets prove who they are, and the gateway to them. Paths are relative to this file.

    Without this block the system's authorities are believed. The files are read again at each reload; connections made
    with what they held before end with their last answer.
    """

    ca: str | None = Field(
        None,
        description="The authorities to believe in place of the system's: a PEM file.",
        examples=["tls/kominfo-ca.pem"],
    )
    server_name: TlsName | None = Field(
        None,
        description="The name to ask for (SNI) and to find in the certificate, when it is not the target's host.",
        examples=["permits.internal.example"],
    )
    pins: list[Pin] = Field(
        default_factory=list,
        description="Keys to insist on beside the authorities: base64 of the SHA-256 of the public key (SPKI, RFC 7469 "
        "section 2.4) of the server's own certificate. One of them must match; list the next key before it changes.",
        examples=[["X3pGTSOuJeEVw989IJ/cEtXUEmy52zs1TZQrU06KUKg="]],
    )
    certificate: str | None = Field(
        None,
        description="The gateway's own certificate chain, for services that ask for one: a PEM file.",
        examples=["tls/gateway.pem"],
    )
    key: str | None = Field(
        None,
        description="Its private key, without a password: a PEM file. By default it is in the certificate's file.",
        examples=["tls/gateway.key"],
    )
    minimum_version: TlsVersion = Field("TLSv1.2", description="The oldest version of TLS that is spoken.")


class Upstream(Block):
    """How the service is reached."""

    targets: list[TargetUrl] = Field(
        min_length=1,
        description="Addresses of its instances: `http://`, `https://` or `unix:`.",
        examples=[["http://10.1.2.3:8102", "http://10.1.2.4:8102"]],
    )
    tls: TargetTls | None = Field(None, description="How `https://` targets and the gateway prove who they are.")
    timeout: Timeout = Field(default_factory=Timeout, description="How long the gateway waits.")
    health: Health | None = Field(None, description="A probe of its instances; without it failures are noticed by use.")
    retries: Retries = Field(default_factory=Retries, description="Another try when one failed.")
    max_connections: Annotated[int, Field(ge=1, le=100_000)] = Field(
        100, description="Most connections to one target, for each process."
    )
    emergency_connections: Annotated[int, Field(ge=1, le=100_000)] = Field(
        16, description="Connections kept for routes of class `emergency`, beside the others."
    )
    max_in_flight: Annotated[int, Field(ge=1, le=1_000_000)] = Field(
        1_000, description="Requests at once, for each process; beyond them new ones are refused with 503 at once."
    )
