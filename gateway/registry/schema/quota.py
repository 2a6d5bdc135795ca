"""How often a route may be used."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import Field, model_validator

from gateway.registry.schema.block import Block, OneOrMany
from gateway.registry.schema.texts import CountedBy
from gateway.registry.units import PositiveDuration, refused

Count: TypeAlias = Annotated[int, Field(ge=1, le=1_000_000_000)]


class RateLimit(Block):
    """At most `limit` requests `every` so often, by whom. There is no limit unless one is written."""

    limit: Count = Field(description="Requests.", examples=[60])
    every: PositiveDuration = Field(description="The time in which they are allowed.", examples=["1m"])
    burst: Count | None = Field(
        None, description="Most requests at once; by default the same as `limit`.", examples=[20]
    )
    cost: Count = Field(1, description="How many units of the limit one request takes.")
    by: CountedBy = Field(
        "citizen",
        description="Whose requests are counted together: `citizen`, `address`, `service`, `route`, `claim:<name>` or "
        "`header:<name>`. Where the thing counted by is missing, the address counts.",
    )
    accuracy: Literal["exact", "leased"] = Field(
        "exact",
        description="`exact`: every request asks the store. `leased`: workers take slices; faster, may overshoot.",
    )
    mode: Literal["enforce", "shadow"] = Field(
        "enforce", description="`shadow` only counts what would have been refused, to try a limit out."
    )
    on_store_failure: Literal["local", "open", "closed"] = Field(
        "local", description="When the store is down: each process counts for itself, all pass, or none."
    )

    @model_validator(mode="after")
    def _some_request_passes(self) -> RateLimit:
        most = self.limit if self.burst is None else self.burst
        if self.cost > most:
            raise refused(
                "one request costs more than may pass at once, so none would", "write a burst of cost or more"
            )
        return self


RateLimits: TypeAlias = Annotated[list[RateLimit], OneOrMany()]
