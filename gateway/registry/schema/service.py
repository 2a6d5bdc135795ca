"""The file of one service: one agency owns it."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias

from pydantic import Field

from gateway.registry.schema.access import Auth
from gateway.registry.schema.block import Block, SecretText, Shorthand
from gateway.registry.schema.caching import RouteCache
from gateway.registry.schema.cors import CorsOrNone
from gateway.registry.schema.quota import ConcurrencyLimits, RateLimits
from gateway.registry.schema.texts import Method, PathTemplate, ServiceName, ServicePath
from gateway.registry.schema.upstream import Timeout, Upstream
from gateway.registry.units import Percent, PositiveDuration, Size

RouteClass: TypeAlias = Literal["normal", "emergency"]
LineOfText: TypeAlias = Annotated[str, Field(min_length=1, max_length=2_000)]


class Words(Block):
    """A text in both languages."""

    id: LineOfText = Field(description="In Indonesian.", examples=["Perizinan"])
    en: LineOfText = Field(description="In English.", examples=["Permits"])


class Contact(Block):
    """How a citizen reaches the agency; shown in error answers. A text alone is shown as it is."""

    text: LineOfText | None = Field(
        None, description="Anything else worth telling.", examples=["Loket 3, Mal Pelayanan"]
    )
    phone: LineOfText | None = Field(None, description="Telephone, in quotes.", examples=["021-5584-0000"])
    email: LineOfText | None = Field(None, description="E-mail address.", examples=["dinas@example.go.id"])
    url: LineOfText | None = Field(None, description="Web page.", examples=["https://dinas.example.go.id"])


class Agency(Block):
    """The agency (OPD) behind the service."""

    code: LineOfText = Field(description="Its short name.", examples=["DPMPTSP"])
    name: LineOfText | None = Field(
        None, description="Its full name, shown to citizens; by default the code.", examples=["Dinas Penanaman Modal"]
    )
    contact: Annotated[Contact, Shorthand("text")] | None = Field(None, description="How a citizen reaches it.")


class Promise(Block):
    """What the agency promises the public; `/status` shows it beside what is measured."""

    availability: Percent | None = Field(None, description="Share of requests that succeed.", examples=["99.5%"])
    p95: PositiveDuration | None = Field(
        None, description="Time within which 95 of 100 answers begin.", examples=["500ms"]
    )


class RouteEntry(Block):
    """One public path. Nothing is reachable that is not listed."""

    path: PathTemplate = Field(
        description="Public path below `/v1/<service>`, which is cut off on the way to the service. `{code}` is one "
        "segment, `{rest:path}` the whole rest.",
        examples=["/v1/permits/types/{code}"],
    )
    methods: list[Method] = Field(
        min_length=1, description="Methods; `['*']` is every one. GET serves HEAD too.", examples=[["GET"]]
    )
    route_class: RouteClass | None = Field(
        None, alias="class", description="Replaces the service's class.", examples=["emergency"]
    )
    auth: Auth | None = Field(None, description="Replaces the service's settings one by one.")
    rate_limit: RateLimits | None = Field(
        None, description="Replaces the service's limits; `none` switches them off.", examples=["none"]
    )
    concurrency: ConcurrencyLimits | None = Field(
        None, description="Replaces the service's; `none` switches it off.", examples=["none"]
    )
    cache: RouteCache | None = Field(None, description="Keeps answers; without it nothing is kept.")
    timeout: Timeout | None = Field(None, description="Replaces the service's settings one by one.")
    max_body: Size | None = Field(None, description="Replaces the service's.", examples=["5MB"])
    upgrade: list[Literal["websocket"]] = Field(
        default_factory=list, description="Protocols the connection may change to.", examples=[["websocket"]]
    )
    offline: dict[str, Any] | None = Field(
        None,
        description="Data that error answers of an emergency route carry, so that an app can help without the service.",
        examples=[{"call": "tel:112"}],
    )
    cors: CorsOrNone | None = Field(None, description="Replaces the service's; `none` switches it off.")
    enabled: bool = Field(True, description="`false` takes the route away without deleting it.")


class ServiceFile(Block):
    """One service of one agency, under `include` of gateway.yaml."""

    version: Literal[1] = Field(description="Version of this format.")
    name: ServiceName = Field(
        description="Name in paths (`/v1/<name>/…`), in assertions (`aud`), metrics and logs.", examples=["permits"]
    )
    title: Words = Field(description="Name shown to citizens.")
    description: Words | None = Field(None, description="One or two sentences for the catalogue.")
    agency: Agency = Field(description="The agency behind it.")
    sector: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]*$")] | None = Field(
        None,
        description="Services of one sector see the same pseudonym of a citizen; by default each service is its own.",
        examples=["civil-registry"],
    )
    subject: Literal["pairwise", "issuer"] = Field(
        "pairwise",
        description="`issuer`: for an identity service that is a listed issuer; it receives its own `sub` and `sid`.",
    )
    issuer: LineOfText | None = Field(
        None,
        description="With `subject: issuer`: which issuer it is, when no target has the issuer's address.",
        examples=["https://id.example.go.id"],
    )
    upstream: Upstream = Field(description="How it is reached.")
    service_class: RouteClass = Field(
        "normal",
        alias="class",
        description="`emergency`: never refused for want of login, quota, store or keys; has connections of its own.",
    )
    auth: Auth = Field(default_factory=Auth, description="Who may use its routes.")
    rate_limit: RateLimits = Field(default_factory=list, description="Limits of its routes: one, or a list.")
    concurrency: ConcurrencyLimits = Field(
        default_factory=list, description="How many requests of its routes may be in flight: one limit, or a list."
    )
    cors: CorsOrNone | None = Field(None, description="Replaces the default of gateway.yaml; `none` switches it off.")
    promise: Promise = Field(default_factory=Promise, description="What the agency promises.")
    openapi: ServicePath | None = Field(
        None, description="Path of its OpenAPI document on the service.", examples=["/openapi.json"]
    )
    purge_token: Annotated[str, SecretText(least_characters=16)] | None = Field(
        None,
        description="Secret by which the agency itself has its stored answers forgotten, `POST /purge/<name>` on the "
        "ops port, and nobody else's. Without it only operators can.",
        examples=["${file:secrets/permits-purge.token}"],
    )
    max_body: Size = Field(1_048_576, description="Largest request body.", examples=["1MiB"])
    enabled: bool = Field(True, description="`false` takes the service away without deleting its file.")
    routes: list[RouteEntry] = Field(min_length=1, description="Its public paths.")
