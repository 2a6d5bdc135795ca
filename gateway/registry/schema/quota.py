"""How often a route may be used, and by how many at once."""

from __future__ import annotations

from typing import Annotated, Literal, Self, TypeAlias

from pydantic import Field, model_validator

from gateway.registry.schema.block import Block, OneOrMany
from gateway.registry.schema.texts import CountedBy
from gateway.registry.units import PositiveDuration, refused

Count: TypeAlias = Annotated[int, Field(ge=1, le=1_000_000_000)]


Missing: TypeAlias = Annotated[
    Literal["address", "open", "closed"],
    Field(
        description="What becomes of a request without the thing counted by: its `address` is counted, it passes "
        "uncounted (`open`), or it is refused (`closed`): 401, 403 or 400.",
    ),
]


class _Counting(Block):
    """What limits of both kinds have."""

    @model_validator(mode="after")
    def _something_can_be_missing(self) -> Self:
        by = getattr(self, "by", "")
        if "missing" in self.model_fields_set and by in ("address", "service", "route"):
            raise refused(f"every request has its {by}, so it is never missing", "remove `missing`")
        return self


class RateLimit(_Counting):
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
        "`header:<name>`.",
    )
    missing: Missing = "address"
    accuracy: Literal["exact", "leased", "local"] = Field(
        "exact",
        description="`exact`: every request asks the store. `leased`: workers take slices; faster, may overshoot. "
        "`local`: each process counts for itself.",
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


class Concurrency(_Counting):
    """At most `limit` requests in flight at once, by whom. There is no limit unless one is written."""

    limit: Count = Field(description="Requests between their first byte and the last of their answer.", examples=[4])
    by: CountedBy = Field("citizen", description="Whose requests are counted together, as under `rate_limit`.")
    missing: Missing = "address"
    accuracy: Literal["exact", "local"] = Field(
        "exact", description="`exact`: over all processes that share the store. `local`: each counts for itself."
    )
    mode: Literal["enforce", "shadow"] = Field(
        "enforce", description="`shadow` only counts what would have been refused, to try a limit out."
    )
    on_store_failure: Literal["local", "open", "closed"] = Field(
        "local", description="When the store is down: each process counts for itself, all pass, or none."
    )


RateLimits: TypeAlias = Annotated[list[RateLimit], OneOrMany()]
ConcurrencyLimits: TypeAlias = Annotated[list[Concurrency], OneOrMany()]
