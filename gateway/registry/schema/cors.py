"""Which web pages of other origins may call."""

from __future__ import annotations

from typing import Annotated, TypeAlias

from pydantic import Field

from gateway.registry.schema.block import Block, OrNone
from gateway.registry.schema.texts import HeaderName, Method, WebOrigin
from gateway.registry.units import Duration


class Cors(Block):
    """Cross-origin requests (Fetch standard). Nothing is allowed unless listed; cookies never are."""

    origins: list[WebOrigin] = Field(
        description="Origins whose pages may call; `'*'` is every one.", examples=[["https://live.example.go.id"]]
    )
    methods: list[Method] = Field(["GET", "HEAD", "POST"], description="Methods they may use.")
    request_headers: list[HeaderName] = Field(
        ["authorization", "content-type", "idempotency-key"], description="Header fields they may send."
    )
    exposed_headers: list[HeaderName] = Field(
        ["x-request-id", "ratelimit", "ratelimit-policy", "retry-after", "etag"],
        description="Header fields of answers they may read.",
    )
    max_age: Duration = Field(600.0, description="How long browsers remember this.")


CorsOrNone: TypeAlias = Annotated[Cors, OrNone("origins")]
