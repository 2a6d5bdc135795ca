"""Whose tokens are believed, and how the gateway introduces citizens to agencies."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import Field

from gateway.registry.schema.block import Block, SecretText
from gateway.registry.schema.texts import HttpUrl
from gateway.registry.units import Quantity

Algorithm: TypeAlias = Literal["ES256", "EdDSA", "RS256", "PS256"]


class Issuer(Block):
    """An issuer of sign-in tokens: the city's identity service or any OpenID Connect provider."""

    issuer: str = Field(
        min_length=1,
        description="The `iss` claim, exactly as it stands in tokens.",
        examples=["https://id.example.go.id"],
    )
    audiences: list[str] = Field(
        min_length=1,
        description="Accepted `aud` values; one of them must be in the token.",
        examples=[["tangerang-live"]],
    )
    algorithms: list[Algorithm] = Field(
        min_length=1, description="Accepted signature algorithms; asymmetric ones only.", examples=[["ES256"]]
    )
    jwks_url: HttpUrl = Field(
        description="Where its public keys are fetched.", examples=["https://id.example.go.id/.well-known/jwks.json"]
    )
    revocations_url: HttpUrl | None = Field(
        None,
        description="Feed of revoked sessions and subjects; followed all the time.",
        examples=["https://id.example.go.id/.well-known/revocations"],
    )
    leeway: Annotated[float, Quantity("duration", at_most=60)] = Field(
        1.0, description="How far clocks may differ when `exp`, `nbf` and `iat` are judged."
    )
    refresh: Annotated[float, Quantity("duration", at_least=1, at_most=60)] = Field(
        30.0, description="How often keys are fetched again; a removed key stops working within this time."
    )
    cooldown: Annotated[float, Quantity("duration", at_least=1)] = Field(
        10.0, description="Least time between two fetches that unknown keys ask for."
    )


class Assertion(Block):
    """The tokens agencies receive in place of the citizen's."""

    issuer: HttpUrl = Field(
        description="The gateway's own name: `iss` of assertions. Agencies find the keys below it, at "
        "`/.well-known/jwks.json`.",
        examples=["https://api.example.go.id"],
    )
    key: Annotated[str, SecretText()] | None = Field(
        None,
        description="Private key, ES256 in PEM; `gateway keys` makes one. Without it one is made for each run.",
        examples=["${file:keys/assertion.pem}"],
    )
    keys: list[Annotated[str, SecretText()]] = Field(
        default_factory=list,
        description="Several keys while they are changed: all are published, the first signs.",
        examples=[["${file:keys/assertion-2.pem}", "${file:keys/assertion.pem}"]],
    )
    lifetime: Annotated[float, Quantity("duration", at_least=5, at_most=60)] = Field(
        60.0, description="How long an assertion is valid."
    )


class Identity(Block):
    """Sign-in of citizens."""

    issuers: list[Issuer] = Field(default_factory=list, description="Issuers whose tokens are believed.")
    assertion: Assertion | None = Field(None, description="The tokens agencies receive.")
    pairwise_secret: Annotated[str, SecretText(least_characters=32)] | None = Field(
        None,
        description="Secret that citizens' pseudonyms are made with, at least 32 characters; `gateway keys` makes one. "
        "Whoever changes it turns every citizen into a new person for every agency.",
        examples=["${file:keys/pairwise.secret}"],
    )
