"""Who may use a route, and what its agency learns of them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from gateway.registry.schema.block import Block
from gateway.registry.schema.texts import ClaimName, Scope


class AggregateAuth(Block):
    """Who may use an aggregate."""

    mode: Literal["required", "optional", "none"] = Field(
        "required",
        description="`required`: 401 without a sign-in. `optional`: with or without. `none`: it is not looked at.",
    )
    scopes: list[Scope] = Field(
        default_factory=list, description="Scopes a token must have, all of them.", examples=[["permits.write"]]
    )
    assurance: Annotated[int, Field(ge=1, le=4)] | None = Field(
        None, description="Least assurance level (`acr`) of the account.", examples=[2]
    )


class Auth(AggregateAuth):
    """Who may use a route. A route's own settings replace the service's one by one."""

    claims: list[ClaimName] = Field(
        default_factory=list,
        description="Claims of the citizen that the agency receives. None are given unless listed.",
        examples=[["name"]],
    )
    purpose: str | None = Field(
        None,
        min_length=10,
        description="Why the agency needs these claims (UU 27/2022); citizens can read it. Needed with claims.",
        examples=["Nama pemohon dicantumkan pada izin"],
    )
    pass_authorization: bool = Field(
        False, description="With mode `none`: the client's own `Authorization` goes through to the agency."
    )
