"""The file gateway.yaml."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from gateway.registry.schema.access import AggregateAuth
from gateway.registry.schema.block import Block, Shorthand
from gateway.registry.schema.cors import Cors, CorsOrNone
from gateway.registry.schema.identity import Identity
from gateway.registry.schema.quota import ConcurrencyLimits, RateLimits
from gateway.registry.schema.server import Cache, Server, Store
from gateway.registry.schema.texts import PartName, PathTemplate, PathWithQuery
from gateway.registry.units import Duration, PositiveDuration


class Part(Block):
    """One part of an aggregate: a GET on a route of this gateway, in the citizen's own name."""

    name: PartName = Field(description="Its member in the answer.", examples=["permits"])
    path: PathWithQuery = Field(
        description="Public path, with the query it is asked with.", examples=["/v1/permits/applications?limit=5"]
    )
    required: bool = Field(False, description="`true`: without this part the whole answer is an error.")
    timeout: PositiveDuration = Field(2.0, description="How long the part may take before it counts as missing.")
    keep_last: Duration = Field(
        0.0, description="How long the citizen's last good data may stand in, with its age.", examples=["24h"]
    )


class Aggregate(Block):
    """One answer made of several services' answers, asked side by side."""

    path: PathTemplate = Field(description="Public path, without parameters.", examples=["/v1/home"])
    auth: AggregateAuth = Field(default_factory=AggregateAuth, description="Who may use it.")
    rate_limit: RateLimits = Field(default_factory=list, description="Its limits: one, or a list.")
    concurrency: ConcurrencyLimits = Field(default_factory=list, description="How many may be in flight.")
    cors: CorsOrNone | None = Field(None, description="Replaces the default; `none` switches it off.")
    parts: list[Part] = Field(min_length=1, description="What it is made of.")


class GatewayFile(Block):
    """The gateway's own file. Only `version`, `server` and `include` are needed."""

    version: Literal[1] = Field(description="Version of this format.")
    server: Server = Field(description="Where the gateway listens.")
    store: Annotated[Store, Shorthand("url")] = Field(default_factory=Store, description="Where shared state lives.")
    cache: Cache = Field(default_factory=Cache, description="How much of agencies' answers is kept.")
    identity: Identity = Field(
        default_factory=Identity, description="Whose sign-ins are believed, and how agencies are told of citizens."
    )
    include: list[Annotated[str, Field(min_length=1)]] = Field(
        min_length=1,
        description="Files of services: paths or patterns, relative to this file.",
        examples=[["config/services/*.yaml"]],
    )
    aggregates: list[Aggregate] = Field(default_factory=list, description="Answers made of several services' answers.")
    cors: Cors | None = Field(None, description="Cross-origin requests, where a service or route says nothing else.")
