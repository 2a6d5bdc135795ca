"""What of a route's answers is kept, and for how long."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import Field
from pydantic.functional_validators import BeforeValidator

from gateway.registry.schema.block import Block
from gateway.registry.schema.texts import HeaderName, QueryName
from gateway.registry.units import Duration, Size, refused


def _status(value: object) -> object:
    if isinstance(value, str) and value.isascii() and value.isdigit() and 200 <= int(value) <= 599:
        return int(value)
    raise refused("not a status", "write a status from 200 to 599, such as 404")


Status: TypeAlias = Annotated[int, BeforeValidator(_status, json_schema_input_type=str)]


class RouteCache(Block):
    """Keeps answers of a route. An agency's `private`, `no-store` and cookies are respected all the same."""

    ttl: Duration | None = Field(
        None,
        description="How long good answers are fresh, whatever the agency says. Without it its headers decide; "
        "`0s` asks the agency each time.",
        examples=["10m"],
    )
    stale_while_revalidate: Duration | None = Field(
        None, description="How long an old answer may be served while a new one is fetched.", examples=["1m"]
    )
    stale_if_error: Duration | None = Field(
        None, description="How long an old answer may be served when the agency fails.", examples=["24h"]
    )
    query: list[QueryName] = Field(
        default_factory=list,
        description="Query parameters that reach the agency and tell answers apart; all others are dropped. "
        "`['*']` lets every one through.",
        examples=[["page", "category"]],
    )
    headers: list[HeaderName] = Field(
        default_factory=list,
        description="Request header fields that reach the agency and always tell answers apart. Unlisted, only what "
        "chooses among forms of an answer (`Accept`, `Accept-Language`, …) reaches it, and tells answers apart where "
        "its `Vary` says so; all others are dropped. `['*']` lets every one through: then `Vary` alone tells. So does "
        "saying nothing, where the agency decides what is stored (no `ttl`, no `statuses`).",
        examples=[["Accept-Language"]],
    )
    scope: Literal["shared", "citizen"] = Field(
        "shared", description="`shared`: one answer for all. `citizen`: one for each signed-in citizen."
    )
    compress: bool | None = Field(
        None,
        description="Also give stored answers compressed (gzip), where they are text of 1 KB or more, not compressed "
        "by the agency and not `no-transform`. Made once. The agency is then asked for the plain form. By default for "
        "shared answers only: with `scope: citizen` say `true` where no answer holds a secret beside what its reader "
        "may choose, for its length would tell of it (BREACH).",
        examples=[False],
    )
    store_set_cookie: bool = Field(False, description="Keep answers that set cookies; hardly ever right.")
    max_body: Size = Field(1_048_576, description="Largest answer that is kept.")
    statuses: dict[Status, Duration] = Field(
        default_factory=dict, description="How long answers with other statuses are fresh.", examples=[{"404": "10s"}]
    )
