"""What every block of the configuration shares: nothing unknown, nothing converted, nothing changed afterwards."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from gateway.registry.units import refused

NONE: Final = "none"


class Block(BaseModel):
    """A mapping in a file. Unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


@dataclass(frozen=True, slots=True)
class SecretText:
    """Marks a setting whose value is never shown. An empty text, as from `${env:NAME:-}`, leaves it unset."""

    least_characters: int = 1

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self._check, handler(source))

    def _check(self, text: str) -> str:
        if text and len(text) < self.least_characters:
            raise refused("too short for a secret", f"write at least {self.least_characters} random characters")
        return text


@dataclass(frozen=True, slots=True)
class Shorthand:
    """Lets a text stand for a block: the text becomes the block's setting `key`."""

    key: str

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_before_validator_function(self._expand, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {"anyOf": [{"type": "string"}, handler(schema)]}

    def _expand(self, value: object) -> object:
        return {self.key: value} if isinstance(value, str) else value


@dataclass(frozen=True, slots=True)
class OneOrMany:
    """Lets one block stand for a list of one, and the word `none` for an empty list."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_before_validator_function(_many, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        many = handler(schema)
        one = many.get("items") or many["anyOf"][0]["items"]
        return {"anyOf": [one, many, {"const": NONE}]}


def _many(value: object) -> object:
    if value == NONE:
        return []
    return [value] if isinstance(value, dict) else value


@dataclass(frozen=True, slots=True)
class OrNone:
    """Lets the word `none` switch a block off that would be inherited; `key` is the setting it empties."""

    key: str

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_before_validator_function(self._read, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {"anyOf": [handler(schema), {"const": NONE}]}

    def _read(self, value: object) -> object:
        return {self.key: []} if value == NONE else value
